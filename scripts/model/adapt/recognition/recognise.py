"""Recognises the format of a tried foreign model: metadata first, then names, shapes and values.

Every reading that the outputs allow is tried on what the graph gave, and one that makes no boxes
of it is not taken. The number of class names that the user gives has no say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from scripts.model.adapt.formats import FORMATS
from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.other_tasks.refuse import refuse_other_tasks
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.examination.examine import Examination, examine
from scripts.model.adapt.recognition.examination.objection import Objection
from scripts.model.adapt.recognition.explain import (
    describe_reading,
    explain_failure,
    explain_open_choice,
    explain_wrong_format,
)
from scripts.model.adapt.recognition.finders import LAYOUT_FINDERS
from scripts.model.adapt.recognition.observed_model import ObservedModel
from scripts.tool import ToolError

_UNCONFIRMED = "nothing speaks against it, and nothing for it: only with --format"


@dataclass(frozen=True, eq=False)
class Recognition:
    """The reading that is taken, and others that the outputs allow as well.

    warnings: sentences for the user about how sure it is.
    """

    reading: FormatReading
    rivals: tuple[FormatReading, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Candidate:
    """A reading of the layout of that number, and how it looks on the trial pictures.

    original: without the user's options.
    """

    original: FormatReading
    reading: FormatReading
    layout: int
    examination: Examination


def recognise_format(
    foreign: ForeignModel,
    format_name: str | None = None,
    *,
    customise: Callable[[FormatReading], FormatReading] = lambda reading: reading,
) -> Recognition:
    """The likeliest reading of the model's outputs, or the reading as `format_name`.

    customise: applies the user's options to a reading; it may raise ToolError. Raises ToolError,
    whose text lists what was seen and tried, where nothing fits, and where readings cannot be told
    apart.
    """
    refuse_other_tasks(foreign, format_name)
    model = ObservedModel(foreign)
    if format_name is not None:
        return _recognise_as(model, format_name, customise)
    candidates = [
        _try(model, reading, changed, layout)
        for layout, reading in _readings(model)
        for changed in [_customised(reading, customise)]
    ]
    accepted = sorted(
        (each for each in candidates if each.reading.plausible and not each.examination.is_refused),
        key=lambda each: (not each.examination.row_count, len(each.examination.objections)),
    )
    if not accepted:
        candidates.sort(key=lambda each: not each.reading.plausible)
        tried = [(each.reading, each.examination.text or _UNCONFIRMED) for each in candidates]
        raise ToolError(explain_failure(model, tried))
    best = accepted[0]
    customise(best.original)  # raises where options do not fit it
    equals = [other for other in accepted[1:] if _is_equal(best, other)]
    apart = [other for other in equals if _decodes_otherwise(best.reading, other.reading)]
    if apart:
        readings = [each.reading for each in (best, *apart)]
        raise ToolError(explain_open_choice(readings, best.examination.row_count))
    rivals = tuple(other.reading for other in accepted[1:])
    warnings = [
        *_warn_of(best.examination.objections, best.reading.format),
        *_warn_of_silence(best),
        *_warn_of_equals(best, equals),
        *best.reading.doubts,
    ]
    return Recognition(_with_claims(model, best.reading), rivals, tuple(warnings))


def _recognise_as(
    model: ObservedModel, format_name: str, customise: Callable[[FormatReading], FormatReading]
) -> Recognition:
    """The reading that the user names. What speaks against it is a warning."""
    candidates = [
        _try(model, reading, changed, layout)
        for layout, reading in _readings(model)
        if reading.format == format_name
        for changed in [customise(reading)]
    ]
    possible = sorted(
        (candidate for candidate in candidates if not candidate.examination.is_impossible),
        key=lambda candidate: len(candidate.examination.objections),
    )
    if not possible:
        reasons = "; ".join(candidate.examination.text for candidate in candidates)
        raise ToolError(explain_wrong_format(model, format_name, reasons))
    best = possible[0]
    warnings = [
        *_warn_of(best.examination.objections, format_name),
        *_warn_of_silence(best),
        *best.reading.doubts,
    ]
    return Recognition(_with_claims(model, best.reading), (), tuple(warnings))


def _try(
    model: ObservedModel, original: FormatReading, reading: FormatReading, layout: int
) -> Candidate:
    # Which rows the graph has does not hang on the NMS that the user wants.
    examination = examine(model, replace(reading, nms=original.nms))
    return Candidate(original, reading, layout, examination)


def _readings(model: ObservedModel) -> Iterator[tuple[int, FormatReading]]:
    """Every possible reading with its layout's number, the likelier first."""
    for number, find_layout in enumerate(LAYOUT_FINDERS):
        layout = find_layout(model)
        readers = [known.readers.get(type(layout)) for known in FORMATS]
        readings = [reading for read in readers if read and (reading := read(layout)) is not None]
        for reading in sorted(readings, key=lambda reading: -reading.priority):
            yield number, reading


def _customised(
    reading: FormatReading, customise: Callable[[FormatReading], FormatReading]
) -> FormatReading:
    """The reading with the user's options, or as it is where they do not fit it."""
    try:
        return customise(reading)
    except ToolError:
        return reading


def _is_equal(best: Candidate, other: Candidate) -> bool:
    """Whether only convention puts one before the other."""
    return (
        best.layout == other.layout
        and best.reading.priority == other.reading.priority
        and len(best.examination.objections) == len(other.examination.objections)
    )


def _decodes_otherwise(first: FormatReading, second: FormatReading) -> bool:
    """Whether the same rows become other boxes or labels; else only the number of classes, which
    names tell, and defaults of the format are other ones."""
    return (first.boxes, first.coding, first.units, first.labels, first.class_offset) != (
        second.boxes,
        second.coding,
        second.units,
        second.labels,
        second.class_offset,
    )


def _warn_of(objections: tuple[Objection, ...], format_name: str) -> list[str]:
    return [
        f"read as {format_name}, {objection.text}; look at the boxes of --check before you use it"
        for objection in objections
    ]


def _warn_of_silence(best: Candidate) -> list[str]:
    if best.examination.row_count:
        return []
    reading = best.reading
    return [
        "the graph found nothing on any trial picture, so nothing confirms that it is "
        f"{reading.format} ({reading.coding} in {reading.units}); try it with --check on a picture "
        "where it must find something"
    ]


def _warn_of_equals(best: Candidate, equals: list[Candidate]) -> list[str]:
    if not equals:
        return []
    others = "; ".join(describe_reading(other.reading) for other in equals)
    return [f"the outputs fit as well: {others}. {best.reading.format} is taken by convention"]


def _with_claims(model: ObservedModel, reading: FormatReading) -> FormatReading:
    """The reading with what the file says of itself before its reasons."""
    if not model.claims.summary:
        return reading
    return replace(reading, reasons=(f"the file says: {model.claims.summary}", *reading.reasons))
