"""A function whose extension loses the connection on which it waits, as one may in a restore.

Run by the emulator, without a runtime that knows of SnapStart: the connection is cut during INIT.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from typing import Any

from handler import extensions_api
from handler.after_response import AfterResponse

asked = threading.Event()
connections: list[socket.socket] = []
send = extensions_api.send


def keep(*args: Any, **kwargs: Any) -> socket.socket:
    connections.append(send(*args, **kwargs))
    if args[2].endswith("/event/next"):
        asked.set()
    return connections[-1]


extensions_api.send = keep
after_response = AfterResponse.start(os.environ["AWS_LAMBDA_RUNTIME_API"], is_snap_start=True)
asked.wait()
time.sleep(0.3)  # until Lambda believes that the extension waits
connections[-1].shutdown(socket.SHUT_RDWR)
time.sleep(0.3)  # until the extension has asked again, before an invocation


def lambda_handler(event: Any, context: Any) -> Any:
    def work(_: float) -> None:
        sys.stdout.write(json.dumps({"done": event["name"]}) + "\n")
        sys.stdout.flush()

    after_response.finish(context, work)
    return {"answer": event["name"]}
