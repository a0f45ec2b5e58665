"""A function whose work after the response fails as its event says; run by the lab."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

from handler.after_response import AfterResponse

if os.environ.get("UNWATCHED"):  # as if there were no runtime client that tells
    sys.modules["awslambdaric.lambda_runtime_client"] = None  # type: ignore[assignment]


def say(what: str, name: str) -> None:
    sys.stdout.write(json.dumps({what: name}) + "\n")
    sys.stdout.flush()


after_response = AfterResponse.start(
    os.environ["AWS_LAMBDA_RUNTIME_API"], before_exit=lambda: say("exits", "now")
)


class Fatal(BaseException):
    """What no handler of exceptions catches."""


def lambda_handler(event: Any, context: Any) -> Any:
    fault, name = event.get("fault"), event["name"]

    def work(_: float) -> None:
        if fault == "SystemExit":
            sys.exit(3)
        if fault == "MemoryError":
            raise MemoryError
        if fault == "BaseException":
            raise Fatal
        if fault == "thread":  # past every handler of the work's own faults
            after_response._deadlines = None  # type: ignore[assignment]
        if fault == "hang":
            threading.Event().wait()
        say("done", name)

    after_response.finish(context, None if fault == "no work" else work)
    return {"answer": name}
