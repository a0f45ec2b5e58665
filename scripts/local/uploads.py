"""An upload bucket on this machine for scripts/serve: the two calls of S3's that uploads need, over
a folder.

PUT takes what a signed URL allows, from the page or another client; GET gives it to the function.
Signatures are not checked, since the server listens on loopback only; their time is.
"""

from __future__ import annotations

import re
import time
from calendar import timegm
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from handler.storage.location import write_atomically

BUCKET = "icebox-local"
MAX_BYTES = 50 * 1024 * 1024  # as MAX_UPLOAD_BYTES
KEPT_S = 24 * 3600.0
IDLE_S = 30.0
_KEY = rf"/{BUCKET}/(uploads/[A-Za-z0-9_=-]+/[0-9a-f]{{32}})"


def make_bucket(folder: Path) -> ThreadingHTTPServer:
    """A server on a free port of 127.0.0.1. folder: of objects; those of yesterday are deleted."""
    for path in folder.glob("uploads/*/*"):
        if time.time() - path.stat().st_mtime > KEPT_S:
            path.unlink(missing_ok=True)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_S

        def do_OPTIONS(self) -> None:
            """A browser's preflight: the page has another port, and so another origin."""
            self._answer(204, **{
                "Access-Control-Allow-Methods": "PUT",
                "Access-Control-Allow-Headers": "content-type",
            })  # fmt: skip

        def do_PUT(self) -> None:
            path, query = self._path(), parse_qs(urlsplit(self.path).query)
            length = self.headers.get("Content-Length", "")
            if path is None or not _is_fresh(query):
                self._fault(403, "AccessDenied")
            elif not (length.isascii() and length.isdigit()):
                self._fault(411, "MissingContentLength")
            elif int(length) > MAX_BYTES:
                self._fault(413, "EntityTooLarge")
            else:
                write_atomically(path, self.rfile.read(int(length)))
                self._answer(200)

        def do_GET(self) -> None:
            path = self._path()
            try:
                body, changed = (path.read_bytes(), path.stat().st_mtime) if path else (b"", 0.0)
            except FileNotFoundError:
                path = None
            if path is None:
                self._fault(404, "NoSuchKey")
            else:
                self._answer(200, body, **{"Last-Modified": formatdate(changed, usegmt=True)})

        def _path(self) -> Path | None:
            """Of the object that the URL names; None where it is none of an upload's."""
            matched = re.fullmatch(_KEY, unquote(urlsplit(self.path).path))
            return folder / matched[1] if matched else None

        def _fault(self, status: int, code: str) -> None:
            self.close_connection = True  # its body is not read
            body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
            self._answer(status, body.encode(), **{"Content-Type": "application/xml"})

        def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """The function's own lines tell enough."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def _is_fresh(query: dict[str, list[str]]) -> bool:
    """Whether a signed URL's time has not run out (AWS Signature Version 4, query parameters)."""
    try:
        signed = timegm(time.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ"))
        return time.time() <= signed + int(query["X-Amz-Expires"][0])
    except (KeyError, ValueError):
        return False
