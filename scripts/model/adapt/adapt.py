"""An ONNX detector made elsewhere in, a bundle (model.onnx and model.json) out.

    python -m scripts.model.adapt yolov8n.onnx --out data/yolov8n --name yolov8n --version 1.0.0 --check photo.jpg

The format is recognised from the graph's inputs and outputs, and said with the reasons; everything
that the file does not say (colour order, scaling, letterbox, class names) has the format's default
and an option. --check runs the finished bundle through the handler's own code and draws the boxes.
"""  # noqa: E501

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import importlib.metadata
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import onnx
from onnx import numpy_helper

from handler.bundle.files import ONNX_FILE, load_bundle, write_bundle
from handler.bundle.manifest import DefaultThresholds, Input, Manifest, Provenance, Resize
from handler.bundle.reader import MANIFEST_FILE, SCHEMA, BundleError
from handler.detection import annotate, letterbox
from handler.detection.detections import Detections
from handler.detection.detector import Detector, Thresholds
from handler.images.decode import decode
from handler.problems import Problem
from scripts.model import graph
from scripts.model.adapt import classes, decoding, foreign, recognise
from scripts.model.adapt.errors import AdaptError
from scripts.model.adapt.plan import Activation, Background, Centre, Coding, Part, Plan, Units

MAX_PIXELS = 400_000_000  # the picture is ours
SCORE_FLOOR, MAX_DETECTIONS = 0.05, 300
CHECK_FILE = "check.jpg"
_ZEROS, _ONES = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Options:
    """What the caller says of the graph; None leaves it to the format."""

    format: str | None = None
    size: tuple[int, int] | None = None
    inputs: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    layout: graph.Layout | None = None
    order: graph.Order | None = None
    scale: float | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    fit: letterbox.Fit | None = None
    fill: tuple[int, int, int] | None = None
    resize: letterbox.Rule | None = None
    classes: str | None = None
    class_ids: Literal["auto", "coco", "contiguous"] = "auto"
    class_offset: int | None = None
    coding: Coding | None = None
    units: Units | None = None
    activation: Activation | None = None
    background: Background | None = None
    cell_centre: Centre | None = None
    nms: graph.Nms | None = None
    labels_per_box: Literal["one", "many"] | None = None
    score_threshold: float | None = None
    iou_threshold: float | None = None
    dataset: str = "not said"


@dataclass(frozen=True, eq=False)
class Adapted:
    """A finished bundle, and what was found on the way. detections: on the picture of --check."""

    manifest: Manifest
    plan: Plan
    foreign: foreign.Foreign
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    detections: Detections | None


def adapt(
    source: Path,
    out: Path,
    *,
    name: str,
    version: str,
    options: Options | None = None,
    check: Path | None = None,
) -> Adapted:
    """Wrap `source` and write the bundle into `out`, whole or not at all.

    Raises AdaptError and BundleError.
    """
    options = options or Options()
    data = _read_picture(check) if check else None
    given = classes.read(options.classes) if options.classes else None
    loaded = foreign.load(
        source,
        size=options.size,
        layout=options.layout,
        values=options.inputs,
    )
    given = given or loaded.names
    plan = recognise.recognise(loaded, options.format, len(given) if given else None)
    plan = _overridden(plan, options, loaded)
    named = classes.assign(given, plan, options.class_ids)
    whole = _wrapped(loaded, plan, named.ids)
    digest = hashlib.sha256(whole.SerializeToString()).hexdigest()
    manifest = _manifest(whole, digest, loaded, plan, named, name, version, options)
    Manifest.from_json(manifest.to_json())  # refused here, nothing is written
    notes = [*plan.notes, *([named.note] if named.note else [])]
    notes += [f"input {key} is set to {value}" for key, value in loaded.extra.items()]
    found, drawn = None, None
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.partial") as folder:
        made = Path(folder)
        write_bundle(whole.SerializeToString(), manifest, made)
        detector = Detector.load(load_bundle(made), threads=1)
        if data is not None:
            try:
                found, drawn = _check(detector, data)
            except Problem as error:
                raise AdaptError(f"--check {check}: {error}") from None
        out.mkdir(parents=True, exist_ok=True)
        (made / ONNX_FILE).replace(out / ONNX_FILE)
        (made / MANIFEST_FILE).replace(out / MANIFEST_FILE)
        if drawn is not None:
            (out / CHECK_FILE).write_bytes(drawn)
    warnings = _warnings(loaded, plan, named.ids, manifest.thresholds)
    return Adapted(manifest, plan, loaded, tuple(notes), tuple(warnings), found)


