"""Lambda's execution environments: one real container for each version, under AWS's emulator.

A container runs as Lambda runs it: read-only but for /tmp, as an unprivileged user, without
capabilities, with the version's memory and environment. The emulator takes one request at a time,
so a version has one environment, and requests to it wait for each other. An environment whose INIT
fails is replaced at the next request.
"""

from __future__ import annotations

import http.client
import json
import os
import platform
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.local.ports import free_ports
from scripts.paths import ROOT
from scripts.tool import ToolError

MACHINES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
MOUNTED = "/aws-lambda-rie"
INVOCATIONS = "/2015-03-31/functions/function/invocations"
START_S = 60.0
LABEL = "icebox-rehearsal"
MAX_PAYLOAD_BYTES = 6_291_556
MAX_LOG = 4096  # of LogResult
LOG_LAG_S = 0.2  # of `docker logs` behind the answer
EMULATORS_OWN = "(rapid)"


@dataclass(frozen=True)
class Image:
    """What a version runs: the image by digest, and what replaces its entry point and command."""

    reference: str
    entry_point: Sequence[str] = ()
    command: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """What an invocation gave. function_error: Lambda's header, None where it went well. log: the
    last lines that the environment printed."""

    payload: bytes
    function_error: str | None
    seconds: float
    log: str = ""


def emulator() -> Path:
    """Lambda's emulator for this machine, out of the wheel of SAM's command line."""
    name = f"aws-lambda-rie-{MACHINES.get(platform.machine(), 'none')}"
    found = sorted(
        (ROOT / ".venv-sam").glob(f"lib/python*/site-packages/samcli/local/rapid/{name}")
    )
    if not found:
        raise ToolError("the Lambda emulator is missing: scripts/build makes .venv-sam with it")
    return found[0]


def check_engine() -> None:
    """Raises ToolError, which says what to do, where no Docker engine answers."""
    try:
        ran = subprocess.run(["docker", "version"], capture_output=True, text=True)
    except FileNotFoundError:
        raise ToolError(
            "docker is missing; on Debian and Ubuntu: apt-get install docker.io"
        ) from None
    if ran.returncode:
        raise ToolError(
            f"no Docker engine answers ({ran.stderr.strip()}); start one, set DOCKER_HOST, or, as"
            " root: scripts/container/engine start"
        )


def docker(*arguments: str) -> str:
    """Standard output of a docker command. Raises ToolError with what it says."""
    ran = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    if ran.returncode:
        raise ToolError(f"docker {arguments[0]}: {ran.stderr.strip()}")
    return ran.stdout.strip()


def remove_left_containers() -> None:
    """Remove what stand-ins that were killed have left: theirs is the process in the label."""
    form = f'{{{{.ID}}}} {{{{.Label "{LABEL}"}}}}'
    listed = docker("ps", "--all", "--filter", f"label={LABEL}", "--format", form)
    for line in listed.splitlines():
        container, _, process = line.partition(" ")
        if process.isdigit() and not Path(f"/proc/{process}").exists():
            docker("rm", "--force", container)


class Environment:
    """An execution environment, started by its first request."""

    def __init__(
        self,
        image: Image,
        variables: Mapping[str, str],
        memory_mb: int,
        timeout_s: int,
        take_line: Callable[[str], None],
    ) -> None:
        self._image = image
        self._variables = variables
        self._memory_mb = memory_mb
        self._timeout_s = timeout_s
        self._take_line = take_line
        self._turn = threading.Lock()
        self._container: str | None = None
        self._port = 0
        self._logs: subprocess.Popen[str] | None = None
        self._last_lines: deque[str] = deque(maxlen=40)

    def invoke(self, payload: bytes, client_context: str | None) -> Outcome:
        """client_context: base64, as in Lambda's header."""
        with self._turn:
            began = time.monotonic()
            if len(payload) > MAX_PAYLOAD_BYTES:
                raise ValueError(f"a payload above {MAX_PAYLOAD_BYTES} bytes")
            try:
                if self._container is None:
                    self._start()
                status, answer = self._post(payload, client_context)
            except (OSError, http.client.HTTPException) as error:
                self._end()
                status, answer = 502, _error("Runtime.ExitError", f"the environment ended: {error}")
            if status == 502:
                self._end()
            elif status != 200 or is_error(answer):
                time.sleep(LOG_LAG_S)
            return Outcome(
                answer if status == 200 or answer else _error("Runtime.Unknown", str(status)),
                "Unhandled" if status != 200 or is_error(answer) else None,
                time.monotonic() - began,
                "\n".join(self._last_lines)[-MAX_LOG:],
            )

    def stop(self) -> None:
        with self._turn:
            self._end()

    def _start(self) -> None:
        inspected = docker("image", "inspect", self._pulled(), "--format", "{{json .Config}}")
        config = json.loads(inspected)
        entry = [*(self._image.entry_point or config.get("Entrypoint") or ())]
        command = [*(self._image.command or config.get("Cmd") or ())]
        self._port, runtime_port = free_ports(2)
        self._container = docker(
            *("run", "--detach", "--network", "host", "--label", f"{LABEL}={os.getpid()}"),
            *("--memory", f"{self._memory_mb}m", "--memory-swap", f"{self._memory_mb}m"),
            *("--read-only", "--tmpfs", "/tmp:exec", "--ipc", "none"),
            *("--user", "65534:65534", "--cap-drop", "ALL"),
            *("--volume", f"{emulator()}:{MOUNTED}:ro", "--entrypoint", MOUNTED),
            *(part for item in self._variables.items() for part in ("--env", "=".join(item))),
            self._image.reference,
            *("--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"),
            *("--runtime-api-address", f"127.0.0.1:{runtime_port}"),
            *entry,
            *command,
        )
        self._logs = subprocess.Popen(
            ["docker", "logs", "--follow", self._container],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        threading.Thread(target=self._follow, args=(self._logs,), daemon=True).start()
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return
            time.sleep(0.05)
        raise OSError("the emulator does not listen")

    def _pulled(self) -> str:
        reference = self._image.reference
        try:
            docker("image", "inspect", reference)
        except ToolError:
            docker("pull", "--quiet", reference)
        return reference

    def _follow(self, logs: subprocess.Popen[str]) -> None:
        for line in logs.stdout or ():
            if EMULATORS_OWN not in line:
                self._last_lines.append(line.rstrip("\n"))
                self._take_line(line.rstrip("\n"))

    def _post(self, payload: bytes, client_context: str | None) -> tuple[int, bytes]:
        headers = {"X-Amz-Client-Context": client_context} if client_context else {}
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._port, timeout=self._timeout_s + 60
        )
        try:
            connection.request("POST", INVOCATIONS, payload, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _end(self) -> None:
        if self._container:
            with suppress(ToolError):
                docker("rm", "--force", self._container)
            self._container = None
        if self._logs:  # ends by itself, having read all
            with suppress(subprocess.TimeoutExpired):
                self._logs.wait(timeout=5)
            self._logs.kill()
            self._logs = None


def is_error(answer: bytes) -> bool:
    """Whether the emulator's answer is a function's error, for which it has no header."""
    if answer.startswith(b"Task timed out after"):
        return True
    if b'"errorType"' not in answer[:200_000]:
        return False
    try:
        value = json.loads(answer)
    except ValueError:
        return False
    return isinstance(value, dict) and value.keys() <= {
        *("errorMessage", "errorType", "requestId", "stackTrace", "cause"),
    }


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
