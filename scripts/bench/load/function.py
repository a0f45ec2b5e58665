"""The function under load: its program, its variables, and where its records are stored."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import boto3

from scripts.bench.load.environment import TIMEOUT_S, Command
from scripts.tool import ToolError
from tests.support import emulator
from tests.support.moto_s3 import moto_s3

BUCKET = "load"
RECORDS = ("file", "s3")


def emulator_command(
    python: str = sys.executable, handler: str = "handler.app.lambda_handler"
) -> Command:
    """How an environment is started. Raises ToolError where there is no emulator."""
    binary = emulator.find()
    if binary is None:
        raise ToolError(
            "the Lambda emulator is missing: scripts/test makes .venv-sam, which brings it"
        )

    def command(port: int, api_port: int) -> Sequence[str]:
        return [
            str(binary),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
            *("--runtime-api-address", f"127.0.0.1:{api_port}"),
            *(python, "-m", "awslambdaric", handler),
        ]

    return command


def function_env() -> dict[str, str]:
    """The function's variables, as the template sets them, and nothing of this process's."""
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return bare | {
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(TIMEOUT_S),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "ORT_DISABLE_TELEMETRY": "1",
    }


@contextmanager
def record_store(records: str, out: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Where records are stored, and the variables that lead the function there.

    records: `file` for a folder in `out`, which is removed at the end; `s3` for a moto server.
    """
    if records == "s3":
        with moto_s3(out) as endpoint:
            place = {"AWS_ENDPOINT_URL_S3": endpoint, "NO_PROXY": "127.0.0.1"}
            with _environ(function_env() | place):
                region = {"LocationConstraint": "eu-central-1"}
                boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region)
                yield f"s3://{BUCKET}", place | {"PREDICTION_LOG": f"s3://{BUCKET}"}
        return
    folder = out / "records"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder.resolve().as_uri(), {"PREDICTION_LOG": folder.resolve().as_uri()}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _environ(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
