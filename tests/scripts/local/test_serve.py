"""scripts/serve answers over real HTTP as the cloud does, with the same limits."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts.local.invoke import Function, load_function
from scripts.local.ports import free_ports
from scripts.local.serve import MAX_BODY_BYTES, make_server
from scripts.paths import ROOT
from tests.support.app import App
from tests.support.pictures import RED_AND_GREEN, jpeg


@contextmanager
def serving(handler: Any) -> Iterator[http.client.HTTPConnection]:
    function = handler if isinstance(handler, Function) else Function(handler)
    server = make_server(function, 0, after_answer=function.do_deferred)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=30)
    try:
        yield connection
    finally:
        connection.close()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def connection(app: App) -> Iterator[http.client.HTTPConnection]:
    with serving(app.module.lambda_handler) as made:
        yield made


def send(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    body: bytes = b"",
    **headers: str,
) -> tuple[int, bytes]:
    connection.request(
        method, target, body, {name.replace("_", "-"): value for name, value in headers.items()}
    )
    response = connection.getresponse()
    return response.status, response.read()


def test_no_body_is_a_problem(connection: http.client.HTTPConnection) -> None:
    status, body = send(connection, "POST", "/v1/detect")
    assert (status, json.loads(body)["title"]) == (400, "Bad request")


def test_one_connection_carries_many_requests(
    connection: http.client.HTTPConnection, app: App
) -> None:
    for _ in range(2):
        status, body = send(connection, "POST", "/v1/detect?labels=green", jpeg(RED_AND_GREEN))
        assert (status, json.loads(body)["count"]) == (200, 2)
    status, body = send(connection, "POST", "/v1/detect", jpeg(RED_AND_GREEN), accept="image/png")
    assert (status, body[:4]) == (200, b"\x89PNG")
    assert send(connection, "GET", "/health")[0] == 200
    assert send(connection, "HEAD", "/health") == (200, b"")
    assert send(connection, "HEAD", "/v1/detect") == (405, b"")
    assert len(app.records()) == 3


def test_requests_at_once_are_answered_one_by_one(app: App) -> None:
    busy, overlaps, answers = threading.Lock(), [], []

    def handler(event: dict[str, Any], context: Any) -> Any:
        if not busy.acquire(blocking=False):
            overlaps.append(event)
        try:
            return app.module.lambda_handler(event, context)
        finally:
            busy.release()

    with serving(handler) as connection:
        address = (connection.host, connection.port)

        def one() -> None:
            own = http.client.HTTPConnection(*address, timeout=30)
            answers.append(send(own, "POST", "/v1/detect", jpeg(RED_AND_GREEN))[0])
            own.close()

        threads = [threading.Thread(target=one) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (answers, overlaps) == ([200] * 6, [])


def test_a_body_above_the_gateways_limit_is_not_even_read(
    connection: http.client.HTTPConnection,
) -> None:
    connection.putrequest("POST", "/v1/detect")
    connection.putheader("Content-Length", str(MAX_BODY_BYTES + 1))
    connection.endheaders()
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())) == (
        413,
        {"message": "Request Entity Too Large"},
    )


def test_an_event_above_lambdas_limit_does_not_get_there(
    connection: http.client.HTTPConnection,
) -> None:
    status, body = send(connection, "POST", "/v1/detect", bytes(5_000_000))
    assert (status, json.loads(body)) == (413, {"message": "Request Too Long"})


@pytest.mark.parametrize("length", ["-1", "x", ""])
def test_a_length_that_is_none_is_refused(
    connection: http.client.HTTPConnection, length: str
) -> None:
    connection.putrequest("POST", "/v1/detect")
    connection.putheader("Content-Length", length)
    connection.endheaders()
    assert connection.getresponse().status == 411


def test_a_chunked_body_is_refused(connection: http.client.HTTPConnection) -> None:
    connection.putrequest("POST", "/v1/detect")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()  # without a chunk: the response does not wait for one
    assert connection.getresponse().status == 411


@pytest.mark.parametrize("result", [None, {"statusCode": 200, "body": "x" * 6_300_000}])
def test_a_result_that_aws_would_not_pass_on_is_its_500(
    result: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda *_: result) as connection:
        status, body = send(connection, "GET", "/")
    assert (status, json.loads(body)) == (500, {"message": "Internal Server Error"})
    assert "Error" in capsys.readouterr().err


def test_a_bug_is_a_500_and_the_next_request_is_served(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(lambda event, _: {"statusCode": 1 // (event["rawPath"] != "/bug")}) as connection:
        assert send(connection, "GET", "/bug")[0] == 500
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_client_that_does_not_wait_leaves_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    invoked, gone = threading.Event(), threading.Event()

    def slow(*_: Any) -> Any:
        invoked.set()
        gone.wait(10)
        return {"statusCode": 200, "body": "x" * 5_000_000}

    with serving(slow) as connection:
        with socket.create_connection((connection.host, connection.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert invoked.wait(10)
            # close with a reset, like a client that is killed
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.set()
        assert send(connection, "GET", "/")[0] == 200
    printed = capsys.readouterr().err
    assert "the client has gone" in printed and "Traceback" not in printed


def test_the_handlers_record_waits_for_the_answer(app: App) -> None:
    function = load_function(defers_work=True)
    answered = function(app.event("POST", "/v1/detect", jpeg(RED_AND_GREEN)))
    assert (answered["statusCode"], app.records()) == (200, [])
    function.do_deferred()
    assert len(app.records()) == 1


class Recording:
    """A function that leaves work. `done`: the requests whose work is done."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.seen: list[list[str]] = []
        self.may_be_done = threading.Event()
        self.function = Function(self.answer)

    def answer(self, event: dict[str, Any], context: Any) -> Any:
        self.seen.append(list(self.done))
        path = event["rawPath"]
        self.function.deferred.finish(context, lambda _: self.do(path))
        return {"statusCode": 200, "body": "x" * 100_000}

    def do(self, path: str) -> None:
        assert self.may_be_done.wait(10)
        self.done.append(path)
        if path == "/bug":
            raise RuntimeError("work that fails")


