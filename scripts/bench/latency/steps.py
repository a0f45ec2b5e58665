"""Times the steps of one call of the handler, by stopping the functions that each step is made of.

The event goes through `lambda_handler` as it is deployed. A wrapper around each function notes when
it begins and ends, in a microsecond; what lies between the wrapped ones is the rest.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import onnxruntime

from handler import base64_codec
from handler.after_response import AfterResponse
from handler.detection import predict
from handler.detection.detector import Detector
from handler.records import build

# From the event to the answer, in their order; `network`, `NMS` and `below` are of one session run.
STEPS = (
    "request", "base64", "decode", "letterbox", "network", "NMS", "below", "response",
)  # fmt: skip
AFTER = ("record", "statistics")  # when the client has its answer; `statistics` is in `record`

Handler = Callable[[dict[str, Any], Any], Any]

_PLACES: tuple[tuple[str, Any, str], ...] = (
    ("base64", base64_codec, "decode"),
    ("decode", predict, "decode"),
    ("letterbox", Detector, "prepare"),
    ("run", onnxruntime.InferenceSession, "run"),
    ("record", AfterResponse, "finish"),
    ("statistics", build, "statistics"),
)


@dataclass
class Call:
    """What one call of the handler did. taken: seconds by what was wrapped, and of the call itself,
    `total`, without the record. used: arguments and result of the last call of each."""

    taken: dict[str, float] = field(default_factory=dict)
    used: dict[str, tuple[tuple[Any, ...], dict[str, Any], Any]] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)


@contextlib.contextmanager
def watched() -> Iterator[Call]:
    """Meanwhile the functions of every step note their time in what this gives."""
    call = Call()
    with contextlib.ExitStack() as stack:
        for name, owner, attribute in _PLACES:
            function = getattr(owner, attribute)
            setattr(owner, attribute, _wrap(call, name, function))
            stack.callback(setattr, owner, attribute, function)
        yield call


def time_call(handler: Handler, event: dict[str, Any], context: Any) -> Call:
    """One call of the handler, timed. Raises what the handler raises."""
    with watched() as call:
        begun = time.perf_counter()
        call.used["answer"] = ((), {}, handler(event, context))
        ended = time.perf_counter()
    answered = call.begun.get("record", ended)
    call.taken["total"] = answered - begun
    if "run" in call.begun:
        call.taken["request"] = call.begun["decode"] - begun - call.taken.get("base64", 0.0)
        call.taken["response"] = answered - call.ended["run"]
    return call


def _wrap(call: Call, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        begun = time.perf_counter()
        result = function(*args, **kwargs)
        ended = time.perf_counter()
        call.taken[name] = call.taken.get(name, 0.0) + ended - begun
        call.begun[name], call.ended[name] = begun, ended
        call.used[name] = (args, kwargs, result)
        return result

    return timed
