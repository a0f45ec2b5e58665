"""The programs that are measured, each run as a process of its own by a Python of one's choice.

All of them print one line of JSON at their end: CPU and clock seconds of each part, since the
process began, and its resident memory.
"""

from __future__ import annotations

_TELL = """
import os, time

def tell(parts):
    import json
    pages = int(open("/proc/self/statm").read().split()[1])
    parts["rss_mb"] = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    print("\\n" + json.dumps(parts))

def now():
    return time.process_time(), time.monotonic() - STARTED
"""

# What nobody can do without who answers by this model in Python.
FLOOR = (
    "import os; STARTED = float(os.environ['STARTED'])\n"
    + _TELL
    + """
begun = now()
import numpy, onnxruntime
import PIL.Image, PIL.JpegImagePlugin
imported = now()
threads = int(os.environ["ORT_THREADS"])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = onnxruntime.InferenceSession(
    os.path.join(os.environ["MODEL_DIR"], "model.onnx"), options, providers=["CPUExecutionProvider"]
)
made = now()
feeds = {
    "score_threshold": numpy.array(0.5, numpy.float32),
    "iou_threshold": numpy.array(0.5, numpy.float32),
    "max_detections": numpy.array(1, numpy.int64),
}
for each in session.get_inputs():
    if each.name == "image":
        feeds["image"] = numpy.zeros(each.shape, numpy.uint8)
session.run(None, feeds)
ran = now()
"""
)
FLOOR_PROCESS = (
    FLOOR
    + """
tell({"begun": begun, "imported": imported, "session": made, "ready": ran})
"""
)
# The floor as a function, for the emulator: it answers anything at once.
FLOOR_FUNCTION = (
    FLOOR
    + """
def handler(event, context):
    return "ready"
"""
)

_BEGIN = (
    "import os; STARTED = float(os.environ['STARTED'])\n"
    + _TELL
    + """
begun = now()
spent = {}
"""
)
_TIMED = """
import gc
gc.disable()  # as handler.app does before it imports anything

def timed(part, call):
    cpu, clock = time.thread_time(), time.monotonic()
    try:
        return call()
    finally:
        spent[part] = (time.thread_time() - cpu, time.monotonic() - clock)

import onnxruntime
Made = onnxruntime.InferenceSession

class Timed(Made):
    has_run = False
    def __init__(self, *arguments, **options):
        timed("session", lambda: Made.__init__(self, *arguments, **options))
    def run(self, *arguments, **options):
        if self.has_run:
            return Made.run(self, *arguments, **options)
        self.has_run = True
        if os.environ.get("WITHOUT_FIRST_RUN"):
            import numpy
            empty = numpy.zeros(0, numpy.float32)
            return [empty.reshape(0, 4), empty, empty.astype(numpy.int64)]
        return timed("first run", lambda: Made.run(self, *arguments, **options))

onnxruntime.InferenceSession = Timed
import handler.bundle.files as files
load = files.load_bundle
files.load_bundle = lambda *arguments: timed("bundle", lambda: load(*arguments))
"""
_ANSWER = """
import handler.app
ready = now()
import json
with open(os.environ["EVENT"]) as file:
    event = json.load(file)

class Context:
    aws_request_id = "00000000-0000-4000-8000-000000000000"

asked = now()
result = handler.app.lambda_handler(event, Context())
answered = now()
assert result["statusCode"] == 200, result
tell({"begun": begun, "ready": ready, "asked": asked, "answered": answered, **spent})
"""
FUNCTION = _BEGIN + _ANSWER
# The same with its parts timed from outside, for which more is imported beforehand.
PARTS = _BEGIN + _TIMED + _ANSWER

# For -X importtime: imports alone.
IMPORTS = "import handler.app"
