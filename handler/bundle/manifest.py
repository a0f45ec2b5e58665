"""The manifest of a bundle, model.json: how a model is run, and what clients are told of it."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from handler.bundle.reader import read_manifest, wrong_value

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")  # part of S3 keys and metric dimensions


@dataclass(frozen=True)
class Input:
    """Size of the graph's input in px."""

    width: int
    height: int


@dataclass(frozen=True)
class Resize:
    """How a picture becomes the input: see handler.letterbox. `fill` is the RGB of the padding."""

    rule: Literal["antialias", "opencv-linear"]
    fill: tuple[int, int, int]
    fit: Literal["centre", "yolov5", "yolox", "mmdet", "stretch"] = "centre"


@dataclass(frozen=True)
class DefaultThresholds:
    """Used where a request names none; from `score_floor` up a score is near enough to be
    recorded."""

    score: float
    iou: float
    max_detections: int
    score_floor: float


@dataclass(frozen=True)
class Provenance:
    """Where the weights come from."""

    framework: str
    model: str
    backbone: str
    checkpoint_sha256: str | None
    dataset: str
    training_command: str | None
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Evaluation:
    """Figures on one set of pictures, and the command that measured them."""

    dataset: str
    pictures: int
    ap50: float
    ap: float
    precision: float
    recall: float
    count_error: float
    command: str


@dataclass(frozen=True)
class ParityAt:
    """The detections above one score threshold, compared as sets.

    detections: of the framework, all pictures together; 0 proves nothing. Worst differences are in
    px of the original picture and in score, null where no two could be compared. on_edge: decisions
    that fell differently because a score or an overlap lay on its very limit.
    """

    threshold: float
    detections: int
    box_px: float | None
    score: float | None
    on_edge: int
    same: bool


@dataclass(frozen=True)
class Parity:
    """What scripts.model.parity found: the training framework's own predict against the handler.

    compared_from: `picture` where both began at the file, `input` where both began at the
    letterboxed input, because the bundle's resize is not the framework's. input_difference: the
    largest in the normalised input, 0 where it is identical. candidate_*: the largest before NMS,
    in input px and in score. first_difference: null where it passed.
    """

    passed: bool
    compared_from: Literal["picture", "input"]
    checkpoint_sha256: str
    onnx_sha256: str
    versions: Mapping[str, str]
    pictures: int
    input_difference: float
    candidate_box_px: float
    candidate_score: float
    at: tuple[ParityAt, ...]
    first_difference: str | None


@dataclass(frozen=True)
class CountCalibration:
    """How far true counts lay from found ones on labelled pictures that training never saw.

    below, above: quantiles of (true - found) / √(found + 1), such that `coverage` of pictures like
    these lie between (split conformal prediction: see scripts.model.count_calibration). It holds
    for these thresholds, and for all classes together.
    """

    coverage: float
    below: float
    above: float
    pictures: int
    dataset: str
    score_threshold: float
    iou_threshold: float
    command: str


@dataclass(frozen=True)
class Histogram:
    """Values counted between edges: counts[0] under edges[0], counts[-1] from edges[-1] up."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    mean: float


@dataclass(frozen=True)
class MonitoringBaseline:
    """What predictions looked like on labelled pictures, for the monitor to compare windows with.

    histograms: by quantity, see scripts.model.evaluate.baseline. class_counts: detections of
    each class.
    """

    pictures: int
    dataset: str
    score_threshold: float
    iou_threshold: float
    class_counts: Mapping[str, int]
    histograms: Mapping[str, Histogram]
    command: str


@dataclass(frozen=True)
class TrainingScale:
    """How large objects are where the model does well, which tiles=auto aims at.

    object_px: median of the labelled boxes' sqrt(area), in px of the graph's input.
    """

    object_px: float
    pictures: int
    dataset: str
    command: str


@dataclass(frozen=True)
class Manifest:
    """model.json, whole. training_scale may be missing: bundles made before it go on working."""

    schema: str
    name: str
    version: str
    sha256: str
    classes: tuple[str, ...]
    input: Input
    resize: Resize
    thresholds: DefaultThresholds
    opset: int
    provenance: Provenance
    evaluation: tuple[Evaluation, ...]
    count_calibration: CountCalibration | None
    monitoring_baseline: MonitoringBaseline | None
    parity: Parity | None = None
    training_scale: TrainingScale | None = dataclasses.field(
        default=None, metadata={"may_be_missing": True}
    )

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Parse and check. Raises BundleError."""
        manifest: Manifest = read_manifest(cls, text)
        _check(manifest)
        return manifest

    def to_json(self) -> str:
        """The manifest as a file's text; `from_json` reads it back to an equal one."""
        whole = dataclasses.asdict(self)
        return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _check(manifest: Manifest) -> None:
    """What the types do not say."""
    name = f"lower case, digits, '.', '_' or '-' ({_NAME.pattern})"
    size, fill, thresholds = manifest.input, manifest.resize.fill, manifest.thresholds
    classes, scale = manifest.classes, manifest.training_scale
    for where, expected, holds in (
        ("name", name, _NAME.fullmatch(manifest.name)),
        ("version", name, _NAME.fullmatch(manifest.version)),
        ("sha256", "64 hex digits", re.fullmatch(r"[0-9a-f]{64}", manifest.sha256)),
        ("classes", "at least one name, none empty", classes and all(classes)),
        ("classes", "without repeats", len(set(classes)) == len(classes)),
        ("input.width", "positive", size.width > 0),
        ("input.height", "positive", size.height > 0),
        ("resize.fill", "from 0 to 255", all(0 <= value <= 255 for value in fill)),
        ("thresholds.score", "from 0 to 1", 0 <= thresholds.score <= 1),
        ("thresholds.iou", "from 0 to 1", 0 <= thresholds.iou <= 1),
        ("thresholds.score_floor", "from 0 to 1", 0 <= thresholds.score_floor <= 1),
        ("thresholds.max_detections", "positive", thresholds.max_detections > 0),
        ("training_scale.object_px", "positive", scale is None or scale.object_px > 0),
    ):
        if not holds:
            raise wrong_value(
                where, expected, functools.reduce(getattr, where.split("."), manifest)
            )
