"""HTTP in front of the pool: what API Gateway is to Lambda.

It is the local server of scripts/serve, whose function is the pool. Beside an answer it tells the
generator, in headers of its own, what only this side can know.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from scripts.bench.load.environment import EnvironmentDiedError
from scripts.bench.load.generator import COLD_HEADER, HELD_HEADER, ID_HEADER, OUTCOME_HEADER
from scripts.bench.load.pool import Pool, ThrottledError
from scripts.local.http_event import Event
from scripts.local.invoke import MAX_PAYLOAD_BYTES, EventTooLargeError, Function
from scripts.local.serve import make_server
from scripts.tool import ToolError

BACKLOG = 1024  # connections that wait to be taken: with few, the kernel drops the others
DIED, DIED_ANSWERED = "died", "died after its answer"


def answer(pool: Pool, event: Event) -> dict[str, Any]:
    """The function's result for an event, or the gateway's own. Raises EventTooLargeError."""
    payload = json.dumps(event).encode()
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise EventTooLargeError(f"the event has {len(payload):,} bytes")
    try:
        invoked = pool.invoke(payload)
    except ThrottledError:
        # Lambda's own status; behind an HTTP API its client sees a 503.
        return _error(429, "throttled")
    except EnvironmentDiedError as error:
        outcome = DIED_ANSWERED if error.is_answered else DIED
        return _error(500, outcome, error.id)
    except (ToolError, OSError):
        return _error(500, "not started")
    try:
        result = json.loads(invoked.body)
    except ValueError:  # the emulator tells of a timeout in plain text
        result = None
    if not isinstance(result, dict) or "statusCode" not in result:
        return _error(500, "failed", invoked.id)
    result["headers"] = (result.get("headers") or {}) | {
        HELD_HEADER: f"{(invoked.freed - invoked.answered) * 1000:.3f}",
        COLD_HEADER: "0" if invoked.init_ms is None else "1",
        ID_HEADER: invoked.id,
    }
    return cast(dict[str, Any], result)


def _error(status: int, outcome: str, request_id: str = "") -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {
            "Content-Type": "application/json",
            OUTCOME_HEADER: outcome,
            **({ID_HEADER: request_id} if request_id else {}),
        },
        "body": json.dumps({"message": outcome}),
    }


@contextmanager
def serve(pool: Pool) -> Iterator[str]:
    """Serve the pool on a free port of loopback; its URL."""
    # One request at a time is the environment's rule, so the pool takes Function's place, not its
    # handler's.
    server = make_server(cast(Function, lambda event: answer(pool, event)), 0)
    server.socket.listen(BACKLOG)
    # Taken sockets inherit it: head and body are two segments, of which the second must not wait.
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server.RequestHandlerClass.log_message = lambda *_: None  # type: ignore[method-assign,attr-defined]
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.001)  # a thread that encodes a large picture lets others go on
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        sys.setswitchinterval(interval)
        server.shutdown()
        server.server_close()
        thread.join()
