"""The user's options about a foreign model, and how they replace a format's defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from handler.detection import letterbox
from scripts.model import graph
from scripts.model.adapt.class_ids import Numbering
from scripts.model.adapt.loading.image_input import ImageInput
from scripts.model.adapt.preprocessing import UNIT_STD, ZERO_MEAN, Preprocessing
from scripts.model.adapt.reading import (
    Activation,
    Anchors,
    Background,
    CellCentre,
    Coding,
    FormatReading,
    Units,
)
from scripts.tool import ToolError


@dataclass(frozen=True)
class AdaptOptions:
    """None leaves a value to the file, or to the format's default.

    size: (width, height) in px. input_values: of inputs beside the picture's, by name. classes: a
    file of names, or "a,b,c". mean, std: in the network's channel order. anchors: a width and a
    height in px of each, the finest level's first.
    """

    format: str | None = None
    size: tuple[int, int] | None = None
    input_values: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    layout: graph.Layout | None = None
    order: graph.Order | None = None
    scale: float | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    fit: letterbox.Fit | None = None
    fill: tuple[int, int, int] | None = None
    resize: letterbox.Rule | None = None
    classes: str | None = None
    class_ids: Numbering = "auto"
    class_offset: int | None = None
    coding: Coding | None = None
    units: Units | None = None
    activation: Activation | None = None
    background: Background | None = None
    cell_centre: CellCentre | None = None
    anchors: tuple[float, ...] | None = None
    nms: graph.Nms | None = None
    labels_per_box: Literal["one", "many"] | None = None
    score_threshold: float | None = None
    iou_threshold: float | None = None
    dataset: str = "not said"


def apply_options(
    reading: FormatReading, options: AdaptOptions, image: ImageInput
) -> FormatReading:
    """The reading, its defaults replaced by the options.

    Raises ToolError where they do not fit the reading or the input.
    """
    preprocessing = _apply_to_preprocessing(reading.preprocessing, options, image)
    changes = {
        name: value
        for name in (
            "coding",
            "units",
            "activation",
            "background",
            "cell_centre",
            "nms",
            "class_offset",
            "score_threshold",
            "iou_threshold",
        )
        if (value := getattr(options, name)) is not None
    }
    _check_coding(reading, options.coding)
    if options.anchors is not None:
        changes["anchors"] = _replace_anchors(reading, options.anchors)
        changes["doubts"] = ()
    if options.labels_per_box is not None:
        changes["single_label"] = options.labels_per_box == "one"
    if options.class_offset is not None:
        changes["coco_gaps"] = False
    return dataclasses.replace(reading, preprocessing=preprocessing, **changes)


def _check_coding(reading: FormatReading, coding: Coding | None) -> None:
    """Raises ToolError where the reading has not what a coding needs."""
    of_formats: dict[Coding, object] = {
        "prior-offsets": reading.priors,
        "anchors": reading.anchors,
        "tanh": reading.coding == "tanh",
    }
    if coding in of_formats and not of_formats[coding]:
        raise ToolError(f"--coding {coding} goes with a format alone that has it; see --format")
    of_cells = ("grid", "distribution", "distances", "pixel-distances", "log-distances")
    if coding in of_cells and not reading.levels:
        raise ToolError(f"--coding {coding} needs rows that are a grid's cells")


def _replace_anchors(reading: FormatReading, numbers: tuple[float, ...]) -> Anchors:
    if reading.anchors is None:
        raise ToolError(f"--anchors: {reading.format} has no anchors")
    counts = [len(of_level) for of_level in reading.anchors.sizes]
    if len(numbers) != 2 * sum(counts):
        raise ToolError(
            f"--anchors: {len(numbers)} numbers; {reading.format} has {sum(counts)} anchors here, "
            f"{' + '.join(map(str, counts))} by level: a width and a height for each"
        )
    pairs = iter(zip(numbers[::2], numbers[1::2], strict=True))
    sizes = tuple(tuple(next(pairs) for _ in range(count)) for count in counts)
    return dataclasses.replace(reading.anchors, sizes=sizes)


def _apply_to_preprocessing(
    default: Preprocessing, options: AdaptOptions, image: ImageInput
) -> Preprocessing:
    mean, std = default.mean, default.std
    if options.order not in (None, default.order):  # mean and std go with their channels
        mean, std = mean[::-1], std[::-1]
    if options.scale is not None and (mean, std) != (ZERO_MEAN, UNIT_STD):
        mean, std = (
            tuple(value * options.scale / default.scale for value in values)
            for values in (mean, std)
        )
    preprocessing = dataclasses.replace(
        default,
        order=options.order or default.order,
        scale=options.scale or default.scale,
        mean=options.mean or mean,
        std=options.std or std,
        fit=options.fit or default.fit,
        fill=options.fill or default.fill,
        rule=options.resize or default.rule,
    )
    if any(value == 0 for value in preprocessing.std):
        raise ToolError("--std must not be 0")
    if image.dtype != "uint8":
        return preprocessing
    for name in ("scale", "mean", "std"):
        if getattr(options, name) is not None:
            raise ToolError(f"--{name}: the graph takes bytes as they are")
    return dataclasses.replace(preprocessing, scale=255.0, mean=ZERO_MEAN, std=UNIT_STD)
