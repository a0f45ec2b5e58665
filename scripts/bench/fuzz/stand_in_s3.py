"""An S3 on loopback for one process: a picture under some keys, refusals under others."""

from __future__ import annotations

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from scripts.bench.fuzz.inputs.seeds import seed_pictures

BUCKET, DENIED, BROKEN = "fuzz-bucket", "denied", "broken"  # keys that begin so are refused
_CODES = {DENIED: (403, "AccessDenied"), BROKEN: (500, "InternalError"), "": (404, "NoSuchKey")}
_SETTINGS = {
    "AWS_ACCESS_KEY_ID": "fuzz",
    "AWS_SECRET_ACCESS_KEY": "fuzz",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "NO_PROXY": "127.0.0.1",
    "UPLOAD_STORE": f"s3://{BUCKET}/uploads",
    "S3_URI_BUCKETS": BUCKET,
}


def start_stand_in_s3() -> None:
    """Serve it from a thread, and set the environment so that the function asks it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ |= _SETTINGS | {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.server_port}"}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        key = self.path.partition("?")[0].removeprefix(f"/{BUCKET}/")
        image_bytes = seed_pictures().get(key)
        if image_bytes is not None:
            self._answer(200, image_bytes)
            return
        status, code = _CODES[next(start for start in _CODES if key.startswith(start))]
        self._answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())

    def log_message(self, *_: object) -> None:
        """Nothing: stderr is checked."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)
