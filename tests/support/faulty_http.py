"""What the faulty services of tests share: an HTTP server on loopback whose client may die."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FaultyHandler(BaseHTTPRequestHandler):
    """Answers whole or not at all; says nothing, whatever its client does."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    content_type = "application/octet-stream"

    def read_body(self) -> bytes | None:
        """The request's body, None where the client was killed while it sent it."""
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        return body if len(body) == size else None

    def answer(self, status: int, body: bytes = b"") -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", self.content_type)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    def cut(self) -> None:
        """End the connection without an answer."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the function was killed
            super().handle()


@contextmanager
def served(handler: type[FaultyHandler]) -> Iterator[int]:
    """Serve until the block ends; gives the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