def test_the_answer_leaves_before_the_work_that_the_next_request_waits_for() -> None:
    recording = Recording()
    with serving(recording.function) as connection:
        assert send(connection, "GET", "/1")[0] == 200
        assert recording.done == []
        impatient = http.client.HTTPConnection(connection.host, connection.port, timeout=0.2)
        with closing(impatient), pytest.raises(TimeoutError):
            send(impatient, "GET", "/2")
        recording.may_be_done.set()
        assert send(connection, "GET", "/3")[0] == 200
    assert recording.seen[:2] == [[], ["/1"]]


def test_work_that_fails_is_told_and_the_next_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    recording = Recording()
    recording.may_be_done.set()
    with serving(recording.function) as connection:
        for path in ("/bug", "/next", "/last"):
            assert send(connection, "GET", path)[0] == 200
    assert recording.seen[2] == ["/bug", "/next"]
    assert "work that fails" in capsys.readouterr().err


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_record_is_there_when_the_server_has_stopped(
    stop: signal.Signals, tmp_path: Path
) -> None:
    [port] = free_ports(1)
    env = os.environ | {
        "PREDICTION_LOG": tmp_path.as_uri(),
        "PYTHONPATH": str(ROOT),
        "ORT_THREADS": "1",
    }
    command = [sys.executable, "-P", "-m", "scripts.local.serve", "--port", str(port)]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and "serving" in process.stdout.readline()
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                status, _ = send(connection, "POST", "/v1/detect", jpeg(RED_AND_GREEN))
            process.send_signal(stop)
            printed = process.communicate(timeout=30)[0]
        finally:
            process.kill()  # else a test that fails would wait for it
    assert (status, process.returncode) == (200, 0)
    assert printed.endswith("stopped\n")
    assert len(list(tmp_path.glob("predictions/**/*.json.gz"))) == 1


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    server = make_server(Function(lambda *_: None), 0)
    assert server.server_address[0] == "127.0.0.1"
    server.server_close()
