"""Copies of one environment after INIT share nothing that must be its own, and import nothing late.

Two children of a process that has gone through INIT stand for two restored environments.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from handler import snapshot
from handler.http.route_table import RouteTable
from scripts.local.http_event import HttpRequest, to_http_api
from tests.support.paths import ROOT
from tests.support.pictures import RED, encoded, jpeg

# What an environment must not have from before its snapshot, by module and name.
OWN = {
    "time": ("time", "monotonic", "perf_counter", "time_ns"),
    "uuid": ("uuid1", "uuid4"),
    "random": ("random", "uniform", "choice", "randrange", "getrandbits", "Random", "seed"),
    "os": ("urandom", "getrandom", "getpid"),
    "secrets": ("token_hex", "token_bytes", "token_urlsafe"),
    "tempfile": ("mkdtemp", "mkstemp", "gettempdir", "NamedTemporaryFile"),
    "socket": ("create_connection", "getaddrinfo", "gethostbyname", "gethostname"),
}
PROGRAM = """
import importlib, json, os, sys
from types import SimpleNamespace
used = []
def watch(name, call):
    def watched(*args, **kwargs):
        file = sys._getframe(1).f_code.co_filename
        if "/handler/" in file:
            used.append([name, file.rpartition("/handler/")[2]])
        return call(*args, **kwargs)
    return watched
own = json.loads(sys.argv[1])
for module, names in own.items():
    found = importlib.import_module(module)
    for name in names:
        if not isinstance(getattr(found, name), type):
            setattr(found, name, watch(f"{module}.{name}", getattr(found, name)))
from handler import app
at_init, sockets = list(used), [
    name for fd in os.listdir("/proc/self/fd")
    if os.path.exists(path := f"/proc/self/fd/{fd}") and "socket" in (name := os.readlink(path))
]
from awslambdaric.lambda_runtime_hooks_runner import run_after_restore, run_before_snapshot
run_before_snapshot()
late = sorted({"boto3", "handler.records.record"} & set(sys.modules))
def copy():
    import random, uuid
    random.setstate(chance)  # a fork seeds it anew, a restore does not
    run_after_restore()
    told = {"random": random.random(), "uuid": str(uuid.uuid4()), "id": app._make_id()}
    known, answers, imported = set(sys.modules), [], {}
    for number, (name, event) in enumerate(json.loads(sys.stdin.read()).items()):
        context = SimpleNamespace(aws_request_id=f"{os.getpid()}-{number}")
        result = app.lambda_handler(event, context)
        answers.append(result.get("statusCode"))
        if new := set(sys.modules) - known:
            imported[name], known = sorted(new), set(sys.modules)
    return told | {"answers": answers, "imported": imported}
import random
chance = random.getstate()
events, copies = sys.stdin.read(), []
for _ in range(2):
    reader, writer = os.pipe()
    sys.stdout.flush()
    if (child := os.fork()) == 0:
        import io
        sys.stdin, sys.stdout = io.StringIO(events), open(os.devnull, "w")
        os.write(writer, json.dumps(copy()).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        copies.append(json.loads(pipe.read()))
    os.waitpid(child, 0)
print(json.dumps({"init": at_init, "sockets": sockets, "late": late, "copies": copies}))
"""


FORM = (
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n%b\r\n--B--\r\n'
)


def event(path: str, body: bytes, content_type: str, accept: str = "*/*") -> Any:
    headers = [("content-type", content_type), ("accept", accept)]
    return to_http_api(HttpRequest("POST", path, headers, body))


def first_requests() -> dict[str, Any]:
    red = jpeg(RED)
    text = base64.b64encode(red).decode()
    return {
        "JPEG": event("/v1/detect", red, "image/jpeg"),
        "PNG": event("/v1/detect", encoded(RED, "PNG"), "image/png"),
        "WebP": event("/v1/detect", encoded(RED, "WEBP"), "image/webp"),
        "TIFF": event("/v1/detect", encoded(RED, "TIFF"), "image/tiff"),
        "BMP": event("/v1/detect", encoded(RED, "BMP"), "image/bmp"),
        "tiles": event("/v1/detect?tiles=2x2", red, "image/jpeg"),
        "a form": event("/v1/detect", FORM % red, "multipart/form-data; boundary=B"),
        "annotated": event("/v1/detect", red, "image/jpeg", "image/png"),
        "a list": event("/v1/detect", json.dumps({"images": [text]}).encode(), "application/json"),
        "Hugging Face": event("/hf", red, "image/jpeg"),
        "Roboflow": event("/project/1", text.encode(), "application/x-www-form-urlencoded"),
        "Gradio": event("/api/predict", json.dumps({"data": [text]}).encode(), "application/json"),
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> dict[str, Any]:
    log = tmp_path_factory.mktemp("log")
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env |= {
        "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
        "MODEL_DIR": str(tiny_bundle),
        "PREDICTION_LOG": log.as_uri(),
        "ORT_THREADS": "1",
    }
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(OWN)],
        cwd=ROOT,
        env=env,
        input=json.dumps(first_requests()),
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return told | {"log": log}


def test_init_keeps_no_time_and_no_chance(run: dict[str, Any]) -> None:
    """But the session's first run, whose time is thrown away."""
    assert {(name, file) for name, file in run["init"]} <= {
        ("time.perf_counter", "detection/detector.py")
    }


def test_init_leaves_no_connection(run: dict[str, Any]) -> None:
    assert run["sockets"] == []


def test_copies_differ_in_ids_and_chance(run: dict[str, Any]) -> None:
    one, other = run["copies"]
    for name in ("random", "uuid", "id"):
        assert one[name] != other[name], name


def test_each_copy_answers_and_records_one_cold_start(run: dict[str, Any]) -> None:
    names = list(first_requests())
    for copy in run["copies"]:
        assert copy["answers"] == [200] * len(names)
    files = list(run["log"].glob("predictions/**/*.json.gz"))
    records = [json.loads(gzip.decompress(file.read_bytes())) for file in files]
    assert len(records) == 2 * len(names)
    assert sum(record["cold_start"] for record in records) == 2


def test_a_first_request_imports_nothing(run: dict[str, Any]) -> None:
    """It was imported before the snapshot, where nobody waited for it."""
    assert run["late"] == ["boto3", "handler.records.record"]
    assert [copy["imported"] for copy in run["copies"]] == [{}, {}]


def test_what_cannot_be_imported_is_logged_and_fails_no_snapshot(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(snapshot, "LATE_MODULES", ("handler.no_such_module",))
    snapshot.import_late(RouteTable())
    assert "no_such_module" in json.loads(capsys.readouterr().out)["message"]
