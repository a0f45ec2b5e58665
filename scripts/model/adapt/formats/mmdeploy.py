"""mmdetection's models as mmdeploy exports them: `dets` with the score as a fifth column."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from scripts.model.adapt.formats import yolox
from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import (
    GREY,
    MMDET_BGR_MEAN,
    MMDET_BGR_STD,
    UNIT_STD,
    ZERO_MEAN,
    Preprocessing,
)
from scripts.model.adapt.reading import FormatReading, OutputSlice
from scripts.model.adapt.recognition.observed_model import ObservedModel
from scripts.model.adapt.recognition.observed_output import ObservedOutput

PREPROCESSING = Preprocessing("bgr", 255, ZERO_MEAN, UNIT_STD, "mmdet", GREY, "opencv-linear")
_RTMDET_PREPROCESSING = dataclasses.replace(PREPROCESSING, mean=MMDET_BGR_MEAN, std=MMDET_BGR_STD)


@dataclass(frozen=True, eq=False)
class ScoredBoxesAndLabels:
    """After NMS: boxes with their score [N, 5], and labels [N]."""

    model: ObservedModel
    scored_boxes: ObservedOutput
    labels: ObservedOutput


def find_scored_boxes_and_labels(model: ObservedModel) -> ScoredBoxesAndLabels | None:
    for scored_boxes in model.outputs:
        table = scored_boxes.table_shape
        if table is None or table[1] != 5:
            continue
        for output in model.outputs:
            if (
                output is not scored_boxes
                and output.vector_length == table[0]
                and (output.is_integer or "label" in output.lower_name)
            ):
                return ScoredBoxesAndLabels(model, scored_boxes, output)
    return None


def _read_mmdeploy(pair: ScoredBoxesAndLabels) -> FormatReading:
    foreign, dets = pair.model.foreign, pair.scored_boxes.name
    # A graph that names YOLOX itself was made with its own code, not with mmdet's.
    is_yolox = "yolox" in f"{foreign.producer} {foreign.model.graph.name}".lower()
    return FormatReading(
        format="mmdeploy",
        reasons=(
            f"{dets} has 5 columns (xyxy, score), {pair.labels.name} a label a row: mmdeploy, "
            "NMS inside, labels from 0",
        ),
        preprocessing=yolox.PREPROCESSING if is_yolox else PREPROCESSING,
        boxes=OutputSlice((dets,), 5, first=0, last=4),
        coding="xyxy",
        scores=OutputSlice((dets,), 5, first=4, last=5),
        labels=OutputSlice((pair.labels.name,), 1),
        ignored_outputs=tuple(  # of Mask R-CNN
            output.name for output in pair.model.outputs if output.lower_name == "masks"
        ),
        nms="none",
        nms_in_graph=True,
        score_threshold=0.3,
        iou_threshold=0.5,
        notes=(
            "an mmdeploy file does not say how pictures are normalised; here BGR 0..255 as "
            "for YOLOX (RTMDet: --format rtmdet; others: --order, --mean, --std, --fill)",
            *(("the file says it was made of YOLOX: placed as by its code",) if is_yolox else ()),
        ),
    )


def _read_rtmdet(pair: ScoredBoxesAndLabels) -> FormatReading:
    return dataclasses.replace(
        _read_mmdeploy(pair),
        format="rtmdet",
        preprocessing=_RTMDET_PREPROCESSING,
        notes=(),
        plausible=False,
    )


MMDEPLOY = Format(
    "mmdeploy",
    "dets [1, N, 5], labels [1, N], NMS inside; BGR 0..255, top left",
    {ScoredBoxesAndLabels: _read_mmdeploy},
)
RTMDET = Format(
    "rtmdet",
    "mmdeploy with RTMDet's normalisation",
    {ScoredBoxesAndLabels: _read_rtmdet},
)
