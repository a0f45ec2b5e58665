"""The generator sends by the clock, so that it sees the queue that a stall makes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

import pytest

from scripts.bench.load.generator import (
    COLD_HEADER,
    HELD_HEADER,
    ID_HEADER,
    NO_ANSWER,
    START_S,
    Plan,
    generate,
    parse_answers,
    run_generator,
)
from scripts.paths import ROOT, SAMPLE
from scripts.tool import ToolError
from tests.support import event_loop

STALL_S, RATE = 1.0, 20.0
STALLED = 5  # the number of the request that stalls


@contextmanager
def slow_server(**headers: str) -> Iterator[tuple[str, list[float]]]:
    """A server that takes one request after the other, and stalls once: its URL, and the seconds
    that it worked on each."""
    service: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            started = time.monotonic()
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(STALL_S if len(service) == STALLED else 0)
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", "0")
            service.append(time.monotonic() - started)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(HTTPServer):
        request_queue_size = 100

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def plan(url: str, **changed: object) -> Plan:
    made = Plan(url, str(SAMPLE), mixed=False, form="constant", rate=RATE, seconds=2.0, seed=1)
    return Plan(**asdict(made) | changed)


def test_it_sees_the_delay_that_a_closed_loop_would_hide() -> None:
    with slow_server() as (url, service):
        answers = event_loop.run(generate(plan(url)))
    assert [each.arrival for each in answers] == [number / RATE for number in range(40)]
    # A client that waits for each answer would have met the stall with one request, as the server.
    assert sum(seconds >= STALL_S for seconds in service) == 1
    # In an open loop all that arrived meanwhile waited for what was left of it.
    stall_start = STALLED / RATE
    for each in answers[STALLED + 1 :]:
        assert each.latency >= stall_start + STALL_S - each.arrival
    slow = [each for each in answers if each.latency >= STALL_S / 2]
    assert len(slow) >= RATE * STALL_S / 2


def test_it_does_not_wait_for_answers() -> None:
    """The server answers none before it has all of them."""
    together = threading.Barrier(3)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            together.wait(30)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        answers = event_loop.run(generate(plan(url, rate=3.0, seconds=1.0)))
        server.shutdown()
        thread.join()
    assert [each.status for each in answers] == [200] * 3


def test_what_the_emulator_held_back_is_no_latency() -> None:
    headers = {HELD_HEADER: "400", COLD_HEADER: "1", ID_HEADER: "an-id"}
    with slow_server(**{name.replace("-", "_"): value for name, value in headers.items()}) as (
        url,
        _,
    ):
        [answer] = event_loop.run(generate(plan(url, rate=1.0, seconds=1.0)))
        [plain] = event_loop.run(generate(plan(url, rate=1.0, seconds=1.0)))
    assert answer.is_cold and answer.id == "an-id" and answer.status == 200
    assert answer.latency == pytest.approx(plain.latency, abs=0.3)  # -0.4 for both
    assert answer.latency < 0


def test_no_answer_in_time_is_an_error_and_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        answers = event_loop.run(generate(plan(url, rate=2.0, seconds=1.0, timeout_s=0.2)))
    assert [each.status for each in answers] == [NO_ANSWER] * 2
    assert all(each.latency >= 0.2 and not each.is_expected for each in answers)


def test_a_refused_connection_and_what_is_no_http_are_errors() -> None:
    with socket.create_server(("127.0.0.1", 0)) as odd:
        port = odd.getsockname()[1]

        def babble() -> None:
            taken, _ = odd.accept()
            taken.sendall(b"\x00\xffbabble\r\n\r\n")
            taken.close()

        thread = threading.Thread(target=babble)
        thread.start()
        url = f"http://127.0.0.1:{port}"
        [babbled] = event_loop.run(generate(plan(url, rate=1.0, seconds=1.0)))
        thread.join()
    [refused] = event_loop.run(generate(plan(url, rate=1.0, seconds=1.0)))
    assert babbled.status == refused.status == NO_ANSWER


def test_as_a_process_it_acts_at_its_time_and_hands_over_its_answers() -> None:
    acted: list[float] = []
    with slow_server() as (url, _):
        started = time.monotonic()
        answers = run_generator(
            plan(url, rate=4.0, seconds=1.0), 0.5, lambda: acted.append(time.monotonic())
        )
    assert [each.status for each in answers] == [200] * 4
    assert acted[0] - started >= START_S + 0.5


def test_a_generator_that_fails_is_told() -> None:
    with pytest.raises(ToolError, match=r"^the load generator failed: .*No such file"):
        run_generator(plan("http://127.0.0.1:1", picture="/no/such/picture"))


def test_answers_go_through_json() -> None:
    with slow_server() as (url, _):
        made = plan(url, rate=2.0, seconds=1.0)
        ran = subprocess.run(
            [sys.executable, "-m", "scripts.bench.load.generator"],
            cwd=ROOT, input=json.dumps(asdict(made)), capture_output=True, text=True, check=True,
        )  # fmt: skip
    start, text = ran.stdout.splitlines()
    assert float(start) > 0 and [each.kind for each in parse_answers(text)] == ["raw", "raw"]
