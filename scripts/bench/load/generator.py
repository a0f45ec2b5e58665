"""Sends requests at times that are fixed beforehand, and counts latency from those times.

    python -m scripts.bench.load.generator < PLAN > ANSWERS

A process of its own, so that the gateway's work does not delay it. What delays it all the same, its
lag, is measured with each request. No load generator on PyPI fits: wrk2, vegeta and k6 are no
Python packages, each of locust's users waits for its answer before it sends again, and none takes
off the latency what an emulator holds an answer back.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from scripts.bench.load.arrivals import arrival_times
from scripts.bench.load.traffic import choose_kinds, make_traffic
from scripts.local.http_event import HttpRequest
from scripts.paths import ROOT
from scripts.tool import ToolError

START_S = 0.5  # between the plan and the first arrival
PRIORITY = -10  # where the system allows it: what it serves is on the same machine
HELD_HEADER, COLD_HEADER, ID_HEADER = "x-load-held-ms", "x-load-cold", "x-load-request-id"
OUTCOME_HEADER = "x-load-outcome"
NO_ANSWER = 0  # as a status: the connection failed, or no answer came in time


@dataclass(frozen=True)
class Plan:
    """A run of the generator. url: of the gateway, on loopback. timeout_s: of one request."""

    url: str
    picture: str
    mixed: bool
    form: str
    rate: float
    seconds: float
    seed: int
    timeout_s: float = 30.0


@dataclass(frozen=True)
class Answer:
    """What became of one request; times are seconds from the start of the run.

    kind: its name. arrival: when it was due. lag: how much later the generator began to send it.
    end: when its answer came, less the time that the emulator held the answer back. status:
    NO_ANSWER for none. id: the invocation's, empty where no environment took it. outcome: what the
    pool says of a failure.
    """

    kind: str
    arrival: float
    lag: float
    end: float
    status: int
    is_expected: bool
    is_cold: bool = False
    id: str = ""
    outcome: str = ""

    @property
    def latency(self) -> float:
        """Seconds from the arrival that was planned."""
        return self.end - self.arrival


@dataclass(frozen=True)
class Reply:
    """An HTTP response: status and headers, in lower case."""

    status: int
    headers: dict[str, str]


async def send(url: str, request: HttpRequest) -> Reply:
    """Send a request on a connection of its own, and read the whole answer. Raises OSError,
    EOFError, and ValueError for what is no HTTP."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
    try:
        head = [f"{request.method} {request.target} HTTP/1.1", f"Host: {host}:{port}"]
        head += [f"{name}: {value}" for name, value in request.headers]
        head += [f"Content-Length: {len(request.body)}", "Connection: close"]
        writer.write("\r\n".join([*head, "", ""]).encode() + request.body)
        await writer.drain()
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {}
        for line in filter(None, lines):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if length := int(headers.get("content-length", 0)):
            await reader.readexactly(length)
        return Reply(int(first.split()[1]), headers)
    finally:
        writer.close()


async def generate(plan: Plan, announce: bool = False) -> list[Answer]:
    """Send what is planned, wait for every answer, and return them by their arrivals.

    announce: print the start, by the monotonic clock, as the first line.
    """
    kinds = make_traffic(Path(plan.picture).read_bytes(), mixed=plan.mixed)
    times = arrival_times(plan.form, plan.rate, plan.seconds, plan.seed)
    chosen = choose_kinds(kinds, len(times), plan.seed)
    start = time.monotonic() + START_S
    if announce:
        print(start, flush=True)

    async def one(arrival: float, number: int) -> Answer:
        kind = kinds[number]
        lag = time.monotonic() - start - arrival
        status, headers = NO_ANSWER, dict[str, str]()
        with contextlib.suppress(OSError, EOFError, ValueError, IndexError):
            async with asyncio.timeout(plan.timeout_s):
                reply = await send(plan.url, kind.request)
                status, headers = reply.status, reply.headers
        held = float(headers.get(HELD_HEADER, 0)) / 1000
        return Answer(
            kind=kind.name,
            arrival=arrival,
            lag=lag,
            end=time.monotonic() - start - held,
            status=status,
            is_expected=status == kind.expected,
            is_cold=headers.get(COLD_HEADER) == "1",
            id=headers.get(ID_HEADER, ""),
            outcome=headers.get(OUTCOME_HEADER, ""),
        )

    tasks = []
    for arrival, number in zip(times, chosen, strict=True):
        await asyncio.sleep(max(0.0, start + arrival - time.monotonic()))
        tasks.append(asyncio.create_task(one(arrival, number)))
    return list(await asyncio.gather(*tasks))


def run_generator(
    plan: Plan, at: float = 0.0, act: Callable[[], None] = lambda: None
) -> list[Answer]:
    """Run the generator in a process of its own; `act` is called `at` seconds after its start.
    Raises ToolError where it fails."""
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.bench.load.generator"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for this process, which ends that one
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps(asdict(plan)))
        process.stdin.close()
        process.stdin = None
        if start := process.stdout.readline():
            time.sleep(max(0.0, float(start) + at - time.monotonic()))
            act()
        out, said = process.communicate(timeout=START_S + plan.seconds + plan.timeout_s + 60)
        if process.returncode or not start:
            last = said.strip().rpartition("\n")[2]
            raise ToolError(f"the load generator failed: {last[-500:]}")
        return parse_answers(out)
    except subprocess.TimeoutExpired:
        raise ToolError("the load generator does not end") from None
    finally:
        process.kill()
        process.communicate()


def format_answers(answers: Sequence[Answer]) -> str:
    return json.dumps([asdict(answer) for answer in answers])


def parse_answers(text: str) -> list[Answer]:
    return [Answer(**fields) for fields in json.loads(text)]


def main() -> None:
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    plan = Plan(**json.load(sys.stdin))
    print(format_answers(asyncio.run(generate(plan, announce=True))))


if __name__ == "__main__":
    main()
