"""An S3 on loopback that keeps objects in memory and fails, hangs or is slow as it is told."""

from __future__ import annotations

import gzip
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from tests.support.faulty_http import FaultyHandler, served

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

    class Handler(FaultyHandler):
        content_type = "application/xml"

        def do_PUT(self) -> None:  # noqa: N802
            # BaseHTTPRequestHandler has answered an Expect: 100-continue.
            body = self.read_body()
            if body is None:  # S3 stores no part of an object
                return self.cut()
            fault = s3.choose()
            s3.puts[fault] = s3.puts.get(fault, 0) + 1
            key = self.path.partition("?")[0].lstrip("/")
            if fault == "hang":
                s3.released.wait(30)
                return self.cut()
            if fault == "reset":
                return self.cut()
            if fault in CODES:
                code = CODES[fault]
                text = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
                return self.answer(int(fault), text.encode())
            if fault == "slow":
                time.sleep(SLOW_S)
            s3.objects[key] = body
            if fault == "lost-ack":
                return self.cut()
            return self.answer(200)

        def do_GET(self) -> None:  # noqa: N802
            body = s3.objects.get(self.path.partition("?")[0].lstrip("/"))
            missing = b"<Error><Code>NoSuchKey</Code></Error>"
            self.answer(404, missing) if body is None else self.answer(200, body)

        do_HEAD = do_GET  # noqa: N815

    with served(Handler) as port:
        s3 = FaultyS3(port, choose)
        try:
            yield s3
        finally:
            s3.released.set()
