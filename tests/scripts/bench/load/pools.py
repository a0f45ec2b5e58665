"""Pools of fake environments, for tests."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.bench.load.environment import Environment
from scripts.bench.load.pool import Pool

PROGRAM = Path(__file__).with_name("fake_environment.py")


def command(port: int, api_port: int) -> Sequence[str]:
    return [sys.executable, "-S", "-E", str(PROGRAM), str(port)]


def payload(body: str = "") -> bytes:
    return json.dumps({"body": body}).encode()


@contextmanager
def fake_pool(folder: Path, limit: int, wait_s: float = 0.0, **env: str) -> Iterator[Pool]:
    def start(number: int) -> Environment:
        return Environment(
            command, {"PATH": os.environ["PATH"]} | env, folder / f"environment-{number}.log"
        )

    pool = Pool(start, limit, wait_s)
    try:
        yield pool
    finally:
        pool.end()
