"""One invocation: what is known when it starts, and what came of it by the time it is answered."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from handler.detection.prediction import Prediction, PredictRequest


@dataclass
class Invocation:
    """What log lines, metrics and records are made of; filled in on the way.

    id: Lambda's request id, which is the prediction's too. route: the recorded route that was
    taken, empty on all others. problem: type and detail of what was wrong with the request.
    total_ms: set once the response is made. status: of the response, 0 before it. parts: of a
    request with several pictures, one each, in their order.
    """

    id: str
    cold_start: bool
    received_s: float = field(default_factory=time.time)  # since the epoch
    started: float = field(default_factory=time.perf_counter)
    route: str = ""
    request: PredictRequest | None = None
    prediction: Prediction | None = None
    problem: tuple[str, str] | None = None  # no exception: its traceback would keep the frames
    total_ms: float = 0.0
    status: int = 0
    parts: list[Invocation] = field(default_factory=list)

    def add_part(self) -> Invocation:
        """A new part, for the next of several pictures: a prediction of its own."""
        number = len(self.parts) + 1
        part = Invocation(f"{self.id}-{number}", self.cold_start and number == 1, route=self.route)
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
