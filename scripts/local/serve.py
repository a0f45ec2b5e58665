"""Serve the function over HTTP on loopback, with the limits of API Gateway and Lambda.

    scripts/serve --port 8080

Each request becomes an HTTP API event, as in the cloud. As there, its record is written once the
client has its answer, and before the next request is handled; a signal to stop waits for it.
Pictures too large for a request go by uploads into out/uploads, as they go into S3 there.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, MutableMapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from scripts.local import invoke
from scripts.local.http_event import HttpRequest, HttpResponse, to_http_api, to_response
from scripts.local.invoke import Function
from scripts.local.uploads import BUCKET, make_bucket
from scripts.paths import ROOT

MAX_BODY_BYTES = 10 * 1024 * 1024  # an HTTP API's limit
IDLE_S = 30.0
TEMPLATE = ROOT / "template.yaml"


def read_cors_list(template: str, name: str) -> str:
    """A list of template.yaml's CORS section, with commas: what the cloud allows is allowed here.
    No YAML library is in the function's environment."""
    [items] = re.findall(rf"^ {{10}}{name}: \[([^\]]*)\]", template, re.MULTILINE)
    return ",".join(item.strip() for item in items.split(","))


_TEMPLATE_TEXT = TEMPLATE.read_text()
PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": read_cors_list(_TEMPLATE_TEXT, "allowMethods"),
    "Access-Control-Allow-Headers": read_cors_list(_TEMPLATE_TEXT, "allowHeaders"),
    "Access-Control-Max-Age": "3600",
}
CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": read_cors_list(_TEMPLATE_TEXT, "exposeHeaders"),
}


def make_server(
    function: Function, port: int, *, after_answer: Callable[[], None] = lambda: None
) -> ThreadingHTTPServer:
    """A server on 127.0.0.1. port: 0 takes a free one. after_answer: called whenever an answer has
    left, or its client."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_S
        disable_nagle_algorithm = True  # else the body waits until the head is acknowledged

        def _handle(self) -> None:
            try:
                self._send(self._read_and_invoke())
            except ConnectionError:
                self.close_connection = True
                self.log_message("the client has gone before its answer")
            finally:
                after_answer()

        def _send(self, response: HttpResponse) -> None:
            body = b"" if self.command == "HEAD" else response.body
            self.send_response(response.status)
            cors = CORS_HEADERS.items() if "Origin" in self.headers else ()
            for name, value in (*response.headers, *cors):
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.body)))  # of HEAD: what GET has
            self.end_headers()
            self.wfile.write(body)

        def _read_and_invoke(self) -> HttpResponse:
            length = self.headers.get("Content-Length", "0")
            if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
                # without the body's end, nobody knows where the next request starts
                self.close_connection = True
                return _message(411, "Length Required")
            if int(length) > MAX_BODY_BYTES:
                self.close_connection = True
                return _message(413, "Request Entity Too Large")
            body = self.rfile.read(int(length))
            if self.command == "OPTIONS" and "Access-Control-Request-Method" in self.headers:
                # API Gateway answers a preflight itself
                return HttpResponse(204, list(PREFLIGHT_HEADERS.items()), b"")
            request = HttpRequest(
                self.command,
                self.path,
                self.headers.items(),
                body,
                id=str(uuid.uuid4()),
                time_s=time.time(),
            )
            return respond(function, request)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _handle  # noqa: N815

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def open_bucket(env: MutableMapping[str, str], folder: Path) -> ThreadingHTTPServer | None:
    """A bucket for uploads in a folder, which the environment's settings then name; None where they
    name S3, since boto3 has one endpoint for all its buckets."""
    stores = ("PREDICTION_LOG", "FEEDBACK_STORE", "GRADIO_STORE", "UPLOAD_STORE")
    others = (
        env.get("S3_URI_BUCKETS"),
        env.get("AWS_ENDPOINT_URL_S3"),
        env.get("AWS_ENDPOINT_URL"),
    )
    if any(others) or any(env.get(name, "").startswith("s3://") for name in stores):
        return None
    bucket = make_bucket(folder)
    threading.Thread(target=bucket.serve_forever, daemon=True).start()
    env["UPLOAD_STORE"] = f"s3://{BUCKET}"
    env["AWS_ENDPOINT_URL_S3"] = f"http://127.0.0.1:{bucket.server_address[1]}"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        env.setdefault(name, "local")
    env.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    return bucket


def respond(function: Function, request: HttpRequest) -> HttpResponse:
    """API Gateway's response: the function's, or an error of the gateway's own."""
    try:
        return to_response(function(to_http_api(request)))
    except invoke.EventTooLargeError as error:
        print(error, file=sys.stderr)
        return _message(413, "Request Too Long")
    except Exception:
        traceback.print_exc()
        return _message(500, "Internal Server Error")


def _message(status: int, text: str) -> HttpResponse:
    return HttpResponse(
        status, [("Content-Type", "application/json")], json.dumps({"message": text}).encode()
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/serve", description="The function as a local HTTP server."
    )
    parser.add_argument(
        "--port", type=int, default=8080, help="on 127.0.0.1 (default 8080; 0: a free one)"
    )
    port = parser.parse_args(argv).port
    invoke.set_default_prediction_log(ROOT / "out")
    os.environ.setdefault("GRADIO_STORE", (ROOT / "out" / "gradio").as_uri())
    bucket = open_bucket(os.environ, ROOT / "out")
    function = invoke.load_function(defers_work=True)
    try:
        server = make_server(function, port, after_answer=function.do_deferred)
    except OSError as error:
        print(
            f"port {port} cannot be opened ({error.strerror}); try another: scripts/serve --port N",
            file=sys.stderr,
        )
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background ignores Ctrl-C
        signal.signal(number, signal.default_int_handler)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    print(f"serving {url}; try: curl --data-binary @events/sample.jpg {url}/v1/detect", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("stopped")
    finally:
        server.server_close()
        if bucket:
            bucket.shutdown()
        function.do_deferred()  # once an event in progress is answered
    return 0


if __name__ == "__main__":
    sys.exit(main())
