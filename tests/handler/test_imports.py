"""What is imported on a client's way from a cold start to its first answer: nothing of other ways.

Each import is paid in every cold start. A name here that is needed after all leaves this list with
a figure of `scripts/run cold_start`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.local.http_event import HttpRequest, to_http_api
from tests.support.paths import ROOT
from tests.support.pictures import RED, jpeg

# Notes who imports each module first, answers one event, and tells what was there as the answer
# was: the work behind it, as of the record, is left out.
PROGRAM = """
import json, sys

importers = {}

class Notes:
    def find_spec(self, name, path=None, target=None):
        frame = sys._getframe(1)
        while frame and "importlib" in frame.f_code.co_filename:
            frame = frame.f_back
        importers.setdefault(name, frame.f_globals.get("__name__", "?") if frame else "?")
        return None

sys.meta_path.insert(0, Notes())
import handler.app as app

class Context:
    aws_request_id = "00000000-0000-4000-8000-000000000000"

at_init, at_answer = list(sys.modules), []
app.after_response.finish = lambda *_: at_answer.extend(sys.modules)
result = app.lambda_handler(json.load(sys.stdin), Context())
print(json.dumps([result["statusCode"], at_init, at_answer, importers]))
"""

FORBIDDEN = re.compile(
    "|".join(
        (
            # powertools asks whether botocore is there, by its bare package
            r"(boto3|botocore\..+|s3transfer|urllib3)(\..*)?",
            r"(asyncio|email|http|ssl|xml|multiprocessing|concurrent)(\..*)?",
            r"urllib\.(request|error|response)",
            r"(pydantic|aws_xray_sdk|jsonschema|pkg_resources|setuptools)(\..*)?",
            r"(multipart|pi_heif|snapshot_restore_py)(\..*)?",
            # of Pillow what a JPEG needs
            r"PIL\.(?!Jpeg)\w+ImagePlugin",
            r"PIL\.Image(Draw|Font|Ops|Filter|Chops|Palette|Sequence|File\.Parser)",
            r"handler\.routes\.(feedback|gradio|huggingface|roboflow|uploads|web)(\..*)?",
            r"handler\.images\.(bmp|heif|png|webp|tiff)(\..*)?",
            r"handler\.records\.(capture|feedback|record)",
            r"handler\.(detection\.annotate|snapshot)",
            r"(scripts|tests)(\..*)?",
        )
    )
)


def answer(bundle: Path, request: HttpRequest, **env: str) -> tuple[int, set[str], set[str], Any]:
    """Status, modules at the end of INIT and as the answer was made, and who imported each."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"MODEL_DIR": str(bundle), "ORT_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1", **env},
        cwd=ROOT,
        input=json.dumps(to_http_api(request)),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    status, at_init, at_answer, importers = json.loads(done.stdout.splitlines()[-1])
    return status, set(at_init), set(at_answer), importers


def chain(name: str, importers: dict[str, str]) -> str:
    """A module and who imported it, up to the function's entry."""
    names = [name]
    while (by := importers.get(names[-1])) and by not in names:
        names.append(by)
    return " <- ".join(names)


@pytest.mark.parametrize(
    "log", ["", "file:///tmp/icebox-no-record", "s3://bucket?batch=9", "firehose://records"]
)
def test_the_way_to_a_first_detection_imports_nothing_of_other_ways(
    tiny_bundle: Path, log: str
) -> None:
    request = HttpRequest("POST", "/v1/detect", body=jpeg(RED))
    status, _, at_answer, importers = answer(tiny_bundle, request, PREDICTION_LOG=log)
    assert status == 200
    wrong = [chain(name, importers) for name in sorted(at_answer) if FORBIDDEN.fullmatch(name)]
    assert not wrong, "imported before the first answer:\n" + "\n".join(wrong)


def test_garbage_is_collected_once_all_is_imported() -> None:
    program = "import gc, handler.app; print(gc.isenabled())"
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "True"


@pytest.mark.needs_linux
def test_numpy_starts_no_threads() -> None:
    """They would wait for each other where Lambda shows two CPUs and gives one."""
    program = "import os, handler, numpy; print(len(os.listdir('/proc/self/task')))"
    env = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert ran.stdout == "1\n", ran.stderr


def test_a_first_detection_imports_nothing_that_init_has_not(tiny_bundle: Path) -> None:
    """With provisioned concurrency and SnapStart nobody waits for INIT, but for the request."""
    request = HttpRequest("POST", "/v1/detect", body=jpeg(RED))
    status, at_init, at_answer, importers = answer(tiny_bundle, request, PREDICTION_LOG="s3://b")
    late = [chain(name, importers) for name in sorted(at_answer - at_init)]
    assert status == 200 and not late, "imported by the first request:\n" + "\n".join(late)


@pytest.mark.parametrize(
    ("method", "target", "status", "module"),
    [
        ("POST", "/hf", 200, "handler.routes.huggingface"),
        ("GET", "/models/squares/health", 200, "handler.routes.huggingface"),
        ("POST", "/project/1", 200, "handler.routes.roboflow"),
        ("POST", "/api/predict", 400, "handler.routes.gradio.v2"),
        ("GET", "/config", 404, "handler.routes.gradio.queue"),
        ("GET", "/", 200, "handler.routes.web"),
        ("POST", "/v1/uploads", 400, "handler.routes.uploads"),
        ("POST", "/v1/predictions/x/feedback", 404, "handler.routes.feedback"),
        ("DELETE", "/hf", 405, "handler.routes.huggingface"),
        ("GET", "/health", 200, ""),
        ("GET", "/no/such/path", 404, ""),
    ],
)
def test_the_first_request_of_a_dialect_imports_it_and_no_other(
    tiny_bundle: Path, method: str, target: str, status: int, module: str
) -> None:
    request = HttpRequest(method, target, body=jpeg(RED) if method == "POST" else b"")
    answered, at_init, at_answer, _ = answer(tiny_bundle, request)
    assert answered == status
    dialects = {"feedback", "huggingface", "queue", "roboflow", "uploads", "v2", "web"}
    routes = {name for name in at_answer - at_init if name.startswith("handler.routes.")}
    assert {name for name in routes if name.rpartition(".")[2] in dialects} == {module} - {""}
