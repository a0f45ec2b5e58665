"""SSDs before decoding: offsets to priors of six levels or seven, beside class scores.

The number of rows tells the network's family, and where two families share it, the number of
classes does. Liu et al., SSD, 2016; the constants are of ssd.pytorch, lufficc's SSD, torchvision,
NVIDIA's DeepLearningExamples, pytorch-ssd (qfgaohao) and TensorFlow's object detection API.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.formats.prior_grid import PriorLevel, prior_boxes
from scripts.model.adapt.preprocessing import (
    BLACK,
    IMAGENET_MEAN,
    IMAGENET_STD,
    UNIT_STD,
    Preprocessing,
)
from scripts.model.adapt.reading import FormatReading, Priors
from scripts.model.adapt.recognition.prior_outputs import PriorOutputs

Sizes = tuple[tuple[float, float], ...]

_VGG = Preprocessing("rgb", 255, (123.0, 117.0, 104.0), UNIT_STD, "stretch", BLACK, "opencv-linear")
_MOBILENET = Preprocessing(
    "rgb", 255, (127.0,) * 3, (128.0,) * 3, "stretch", BLACK, "opencv-linear"
)
_TENSORFLOW = Preprocessing(
    "rgb", 255, (127.5,) * 3, (127.5,) * 3, "stretch", BLACK, "opencv-linear"
)
_NVIDIA = Preprocessing("rgb", 1, IMAGENET_MEAN, IMAGENET_STD, "stretch", BLACK, "antialias")

# Background and 80 classes, or ssd.pytorch's 200; torchvision's have COCO's gaps.
_VOC_COLUMNS, _COCO_COLUMNS, _TORCHVISION_COLUMNS = (21,), (81, 201), 91

# Cells and steps of the levels, by the input's side, and how many priors a level's cell has.
_VGG_GRIDS = {
    300: ((38, 19, 10, 5, 3, 1), (8, 16, 32, 64, 100, 300), (1, 2, 2, 2, 1, 1)),
    512: ((64, 32, 16, 8, 4, 2, 1), (8, 16, 32, 64, 128, 256, 512), (1, 2, 2, 2, 2, 1, 1)),
}
# The sides of the levels' square priors in px, one more than there are levels.
_VGG_SIDES = {
    (300, "voc"): (30, 60, 111, 162, 213, 264, 315),
    (300, "coco"): (21, 45, 99, 153, 207, 261, 315),
    (512, "voc"): (35.84, 76.8, 153.6, 230.4, 307.2, 384.0, 460.8, 537.65),
    (512, "coco"): (20.48, 51.2, 133.12, 215.04, 296.96, 378.88, 460.8, 542.72),
}
_MOBILENET_GRID = ((19, 10, 5, 3, 2, 1), (16, 32, 64, 100, 150, 300))
_MOBILENET_SIDES = (60, 105, 150, 195, 240, 285, 330)
_TENSORFLOW_LEVELS = 6
_TENSORFLOW_RATIOS = (1.0, 2.0, 0.5, 3.0, 0.3333)  # 0.3333 as its configuration has it


def _sizes(side: float, next_side: float, ratios: Sequence[int]) -> Sizes:
    """The prior sizes of a cell: two squares, then a wide and a tall one for each ratio."""
    between = math.sqrt(side * next_side)
    sizes = [(side, side), (between, between)]
    for ratio in ratios:
        root = math.sqrt(ratio)
        sizes += [(side * root, side / root), (side / root, side * root)]
    return tuple(sizes)


def _vgg_priors(
    side: int,
    data_set: Literal["voc", "coco"],
    *,
    cuts_centres: bool = True,
    by_size: bool = False,
) -> NDArray[np.float32]:
    """The last cells of stride 32 have their middle beyond 300 px, where it is cut."""
    cells, steps, ratio_counts = _VGG_GRIDS[side]
    levels = [
        PriorLevel(count, count, (step, step), _sizes(*sides, (2, 3)[:ratio_count]))
        for count, step, ratio_count, sides in zip(
            cells, steps, ratio_counts, pairwise(_VGG_SIDES[side, data_set]), strict=True
        )
    ]
    return prior_boxes(levels, largest=(side, side), cuts_centres=cuts_centres, by_size=by_size)


def _mobilenet_priors() -> NDArray[np.float32]:
    levels = [
        PriorLevel(count, count, (step, step), _sizes(*sides, (2, 3)))
        for count, step, sides in zip(*_MOBILENET_GRID, pairwise(_MOBILENET_SIDES), strict=True)
    ]
    return prior_boxes(levels, largest=(300, 300))


def _tensorflow_priors(size: tuple[int, int]) -> NDArray[np.float32]:
    """create_ssd_anchors with the scales 0.2 to 0.95 and a reduced lowest layer."""
    shorter = min(size)
    columns, rows = (math.ceil(side / 16) for side in size)
    scales = [0.2 + 0.75 * index / (_TENSORFLOW_LEVELS - 1) for index in range(_TENSORFLOW_LEVELS)]
    levels = []
    for index, (scale, next_scale) in enumerate(pairwise([*scales, 1.0])):
        shapes = [(scale, ratio) for ratio in _TENSORFLOW_RATIOS]
        shapes.append((math.sqrt(scale * next_scale), 1.0))
        if index == 0:
            shapes = [(0.1, 1.0), (scale, 2.0), (scale, 0.5)]
        sizes = tuple(
            (shorter * side * math.sqrt(ratio), shorter * side / math.sqrt(ratio))
            for side, ratio in shapes
        )
        levels.append(PriorLevel(columns, rows, (size[0] / columns, size[1] / rows), sizes))
        columns, rows = math.ceil(columns / 2), math.ceil(rows / 2)
    return prior_boxes(levels)


def count_priors(size: tuple[int, int]) -> dict[str, int]:
    """How many priors each format has at an input's (width, height)."""
    counts = {"tf-ssd-heads (sigmoid scores)": len(_tensorflow_priors(size))}
    if size == (300, 300):
        counts["ssd-mobilenet"] = len(_mobilenet_priors())
    if size in ((300, 300), (512, 512)):
        counts["ssd-vgg"] = len(_vgg_priors(size[0], "coco"))
    return counts


