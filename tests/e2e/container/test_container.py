"""The image for real: built by SAM, invoked by SAM, and run by Docker with a Lambda's limits and
less."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scripts.local.http_event import HttpRequest, to_http_api, to_response
from scripts.local.invoke import Function
from tests.docs.pages import sample_count
from tests.e2e.container.calls import free_port, invoke, post, wait_for
from tests.support import docker as containers
from tests.support.app import App, make_app
from tests.support.docker import ROOT, SAM, docker, sam
from tests.support.image_files import CRASHING_HEIC, HEIC

pytestmark = pytest.mark.needs_engine
EVENTS = ROOT / "events"
IMAGE = "detectfunction:icebox"
LISTING = """
import json, pathlib, sys
root = pathlib.Path("/var/task")
paths = [path for path in sorted(root.rglob("*")) if not path.is_dir()]
print(json.dumps({
    "python": list(sys.version_info[:2]),
    "names": [path.relative_to(root).as_posix() for path in paths],
    "closed": [str(path) for path in paths if not path.stat().st_mode & 0o004],
    "tags": [line for path in root.glob("*.dist-info/WHEEL") for line in path.open()],
}))
"""  # by Python, since AWS's base image has no find


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The same function in this process, to compare with."""
    with make_app(ROOT / "handler" / "model", tmp_path_factory.mktemp("log")) as made:
        yield made


def config(template: Path) -> list[str]:
    """The built template with the repository's samconfig.toml, which SAM looks for beside the
    template."""
    return ["--template", str(template), "--config-file", str(ROOT / "samconfig.toml")]


def event(name: str) -> dict[str, Any]:
    return json.loads((EVENTS / f"{name}.json").read_text())


