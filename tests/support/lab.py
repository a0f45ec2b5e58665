"""A stand-in for Lambda: the Runtime and Extensions APIs with Lambda's own rules.

The emulator holds a caller's answer until the extension is done, and knows no shutdown. The lab
runs the real runtime client with handler.app as a process, and keeps these rules:

- An invocation is over when the response is posted and both the runtime and the extension have
  asked for their next event. Only then comes the next one. The caller has the response at once.
- At the deadline everything is killed, and the next invocation gets a new environment.
- At a shutdown comes SIGTERM, and SIGKILL 300 ms later.
- A process that ends, or an extension that reports an error, ends the environment.
- An extension that waits for its next event may not ask for it a second time.
- With SnapStart the process is frozen once the runtime has asked for its restore and the extension
  for its first event. AWS says that the runtime's question is answered where it waits; whether
  another connection outlives a restore is not promised.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT

RUNTIME, EXTENSION = "/2018-06-01/runtime", "/2020-01-01/extension"
INIT_S = 60.0  # Lambda gives 10 s; the machines of CI are slow
SIGTERM_TO_SIGKILL_S = 0.3


@dataclass
class Answer:
    """What became of an invocation.

    result: the posted response, None where there is none. error: the posted error, or why the
    environment ended. response_s: from the start to the response. total_s: to the end of the
    invocation, which is billed.
    """

    request_id: str
    result: Any = None
    error: Any = None
    response_s: float | None = None
    total_s: float | None = None


@dataclass(frozen=True)
class Restore:
    """What an environment finds after its restore.

    cuts: whether the connection on which the extension waits has ended. is_noticed: whether Lambda
    knows; if not, it refuses another question, as its emulator does, and tells the next invocation
    to nobody. clock_ahead_s: of the function's wall clock before Lambda's.
    """

    cuts: bool = False
    is_noticed: bool = True
    clock_ahead_s: float = 0.0


@dataclass(eq=False)
class _Environment:
    """One process, and what its two clients wait for."""

    changed: threading.Condition
    process: subprocess.Popen[bytes] | None = None
    runtime_waits: bool = False
    is_at_snapshot: bool = False  # the runtime has asked for its restore
    is_restored: bool = False
    extension_waits: bool = False
    extension_is_deaf: bool = False  # its wait is a belief of Lambda's
    has_extension: bool = False
    invocation: dict[str, Any] | None = None
    taken_by: set[str] = field(default_factory=set)  # both get each invocation
    answer: Answer | None = None
    is_responded: bool = False
    extension_fault: str = ""
    is_over: bool = False  # everything waiting is let go
    failure: str = ""


class Lab:
    """Invoke functions of one environment after another, one request at a time."""

    def __init__(
        self,
        folder: Path,
        env: dict[str, str],
        *,
        timeout_s: float = 20.0,
        handler: str = "handler.app.lambda_handler",
        restores: Restore | None = None,
    ) -> None:
        self.timeout_s = timeout_s
        self._restores = restores
        self._handler = handler
        self.log_path = folder / f"lab-{uuid.uuid4().hex[:8]}.log"
        self.log_path.touch()
        self.environments = 0
        self._clock_path = self.log_path.with_suffix(".clock")
        self._clock_path.write_bytes(struct.pack("d", 0.0))
        self._env = env
        self._changed = threading.Condition()
        self._now: _Environment | None = None
        # Each environment has its own: the late word of a process that ends is not the next one's.
        self._server: ThreadingHTTPServer | None = None

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def pid(self) -> int:
        assert self._now and self._now.process
        return self._now.process.pid

    def lines(self, marker: str) -> list[dict[str, Any]]:
        """The JSON lines of the log that have a field named `marker`; a torn line is none."""
        found = []
        for line in self.log.splitlines():
            if f'"{marker}"' in line:
                with contextlib.suppress(ValueError):
                    found.append(json.loads(line[line.find("{") :]))
        return found

    def jump_clock(self, ahead_s: float) -> None:
        """Let the wall clock of the function be that far ahead of Lambda's from now on."""
        with self._clock_path.open("r+b") as file:
            file.write(struct.pack("d", ahead_s))

    def invoke(self, event: Any, *, wait: bool = True, client_context: Any = None) -> Answer:
        """Start an invocation; wait for its end, or with wait=False for its response only.

        client_context: as a caller by IAM may send one, None for none.

        The next `invoke` and `shut_down` wait for the end of an earlier one, as Lambda does.
        """
        environment = self._ready()
        answer = Answer(str(uuid.uuid4()))
        started = time.monotonic()
        with self._changed:
            environment.answer, environment.is_responded = answer, False
            environment.taken_by = set()
            environment.invocation = {
                "event": event if isinstance(event, bytes) else json.dumps(event).encode(),
                "id": answer.request_id,
                "client_context": client_context,
                "started": started,
                "deadline_ms": int((time.time() + self.timeout_s) * 1000),
            }
            if environment.extension_is_deaf:
                environment.taken_by.add("extension")
                environment.extension_waits = environment.extension_is_deaf = False
            self._changed.notify_all()
            self._wait_for_end(environment, responded_only=not wait)
        return answer

    def finish(self) -> None:
        """Wait for the end of an invocation whose response has come."""
        if self._now:
            with self._changed:
                self._wait_for_end(self._now)

    def break_extensions_api(self, fault: str = "cut") -> None:
        """Let the Extensions API of this environment fail from now on.

        fault: "cut" ends the extension's wait for its next event; "refuse" answers its next
        question by an error; "garble" gives it its next event as what is no JSON, and "empty" as
        an event without members.
        """
        assert self._now
        with self._changed:
            self._now.extension_fault = fault
            self._changed.notify_all()

    def kill(self, sign: int = signal.SIGKILL) -> None:
        """Send the process a signal, whatever it does; wait until it is gone."""
        environment = self._now
        if environment is None or environment.process is None:
            return
        environment.process.send_signal(sign)
        try:
            environment.process.wait(SIGTERM_TO_SIGKILL_S if sign != signal.SIGKILL else None)
        except subprocess.TimeoutExpired:
            environment.process.kill()
            environment.process.wait()
        with self._changed:
            self._end(environment, f"signal {sign}")

    def shut_down(self) -> None:
        """End the environment, if there is one: SIGTERM, then SIGKILL."""
        self.kill(signal.SIGTERM)

    def close(self) -> None:
        self.kill()
        self._stop_server()

    def _ready(self) -> _Environment:
        """The environment, once its earlier invocation is over; a new one where there is none."""
        if self._now:
            with self._changed:
                self._wait_for_end(self._now)
        if self._now is None:
            self._start()
        assert self._now
        return self._now

    def _stop_server(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def _start(self) -> None:
        self._stop_server()
        environment = self._now = _Environment(self._changed)
        self._server = _serve(self, environment)
        self.environments += 1
        bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        bare |= {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_address[1]}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "ICEBOX_LAB_CLOCK": str(self._clock_path),
            "PYTHONPATH": str(ROOT / "tests" / "support" / "clock"),
        }
        if self._restores:
            bare["AWS_LAMBDA_INITIALIZATION_TYPE"] = "snap-start"
        with self.log_path.open("ab") as log:
            environment.process = subprocess.Popen(
                [sys.executable, "-m", "awslambdaric", self._handler],
                cwd=ROOT,
                env=bare | self._env,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        threading.Thread(target=self._watch, args=(environment,), daemon=True).start()
        if self._restores:
            self._wait_for_init(environment, lambda: self._is_ready_for_snapshot(environment))
            self._restore(environment, self._restores)
        self._wait_for_init(environment, lambda: self._is_idle(environment))

    def _wait_for_init(self, environment: _Environment, is_done: Callable[[], bool]) -> None:
        with self._changed:
            is_ready = self._changed.wait_for(lambda: environment.is_over or is_done(), INIT_S)
        assert is_ready and not environment.is_over, f"INIT failed: {self.log[-4000:]}"

    def _is_ready_for_snapshot(self, environment: _Environment) -> bool:
        has_asked = environment.extension_waits or not environment.has_extension
        return environment.is_at_snapshot and has_asked

    def _restore(self, environment: _Environment, restore: Restore) -> None:
        """Freeze the process, let the world change, and go on."""
        assert environment.process
        environment.process.send_signal(signal.SIGSTOP)
        # It stops some time after the signal; until then it could ask again what is cut below.
        os.waitid(os.P_PID, environment.process.pid, os.WSTOPPED | os.WNOWAIT)
        with self._changed:
            if restore.cuts:
                environment.extension_fault = "cut"
                self._changed.notify_all()
                assert self._changed.wait_for(lambda: not environment.extension_waits, INIT_S)
                environment.extension_fault = ""
                environment.extension_waits = not restore.is_noticed
                environment.extension_is_deaf = not restore.is_noticed
            self.jump_clock(restore.clock_ahead_s)
            environment.is_restored = True
            self._changed.notify_all()
        environment.process.send_signal(signal.SIGCONT)

    def _watch(self, environment: _Environment) -> None:
        assert environment.process
        status = environment.process.wait()
        with self._changed:
            self._end(environment, f"the process ended with status {status}")

    def _is_idle(self, environment: _Environment) -> bool:
        """Whether both have asked for their next event, and have had the last one."""
        clients = {"runtime": environment.runtime_waits}
        if environment.has_extension:
            clients["extension"] = environment.extension_waits
        has_taken = environment.invocation is None or environment.taken_by == set(clients)
        return has_taken and all(clients.values())

    def _wait_for_end(self, environment: _Environment, *, responded_only: bool = False) -> None:
        """Within self._changed: until the invocation is over; kill everything at its deadline."""
        invocation, answer = environment.invocation, environment.answer
        if invocation is None or answer is None:
            return
        deadline = invocation["started"] + self.timeout_s

        def is_over() -> bool:
            if environment.is_over:
                return True
            if responded_only:
                return environment.is_responded
            return environment.is_responded and self._is_idle(environment)

        if not self._changed.wait_for(is_over, max(0.0, deadline - time.monotonic())):
            self._end(environment, f"timed out after {self.timeout_s:g} s")
        if environment.is_over and not environment.is_responded:
            answer.error = answer.error or environment.failure
        if environment.is_over or not responded_only:
            answer.total_s = time.monotonic() - invocation["started"]
            if environment.is_over and environment.is_responded:
                answer.error = environment.failure  # the caller has its response nevertheless
            environment.invocation = environment.answer = None

    def _end(self, environment: _Environment, why: str) -> None:
        """Within self._changed."""
        if not environment.is_over:
            environment.is_over, environment.failure = True, environment.failure or why
            if environment.process:
                environment.process.kill()
            if self._now is environment:
                self._now = None
        self._changed.notify_all()

    # What the server calls, each within a thread of its own.

    def register(self, environment: _Environment) -> None:
        with self._changed:
            environment.has_extension = True

    def restore_next(self, environment: _Environment) -> bool:
        """Wait for the restore on behalf of the runtime, False where the environment ends."""
        with self._changed:
            environment.is_at_snapshot = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: environment.is_over or environment.is_restored)
            return not environment.is_over

    def next_event(self, environment: _Environment, who: str) -> dict[str, Any] | None:
        """Wait for the next invocation on behalf of a client, None where the environment ends."""
        with self._changed:
            setattr(environment, f"{who}_waits", True)
            self._changed.notify_all()

            def is_cut() -> bool:
                return environment.is_over or (
                    who == "extension" and environment.extension_fault == "cut"
                )

            def has_event() -> bool:
                return environment.invocation is not None and who not in environment.taken_by

            self._changed.wait_for(lambda: is_cut() or has_event())
            if is_cut():
                setattr(environment, f"{who}_waits", False)
                self._changed.notify_all()
                return None
            setattr(environment, f"{who}_waits", False)
            environment.taken_by.add(who)
            return environment.invocation

    def post(
        self, environment: _Environment, request_id: str, body: bytes, *, is_error: bool
    ) -> bool:
        with self._changed:
            answer = environment.answer
            if answer is None or answer.request_id != request_id:
                return False
            assert environment.invocation
            answer.response_s = time.monotonic() - environment.invocation["started"]
            if is_error:
                answer.error = json.loads(body)
            else:
                answer.result = json.loads(body)
            environment.is_responded = True
            self._changed.notify_all()
            return True

    def fail(self, environment: _Environment) -> None:
        with self._changed:
            self._end(environment, environment.failure)


