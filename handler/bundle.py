"""A folder with model.onnx and model.json in; the checked bundle out. Also writes model.json.

The manifest (schema `bundle/1`) is data that decides what clients are told, so it is read strictly:
an unknown or missing field, a wrong type or another checksum stops the function at INIT with a text
that says where.
"""

from __future__ import annotations

import dataclasses
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
class Manifest:
    """model.json, whole."""

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
    count_calibration: Mapping[str, Any] | None
    monitoring_baseline: Mapping[str, Any] | None

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Parse and check. Raises BundleError."""
        try:
            raw = json.loads(text)
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
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"


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
    except BundleError as error:
        raise BundleError(f"{model_dir}: {error}") from None
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


def _read(kind: Any, raw: Any, where: str) -> Any:
    """`raw` JSON as a value of the annotation `kind`; the field's path is `where`. Raises
    BundleError."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _read_fields(kind, raw, where)
    if origin is types.UnionType:  # X | None
        return None if raw is None else _read(arguments[0], raw, where)
    if origin is Literal:
        if raw not in arguments:
            raise _wrong(where, f"one of {list(arguments)}", raw)
        return raw
    if origin is tuple:
        if not isinstance(raw, list) or (arguments[-1] is not ... and len(raw) != len(arguments)):
            raise _wrong(
                where, "a list" if arguments[-1] is ... else f"{len(arguments)} values", raw
            )
        return tuple(
            _read(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(raw)
        )
    if origin is not None:  # Mapping[str, X]
        if not isinstance(raw, dict):
            raise _wrong(where, "an object", raw)
        return {
            key: item if arguments[1] is Any else _read(arguments[1], item, f"{where}.{key}")
            for key, item in raw.items()
        }
    if kind is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    if type(raw) is not kind:
        raise _wrong(
            where,
            {"int": "a whole number", "float": "a number", "str": "a text"}[kind.__name__],
            raw,
        )
    return raw


def _read_fields(kind: Any, raw: Any, where: str) -> Any:
    if not isinstance(raw, dict):
        raise _wrong(where or "the whole file", "an object", raw)
    annotations = typing.get_type_hints(kind)
    inside = f"{where}." if where else ""
    for name in annotations.keys() - raw.keys():
        raise BundleError(f"{MANIFEST_FILE}: {inside}{name} is missing; export the model again")
    for name in raw.keys() - annotations.keys():
        raise BundleError(
            f"{MANIFEST_FILE}: {inside}{name} is not known to {SCHEMA}; "
            "is the handler older than the export?"
        )
    return kind(
        **{
            name: _read(annotation, raw[name], f"{inside}{name}")
            for name, annotation in annotations.items()
        }
    )


def _wrong(where: str, expected: str, raw: Any) -> BundleError:
    return BundleError(f"{MANIFEST_FILE}: {where} must be {expected}, not {json.dumps(raw)[:80]}")


def _check(manifest: Manifest) -> None:
    """What the types do not say."""
    thresholds, size = manifest.thresholds, manifest.input
    demands = (
        (_NAME.fullmatch(manifest.name), "name", f"like {_NAME.pattern}", manifest.name),
        (_NAME.fullmatch(manifest.version), "version", f"like {_NAME.pattern}", manifest.version),
        (
            re.fullmatch(r"[0-9a-f]{64}", manifest.sha256),
            "sha256",
            "64 hex digits",
            manifest.sha256,
        ),
        (manifest.classes, "classes", "a list of at least one name", list(manifest.classes)),
        (
            len(set(manifest.classes)) == len(manifest.classes),
            "classes",
            "without repeats",
            list(manifest.classes),
        ),
        (size.width > 0 and size.height > 0, "input", "positive", dataclasses.asdict(size)),
        (
            all(0 <= value <= 255 for value in manifest.resize.fill),
            "resize.fill",
            "0..255",
            list(manifest.resize.fill),
        ),
        (0 <= thresholds.score <= 1, "thresholds.score", "0..1", thresholds.score),
        (0 <= thresholds.iou <= 1, "thresholds.iou", "0..1", thresholds.iou),
        (
            0 <= thresholds.score_floor <= 1,
            "thresholds.score_floor",
            "0..1",
            thresholds.score_floor,
        ),
        (
            thresholds.max_detections > 0,
            "thresholds.max_detections",
            "positive",
            thresholds.max_detections,
        ),
    )
    for holds, where, expected, raw in demands:
        if not holds:
            raise _wrong(where, expected, raw)