def body(result: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(to_response(result).body)
    return answer


def assert_same_detections(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one["count"] == other["count"] > 20
    for first, second in zip(one["detections"], other["detections"], strict=True):
        assert first["label"] == second["label"]
        assert first["score"] == pytest.approx(second["score"], abs=2e-3)
        assert first["box"] == pytest.approx(second["box"], abs=0.5)


@pytest.mark.parametrize("name", ["raw", "rest", "multipart"])
def test_sam_local_invoke_answers_with_real_detections(
    template: Path, here: App, name: str
) -> None:
    ran = sam(
        "local",
        "invoke",
        "DetectFunction",
        *config(template),
        "--event",
        str(EVENTS / f"{name}.json"),
    )
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout.splitlines()[-1])
    assert result.get("statusCode") == 200, (result, ran.stderr)
    assert_same_detections(body(result), body(Function(here.module.lambda_handler)(event(name))))
    assert '"prediction_record"' not in ran.stderr  # the log took it


def test_sam_local_invoke_refuses_a_truncated_picture(template: Path) -> None:
    ran = sam(
        "local",
        "invoke",
        "DetectFunction",
        *config(template),
        "--event",
        str(EVENTS / "bad-truncated.json"),
    )
    result = json.loads(ran.stdout.splitlines()[-1])
    assert result.get("statusCode") == 422, (result, ran.stderr)
    assert "truncated" in body(result)["detail"]


def test_sam_local_start_api_serves_http(template: Path, here: App, tmp_path: Path) -> None:
    port = free_port()
    command = [SAM, "local", "start-api", *config(template), "--port", str(port)]
    with (tmp_path / "start-api.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=containers.environment(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_for(port, process, tmp_path / "start-api.log")
        # SAM's local HTTP API takes text bodies only, so the picture goes as base64; the cloud's
        # takes both
        picture = base64.b64encode((EVENTS / "small.jpg").read_bytes()).decode()
        sent = json.dumps({"image": picture}).encode()
        status, answer = post(port, "/v1/detect", sent, {"Content-Type": "application/json"})
        assert status == 200, (tmp_path / "start-api.log").read_text()[-3000:]
        assert_same_detections(
            json.loads(answer), body(Function(here.module.lambda_handler)(event("raw")))
        )
        status, answer = post(
            port, "/v1/detect?colour=blue", sent, {"Content-Type": "application/json"}
        )
        assert status == 400 and "colour" in json.loads(answer)["detail"]
    finally:
        # SAM then removes its containers; SIGINT it ignores where a background job started it
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise


@pytest.fixture(scope="module")
def confined(template: Path) -> Iterator[tuple[str, int]]:
    """The image as the emulator runs it under a Lambda's limits: (container, port)."""
    started = docker(
        *(
            "run",
            "--detach",
            "--publish",
            "127.0.0.1::8080",
            "--memory",
            "1769m",
            "--memory-swap",
            "1769m",
        ),
        *("--read-only", "--tmpfs", "/tmp", "--user", "65534:65534", "--cap-drop", "ALL"),
        *(
            "--env",
            "PREDICTION_LOG=file:///tmp/log",
            "--env",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1769",
        ),
        *(
            "--env",
            "AWS_LAMBDA_FUNCTION_TIMEOUT=30",
            IMAGE,
            "handler.app.lambda_handler",
        ),
    )
    name = started.stdout.strip()
    try:
        port = int(docker("port", name, "8080").stdout.split(":")[-1])
        wait_for(port)
        yield name, port
    finally:
        docker("rm", "--force", name)


def test_it_runs_read_only_as_nobody_and_records(confined: tuple[str, int], here: App) -> None:
    name, port = confined
    result = invoke(port, event("raw"))
    assert_same_detections(body(result), body(Function(here.module.lambda_handler)(event("raw"))))
    walk = "import pathlib; print(*pathlib.Path('/tmp/log').rglob('*.json.gz'))"
    listed = docker("exec", name, "python", "-c", walk).stdout
    assert body(result)["prediction_id"] in listed


def test_the_largest_picture_fits_into_its_memory(confined: tuple[str, int]) -> None:
    name, port = confined
    stream = io.BytesIO()
    Image.new("RGBA", (8000, 8000), (200, 200, 200, 128)).save(
        stream, "PNG"
    )  # 64 megapixels, the limit
    request = HttpRequest("POST", "/v1/detect", [("content-type", "image/png")], stream.getvalue())
    result = invoke(port, to_http_api(request))
    assert result.get("statusCode") == 200, (result, docker("logs", name).stdout[-3000:])
    assert body(result)["count"] == 0
    state = json.loads(docker("inspect", name, "--format", "{{json .State}}").stdout)
    assert not state["OOMKilled"]


def test_a_phones_heic_is_decoded_in_its_own_process(confined: tuple[str, int]) -> None:
    """The child process starts in the image, too, where Python and the packages lie elsewhere."""
    _, port = confined
    good, damaged = (
        invoke(port, to_http_api(HttpRequest("POST", "/v1/detect", body=data)))
        for data in (HEIC, CRASHING_HEIC)
    )
    assert body(good)["image"] == {"width": 48, "height": 64, "format": "HEIF", "orientation": 6}
    assert damaged["statusCode"] == 422


INVOKE = """
import sys, urllib.request
url = "http://127.0.0.1:8080/2015-03-31/functions/function/invocations"
print(urllib.request.urlopen(url, sys.stdin.buffer.read(), timeout=120).read().decode())
"""
LEFT = """
import json, os, pathlib
rest = set(pathlib.Path("/proc/1/environ").read_bytes().decode().split("\\0"))
print(json.dumps({
    "environment": sorted(each.partition("=")[0] for each in rest),
    "networks": sorted(os.listdir("/sys/class/net")),
    "shared_memory": os.path.isdir("/dev/shm"),
    "user": os.getuid(),
    "written": sorted(str(path) for path in pathlib.Path("/tmp").rglob("*")),
}))
"""


def test_it_needs_no_network_no_home_and_no_rights(template: Path) -> None:
    """With the stack's stores, none of which is reached: the answer is right, and the record is in
    the log. Lambda's own user has the ids 993:990."""
    stores = {
        "PREDICTION_LOG": "s3://icebox-records",
        "FEEDBACK_STORE": "s3://icebox-records",
        "GRADIO_STORE": "s3://icebox-records/gradio",
        "UPLOAD_STORE": "s3://icebox-uploads",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
    }
    started = docker(
        *("run", "--detach", "--network", "none", "--ipc", "none"),
        *("--read-only", "--tmpfs", "/tmp", "--memory", "1769m", "--memory-swap", "1769m"),
        *("--user", "993:990", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *(part for name, value in stores.items() for part in ("--env", f"{name}={value}")),
        # Docker sets HOME, Lambda does not.
        *("--entrypoint", "/usr/bin/env", IMAGE, "--unset=HOME", "/lambda-entrypoint.sh"),
        "handler.app.lambda_handler",
    )
    name = started.stdout.strip()
    sample = (EVENTS / "sample.jpg").read_bytes()
    request = HttpRequest("POST", "/v1/detect", [("content-type", "image/jpeg")], sample)
    try:
        sent = json.dumps(to_http_api(request))
        result = json.loads(docker("exec", "-i", name, "python", "-c", INVOKE, stdin=sent).stdout)
        left = json.loads(docker("exec", name, "python", "-c", LEFT).stdout)
        log = docker("logs", name)
    finally:
        docker("rm", "--force", name)
    assert result.get("statusCode") == 200, (result, log.stdout, log.stderr)
    answer = body(result)
    assert answer["count"] == sample_count()
    written = log.stdout + log.stderr
    [record] = [line for line in written.splitlines() if '"prediction_record"' in line]
    assert json.loads(record)["prediction_record"]["prediction_id"] == answer["prediction_id"]
    others = written.replace(record, "")
    assert "Traceback" not in others and "warning" not in others.lower(), others
    assert "HOME" not in left["environment"]
    assert (left["networks"], left["user"]) == (["lo"], 993)
    assert (left["shared_memory"], left["written"]) == (False, [])


def test_only_what_runs_is_in_it(template: Path) -> None:
    run = docker("run", "--rm", "--entrypoint", "python", IMAGE, "-c", LISTING)
    found = json.loads(run.stdout)
    names = set(found["names"])
    assert found["python"] == [3, 13]
    assert not found["closed"]  # readable by whatever user Lambda runs it as
    assert "handler/model/model.onnx" in names
    compiled = [name for name in names if name.startswith("handler/") and name.endswith(".pyc")]
    sources = [name for name in names if name.startswith("handler/") and name.endswith(".py")]
    assert len(compiled) == len(sources) > 10
    top = {name.split("/")[0] for name in names}
    assert not top & {
        "torch",
        "icevision",
        "scripts",
        "tests",
        "events",
        "requirements",
        "onnx",
        ".git",
    }
    assert not [name for name in names if name.endswith(".pyi") or "/tests/" in name]
    # AWS's base has glibc 2.34, whatever that of a stand-in is
    needed = re.findall(r"^Tag: .*manylinux_2_(\d+)_", "".join(found["tags"]), re.M)
    assert needed and max(map(int, needed)) <= 34


def test_it_is_small(template: Path, report: Callable[[str], None]) -> None:
    whole, base = (
        int(docker("image", "inspect", name, "--format", "{{.Size}}").stdout) / 1e6
        for name in (IMAGE, containers.base_image())
    )
    report(f"image {whole:.0f} MB, of which the base {base:.0f} MB")
    assert whole - base < 150
    assert whole < 300 or base > 140  # on the stand-in