@contextmanager
def lab(
    folder: Path,
    env: dict[str, str],
    *,
    timeout_s: float = 20.0,
    handler: str = "handler.app.lambda_handler",
    restores: Restore | None = None,
) -> Iterator[Lab]:
    """A lab with `env` on top of a bare environment; ends its process.

    restores: how each environment is restored after INIT, None where there is no SnapStart.
    """
    running = Lab(folder, env, timeout_s=timeout_s, handler=handler, restores=restores)
    try:
        yield running
    except BaseException:
        sys.stderr.write(f"--- {running.log_path.name}\n{running.log[-8000:]}\n")
        raise
    finally:
        running.close()


def _serve(lab: Lab, environment: _Environment) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if self.path == f"{RUNTIME}/invocation/next":
                invocation = lab.next_event(environment, "runtime")
                if invocation is None:
                    return self._gone()
                headers = {
                    "Lambda-Runtime-Aws-Request-Id": invocation["id"],
                    "Lambda-Runtime-Deadline-Ms": str(invocation["deadline_ms"]),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:1:f",
                    "Content-Type": "application/json",
                }
                if invocation["client_context"] is not None:
                    text = json.dumps(invocation["client_context"])
                    headers["Lambda-Runtime-Client-Context"] = text
                return self._answer(200, invocation["event"], headers)
            if self.path == f"{RUNTIME}/restore/next":
                return self._answer(200) if lab.restore_next(environment) else self._gone()
            if self.path == f"{EXTENSION}/event/next":
                if environment.extension_waits:
                    return self._answer(403, b"{}")
                if environment.extension_fault == "refuse":
                    return self._answer(500, b"{}")
                invocation = lab.next_event(environment, "extension")
                if invocation is None:
                    return self._gone()
                event = {
                    "eventType": "INVOKE",
                    "requestId": invocation["id"],
                    "deadlineMs": invocation["deadline_ms"],
                }
                faults = {"garble": b"<html>", "empty": b"{}"}
                body = faults.get(environment.extension_fault) or json.dumps(event).encode()
                return self._answer(200, body)
            return self._answer(404)

        def do_POST(self) -> None:
            body = self._body()
            parts = self.path.split("/")
            if self.path == f"{EXTENSION}/register":
                lab.register(environment)
                return self._answer(200, b"{}", {"Lambda-Extension-Identifier": "extension-1"})
            if self.path.startswith(f"{RUNTIME}/invocation/"):
                is_known = lab.post(environment, parts[-2], body, is_error=parts[-1] == "error")
                return self._answer(202 if is_known else 400, b"{}")
            if self.path in (f"{RUNTIME}/init/error", f"{EXTENSION}/exit/error"):
                # First of all: the answer may end the process.
                environment.failure = f"{self.path}: {body[:500]!r}"
                self._answer(202, b"{}")
                return lab.fail(environment)
            return self._answer(404)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def _answer(
            self, status: int, body: bytes = b"", headers: dict[str, str] | None = None
        ) -> None:
            try:
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:  # the process has gone
                self.close_connection = True

        def _gone(self) -> None:
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the process has gone
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server
