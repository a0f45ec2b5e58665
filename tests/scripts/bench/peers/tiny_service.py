"""A peer that answers at once, or as slowly as it is told: `python tiny_service.py PORT`.

It sleeps as the list SLEEPS says, one for each request in turn, after the first one. It starts a
child in a session of its own, whose number is in the file CHILD.
"""

import itertools
import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ANSWER = {
    "count": 1,
    "detections": [{"label": "Microalgae", "score": 0.5, "box": [10.0, 20.0, 30.0, 40.0]}],
}
SLEEPS = itertools.cycle(json.loads(os.environ.get("SLEEPS", "[0]")))
REFUSALS = [503] * int(os.environ.get("REFUSALS", "0"))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status = REFUSALS.pop() if REFUSALS else 200
        is_counted = status == 200 and "later" in self.server.__dict__
        if status == 200:
            self.server.__dict__["later"] = True
        if is_counted:
            time.sleep(next(SLEEPS))
        body = json.dumps(ANSWER).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    if os.environ.get("BREAKS"):
        sys.exit("the model is missing")
    if "CHILD" in os.environ:
        code = "import time; time.sleep(600)"
        child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        Path(os.environ["CHILD"]).write_text(f"{os.getpid()} {child.pid}")
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
