"""The monitor's image for real: built by SAM, run by Docker with a Lambda's limits and less."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.container.calls import free_port, invoke, wait_for
from tests.support.docker import base_image, docker
from tests.support.moto_s3 import keys, make_bucket
from tests.support.topic import make_topic
from tests.support.traffic import put_traffic

pytestmark = pytest.mark.needs_engine
IMAGE = "monitorfunction:icebox"
BUCKET = "watched-by-a-container"
LISTING = """
import json, pathlib
root = pathlib.Path("/var/task")
paths = [path for path in sorted(root.rglob("*")) if not path.is_dir()]
print(json.dumps({
    "names": [path.relative_to(root).as_posix() for path in paths],
    "closed": [str(path) for path in paths if not path.stat().st_mode & 0o004],
}))
"""


def test_it_watches_read_only_as_nobody_without_shared_memory(
    template: Path, s3: Any, s3_endpoint: str
) -> None:
    make_bucket(s3, BUCKET)
    topic = make_topic(s3_endpoint, "alarms-of-a-container")
    stream = put_traffic(s3, BUCKET, datetime.now(UTC), shift="blur:strong@day1")
    port, runtime_port = free_port(), free_port()
    env = {
        "MONITOR_SOURCE": f"s3://{BUCKET}",
        "MONITOR_TOPIC": topic.arn,
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "300",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2048",
    }
    command = docker("image", "inspect", IMAGE, "--format", "{{json .Config.Cmd}}").stdout
    (handler,) = json.loads(command)
    started = docker(
        *("run", "--detach", "--network", "host"),  # where the moto server is
        *("--memory", "2048m", "--memory-swap", "2048m", "--ipc", "none"),
        *("--read-only", "--tmpfs", "/tmp", "--user", "65534:65534", "--cap-drop", "ALL"),
        *(part for name, value in env.items() for part in ("--env", f"{name}={value}")),
        *("--entrypoint", "/usr/local/bin/aws-lambda-rie", IMAGE),
        *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{runtime_port}"),
        *("/lambda-entrypoint.sh", handler),
    )
    name = started.stdout.strip()
    try:
        wait_for(port)
        result = invoke(port, {})
        log = docker("logs", name, check=False)
    finally:
        docker("rm", "--force", name)
    assert result.get("reported") == [f"{stream.model} {stream.version}"], (
        result, log.stdout, log.stderr,
    )  # fmt: skip
    assert len(result["alarms"]) == len(topic.messages()) == 1
    assert "reports/index.html" in keys(s3, BUCKET)


def test_only_what_runs_is_in_it(template: Path) -> None:
    run = docker("run", "--rm", "--entrypoint", "python", IMAGE, "-c", LISTING)
    found = json.loads(run.stdout)
    names = set(found["names"])
    assert not found["closed"]
    tops = {name.partition("/")[0] for name in names}
    assert {"duckdb", "scipy", "numpy", "handler", "scripts"} <= tops
    assert not tops & {"torch", "matplotlib", "tests", "docs", "requirements", ".git"}
    rooms = {name.split("/")[1] for name in names if name.startswith("scripts/")}
    assert rooms - {"__pycache__"} == {
        "__init__.py", "accuracy", "monitor", "paths.py", "records", "tool.py",
    }  # fmt: skip
    ours = [name for name in names if name.startswith(("scripts/", "handler/"))]
    sources = [name for name in ours if name.endswith(".py")]
    assert len([name for name in ours if name.endswith(".pyc")]) == len(sources) > 50
    assert not [name for name in names if name.endswith(".pyi") or "/tests/" in name]


def test_it_fits_and_leaves_the_other_image_alone(
    template: Path, report: Callable[[str], None]
) -> None:
    whole, base, detect = (
        int(docker("image", "inspect", name, "--format", "{{.Size}}").stdout) / 1e6
        for name in (IMAGE, base_image(), "detectfunction:icebox")
    )
    report(f"the monitor's image {whole:.0f} MB, of which the base {base:.0f} MB")
    assert whole - base < 330
    listing = docker(
        "run", "--rm", "--entrypoint", "python", "detectfunction:icebox", "-c", LISTING
    )
    names = json.loads(listing.stdout)["names"]
    assert not [name for name in names if name.startswith(("duckdb", "scipy", "scripts"))]
    assert detect < whole