def _read_softmaxed(
    outputs: PriorOutputs,
    format_name: str,
    priors: NDArray[np.float32],
    preprocessing: Preprocessing,
    *,
    score_threshold: float = 0.5,
    iou_threshold: float = 0.45,
    plausible: bool = True,
    notes: tuple[str, ...] = (),
) -> FormatReading | None:
    if outputs.landmarks or outputs.score_columns < 2 or not outputs.are_offsets_to(priors):
        return None
    if outputs.probable and not outputs.softmaxed:
        return None
    width, height = outputs.input_size
    return FormatReading(
        format=format_name,
        reasons=(
            f"{outputs.summary}: offsets to the {len(priors)} priors that {format_name} has at "
            f"{width} x {height} px, background and {outputs.score_columns - 1} classes",
        ),
        preprocessing=preprocessing,
        boxes=outputs.offsets_slice,
        coding="prior-offsets",
        priors=Priors(priors),
        scores=outputs.scores_slice,
        activation="none" if outputs.softmaxed else "softmax",
        background="first",
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        priority=2,
        plausible=plausible,
        notes=notes,
    )


def _read_vgg(outputs: PriorOutputs, data_set: Literal["voc", "coco"]) -> FormatReading | None:
    width, height = outputs.input_size
    if width != height or width not in _VGG_GRIDS or outputs.layout != "rows":
        return None
    known_columns = _VOC_COLUMNS if data_set == "voc" else _COCO_COLUMNS
    return _read_softmaxed(
        outputs,
        f"ssd-vgg-{data_set}",
        _vgg_priors(width, data_set),
        _VGG,
        plausible=outputs.score_columns in known_columns,
    )


def _read_vgg_voc(outputs: PriorOutputs) -> FormatReading | None:
    return _read_vgg(outputs, "voc")


