"""A folder with model.onnx and model.json in; the checked bundle out. Also writes model.json.

The manifest (schema `bundle/1`) is data that decides what clients are told, so it is read strictly:
an unknown or missing field, a wrong type or another checksum stops the function at INIT with a text
that says where.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

SCHEMA = "bundle/1"
MANIFEST_FILE, GRAPH_FILE = "model.json", "model.onnx"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")  # goes into S3 keys and metric dimensions


class BundleError(Exception):
    """A bundle that cannot be served; the text names the file, the field, what is expected and what
    is there."""


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

    histograms: by quantity, see scripts.model.baseline. class_counts: detections of each class.
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
        try:
            raw = json.loads(text, parse_constant=_no_number)
        except ValueError as error:
            raise BundleError(f"{MANIFEST_FILE} is not JSON: {error}") from None
        if isinstance(raw, dict) and raw.get("schema") != SCHEMA:
            raise BundleError(
                f"{MANIFEST_FILE}: schema is {raw.get('schema')!r}, this handler reads {SCHEMA!r}; "
                "export it again"
            )
        manifest: Manifest = _read(cls, raw, "")
        _check(manifest)
        return manifest

    def to_json(self) -> str:
        """The manifest as a file's text; `from_json` reads it back to an equal one."""
        whole = dataclasses.asdict(self)
        return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True)
class Bundle:
    """A manifest and the graph it vouches for."""

    manifest: Manifest
    graph: Path


def load(model_dir: Path) -> Bundle:
    """Read and verify the bundle in a folder. Raises BundleError."""
    manifest_path, graph_path = model_dir / MANIFEST_FILE, model_dir / GRAPH_FILE
    for path in (manifest_path, graph_path):
        if not path.is_file():
            raise BundleError(
                f"{path} is missing; a bundle is {GRAPH_FILE} and {MANIFEST_FILE} in one folder"
            )
    try:
        manifest = Manifest.from_json(manifest_path.read_text(encoding="utf-8"))
    except (BundleError, UnicodeDecodeError) as error:
        raise BundleError(f"{manifest_path} cannot be used: {error}") from None
    digest = hashlib.sha256(graph_path.read_bytes()).hexdigest()
    if digest != manifest.sha256:
        raise BundleError(
            f"{graph_path} has sha256 {digest}, {MANIFEST_FILE} says {manifest.sha256}: "
            "the two are not of one export; copy both again"
        )
    return Bundle(manifest, graph_path)


def write(manifest: Manifest, model_dir: Path) -> None:
    """Write model.json into a folder, whole or not at all."""
    partial = model_dir / f"{MANIFEST_FILE}.partial"
    partial.write_text(manifest.to_json(), encoding="utf-8")
    partial.replace(model_dir / MANIFEST_FILE)


def write_whole(graph: bytes, manifest: Manifest, model_dir: Path) -> None:
    """Write both files into a folder, which is made; a reader meets no half of either."""
    model_dir.mkdir(parents=True, exist_ok=True)
    partial = model_dir / f"{GRAPH_FILE}.partial"
    partial.write_bytes(graph)
    partial.replace(model_dir / GRAPH_FILE)
    write(manifest, model_dir)


def _read(kind: Any, raw: Any, where: str) -> Any:
    """JSON `raw`, at the path `where`, as a value of the annotation `kind`. Raises BundleError."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _read_fields(kind, raw, where)
    if origin is types.UnionType:  # X | None
        return None if raw is None else _read(inner[0], raw, where)
    if origin is Literal and raw not in inner:
        raise _wrong(where, f"one of {list(inner)}", raw)
    if origin is Literal or kind is Any:
        return raw
    if origin is tuple:
        count = None if inner[-1] is ... else len(inner)
        if not isinstance(raw, list) or count not in (None, len(raw)):
            raise _wrong(where, "a list" if count is None else f"a list of {count}", raw)
        return tuple(_read(inner[0], item, f"{where}[{at}]") for at, item in enumerate(raw))
    if origin is not None:  # Mapping[str, X]
        if not isinstance(raw, dict):
            raise _wrong(where, "an object", raw)
        return {key: _read(inner[1], item, f"{where}.{key}") for key, item in raw.items()}
    if kind is float and type(raw) in (int, float) and -1e300 < raw < 1e300:
        return float(raw)
    if kind is float or type(raw) is not kind:
        names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
        raise _wrong(where, names[kind], raw)
    return raw


def _read_fields(kind: Any, raw: Any, where: str) -> Any:
    if not isinstance(raw, dict):
        raise _wrong(where or "the whole file", "an object", raw)
    fields = typing.get_type_hints(kind)
    inside = f"{where}." if where else ""
    late = {each.name for each in dataclasses.fields(kind) if "may_be_missing" in each.metadata}
    for name in fields:
        if name not in raw and name not in late:
            raise BundleError(f"{MANIFEST_FILE}: {inside}{name} is missing; export the model again")
    for name in raw:
        if name not in fields:
            raise BundleError(
                f"{MANIFEST_FILE}: {inside}{name} is not known to {SCHEMA}; "
                "is the handler older than the export?"
            )
    return kind(**{name: _read(fields[name], raw[name], inside + name) for name in raw})


def _wrong(where: str, expected: str, raw: Any) -> BundleError:
    return BundleError(f"{MANIFEST_FILE}: {where} must be {expected}, not {json.dumps(raw)[:80]}")


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


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
            raise _wrong(where, expected, functools.reduce(getattr, where.split("."), manifest))
