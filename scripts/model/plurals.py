"""Counted nouns in the sentences of tools: 1 name, 2 names, 0 classes."""

from __future__ import annotations

_ENDS_WITH_HISS = ("s", "x", "ch", "sh")


def counted(count: int, noun: str) -> str:
    """The number and the noun, in the plural unless the number is 1."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun}{'es' if noun.endswith(_ENDS_WITH_HISS) else 's'}"
