"""Class names as a person or a file gives them in; each name's label or column out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.model.adapt.errors import AdaptError
from scripts.model.adapt.plan import Plan

_BACKGROUND = {"__background__", "background", "bg", "_background_"}
_NONE = {"n/a", "???", "-", "no-object", "no_object"}
# COCO's 80 classes carry the numbers 1 to 90; these ten were dropped before the set came out.
_COCO_GAPS = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
COCO_IDS = tuple(number for number in range(1, 91) if number not in _COCO_GAPS)


@dataclass(frozen=True)
class Classes:
    """ids: the label, or the column of scores, of each name. note: how they were found, if that
    needs saying."""

    names: tuple[str, ...]
    ids: tuple[int, ...]
    note: str | None = None


def read(text: str) -> tuple[str, ...]:
    """`text` is a file of a name a line, or names with commas between them. Raises AdaptError."""
    path = Path(text)
    if "," not in text and path.suffix and not path.is_file():
        raise AdaptError(f"--classes: {text} is no file (a name a line), and no list a,b,c")
    if path.is_file():
        try:
            names = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise AdaptError(f"--classes: {text} cannot be read as UTF-8 text ({error})") from None
    else:
        names = text.split(",")
    names = [name.strip() for name in names]
    while names and not names[-1]:
        names.pop()
    if not names or not all(names):
        raise AdaptError(f"--classes: {text} has {'an empty name' if names else 'no name'}")
    return tuple(names)


def assign(given: Sequence[str] | None, plan: Plan, numbering: str) -> Classes:
    """numbering: auto, coco (its 1 to 90) or contiguous. Raises AdaptError."""
    columns = None if plan.labels else plan.scores.columns
    kinds = None if columns is None else columns - (plan.background != "none")
    if not given:
        many = "one name for each label" if kinds is None else f"{kinds} names"
        raise AdaptError(
            f"the file names no classes; give {many} with --classes names.txt (a name a line) or "
            "--classes a,b,c"
        )
    first = plan.offset + (plan.background == "first")
    numbered = [re.fullmatch(r"(\d+)\s*:\s*(.+)", name) for name in given]
    note = None
    if all(numbered):
        pairs = [(int(match[1]), match[2]) for match in numbered if match]
        note = "labels as numbered in --classes"
    elif numbering == "coco" or (
        numbering == "auto"
        and len(given) == 80
        and (given[0], given[-1]) == ("person", "toothbrush")
        and (plan.coco_gaps if kinds is None else kinds in (90, 91))
    ):
        if len(given) != 80:
            raise AdaptError(f"--class-ids coco wants COCO's 80 names; {len(given)} are given")
        pairs = list(zip(COCO_IDS, given, strict=True))
        note = "80 names of COCO: labels 1 to 90, with its gaps (--class-ids contiguous otherwise)"
    else:
        with_background = given[0].lower() in _BACKGROUND
        start = first - 1 if with_background and first > 0 else first
        if kinds is not None and len(given) not in (kinds, columns):
            raise AdaptError(
                f"the graph has {kinds} classes, {len(given)} names are given; "
                f"name all {kinds}, or some by their number (a line each: 7: train)"
            )
        if kinds is not None and len(given) == columns != kinds:
            if plan.background == "first" and not with_background:
                raise AdaptError(
                    f"the graph has {kinds} classes beside background, {len(given)} names are "
                    "given, and the first of them is not 'background'"
                )
            start = 0
        pairs = list(enumerate(given, start))
    pairs = [(n, name) for n, name in pairs if name.lower() not in _BACKGROUND | _NONE]
    repeated = sorted({name for _, name in pairs if [n for _, n in pairs].count(name) > 1})
    if repeated:
        raise AdaptError(f"the class {repeated[0]!r} is named more than once")
    if not pairs:
        raise AdaptError("no class is left beside the background")
    beyond = [number for number, _ in pairs if columns is not None and number >= columns]
    if beyond:
        raise AdaptError(f"there is no class {beyond[0]}: the scores have {columns} columns")
    return Classes(tuple(name for _, name in pairs), tuple(number for number, _ in pairs), note)
