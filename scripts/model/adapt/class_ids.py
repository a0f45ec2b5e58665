"""Which label of a foreign graph, or which column of its scores, each class name belongs to."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from scripts.model.adapt.class_refusals import (
    NO_FILE_NAMES,
    FileNames,
    explain_missing_names,
    explain_wrong_count,
    refuse_repeated_names,
    tell_given,
    warn_of_case,
    warn_of_count,
)
from scripts.model.adapt.label_evidence import find_base
from scripts.model.adapt.reading import FormatReading
from scripts.model.plurals import counted
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
    the user should know. warnings: what looks wrong in them."""

    names: tuple[str, ...]
    ids: tuple[int, ...]
    note: str | None = None
    warnings: tuple[str, ...] = ()


def assign_class_ids(
    names: Sequence[str] | None,
    reading: FormatReading,
    numbering: Numbering,
    *,
    file_names: FileNames = NO_FILE_NAMES,
    seen_labels: Collection[int] = (),
    is_offset_given: bool = False,
) -> ClassAssignment:
    """Number the names as the graph does, without background and unused ones.

    numbering: coco for labels 1 to 90, contiguous, or auto, where the format and COCO's own names
    decide. A name "7: train" carries its number. seen_labels: of detections on the trial pictures;
    they say whether labels start at 0 or 1, unless is_offset_given, as by --class-offset. Raises
    ToolError where names do not fit the graph.
    """
    columns = None if reading.labels else reading.scores.column_count
    class_count = None if columns is None else columns - (reading.background != "none")
    if not names:
        raise ToolError(explain_missing_names(class_count, file_names))
    numbered, note, warnings = _numbered_in_text(names), None, []
    if numbered:
        note = "labels as numbered in the names"
    elif numbering == "coco" or (
        numbering == "auto" and _has_coco_gaps(names, reading, seen_labels)
    ):
        if len(names) != 80:
            raise ToolError(f"--class-ids coco wants COCO's 80 names; {tell_given(len(names))}")
        numbered = list(zip(COCO_IDS, names, strict=True))
        note = "80 names of COCO: labels 1 to 90, with its gaps (--class-ids contiguous otherwise)"
    else:
        first = _first_id(names, reading, columns, class_count, file_names)
        is_certain = is_offset_given or names[0].lower() in _BACKGROUND_NAMES
        if reading.labels is not None and not is_certain:
            base = find_base(len(names), reading, seen_labels, file_names.start_at_0)
            first, note, warnings = base.first, base.note, list(base.warnings)
        numbered = list(enumerate(names, first))
    numbered = [
        (class_id, name)
        for class_id, name in numbered
        if name.lower() not in _BACKGROUND_NAMES | _UNUSED_NAMES
    ]
    refuse_repeated_names(numbered)
    if not numbered:
        raise ToolError("no class is left beside the background")
    beyond = [class_id for class_id, _ in numbered if columns is not None and class_id >= columns]
    if beyond:
        raise ToolError(
            f"there is no class {beyond[0]}: read as {reading.format}, the scores have "
            f"{counted(columns or 0, 'column')}, numbered from 0"
        )
    used_names = tuple(name for _, name in numbered)
    warnings += warn_of_case(used_names)
    if columns is None and not _numbered_in_text(names):
        warnings += warn_of_count(len(names), file_names)
    return ClassAssignment(
        used_names, tuple(class_id for class_id, _ in numbered), note, tuple(warnings)
    )


def _numbered_in_text(names: Sequence[str]) -> list[tuple[int, str]]:
    """The numbers where every name has one, as "7: train", else nothing."""
    matches = [re.fullmatch(r"(\d+)\s*:\s*(.+)", name) for name in names]
    numbered = [(int(match[1]), match[2]) for match in matches if match]
    return numbered if len(numbered) == len(names) else []


def _has_coco_gaps(
    names: Sequence[str], reading: FormatReading, seen_labels: Collection[int]
) -> bool:
    if len(names) != 80 or (names[0], names[-1]) != ("person", "toothbrush"):
        return False
    if reading.labels:
        return reading.coco_gaps and not any(
            label == 0 or label in _COCO_GAPS for label in seen_labels
        )
    return reading.scores.column_count - (reading.background != "none") in (90, 91)


def _first_id(
    names: Sequence[str],
    reading: FormatReading,
    columns: int | None,
    class_count: int | None,
    file_names: FileNames,
) -> int:
    """The label, or column, of the first name, as the format has it."""
    first = reading.class_offset + (reading.background == "first")
    names_background = names[0].lower() in _BACKGROUND_NAMES
    if class_count is not None and len(names) not in (class_count, columns):
        raise ToolError(explain_wrong_count(reading.format, class_count, len(names), file_names))
    if class_count is not None and len(names) == columns != class_count:
        if reading.background == "first" and not names_background:
            raise ToolError(
                f"read as {reading.format} with {counted(class_count, 'class')} beside background "
                f"({file_names.summary}); {tell_given(len(names))}, and the first of them is not "
                "'background'"
            )
        return 0
    return first - 1 if names_background and first > 0 else first
