"""What speaks against a reading."""

from __future__ import annotations

from typing import Literal, NamedTuple

# - impossible: the outputs have no such shape;
# - strong: the reading is taken only where the user names its format;
# - weak: it is taken, with a warning.
Strength = Literal["impossible", "strong", "weak"]


class Objection(NamedTuple):
    """text: the end of a sentence about the reading, with what was seen."""

    strength: Strength
    text: str
