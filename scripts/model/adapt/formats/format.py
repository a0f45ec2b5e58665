"""What a known format is: its name, a line of text for --help, and its readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.model.adapt.reading import FormatReading


@dataclass(frozen=True, eq=False)
class Format:
    """readers: for each layout class that the format can have, the function that reads it; None
    from a reader means that the outputs cannot be of this format."""

    name: str
    summary: str
    readers: Mapping[type, Callable[[Any], FormatReading | None]]
