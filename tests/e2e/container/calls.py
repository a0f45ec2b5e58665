"""HTTP on loopback, to SAM's local API and to containers."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from pathlib import Path
from typing import Any

from scripts.local.ports import free_ports


def free_port() -> int:
    [port] = free_ports(1)
    return port


def post(port: int, path: str, data: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", path, data, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def wait_for(
    port: int, process: subprocess.Popen[bytes] | None = None, log: Path | None = None
) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process is None or process.poll() is None, log.read_text() if log else "ended"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.3)
        finally:
            connection.close()
    raise AssertionError(f"nothing listens on port {port}: {log.read_text() if log else ''}")


def invoke(port: int, payload: dict[str, Any]) -> dict[str, Any]:
    """A function's result, by the emulator."""
    path = "/2015-03-31/functions/function/invocations"
    _, answer = post(port, path, json.dumps(payload).encode(), {})
    result: dict[str, Any] = json.loads(answer)
    return result
