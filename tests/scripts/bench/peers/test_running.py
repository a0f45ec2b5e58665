"""Services are started, asked, and ended with all that they started."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.bench.load.figures import percentile
from scripts.bench.load.machine import pinned
from scripts.bench.peers.client import ask_at_once, take_turn
from scripts.bench.peers.peers import Peer
from scripts.bench.peers.processes import choose_cores, memory_mb
from scripts.bench.peers.result import FLOAT_BUNDLE
from scripts.bench.peers.running import Model, PeerError, Running, start
from tests.scripts.bench.peers.tiny_peers import is_alive, tiny_peer

PICTURE = b"a picture"


def begin(peer: Peer, folder: Path) -> Running:
    model = Model(FLOAT_BUNDLE, 0.32)
    return start(peer, Path(sys.executable), model, PICTURE, folder, None)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Running]:
    """Three requests of 10 ms, one of 100."""
    running = begin(tiny_peer("slow", [0.01, 0.01, 0.01, 0.1]), tmp_path)
    try:
        yield running
    finally:
        running.end()


def test_a_turn_times_each_request(slow: Running) -> None:
    with slow.connect() as ask:
        turn = take_turn(ask, PICTURE, requests=8, limit_s=60)
    assert len(turn.seconds) == len(turn.answers) == 8
    for seconds, slept in zip(turn.seconds, [0.01, 0.01, 0.01, 0.1] * 2, strict=True):
        assert seconds >= slept
    assert percentile(turn.seconds, 0.99) >= 0.1
    assert sorted(turn.seconds)[3] == percentile(turn.seconds, 0.5)
    assert slow.read(turn.answers[0]).boxes.tolist() == [[10, 20, 30, 40]]


def test_a_turn_ends_in_time_and_has_one_request_at_least(slow: Running) -> None:
    with slow.connect() as ask:
        assert len(take_turn(ask, PICTURE, requests=50, limit_s=0.0).seconds) == 1


def test_the_first_answer_is_waited_for(tmp_path: Path) -> None:
    """A server that listens before it can answer is not ready; its refusals do not count."""
    running = begin(tiny_peer("early", REFUSALS=3), tmp_path)
    try:
        assert running.first_s > 0
        with running.connect() as ask:
            assert running.read(ask(PICTURE).answer).count == 1
    finally:
        running.end()


def test_a_service_that_ends_at_its_start_is_named_with_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match=r"ended at its start.*the model is missing"):
        begin(tiny_peer("broken", BREAKS=1), tmp_path / "broken")


@pytest.mark.needs_linux
def test_what_a_service_started_ends_with_it(tmp_path: Path) -> None:
    """Also a worker that put itself into a session of its own, as process managers do."""
    running = begin(tiny_peer("manager", CHILD=tmp_path / "pids"), tmp_path / "manager")
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    try:
        assert running.pid == pids[0]
        assert os.getsid(pids[1]) == pids[1] != os.getsid(pids[0])
        assert memory_mb(pids[0]) > memory_mb(pids[1]) > 1
        assert all(map(is_alive, pids))
    finally:
        running.end()
    deadline = time.monotonic() + 10
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_alive, pids))


@pytest.mark.needs_linux
def test_a_service_runs_on_its_core_alone(tmp_path: Path) -> None:
    core, before = choose_cores()[0], os.sched_getaffinity(0)
    model = Model(FLOAT_BUNDLE, 0.32)
    peer = tiny_peer("pinned")
    running = start(peer, Path(sys.executable), model, PICTURE, tmp_path, core)
    try:
        assert os.sched_getaffinity(running.pid) == {core}
        assert os.sched_getaffinity(0) == before
    finally:
        running.end()
    with pinned(core):
        assert os.sched_getaffinity(0) == {core}
    assert os.sched_getaffinity(0) == before


class Gate(BaseHTTPRequestHandler):
    """Answers no request before four are there."""

    protocol_version = "HTTP/1.1"
    barrier = threading.Barrier(4, timeout=20)
    connections: set[object] = set()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.connections.add(self.client_address)
        self.barrier.wait()
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A running peer whose requests go to Gate."""
    running = begin(tiny_peer("gate"), tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(running, "_port", server.server_address[1])
    try:
        yield running
    finally:
        running.end()
        server.shutdown()
        server.server_close()
        thread.join()


def test_several_clients_ask_at_once_and_keep_their_connections(gate: Running) -> None:
    """The barrier lets four go at a time: fewer at once would never be answered."""
    assert ask_at_once(gate, PICTURE, clients=4, busy_s=0.0001) > 0
    assert len(Gate.connections) == 4


def test_a_client_that_fails_fails_all(tmp_path: Path) -> None:
    running = begin(tiny_peer("gone"), tmp_path)
    running.end()
    with pytest.raises(PeerError, match="refused"):
        ask_at_once(running, PICTURE, clients=3, busy_s=5)
