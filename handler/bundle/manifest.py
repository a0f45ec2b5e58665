"""The manifest of a bundle, model.json: how to run the model, and what clients learn about it.

Its classes are NamedTuples: INIT builds all of them, and a dataclass takes four times as long.
"""

import functools
import json
import re
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from handler.bundle.reader import MAY_BE_MISSING, as_json, read_manifest, wrong_value

_NAME = r"[a-z0-9][a-z0-9._-]{0,63}"  # part of S3 keys and metric dimensions


class Input(NamedTuple):
    """Size of the graph's input in px."""

    width: int
    height: int


class Resize(NamedTuple):
    """How a picture becomes the input: see handler.detection.letterbox. fill: RGB of padding."""

    rule: Literal["antialias", "opencv-linear", "opencv-area"]
    fill: tuple[int, int, int]
    fit: Literal["centre", "yolov5", "yolox", "mmdet", "stretch"] = "centre"


class DefaultThresholds(NamedTuple):
    """Used if a request names none. Scores from `score_floor` up are recorded as near misses."""

    score: float
    iou: float
    max_detections: int
    score_floor: float


class Provenance(NamedTuple):
    """Origin of the weights."""

    framework: str
    model: str
    backbone: str
    checkpoint_sha256: str | None
    dataset: str
    training_command: str | None
    versions: Mapping[str, str]


class Evaluation(NamedTuple):
    """Accuracy on one set of pictures, and the command that measured it.

    onnx_sha256: of the model.onnx that was measured; None where an earlier evaluate wrote it.
    """

    dataset: str
    pictures: int
    ap50: float
    ap: float
    precision: float
    recall: float
    count_error: float
    command: str
    onnx_sha256: Annotated[str | None, MAY_BE_MISSING] = None


class ParityAt(NamedTuple):
    """The detections above one score threshold, compared as sets.

    detections: of the framework, in all pictures; 0 proves nothing. box_px, score: the largest
    differences, in px of the original picture and in score, null if no two could be compared.
    on_edge: decisions that differ only because a score or an overlap lies on its threshold.
    """

    threshold: float
    detections: int
    box_px: float | None
    score: float | None
    on_edge: int
    same: bool


class Parity(NamedTuple):
    """Result of scripts.model.parity: the training framework's predict against the handler.

    compared_from: `picture` if both started from the file, `input` if both started from the
    letterboxed input, because the bundle's resize is not the framework's. input_difference: the
    largest in the normalised input, 0 if identical. candidate_*: the largest before NMS, in input
    px and in score. first_difference: null if passed.
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


class CountSpread(NamedTuple):
    """How the error of a count grows with the picture: see handler.detection.count_interval.scale.

    base: of every picture. doubtful: of each candidate near the threshold. share: of the count.
    """

    base: float
    doubtful: float
    share: float


class PictureRanges(NamedTuple):
    """From where to where the features of the calibration's pictures reach, both included.

    The features are those of handler.detection.likeness.PictureFeatures.
    """

    brightness: tuple[float, float]
    contrast: tuple[float, float]
    sharpness: tuple[float, float]
    object_px: tuple[float, float]
    near_miss_share: tuple[float, float]
    count: tuple[float, float]  # type: ignore[assignment]  # hides tuple.count, which nobody needs


class CountCalibration(NamedTuple):
    """How far true counts lie from detected ones, on labelled pictures not used for training.

    below, above: quantiles of (true - detected) / scale, between which `coverage` of similar
    pictures lie (split conformal prediction: scripts.model.evaluate.count_calibration). Valid for
    these thresholds, for all classes together, and within `ranges`. spread, ranges: missing in
    older bundles, whose scale is √(detected + 1), and which give no interval.
    """

    coverage: float
    below: float
    above: float
    pictures: int
    dataset: str
    score_threshold: float
    iou_threshold: float
    command: str
    spread: Annotated[CountSpread | None, MAY_BE_MISSING] = None
    ranges: Annotated[PictureRanges | None, MAY_BE_MISSING] = None


class Histogram(NamedTuple):
    """Counts between edges: counts[0] is below edges[0], counts[-1] from edges[-1] up."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    mean: float


class MonitoringBaseline(NamedTuple):
    """Of which pictures the reference is that the monitor compares its windows with.

    class_counts: detections per class. reference_sha256: of reference.parquet beside model.json.
    histograms: of bundles from before there was a reference; nothing reads them.
    """

    pictures: int
    dataset: str
    score_threshold: float
    iou_threshold: float
    class_counts: Mapping[str, int]
    command: str
    reference_sha256: Annotated[str | None, MAY_BE_MISSING] = None
    histograms: Annotated[Mapping[str, Histogram] | None, MAY_BE_MISSING] = None


class TrainingScale(NamedTuple):
    """The object size the model was trained on, which tiles=auto aims at.

    object_px: median of the labelled boxes' sqrt(area), in px of the graph's input.
    """

    object_px: float
    pictures: int
    dataset: str
    command: str


class Manifest(NamedTuple):
    """All of model.json. training_scale is missing in older bundles."""

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
    training_scale: Annotated[TrainingScale | None, MAY_BE_MISSING] = None

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Parse and validate. Raises BundleError."""
        manifest: Manifest = read_manifest(cls, text)
        _validate(manifest)
        return manifest

    def to_json(self) -> str:
        """The text of model.json; `from_json` reads an equal manifest back."""
        return json.dumps(as_json(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _validate(manifest: Manifest) -> None:
    """Check what types do not express. Raises BundleError."""
    name = f"lower case, digits, '.', '_' or '-' ({_NAME})"
    size, fill, thresholds = manifest.input, manifest.resize.fill, manifest.thresholds
    classes, scale = manifest.classes, manifest.training_scale
    for field_path, expected, is_valid in (
        ("name", name, re.fullmatch(_NAME, manifest.name)),
        ("version", name, re.fullmatch(_NAME, manifest.version)),
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
        if not is_valid:
            value = functools.reduce(getattr, field_path.split("."), manifest)
            raise wrong_value(field_path, expected, value)
