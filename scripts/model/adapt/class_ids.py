"""Which label of a foreign graph, or which column of its scores, each class name belongs to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scripts.model.adapt.reading import FormatReading
from scripts.tool import ToolError

Numbering = Literal["auto", "coco", "contiguous"]

_BACKGROUND_NAMES = {"__background__", "background", "bg", "_background_"}
_UNUSED_NAMES = {"n/a", "???", "-", "no-object", "no_object"}
# COCO's 80 classes carry the numbers 1 to 90; these ten were dropped before the set came out.
_COCO_GAPS = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
COCO_IDS = tuple(number for number in range(1, 91) if number not in _COCO_GAPS)


@dataclass(frozen=True)
class ClassAssignment:
    """ids: the label, or the column of scores, of each name. note: how they were assigned, where
    the user should know."""

    names: tuple[str, ...]
    ids: tuple[int, ...]
    note: str | None = None


def assign_class_ids(
    names: Sequence[str] | None, reading: FormatReading, numbering: Numbering
) -> ClassAssignment:
    """Number the names as the graph does, without background and unused ones.

    numbering: coco for labels 1 to 90, contiguous, or auto, where the format and COCO's own names
    decide. A name "7: train" carries its number. Raises ToolError where names do not fit the graph.
    """
    columns = None if reading.labels else reading.scores.column_count
    class_count = None if columns is None else columns - (reading.background != "none")
    if not names:
        expected = "one name for each label" if class_count is None else f"{class_count} names"
        raise ToolError(
            f"the file names no classes; give {expected} with --classes names.txt (a name a line) "
            "or --classes a,b,c"
        )
    numbered, note = _numbered_in_text(names), None
    if numbered:
        note = "labels as numbered in --classes"
    elif numbering == "coco" or (numbering == "auto" and _has_coco_gaps(names, reading)):
        if len(names) != 80:
            raise ToolError(f"--class-ids coco wants COCO's 80 names; {len(names)} are given")
        numbered = list(zip(COCO_IDS, names, strict=True))
        note = "80 names of COCO: labels 1 to 90, with its gaps (--class-ids contiguous otherwise)"
    else:
        numbered = list(enumerate(names, _first_id(names, reading, columns, class_count)))
    numbered = [
        (class_id, name)
        for class_id, name in numbered
        if name.lower() not in _BACKGROUND_NAMES | _UNUSED_NAMES
    ]
    used_names = [name for _, name in numbered]
    repeated = sorted({name for name in used_names if used_names.count(name) > 1})
    if repeated:
        raise ToolError(f"the class {repeated[0]!r} is named more than once")
    if not numbered:
        raise ToolError("no class is left beside the background")
    beyond = [class_id for class_id, _ in numbered if columns is not None and class_id >= columns]
    if beyond:
        raise ToolError(f"there is no class {beyond[0]}: the scores have {columns} columns")
    return ClassAssignment(tuple(used_names), tuple(class_id for class_id, _ in numbered), note)


def _numbered_in_text(names: Sequence[str]) -> list[tuple[int, str]]:
    """The numbers where every name has one, as "7: train", else nothing."""
    matches = [re.fullmatch(r"(\d+)\s*:\s*(.+)", name) for name in names]
    numbered = [(int(match[1]), match[2]) for match in matches if match]
    return numbered if len(numbered) == len(names) else []


def _has_coco_gaps(names: Sequence[str], reading: FormatReading) -> bool:
    if len(names) != 80 or (names[0], names[-1]) != ("person", "toothbrush"):
        return False
    if reading.labels:
        return reading.coco_gaps
    return reading.scores.column_count - (reading.background != "none") in (90, 91)


def _first_id(
    names: Sequence[str], reading: FormatReading, columns: int | None, class_count: int | None
) -> int:
    """The label, or column, of the first name."""
    first = reading.class_offset + (reading.background == "first")
    names_background = names[0].lower() in _BACKGROUND_NAMES
    if class_count is not None and len(names) not in (class_count, columns):
        raise ToolError(
            f"the graph has {class_count} classes, {len(names)} names are given; "
            f"name all {class_count}, or some by their number (a line each: 7: train)"
        )
    if class_count is not None and len(names) == columns != class_count:
        if reading.background == "first" and not names_background:
            raise ToolError(
                f"the graph has {class_count} classes beside background, {len(names)} names are "
                "given, and the first of them is not 'background'"
            )
        return 0
    return first - 1 if names_background and first > 0 else first
