"""An S3 on loopback that keeps objects in memory and fails, hangs or is slow as it is told."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

# What happens to a PUT. lost-ack: stored, but the connection ends before the answer.
Fault = Literal["none", "503", "403", "reset", "hang", "slow", "lost-ack"]
FAULTS: tuple[Fault, ...] = ("503", "403", "reset", "hang", "slow", "lost-ack")
SLOW_S = 0.3
CODES = {"503": "SlowDown", "403": "AccessDenied"}


@dataclass
class FaultyS3:
    """The objects by "bucket/key", and how many PUTs of each kind there were."""

    port: int
    choose: Callable[[], Fault]
    objects: dict[str, bytes] = field(default_factory=dict)
    puts: dict[str, int] = field(default_factory=dict)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ids(self) -> list[str]:
        """The prediction ids of the stored records, also of those in batches."""
        found = []
        for key, body in list(self.objects.items()):
            name = key.rpartition("/")[2]
            if "/predictions/" in f"/{key}" and name.endswith(".jsonl.gz"):
                lines = gzip.decompress(body).splitlines()
                found += [json.loads(line)["prediction_id"] for line in lines]
            elif "/predictions/" in f"/{key}":
                found.append(name.removesuffix(".json.gz"))
        return found


class RandomFaults:
    """Chooses a fault for a share of the PUTs, the same ones by the same seed."""

    def __init__(
        self, share: float, seed: int, faults: tuple[Fault, ...] = FAULTS, hang_share: float = 1.0
    ) -> None:
        self._share, self._faults, self._hang_share = share, faults, hang_share
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def __call__(self) -> Fault:
        with self._lock:
            if self._random.random() >= self._share:
                return "none"
            fault = self._random.choice(self._faults)
            # A hang costs seconds: a long run takes only a share of them.
            if fault == "hang" and self._random.random() >= self._hang_share:
                return "503"
            return fault


@contextmanager
def faulty_s3(choose: Callable[[], Fault] = lambda: "none") -> Iterator[FaultyS3]:
    """Serve until the block ends. choose: the fault of each PUT, asked when it comes."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_PUT(self) -> None:
            if self.headers.get("Expect", "").lower() == "100-continue":
                pass  # BaseHTTPRequestHandler has answered it
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            if len(body) < size:  # the function was killed: S3 stores no part of an object
                return self._cut()
            fault = s3.choose()
            s3.puts[fault] = s3.puts.get(fault, 0) + 1
            key = self.path.partition("?")[0].lstrip("/")
            if fault == "hang":
                s3.released.wait(30)
                return self._cut()
            if fault == "reset":
                return self._cut()
            if fault in CODES:
                code = CODES[fault]
                return self._answer(
                    int(fault), f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
                )
            if fault == "slow":
                time.sleep(SLOW_S)
            s3.objects[key] = body
            if fault == "lost-ack":
                return self._cut()
            return self._answer(200)

        def do_GET(self) -> None:
            body = s3.objects.get(self.path.partition("?")[0].lstrip("/"))
            missing = b"<Error><Code>NoSuchKey</Code></Error>"
            self._answer(404, missing) if body is None else self._answer(200, body)

        do_HEAD = do_GET  # noqa: N815

        def _answer(self, status: int, body: bytes = b"") -> None:
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Type", "application/xml")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        def _cut(self) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the function was killed
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    s3 = FaultyS3(server.server_address[1], choose)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield s3
    finally:
        s3.released.set()
        server.shutdown()
        server.server_close()
