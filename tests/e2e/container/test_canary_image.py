"""A release's watch in its image for real: built by SAM, run by Docker as Lambda runs it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.container.calls import free_port, invoke, wait_for
from tests.scripts.monitor.canary.fake_aws import FakeAws, fake_aws, version_of
from tests.support.app import make_app
from tests.support.docker import docker
from tests.support.moto_s3 import make_bucket

pytestmark = pytest.mark.needs_engine
IMAGE = "monitorfunction:icebox"  # of both functions, which SAM builds once
HANDLER = "scripts.monitor.canary.function.lambda_handler"
BUCKET = "released-by-a-container"


@contextmanager
def running(aws: FakeAws, s3_endpoint: str) -> Iterator[int]:
    """The function's port."""
    port = free_port()
    env = {
        "CANARY_FUNCTION": "detect",
        "CANARY_ALIAS": "live",
        "CANARY_VERSION": "8",
        "CANARY_SOURCE": f"s3://{BUCKET}",
        "CANARY_KEYED": "true",
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ENDPOINT_URL_S3": s3_endpoint,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "300",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
    }
    started = docker(
        *("run", "--detach", "--network", "host"),  # where the servers are
        *("--memory", "1769m", "--memory-swap", "1769m", "--ipc", "none"),
        *("--read-only", "--tmpfs", "/tmp", "--user", "65534:65534", "--cap-drop", "ALL"),
        *(part for name, value in env.items() for part in ("--env", f"{name}={value}")),
        *("--entrypoint", "/usr/local/bin/aws-lambda-rie", IMAGE),
        *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{free_port()}"),
        *("/lambda-entrypoint.sh", HANDLER),
    )
    name = started.stdout.strip()
    try:
        wait_for(port)
        yield port
    finally:
        docker("rm", "--force", name)


def test_it_tries_a_version_and_watches_read_only_as_nobody(
    template: Path, s3: Any, s3_endpoint: str, tiny_bundle: Path, tmp_path: Path
) -> None:
    make_bucket(s3, BUCKET)
    digest = hashlib.sha256(b"a key").hexdigest()
    with fake_aws() as aws, make_app(tiny_bundle, tmp_path, API_KEY_SHA256=digest) as app:
        aws.versions = {"7": version_of(app), "8": version_of(app)}
        with running(aws, s3_endpoint) as port:
            assert invoke(port, {"detail-type": "Scheduled Event"}) == {"watched": None}
            hook = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "hook-1"}
            assert invoke(port, hook) == {"hook": "Succeeded"}
            aws.shift("8")
            watched = invoke(port, {"detail-type": "Scheduled Event"})
        assert watched == {"watched": "8", "status": "undecided"}
        assert [each["status"] for each in aws.hooks] == ["Succeeded"]
        assert len(aws.calls) > 25  # every sample event is in the image
