"""Real servers are understood; a broken answer is an error, never a short body."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from handler.http_client import MAX_ANSWER_BYTES, HttpAnswer, MalformedAnswerError, receive, send
from tests.support.http import Reply, fake_server
from tests.support.paths import ROOT

WAIT_S = 10.0


def ask(address: str, method: str = "GET", body: bytes = b"", timeout_s: float = WAIT_S):
    connection = send(address, method, "/path", {"X-Name": "value"}, body, timeout_s=timeout_s)
    with connection:
        return receive(connection, timeout_s=timeout_s)


@contextmanager
def peer(*parts: bytes, holds: bool = False, pause_s: float = 0.0) -> Iterator[str]:
    """Accept one connection, read a request, send the parts, and close it unless it `holds`."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            try:
                for part in parts:
                    connection.sendall(part)
                    time.sleep(pause_s)
            except OSError:  # the client has had enough
                return
            if holds:
                done.wait(WAIT_S)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        done.set()
        thread.join(WAIT_S)
        listener.close()


def answer_of(*parts: bytes) -> HttpAnswer:
    with peer(*parts, holds=True) as address:
        return ask(address)


def test_a_real_server_sees_the_request_and_its_answer_is_read() -> None:
    reply = Reply(201, b"made", {"Lambda-Extension-Identifier": "id-1"})
    with fake_server(lambda _: reply) as server:
        answer = ask(server.address, "POST", b"body")
        seen = server.seen[0]
    assert (answer.status, answer.body) == (201, b"made")
    assert answer.headers["lambda-extension-identifier"] == "id-1"
    assert (seen.method, seen.path, seen.body) == ("POST", "/path", b"body")
    assert seen.headers["host"] == server.address
    assert seen.headers["x-name"] == "value"
    assert seen.headers["content-length"] == "4"


def test_a_request_without_a_body_says_so() -> None:
    with fake_server(lambda _: Reply()) as server:
        ask(server.address, "POST")
        ask(server.address, "GET")
    assert server.seen[0].headers["content-length"] == "0"
    assert "content-length" not in server.seen[1].headers


def test_a_body_that_the_server_ends_with_the_connection_is_whole() -> None:
    class Handler(BaseHTTPRequestHandler):  # HTTP/1.0
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"to the end")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.handle_request, daemon=True)
    thread.start()
    assert ask(f"127.0.0.1:{server.server_address[1]}").body == b"to the end"
    thread.join(WAIT_S)
    server.server_close()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_chunks_are_put_together() -> None:
    answer = answer_of(CHUNKED, b"5\r\nhello\r\nA;x=y\r\n, chunks!!\r\n", b"0\r\nX-T: 1\r\n\r\n")
    assert answer.body == b"hello, chunks!!"


def test_an_answer_may_come_byte_by_byte() -> None:
    text = CHUNKED + b"2\r\nok\r\n0\r\n\r\n"
    assert answer_of(*(text[index : index + 1] for index in range(len(text)))).body == b"ok"


def test_an_interim_answer_is_not_the_answer() -> None:
    final = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok"
    assert answer_of(b"HTTP/1.1 100 Continue\r\n\r\n" + final).status == 202


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_is_not_waited_for(status: int) -> None:
    assert answer_of(b"HTTP/1.1 %d X\r\n\r\n" % status).body == b""


def test_what_follows_the_body_is_not_part_of_it() -> None:
    assert answer_of(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500").body == b"ok"


OK = b"HTTP/1.1 200 OK\r\n"
BROKEN = {
    "nothing": b"",
    "half a status line": b"HTTP/1.1 2",
    "half the headers": OK + b"Content-Length: 2\r\nX-A",
    "half a body": OK + b"Content-Length: 10\r\n\r\nhalf",
    "no last chunk": CHUNKED + b"5\r\nhello\r\n",
    "half a chunk": CHUNKED + b"5\r\nhel",
    "a chunk that is longer": CHUNKED + b"2\r\nhello\r\n0\r\n\r\n",
    "a chunk of no size": CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "a chunk of a negative size": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "a chunk of an endless size": CHUNKED + b"f" * 60000 + b"\r\n",
    "garbage": bytes(range(256)) * 4,
    "HTML": b"<html>\r\n\r\n</html>",
    "another version": b"HTTP/2.0 200 OK\r\n\r\n",
    "a status of letters": b"HTTP/1.1 abc OK\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a status of other digits": "HTTP/1.1 ２００ OK\r\n\r\n".encode(),
    "a header without a colon": OK + b"Content-Length\r\n\r\n",
    "a header without a name": OK + b": 1\r\n\r\n",
    "a folded header": OK + b"X-A: 1\r\n X-B: 2\r\n\r\n",
    "a control character": OK + b"X-A: 1\nX-B: 2\r\n\r\n",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "a length and chunks": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
    "an unknown coding": OK + b"Transfer-Encoding: gzip\r\n\r\nok",
    "a length of letters": OK + b"Content-Length: two\r\n\r\nok",
    "a negative length": OK + b"Content-Length: -1\r\n\r\nok",
    "a length with a sign": OK + b"Content-Length: +2\r\n\r\nok",
    "a long header": OK + b"X-A: " + b"a" * MAX_ANSWER_BYTES + b"\r\n\r\n",
    "many headers": OK + b"X-A: 1\r\n" * MAX_ANSWER_BYTES,
    "endless interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * MAX_ANSWER_BYTES,
    "a body without end": OK + b"\r\n" + b"a" * MAX_ANSWER_BYTES,
    "a body over the limit": OK + b"Content-Length: 999999\r\n\r\n" + b"a" * 999999,
    "chunks without end": CHUNKED + b"1\r\na\r\n" * MAX_ANSWER_BYTES,
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_is_an_error(text: bytes) -> None:
    with peer(text) as address, pytest.raises((MalformedAnswerError, ConnectionError)) as caught:
        ask(address)
    assert len(str(caught.value)) < 600


def test_a_silent_peer_is_given_up() -> None:
    with peer(OK, holds=True) as address, pytest.raises(TimeoutError):
        ask(address, timeout_s=0.1)


def test_a_peer_that_drips_is_given_up() -> None:
    """The limit is for the whole answer, not for each byte of it."""
    with peer(*[b"H"] * 200, pause_s=0.05) as address, pytest.raises(TimeoutError):
        ask(address, timeout_s=0.3)


def test_nobody_there_is_an_error_of_sending() -> None:
    with pytest.raises(ConnectionRefusedError):
        send("127.0.0.1:1", "GET", "/", {}, timeout_s=WAIT_S)


def test_it_costs_no_import_of_http_client() -> None:
    """That has ssl, email and hashlib with it, a tenth of a cold start."""
    program = "import sys, handler.after_response, handler.shutdown; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {"http", "http.client", "ssl", "hashlib", "email"}.isdisjoint(run.stdout.split())
