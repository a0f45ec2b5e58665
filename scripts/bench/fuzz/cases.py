"""One input of the fuzzer, what came of it, and its file on disk."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.tool import ToolError

KINDS = ("events", "routes", "pictures")


@dataclass(frozen=True)
class Case:
    """An input. Of the kind `pictures`, bytes to decode; of others, events to answer in turn.

    min_frame: (width, height) in px that `decode` may reduce a JPEG to; None for exact pixels.
    """

    kind: str
    events: tuple[Any, ...] = ()
    image_bytes: bytes = b""
    min_frame: tuple[int, int] | None = None

    def to_json(self) -> str:
        """Raises ValueError, RecursionError where an event is none that JSON can carry."""
        if self.kind != "pictures":
            return json.dumps({"kind": self.kind, "events": self.events})
        image = base64.b64encode(self.image_bytes).decode()
        return json.dumps({"kind": self.kind, "image": image, "min_frame": self.min_frame})

    @classmethod
    def read(cls, path: Path) -> Case:
        """A case's file, a bare event, or a picture of any format. Raises ToolError, OSError."""
        content = path.read_bytes()
        if content.lstrip()[:1] not in (b"{", b"["):
            return cls("pictures", image_bytes=content)
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ToolError(f"{path} is no case, no event and no picture ({error})") from None
        if not isinstance(document, dict) or document.get("kind") not in KINDS:
            return cls("events", (document,))
        return cls.from_json(content)

    @classmethod
    def from_json(cls, text: str | bytes) -> Case:
        """Read what to_json wrote."""
        document = json.loads(text)
        if document["kind"] != "pictures":
            return cls(document["kind"], tuple(document["events"]))
        frame = document.get("min_frame")
        image_bytes = base64.b64decode(document["image"])
        return cls("pictures", (), image_bytes, tuple(frame) if frame else None)


@dataclass(frozen=True)
class Failure:
    """A check that an input did not pass. where: the place in the code, or a part of the answer;
    failures of one check in one place are taken for one fault."""

    check: str
    where: str
    detail: str

    @property
    def fault(self) -> tuple[str, str]:
        return self.check, self.where


@dataclass(frozen=True)
class Outcome:
    """What came of a case. label: its status or problem. cpu_s: of the process and its children.
    memory_mb: the peak above what was taken before. resident_mb: what is kept afterwards."""

    label: str
    failures: list[Failure] = field(default_factory=list)
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    resident_mb: float = 0.0


@dataclass(frozen=True)
class Limits:
    """What one case may take. max_pixels: the handler's MAX_IMAGE_PIXELS meanwhile."""

    max_pixels: int = 4_000_000
    cpu_s: float = 5.0
    memory_mb: float = 300.0