def _read_picture(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AdaptError(f"--check: {path} cannot be read ({error.strerror})") from None


def _overridden(plan: Plan, options: Options, loaded: foreign.Foreign) -> Plan:
    """The plan with what the caller says in the place of the format's defaults."""
    own = plan.preprocessing
    mean, std = own.mean, own.std
    if options.order not in (None, own.order):  # mean and std go with their channels
        mean, std = mean[::-1], std[::-1]
    if options.scale is not None and (mean, std) != (_ZEROS, _ONES):
        mean, std = (
            tuple(value * options.scale / own.scale for value in values) for values in (mean, std)
        )
    preprocessing = dataclasses.replace(
        own,
        order=options.order or own.order,
        scale=options.scale or own.scale,
        mean=options.mean or mean,
        std=options.std or std,
        fit=options.fit or own.fit,
        fill=options.fill or own.fill,
        rule=options.resize or own.rule,
    )
    if any(value == 0 for value in preprocessing.std):
        raise AdaptError("--std must not be 0")
    if loaded.image.dtype == "uint8":
        for key in ("scale", "mean", "std"):
            if getattr(options, key) is not None:
                raise AdaptError(f"--{key}: the graph takes bytes as they are")
        preprocessing = dataclasses.replace(preprocessing, scale=255.0, mean=_ZEROS, std=_ONES)
    changes = {
        key: value
        for key, value in (
            ("coding", options.coding),
            ("units", options.units),
            ("activation", options.activation),
            ("background", options.background),
            ("centre", options.cell_centre),
            ("nms", options.nms),
            ("offset", options.class_offset),
            ("score_threshold", options.score_threshold),
            ("iou_threshold", options.iou_threshold),
        )
        if value is not None
    }
    if options.coding in ("grid", "distribution") and not plan.cells:
        raise AdaptError(f"--coding {options.coding} needs rows that are a grid's cells")
    if options.labels_per_box is not None:
        changes["one_label"] = options.labels_per_box == "one"
    if options.class_offset is not None:
        changes["coco_gaps"] = False
    return dataclasses.replace(plan, preprocessing=preprocessing, **changes)


def _wrapped(loaded: foreign.Foreign, plan: Plan, ids: Sequence[int]) -> onnx.ModelProto:
    network = decoding.network(loaded, plan, ids)
    picture, seen = plan.preprocessing, loaded.image
    mean = np.asarray(picture.mean, np.float64) / picture.scale
    std = np.asarray(picture.std, np.float64) / picture.scale
    if picture.order == "bgr":  # graph.wrap wants them of RGB
        mean, std = mean[::-1], std[::-1]
    try:
        return graph.wrap(
            network,
            width=seen.width,
            height=seen.height,
            mean=mean.tolist(),
            std=std.tolist(),
            order=picture.order,
            layout=seen.layout,
            dtype=seen.dtype,
            nms=plan.nms,
        )
    except (ValueError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = " ".join(str(error).split())[:300]
        raise AdaptError(f"the wrapped graph is not valid ONNX ({reason})") from None


def _manifest(
    whole: onnx.ModelProto,
    digest: str,
    loaded: foreign.Foreign,
    plan: Plan,
    named: classes.Classes,
    name: str,
    version: str,
    options: Options,
) -> Manifest:
    picture = plan.preprocessing
    return Manifest(
        schema=SCHEMA,
        name=name,
        version=version,
        sha256=digest,
        classes=named.names,
        input=Input(loaded.image.width, loaded.image.height),
        resize=Resize(picture.rule, picture.fill, picture.fit),
        thresholds=DefaultThresholds(
            score=plan.score_threshold,
            iou=plan.iou_threshold,
            max_detections=MAX_DETECTIONS,
            score_floor=min(SCORE_FLOOR, plan.score_threshold),
        ),
        opset=foreign.version_of(whole),
        provenance=Provenance(
            framework="onnx",
            model=plan.format,
            backbone=loaded.producer or "not said",
            checkpoint_sha256=loaded.sha256,
            dataset=options.dataset,
            training_command=None,
            versions={
                package: importlib.metadata.version(package) for package in ("onnx", "onnxruntime")
            },
        ),
        evaluation=(),
        count_calibration=None,
        monitoring_baseline=None,
    )


def _check(detector: Detector, data: bytes) -> tuple[Detections, bytes]:
    """What the handler finds on a picture, and the picture with it drawn, as a JPEG."""
    manifest = detector.manifest
    picture = decode(data, max_pixels=MAX_PIXELS, min_frame=detector.min_frame)
    own = manifest.thresholds
    found = detector.detect(picture, Thresholds(own.score, own.iou, own.max_detections))
    drawn = annotate.draw(
        picture.rgb, found.detections, (picture.width, picture.height), manifest.classes
    )
    return found.detections, annotate.encode(drawn, "JPEG")


def _warnings(
    loaded: foreign.Foreign,
    plan: Plan,
    ids: Sequence[int],
    thresholds: DefaultThresholds,
) -> list[str]:
    warnings = []
    if plan.baked:
        cut = _baked_thresholds(loaded.model.graph)
        score = cut.get("score")
        said = "" if score is None else f" (score {score:g})"
        warnings.append(
            f"NMS and its thresholds are inside the graph{said}: a request for lower scores or "
            "more overlap gets no more than that"
        )
        if score is not None and score > thresholds.score:
            warnings.append(
                f"the default score threshold {thresholds.score:g} lies below the graph's own "
                f"{score:g}"
            )
    if plan.labels is not None:
        by_name = {output.name: output for output in loaded.outputs}
        scores, labels = by_name[plan.scores.outputs[0]], by_name[plan.labels.outputs[0]]
        seen: set[int] = set()
        for values, rows in zip(scores.seen, labels.seen, strict=True):
            likely = _column(values, plan.scores) > thresholds.score
            seen |= {round(float(v)) for v in _column(rows, plan.labels)[likely]}
        strange = sorted(seen - set(ids))
        if strange:
            warnings.append(
                f"the graph gave the label {strange[0]}, which has no name (named are "
                f"{min(ids)} to {max(ids)}): is --class-offset right?"
            )
    return warnings


def _column(values: np.ndarray, part: Part) -> np.ndarray:
    return np.asarray(values, np.float64).reshape(-1, part.width)[:, part.first]


def _baked_thresholds(own: onnx.GraphProto) -> dict[str, float]:
    """The constant score threshold of the graph's NonMaxSuppression, where it has one."""
    constants = {tensor.name: tensor for tensor in own.initializer}
    for node in own.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                constants[node.output[0]] = attribute.t
            if attribute.g.node:
                inner = _baked_thresholds(attribute.g)
                if inner:
                    return inner
    for node in own.node:
        if node.op_type == "NonMaxSuppression" and len(node.input) > 4:
            tensor = constants.get(node.input[4])
            if tensor is not None:
                return {"score": float(numpy_helper.to_array(tensor).reshape(-1)[0])}
    return {}


def report(adapted: Adapted) -> str:
    """What was recognised and assumed, for a person."""
    plan, manifest, picture = adapted.plan, adapted.manifest, adapted.plan.preprocessing
    seen = adapted.foreign.image
    numbers = f"mean {_numbers(picture.mean)}, std {_numbers(picture.std)}"
    shown = ", ".join(manifest.classes[:4]) + ("…" if len(manifest.classes) > 4 else "")
    rows = [
        ("format", plan.format),
        *(("because", reason) for reason in plan.reasons),
        ("input", f"{seen.width} x {seen.height} px, {seen.layout}, {seen.dtype}"),
        ("pixels", f"{picture.order.upper()} 0..{picture.scale:g}, {numbers}"),
        ("placed", f"{picture.fit}, fill {_numbers(picture.fill)}, {picture.rule}"),
        ("boxes", f"{plan.coding} in {plan.units}"),
        ("classes", f"{len(manifest.classes)}: {shown}"),
        (
            "nms",
            "inside the graph" if plan.baked else plan.nms + (", one label a box" * plan.one_label),
        ),
        ("thresholds", f"score {plan.score_threshold:g}, iou {plan.iou_threshold:g}"),
        *(("note", note) for note in adapted.notes),
        *(("warning", warning) for warning in adapted.warnings),
    ]
    return "\n".join(f"{key:11}{value}" for key, value in rows)


def table(found: Detections, names: Sequence[str], most: int = 20) -> str:
    """Detections, best first, in px of the original."""
    if not len(found):
        return (
            "nothing found on the picture: look at pixels, placed and format above, "
            "or try a lower --score-threshold"
        )
    width = max(5, *(len(names[number]) for number in found.class_ids[:most]))
    lines = [f"{'label':{width}} score     xmin     ymin     xmax     ymax"]
    for box, score, number in zip(
        found.boxes[:most], found.scores[:most], found.class_ids[:most], strict=True
    ):
        places = " ".join(f"{value:8.1f}" for value in box)
        lines.append(f"{names[number]:{width}} {score:5.3f} {places}")
    if len(found) > most:
        lines.append(f"… and {len(found) - most} more")
    return "\n".join(lines)


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values)


def _as_json(adapted: Adapted) -> str:
    plan, manifest = adapted.plan, adapted.manifest
    whole: dict[str, object] = {
        "format": plan.format,
        "reasons": plan.reasons,
        "preprocessing": dataclasses.asdict(plan.preprocessing),
        "input": dataclasses.asdict(manifest.input),
        "classes": manifest.classes,
        "thresholds": dataclasses.asdict(manifest.thresholds),
        "notes": adapted.notes,
        "warnings": adapted.warnings,
        "detections": None,
    }
    if adapted.detections is not None:
        whole["detections"] = [
            {
                "label": manifest.classes[number],
                "score": float(score),
                "box": [float(value) for value in box],
            }
            for box, score, number in zip(
                adapted.detections.boxes,
                adapted.detections.scores,
                adapted.detections.class_ids,
                strict=True,
            )
        ]
    return json.dumps(whole, indent=2, ensure_ascii=False)


def _size(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    sides = [int(part) for part in (parts * 2)[:2]]
    if len(parts) > 2 or not all(0 < side <= 8192 for side in sides):
        raise argparse.ArgumentTypeError(f"{text}: WIDTHxHEIGHT in px, at most 8192")
    return sides[0], sides[1]


def _three(text: str) -> tuple[float, float, float]:
    values = [float(part) for part in text.split(",")]
    values = values * 3 if len(values) == 1 else values
    if len(values) != 3 or not np.all(np.isfinite(values)):
        raise argparse.ArgumentTypeError(f"{text}: one number, or three with commas between")
    return values[0], values[1], values[2]


def _colour(text: str) -> tuple[int, int, int]:
    values = _three(text)
    if not all(0 <= value <= 255 and value == int(value) for value in values):
        raise argparse.ArgumentTypeError(f"{text}: whole numbers from 0 to 255, as R,G,B")
    return int(values[0]), int(values[1]), int(values[2])


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text}: from 0 to 1")
    return value


def _scale(text: str) -> float:
    value = float(text)
    if not 0 < value <= 65535:
        raise argparse.ArgumentTypeError(f"{text}: 1 for pixels in 0..1, 255 for 0..255")
    return value


def _setting(text: str) -> tuple[str, tuple[float, ...]]:
    name, _, values = text.partition("=")
    if not name or not values:
        raise argparse.ArgumentTypeError(f"{text}: NAME=VALUE[,VALUE…]")
    return name, tuple(float(value) for value in values.split(","))


def _parser() -> argparse.ArgumentParser:
    formats = "\n".join(f"  {name:20} {text}" for name, text in recognise.FORMATS.items())
    parser = argparse.ArgumentParser(
        prog="python -m scripts.model.adapt",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__,
        epilog=f"formats (A boxes, N detections, C classes):\n{formats}",
    )
    add = parser.add_argument
    add("model", type=Path, help="the ONNX file; weights beside it (model.onnx_data) are taken in")
    add("--out", type=Path, required=True, help="folder for model.onnx and model.json")
    add("--name", required=True, help="the model's name, in every answer and record")
    add("--version", required=True, help="the model's version, in every answer and record")
    add("--check", type=Path, metavar="PICTURE", help="print and draw (check.jpg) what is found")
    add("--json", action="store_true", help="print one JSON object instead of text")
    add("--format", choices=list(recognise.FORMATS), metavar="FORMAT", help="see below")
    add("--dataset", default="not said", help="what it was trained on, for the record")

    group = parser.add_argument_group("classes")
    add = group.add_argument
    add(
        "--classes",
        metavar="NAMES",
        help="a file of a name a line, or a,b,c; by default the file's own (ultralytics writes "
        "them). 'N: name' gives a class its label in the graph",
    )
    add(
        "--class-ids",
        choices=("auto", "coco", "contiguous"),
        default="auto",
        help="coco: 80 names for labels 1 to 90; auto: where the format's zoo has it so",
    )
    add("--class-offset", type=int, metavar="N", help="the label, or column, of the first class")

    group = parser.add_argument_group("how pictures go in (by default as the format's own code)")
    add = group.add_argument
    add("--size", type=_size, metavar="WxH", help="in px, where the graph leaves it open")
    add("--layout", choices=("nchw", "nhwc"), help="by default read off the input's shape")
    add("--order", choices=("rgb", "bgr"), help="of the colour channels")
    add("--scale", type=_scale, metavar="1|255", help="what a pixel of 255 is before mean and std")
    add(
        "--mean",
        type=_three,
        metavar="A,B,C",
        help="taken off then, in the network's channel order",
    )
    add("--std", type=_three, metavar="A,B,C", help="divided by then")
    add(
        "--fit",
        choices=get_args(letterbox.Fit),
        help="letterboxes, with the rounding of their code: centre (YOLOv8 on, albumentations) "
        "and yolov5 (both centred), yolox and mmdet (top left); or stretch",
    )
    add("--fill", type=_colour, metavar="R,G,B", help="of the padding")
    add("--resize", choices=("antialias", "opencv-linear"), help="the filter")
    add(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=V[,V]",
        help="the value of another input of the graph",
    )

    group = parser.add_argument_group("how boxes come out (by default as recognised)")
    add = group.add_argument
    add("--coding", choices=get_args(Coding), help="grid: YOLOX before decoding")
    add("--units", choices=("px", "normalised"), help="px of the input, or 0..1")
    add("--activation", choices=("none", "sigmoid", "softmax"), help="of the scores")
    add("--background", choices=("none", "first", "last"), help="column of no class")
    add(
        "--cell-centre",
        choices=("corner", "middle", "opencv"),
        help="NanoDet: corner (Plus), middle (before it), opencv ((stride - 1) / 2)",
    )
    add("--nms", choices=("per-class", "class-agnostic", "none"))
    add("--labels-per-box", choices=("one", "many"), help="one: a box has its best class only")
    add("--score-threshold", type=_share, metavar="T", help="the default of requests")
    add("--iou-threshold", type=_share, metavar="T", help="of NMS, the default of requests")
    return parser


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    fields = {field.name for field in dataclasses.fields(Options)} - {"inputs"}
    options = Options(
        **{name: getattr(arguments, name) for name in fields}, inputs=dict(arguments.set)
    )
    try:
        adapted = adapt(
            arguments.model,
            arguments.out,
            name=arguments.name,
            version=arguments.version,
            options=options,
            check=arguments.check,
        )
    except (AdaptError, BundleError, OSError) as error:
        sys.exit(f"adapt: {error}")
    if arguments.json:
        print(_as_json(adapted))
        return
    print(report(adapted))
    size = (arguments.out / ONNX_FILE).stat().st_size / 1e6
    print(f"written    {arguments.out}: {arguments.name} {arguments.version}, {size:.1f} MB")
    if adapted.detections is not None:
        print(f"\n{arguments.check}: {len(adapted.detections)} found")
        print(table(adapted.detections, adapted.manifest.classes))
        print(f"drawn      {arguments.out / CHECK_FILE}")


if __name__ == "__main__":
    main()
