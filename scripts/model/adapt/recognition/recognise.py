"""Recognises the format of a tried foreign model from its outputs' names, shapes and values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scripts.model.adapt.formats import FORMATS
from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.finders import LAYOUT_FINDERS
from scripts.model.adapt.recognition.observed_model import ObservedModel
from scripts.tool import ToolError


@dataclass(frozen=True, eq=False)
class Recognition:
    """The reading that is taken, and others that the outputs allow as well.

    warnings: sentences for the user about how sure it is.
    """

    reading: FormatReading
    rivals: tuple[FormatReading, ...] = ()
    warnings: tuple[str, ...] = ()


def recognise_format(
    foreign: ForeignModel, format_name: str | None = None, class_count: int | None = None
) -> Recognition:
    """The likeliest reading of the model's outputs, or the reading as `format_name`.

    class_count: how many class names are given, if any; it decides between readings of one shape.
    Raises ToolError, whose text lists the outputs, where nothing fits.
    """
    for reading in _readings(ObservedModel(foreign, class_count)):
        if reading.format == format_name or (format_name is None and reading.plausible):
            return Recognition(reading)
    raise ToolError(_explain_failure(foreign, format_name))


def _readings(model: ObservedModel) -> Iterator[FormatReading]:
    """Every possible reading, the likelier first."""
    for find_layout in LAYOUT_FINDERS:
        layout = find_layout(model)
        readers = [known.readers.get(type(layout)) for known in FORMATS]
        readings = [reading for read in readers if read and (reading := read(layout)) is not None]
        yield from sorted(readings, key=lambda reading: -reading.priority)


def _explain_failure(foreign: ForeignModel, format_name: str | None) -> str:
    outputs = "; ".join(str(output) for output in foreign.outputs) or "none"
    size = f"{foreign.image.width} x {foreign.image.height}"
    heads = [o for o in foreign.outputs if len(o.shape) in (4, 5) and o.shape[-1] > 1]
    hint = ""
    if len(heads) > 1 and len(heads) == len(foreign.outputs):
        hint = (
            " These look like heads before decoding: export with decoding (YOLOv5 export.py, "
            "YOLOv7 --grid)."
        )
    if format_name:
        summary = next(known.summary for known in FORMATS if known.name == format_name)
        return (
            f"the outputs at {size} px do not read as {format_name}, which is {summary}; "
            f"seen: {outputs}.{hint}"
        )
    return (
        f"no known format fits the outputs at {size} px: {outputs}.{hint} "
        f"Name one with --format if you know better:\n{list_formats()}"
    )


def list_formats() -> str:
    """A line for each known format, for --help and error texts."""
    return "\n".join(f"  {known.name:20} {known.summary}" for known in FORMATS)
