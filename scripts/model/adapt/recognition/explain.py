"""Words for what was seen in a model's outputs, which readings were tried, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.model.adapt.formats import FORMATS
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.explain_raw_heads import explain_raw_heads
from scripts.model.adapt.recognition.observed_model import ObservedModel
from scripts.model.adapt.recognition.observed_output import ObservedOutput
from scripts.model.plurals import counted

_STRIDES = (4, 8, 16, 32, 64, 128)


def list_formats() -> str:
    """A line for each known format, for --help."""
    return "\n".join(f"  {known.name:20} {known.summary}" for known in FORMATS)


def describe_reading(reading: FormatReading) -> str:
    """Its format, how many classes it has, and the option that picks it."""
    option = f"--format {reading.format}"
    if reading.labels is not None:
        return f"{reading.format}: {reading.coding} in {reading.units}, {option}"
    count = reading.scores.column_count - (reading.background != "none")
    return f"{reading.format}: {counted(count, 'class')}, {option}"


def explain_failure(model: ObservedModel, tried: Sequence[tuple[FormatReading, str]]) -> str:
    """tried: readings, and what speaks against each."""
    lines = [f"no known format fits the outputs at {_size(model)} px: {_seen(model)}."]
    if model.claims.summary:
        lines.append(f"The file says: {model.claims.summary}.")
    if heads := _heads(model):
        lines.append(
            f"These look like heads before decoding: {heads}; export with decoding (YOLOv5 "
            "export.py, YOLOv7 --grid)."
        )
    lines += explain_raw_heads(model)
    if tried:
        lines.append("Tried were:")
        lines += [f"  {reading.format}: {text}" for reading, text in tried]
    lines.append(
        f"Name one with --format if you know better; --help lists the {len(FORMATS)} formats"
    )
    return "\n".join(lines)


def explain_wrong_format(model: ObservedModel, format_name: str, reasons: str) -> str:
    summary = next(known.summary for known in FORMATS if known.name == format_name)
    heads = _heads(model)
    hint = f" These look like heads before decoding: {heads}." if heads else ""
    because = f" ({reasons})" if reasons else ""
    return (
        f"the outputs at {_size(model)} px do not read as {format_name}, which is {summary}"
        f"{because}; seen: {_seen(model)}.{hint}"
    )


def explain_open_choice(readings: Sequence[FormatReading], row_count: int) -> str:
    """row_count: of the boxes on all trial pictures, which fit all of the readings."""
    choices = "; ".join(describe_reading(reading) for reading in readings)
    found = f"only {counted(row_count, 'box')}" if row_count else "nothing"
    return (
        f"the graph found {found} on the trial pictures, and its outputs may be read in several "
        f"ways: {choices}. Give --check a picture on which it must find something, or one of these "
        "options"
    )


def _size(model: ObservedModel) -> str:
    return f"{model.foreign.image.width} x {model.foreign.image.height}"


def _seen(model: ObservedModel) -> str:
    return "; ".join(str(output) for output in model.outputs) or "none"


def _heads(model: ObservedModel) -> str:
    """The outputs that are of one stride's cells each, where there are several strides."""
    strides = [(output, _stride(model, output)) for output in model.outputs]
    heads = [f"{output.name} (stride {stride})" for output, stride in strides if stride]
    return ", ".join(heads) if len({stride for _, stride in strides if stride}) > 1 else ""


def _stride(model: ObservedModel, output: ObservedOutput) -> int | None:
    """The stride whose cells the output has a row, or a place, for."""
    for level in model.levels(_STRIDES):
        cells = level.columns * level.rows
        table = output.table_shape
        if table is not None and cells > 1 and table[0] in (cells, 2 * cells, 3 * cells):
            return level.stride
        if len(output.shape) in (4, 5) and (level.rows, level.columns) in (
            output.shape[-3:-1],
            output.shape[-2:],
            output.shape[1:3],
        ):
            return level.stride
    return None
