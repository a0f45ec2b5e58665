"""Words for heads before decoding that are seen for what they are, and not read by themselves."""

from __future__ import annotations

from scripts.model.adapt.formats import FORMATS
from scripts.model.adapt.formats.anchor_heads import fastest, yolo_anchors
from scripts.model.adapt.formats.prior_heads import face_priors, ssd_default_boxes
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.explain_level_heads import explain_level_heads
from scripts.model.adapt.recognition.layouts.level_outputs import find_level_outputs
from scripts.model.adapt.recognition.layouts.one_map import OneMap, find_one_map
from scripts.model.adapt.recognition.layouts.prior_outputs import PriorOutputs, find_prior_outputs
from scripts.model.adapt.recognition.layouts.shared import find_prediction_table
from scripts.model.adapt.recognition.observed_model import ObservedModel

_FIVE_STRIDES = (8, 16, 32, 64, 128)
_OF_FIVE_STRIDES = {
    9: "RetinaNet or EfficientDet",
    6: "TensorFlow's SSD with a pyramid",
    1: "FCOS or ATSS",
}


def explain_raw_heads(model: ObservedModel) -> list[str]:
    """Sentences; none where the outputs are no such heads."""
    outputs = find_prior_outputs(model)
    if outputs is not None:
        return _explain_priors(outputs)
    one_map = find_one_map(model)
    if one_map is not None:
        return _explain_map(one_map)
    maps = yolo_anchors.find_anchor_maps(model) or find_level_outputs(model)
    of_anchors = yolo_anchors.explain_anchor_heads(maps)
    sentences = [of_anchors] if of_anchors else []
    return [*sentences, *_explain_fastestv2(model), *explain_level_heads(model)]


def _explain_map(head: OneMap) -> list[str]:
    readings = _read(head)
    if readings:
        return [_offer(reading) for reading in readings if not reading.plausible]
    return [
        f"{head.summary}, {head.columns} columns for each: a head before decoding, but not as "
        "FastestDet (objectness, box, classes that add up to 1) or YOLOv2 gives it. Export with "
        "decoding."
    ]


def _explain_priors(outputs: PriorOutputs) -> list[str]:
    width, height = outputs.input_size
    counts = face_priors.count_priors((width, height)) | ssd_default_boxes.count_priors(
        (width, height)
    )
    known = ", ".join(f"{name} has {count}" for name, count in counts.items())
    sentences = [
        f"{outputs.offsets.name} and {outputs.scores.name} look like an SSD's before decoding, "
        f"offsets to {outputs.row_count} rows of prior boxes beside class scores. "
        f"At {width} x {height} px {known}."
    ]
    by_option = [reading for reading in _read(outputs) if not reading.plausible]
    for count, owner in _OF_FIVE_STRIDES.items():
        cells = sum(level.columns * level.rows for level in outputs.model.levels(_FIVE_STRIDES))
        if outputs.row_count == count * cells:
            sentences.append(
                f"{owner} has as many, {count} anchors a cell of strides 8 to 128, whose sizes the "
                "file does not say."
            )
    if by_option:
        options = " or ".join(f"--format {reading.format}" for reading in by_option)
        sentences.append(
            f"The file does not say which priors of as many it was trained with: {options}, if you "
            "know that."
        )
    sentences.append("Else export with decoding.")
    return sentences


def _offer(reading: FormatReading) -> str:
    """How a reading can be picked, why, and what is assumed then."""
    doubts = f" But {'; '.join(reading.doubts)}." if reading.doubts else ""
    reasons = "; ".join(reading.reasons)
    return f"They may be read by --format {reading.format}: {reasons}.{doubts}"


def _explain_fastestv2(model: ObservedModel) -> list[str]:
    layouts = (find_level_outputs(model), find_prediction_table(model))
    known = fastest.YOLO_FASTESTV2
    readings = [
        reading
        for layout in layouts
        if (read := known.readers.get(type(layout))) and (reading := read(layout)) is not None
    ]
    return [_offer(reading) for reading in readings[:1] if not reading.plausible]


def _read(layout: object) -> list[FormatReading]:
    readers = [known.readers.get(type(layout)) for known in FORMATS]
    return [reading for read in readers if read and (reading := read(layout)) is not None]
