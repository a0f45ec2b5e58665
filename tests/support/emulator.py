"""The Lambda runtime interface emulator with the real runtime in it, one environment a block."""

from __future__ import annotations

import base64
import http.client
import json
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.local.ports import free_ports
from tests.support.paths import ROOT

SAM_ENVIRONMENT = ROOT / ".venv-sam"
MACHINES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
START_S, INVOKE_S = 30.0, 180.0


def find() -> Path | None:
    """The emulator's binary, out of the wheel of aws-sam-cli."""
    name = f"aws-lambda-rie-{MACHINES.get(platform.machine(), 'none')}"
    found = SAM_ENVIRONMENT.glob(f"lib/python*/site-packages/samcli/local/rapid/{name}")
    return next(iter(sorted(found)), None)


@dataclass(frozen=True)
class Emulator:
    """A running emulator. It takes one request at a time."""

    port: int
    log_path: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def invoke(self, event: Any, client_context: Any = None) -> tuple[int, Any]:
        """The emulator's status and the function's result, once the extension is done, too.

        client_context: as `aws lambda invoke` sends one, None for none.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=INVOKE_S)
        try:
            body = event if isinstance(event, bytes) else json.dumps(event).encode()
            headers = {}
            if client_context is not None:
                text = base64.b64encode(json.dumps(client_context).encode()).decode()
                headers["X-Amz-Client-Context"] = text
            path = "/2015-03-31/functions/function/invocations"
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text

    def lines(self, marker: str) -> list[dict[str, Any]]:
        """The JSON lines of the log that have a field named `marker`."""
        found = []
        for line in self.log.splitlines():
            start = line.find("{")
            if start >= 0 and f'"{marker}"' in line:
                found.append(json.loads(line[start:]))
        return found


@contextmanager
def emulator(
    folder: Path, env: dict[str, str], handler: str = "handler.app.lambda_handler"
) -> Iterator[Emulator]:
    """Run a function in the emulator, `env` on top of a bare environment; ends both processes."""
    binary = find()
    assert binary
    port, api_port = free_ports(2)
    log_path = folder / f"emulator-{port}.log"
    command = [
        str(binary),
        *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{api_port}"),
        *(sys.executable, "-m", "awslambdaric", handler),
    ]
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    bare |= {"AWS_LAMBDA_FUNCTION_TIMEOUT": "30", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769"}
    bare |= {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-central-1",
    }
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=bare | env,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        running = Emulator(port, log_path, process)
        try:
            _wait_for(port, process)
            yield running
        except BaseException:
            sys.stderr.write(
                f"--- {log_path.name}\n{running.log[-8000:]}\n"
            )  # pytest shows it with the failure
            raise
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """The emulator leads a session of its own: its group holds it and its runtime, nobody else."""
    if process.poll() is None or _alive(process.pid):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
    process.wait()


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the emulator ended before it listened"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the emulator does not listen")
