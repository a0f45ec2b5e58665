"""What a loop trains, as its process is told. torch is not imported here."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass


@dataclass(frozen=True)
class LoopSettings:
    """What both loops train: FAMILY:BACKBONE, side of the input in px, pictures a step, labelled
    pictures. loaders: processes of IceVision's loop that prepare pictures. None is Icebox's loop.
    out: a folder for what a training writes."""

    model: str
    size: int
    batch: int
    data: str
    out: str
    loaders: int | None

    @classmethod
    def from_json(cls, text: str) -> LoopSettings:
        return cls(**json.loads(text))

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))
