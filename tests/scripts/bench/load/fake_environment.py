"""An emulator in miniature: its HTTP, its log lines, and a function that takes its time.

    python fake_environment.py PORT

Variables: FAKE_SECONDS of a request; FAKE_HOLD_S between the runtime's answer and the emulator's;
PREDICTION_LOG as the function has it. A request whose body is `die` kills it before its answer, one
whose body is `die late` after it.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.request import url2pathname

SECONDS = float(os.environ.get("FAKE_SECONDS", "0"))
HOLD_S = float(os.environ.get("FAKE_HOLD_S", "0"))
LOG = os.environ.get("PREDICTION_LOG", "")


def work() -> None:
    """SECONDS by the clock, and up to 20 ms of them on the CPU: some machines count it in ticks of
    10 ms, and a function without any CPU time is none."""
    until, busy = time.monotonic() + SECONDS, min(SECONDS / 5, 0.02)
    began = time.process_time()
    while time.process_time() - began < busy:
        pass
    time.sleep(max(0.0, until - time.monotonic()))


class Handler(BaseHTTPRequestHandler):
    is_cold = True

    def do_POST(self) -> None:
        request_id = str(uuid.uuid4())
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print(f"START RequestId: {request_id} Version: $LATEST", flush=True)
        if Handler.is_cold:
            print("29 Nov 2026 [INFO] (rapid) INIT REPORT(durationMs: 12.500000)", flush=True)
            Handler.is_cold = False
        body = event.get("body")
        if body == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        work()
        print("29 Nov 2026 [INFO] (rapid) INVOKE RTDONE(status: success)", flush=True)
        if body == "die late":
            time.sleep(0.2)  # for the line to be read
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(HOLD_S)
        self.store(request_id)
        result = {"statusCode": 200, "headers": {"X-Pid": str(os.getpid())}, "body": "{}"}
        text = json.dumps("no HTTP" if body == "odd" else result).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def store(self, request_id: str) -> None:
        if LOG:
            folder = Path(url2pathname(LOG.removeprefix("file://"))) / "predictions" / "model=m"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{request_id}.json.gz").write_bytes(gzip.compress(b"{}"))

    def log_message(self, *_: object) -> None:
        pass


HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