def _read_vgg_coco(outputs: PriorOutputs) -> FormatReading | None:
    return _read_vgg(outputs, "coco")


def _read_torchvision(outputs: PriorOutputs) -> FormatReading | None:
    """ssd300_vgg16: DefaultBoxGenerator cuts sizes, but no centres."""
    if outputs.input_size != (300, 300) or outputs.layout != "rows":
        return None
    return _read_softmaxed(
        outputs,
        "ssd-torchvision",
        _vgg_priors(300, "coco", cuts_centres=False),
        _VGG,
        plausible=outputs.score_columns == _TORCHVISION_COLUMNS,
    )


def _read_nvidia(outputs: PriorOutputs) -> FormatReading | None:
    """DeepLearningExamples' and MLPerf's SSD300: a column a prior, all cells of a prior together,
    whose sizes are as COCO's above."""
    if outputs.input_size != (300, 300) or outputs.layout != "columns":
        return None
    return _read_softmaxed(
        outputs,
        "ssd-nvidia",
        _vgg_priors(300, "coco", by_size=True),
        _NVIDIA,
        iou_threshold=0.5,
        notes=("normalised as ImageNet; --mean and --std say otherwise",),
    )


def _read_mobilenet(outputs: PriorOutputs) -> FormatReading | None:
    """mobilenetv1_ssd_config of pytorch-ssd, which its SSD lites share."""
    if outputs.input_size != (300, 300) or outputs.layout != "rows":
        return None
    return _read_softmaxed(
        outputs, "ssd-mobilenet", _mobilenet_priors(), _MOBILENET, score_threshold=0.4
    )


def _read_tensorflow(outputs: PriorOutputs) -> FormatReading | None:
    if outputs.landmarks or outputs.layout != "rows" or outputs.softmaxed:
        return None
    priors = _tensorflow_priors(outputs.input_size)
    if outputs.score_columns < 2 or not outputs.are_offsets_to(priors):
        return None
    width, height = outputs.input_size
    return FormatReading(
        format="tf-ssd-heads",
        reasons=(
            f"{outputs.summary}: offsets (ty, tx, th, tw) to the {len(priors)} priors of "
            f"TensorFlow's SSD at {width} x {height} px, background and "
            f"{outputs.score_columns - 1} classes",
        ),
        preprocessing=_TENSORFLOW,
        boxes=outputs.offsets_slice,
        coding="prior-offsets",
        priors=Priors(priors, order="yxhw"),
        scores=outputs.scores_slice,
        activation="none" if outputs.probable else "sigmoid",
        background="first",
        score_threshold=0.5,
        iou_threshold=0.6,
        priority=2,
        # Caffe's MobileNet-SSD has as many priors, of other sizes, and a softmax.
        plausible=outputs.probable or outputs.score_columns == 91,
    )


SSD_VGG_VOC = Format(
    "ssd-vgg-voc",
    "offsets to SSD300's 8732 priors, or SSD512's 24564, of VOC's sizes; RGB less the mean",
    {PriorOutputs: _read_vgg_voc},
)
SSD_VGG_COCO = Format(
    "ssd-vgg-coco",
    "the same with COCO's sizes",
    {PriorOutputs: _read_vgg_coco},
)
SSD_TORCHVISION = Format(
    "ssd-torchvision",
    "the same as torchvision's ssd300_vgg16 has it before its post-processing",
    {PriorOutputs: _read_torchvision},
)
SSD_NVIDIA = Format(
    "ssd-nvidia",
    "SSD300's priors as [1, 4, 8732] and [1, C, 8732]; ImageNet (NVIDIA's)",
    {PriorOutputs: _read_nvidia},
)
SSD_MOBILENET = Format(
    "ssd-mobilenet",
    "offsets to 3000 priors at 300 px (MobileNet SSDs of pytorch-ssd); RGB less 127",
    {PriorOutputs: _read_mobilenet},
)
TF_SSD_HEADS = Format(
    "tf-ssd-heads",
    "TensorFlow's SSD before decoding, 1917 priors at 300 px; RGB -1..1",
    {PriorOutputs: _read_tensorflow},
)
