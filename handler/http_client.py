"""One HTTP/1.1 request over a connection of its own, for Lambda's APIs on loopback.

The standard library's http.client imports ssl, email and hashlib, a tenth of a cold start. This is
what such a request needs: status, headers, and a body by Content-Length, in chunks (RFC 9112) or to
the connection's end. Whatever the peer sends, an answer is read to a limit, and a malformed one is
an error, never a short body.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

MAX_ANSWER_BYTES = 65536
RECEIVE_BYTES = 16384
DIGITS, HEX_DIGITS = frozenset(b"0123456789"), frozenset(b"0123456789abcdefABCDEF")
CONTROLS = frozenset(range(0x20)) - {0x09} | {0x7F}


class MalformedAnswerError(ValueError):
    """The peer answered what is no whole HTTP answer, or more than is read."""


@dataclass(frozen=True)
class HttpAnswer:
    """headers: by their names in lower case; of several with one name, the first."""

    status: int
    headers: dict[str, str]
    body: bytes


def send(
    address: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes = b"",
    *,
    timeout_s: float | None,
) -> socket.socket:
    """Connect to `address` (host:port) and send a request; the connection, on which to `receive`.

    timeout_s: for connecting and for sending, None for as long as it takes. Raises OSError: the
    request has not been sent whole.
    """
    host, _, port = address.rpartition(":")
    lines = [f"{method} {path} HTTP/1.1", f"Host: {address}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    connection = socket.create_connection((host.strip("[]"), int(port)), timeout_s)
    try:
        connection.sendall(head + body)
    except BaseException:
        connection.close()
        raise
    return connection


def receive(connection: socket.socket, *, timeout_s: float | None) -> HttpAnswer:
    """Read the answer to the request that was sent.

    timeout_s: for all of it, None for as long as it takes. Raises TimeoutError, ConnectionError
    where the peer closes the connection without a word, and MalformedAnswerError.
    """
    answer = _Answer(connection, None if timeout_s is None else time.monotonic() + timeout_s)
    status = 100
    while 100 <= status < 200:  # an interim answer comes before the one that counts
        status = _parse_status(answer.line())
        headers = _read_headers(answer)
    if status in (204, 304):
        return HttpAnswer(status, headers, b"")
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        if coding.lower() != "chunked" or length is not None:
            raise MalformedAnswerError(f"a body framed by {coding!r} and by length {length!r}")
        body = _read_chunks(answer)
    elif length is not None:
        body = answer.exactly(_parse_count(length.encode("latin-1"), DIGITS, 10))
    else:
        body = answer.rest()
    return HttpAnswer(status, headers, body)


class _Answer:
    """The bytes of an answer as they come, to the limit."""

    def __init__(self, connection: socket.socket, deadline: float | None) -> None:
        self._connection = connection
        self._deadline = deadline  # by the monotonic clock
        self._unread = bytearray()
        self._received = 0

    def _more(self) -> bool:
        """Wait for more; False at the connection's end."""
        if self._deadline is not None:
            left_s = self._deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("the answer takes too long")
            self._connection.settimeout(left_s)
        else:
            self._connection.settimeout(None)
        received = self._connection.recv(RECEIVE_BYTES)
        self._unread += received
        self._received += len(received)
        if self._received > MAX_ANSWER_BYTES:
            raise MalformedAnswerError(f"the answer has more than {MAX_ANSWER_BYTES} bytes")
        return bool(received)

    def _need_more(self) -> None:
        if not self._more():
            if not self._received:
                raise ConnectionResetError("the connection was closed without an answer")
            raise MalformedAnswerError(f"the connection ended after {self._received} bytes")

    def line(self) -> bytes:
        """The next line, without its CRLF."""
        while (end := self._unread.find(b"\r\n")) < 0:
            self._need_more()
        line = bytes(self._unread[:end])
        del self._unread[: end + 2]
        return line

    def exactly(self, count: int) -> bytes:
        while len(self._unread) < count:
            self._need_more()
        taken = bytes(self._unread[:count])
        del self._unread[:count]
        return taken

    def rest(self) -> bytes:
        while self._more():
            pass
        return bytes(self._unread)


def _parse_status(line: bytes) -> int:
    version, _, rest = line.partition(b" ")
    code = rest.partition(b" ")[0]
    if version not in (b"HTTP/1.1", b"HTTP/1.0") or len(code) != 3 or not DIGITS.issuperset(code):
        raise MalformedAnswerError(f"no status line: {line[:100]!r}")
    return int(code)


def _read_headers(answer: _Answer) -> dict[str, str]:
    headers: dict[str, str] = {}
    while line := answer.line():
        name, colon, value = line.partition(b":")
        key = name.decode("latin-1").lower()
        if not colon or not name or name.strip() != name or not CONTROLS.isdisjoint(line):
            raise MalformedAnswerError(f"no header: {line[:100]!r}")
        if key in headers and key in ("content-length", "transfer-encoding"):
            raise MalformedAnswerError(f"two headers {key}")
        headers.setdefault(key, value.decode("latin-1").strip(" \t"))
    return headers


def _parse_count(text: bytes, digits: frozenset[int], base: int) -> int:
    if not text or len(text) > 16 or not digits.issuperset(text):
        raise MalformedAnswerError(f"no number of bytes: {text[:100]!r}")
    return int(text, base)


def _read_chunks(answer: _Answer) -> bytes:
    body = b""
    while size := _parse_count(answer.line().partition(b";")[0].strip(), HEX_DIGITS, 16):
        body += answer.exactly(size)
        if answer.line():
            raise MalformedAnswerError("a chunk is longer than it says")
    _read_headers(answer)  # the trailer section, which nobody asked for
    return body
