"""One invocation: what is known when it starts, and what came of it by the time it is answered."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from handler.detection.prediction import Prediction, PredictRequest


@dataclass
class Invocation:
    """What log lines, metrics and records are made of; filled in on the way.

    id: Lambda's request id, which is the prediction's too. route: the recorded route that was
    taken, empty on all others. problem: type and detail of what was wrong with the request.
    total_ms: set once the response is made. status: of the response, 0 before it. parts: of a
    request with several pictures, one each, in their order. capture: the key of the kept picture,
    set once that is stored. is_rehearsal: it leaves no record, no kept picture and no metric.
    """

    id: str
    cold_start: bool
    is_rehearsal: bool = False
    received_s: float = field(default_factory=time.time)  # since the epoch
    started: float = field(default_factory=time.perf_counter)
    route: str = ""
    request: PredictRequest | None = None
    prediction: Prediction | None = None
    problem: tuple[str, str] | None = None  # no exception: its traceback would keep the frames
    total_ms: float = 0.0
    status: int = 0
    parts: list[Invocation] = field(default_factory=list)
    capture: str | None = None

    def add_part(self) -> Invocation:
        """A new part, for the next of several pictures: a prediction of its own."""
        number = len(self.parts) + 1
        part = Invocation(
            f"{self.id}-{number}",
            self.cold_start and number == 1,
            self.is_rehearsal,
            route=self.route,
        )
        self.parts.append(part)
        return part

    def recorded(self) -> list[Invocation]:
        """One for each record: the parts of a request with several pictures, or the whole."""
        return self.parts or [self]

    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self.started) * 1000

    def timing_ms(self) -> dict[str, float]:
        """What the answered invocation took; of a rejected one only the total is known."""
        times = {"total": self.total_ms}
        if self.prediction:
            times = {
                "decode": self.prediction.decode_ms,
                "inference": self.prediction.output.inference_ms,
                **times,
            }
        return {name: round(milliseconds, 1) for name, milliseconds in times.items()}


def is_rehearsal(context: object) -> bool:
    """Whether the client context of an invocation is {"custom": {"icebox": "rehearsal"}}: a release
    is being tried.

    Only who may invoke the function itself, by IAM, can send one. No header of an HTTP request gets
    there.
    """
    custom = getattr(getattr(context, "client_context", None), "custom", None)
    return isinstance(custom, Mapping) and custom.get("icebox") == "rehearsal"
