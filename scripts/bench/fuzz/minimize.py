"""Makes a failing case small: what can be left out without the fault going away is left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from scripts.bench.fuzz.cases import Case
from scripts.bench.fuzz.inputs import trees

MAX_TRIES = 400


def minimize(case: Case, still_fails: Callable[[Case], bool], max_tries: int = MAX_TRIES) -> Case:
    """The smallest case found in so many tries. still_fails: whether a case has the same fault."""
    tries = 0

    def fails(smaller: Case) -> bool:
        nonlocal tries
        tries += 1
        return tries <= max_tries and still_fails(smaller)

    if case.kind == "pictures":
        if case.min_frame and fails(whole := dataclasses.replace(case, min_frame=None)):
            case = whole

        def cut_fails(image_bytes: bytes) -> bool:
            return fails(dataclasses.replace(case, image_bytes=image_bytes))

        return dataclasses.replace(case, image_bytes=_shorten(case.image_bytes, cut_fails))
    events = list(case.events)
    for i in reversed(range(len(events))):
        rest = events[:i] + events[i + 1 :]
        if rest and fails(dataclasses.replace(case, events=tuple(rest))):
            events = rest
    for i, event in enumerate(events):

        def event_fails(smaller: object, i: int = i) -> bool:
            changed = (*events[:i], smaller, *events[i + 1 :])
            return fails(dataclasses.replace(case, events=changed))

        events[i] = trees.shrink(event, event_fails)
    return dataclasses.replace(case, events=tuple(events))


def _shorten(image_bytes: bytes, still_fails: Callable[[bytes], bool]) -> bytes:
    """Parts of falling size are cut out, the last first; then what is left is zeroed."""
    size = max(1, len(image_bytes) // 2)
    while size:
        for start in range(len(image_bytes) - size, -1, -size):
            smaller = image_bytes[:start] + image_bytes[start + size :]
            if still_fails(smaller):
                image_bytes = smaller
        size //= 2
        if size and len(image_bytes) // size > 400:
            break
    return image_bytes
