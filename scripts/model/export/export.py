"""An IceVision checkpoint in, a bundle (model.onnx and model.json) out.

    python -m scripts.model.export CHECKPOINT --out handler/model --name cells --version 1.0.0

CHECKPOINT is what IceVision's save_icevision_checkpoint wrote, or scripts.model.train, or a bare
torch.save(model.state_dict()); nothing in it is executed. Families: ross.efficientdet,
torchvision.retinanet, torchvision.faster_rcnn (their backbones with a pyramid) and, where
`scripts/train-env --yolov5` has installed it, ultralytics.yolov5. What the checkpoint does not say
is asked for as an option.

The graph is checked against PyTorch before anything is written. scripts.model.parity then proves
the whole way against IceVision's own predict, on pictures.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import hashlib
import importlib.metadata
import io
import json
import logging
import re
import sys
import types
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from tqdm import tqdm

from scripts.model import graph
from scripts.model.icevision.checkpoint import Checkpoint, Given
from scripts.model.adapt.errors import AdaptError
from effdet.efficientdet import FpnCombine
from handler.bundle.files import ONNX_FILE, write_bundle
from handler.bundle.manifest import DefaultThresholds, Input, Manifest, Provenance, Resize
from handler.bundle.reader import SCHEMA
from handler.bundle.reader import BundleError
from scripts.model.adapt import classes
from scripts.model.icevision import checkpoint, families, heads, regions

TOLERANCE = 1e-4  # of scores, and of boxes relative to the input's longer side
FLIPPED = 0.01  # share of proposed regions that may differ: NMS at its very limit
MAX_DETECTIONS = 300  # effdet and Faster R-CNN stop at 100, which is short for counting
SCORE_FLOOR = 0.05
RULES = ("opencv-linear", "antialias")


class ExportError(RuntimeError):
    """The exported graph does not answer what PyTorch answers, or cannot be made; nothing was
    written."""


@dataclass(frozen=True)
class ExportOptions:
    """What the user decides of the bundle; None where the checkpoint or its framework does.

    rule, fit: as bundle.Resize. score_threshold and the rest: the defaults of requests.
    """

    name: str
    version: str
    rule: str | None = None
    fit: str | None = None
    score_threshold: float = 0.5
    iou_threshold: float | None = None
    max_detections: int = MAX_DETECTIONS
    dataset: str | None = None
    training_command: str | None = None


def optimize(candidates: nn.Module) -> nn.Module:
    """A copy that gives the same numbers by operations that ONNX Runtime does faster."""
    candidates = copy.deepcopy(candidates)
    for part in candidates.modules():
        if isinstance(part, FpnCombine) and part.weight_method == "fastattn":
            part.forward = types.MethodType(_weighted_sum, part)
    return candidates


def _weighted_sum(part: FpnCombine, features: list[torch.Tensor]) -> torch.Tensor:
    """FpnCombine.forward of effdet, its fast attention, adding instead of stacking and summing.

    effdet stacks the weighted features and sums over the new, innermost axis.
    """
    weights = torch.relu(part.edge_weights)
    weights = weights / (weights.sum() + 0.0001)
    pairs = zip(part.inputs_offsets, part.resample.values(), strict=True)
    nodes = [resample(features[offset]) for offset, resample in pairs]
    total = nodes[0] * weights[0]
    for node, weight in zip(nodes[1:], weights[1:], strict=True):
        total = total + node * weight
    return total


def to_onnx(core: nn.Module, width: int, height: int) -> onnx.ModelProto:
    """The network as ONNX at graph.OPSET, inputs and outputs named as graph.wrap expects. Raises
    ExportError."""
    program = io.BytesIO()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exported = torch.onnx.export(
                core,
                (torch.zeros(1, 3, height, width),),
                input_names=["image"],
                output_names=["boxes", "scores"],
                opset_version=graph.OPSET,
                dynamo=True,
                custom_translation_table=regions.TRANSLATIONS,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            reason = str(error).strip().splitlines()[0]
            raise ExportError(f"PyTorch cannot export this network ({reason})") from error
    assert exported is not None
    exported.optimize()
    exported.save(program)
    return onnx.load_from_string(program.getvalue())


def check(core: nn.Module, network: onnx.ModelProto, width: int, height: int) -> float:
    """The largest difference between PyTorch and ONNX Runtime on noise and on a gradient, boxes as
    a share of the input's longer side. Raises ExportError."""
    session = onnxruntime.InferenceSession(
        network.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    ramp = [np.linspace(-2, 2, side, dtype=np.float32) for side in (height, width)]
    gradient = np.broadcast_to(ramp[0][:, None] + ramp[1][None, :], (1, 3, height, width)) / 2
    noise = np.random.default_rng(0).normal(0, 1, (1, 3, height, width)).astype(np.float32)
    worst = 0.0
    for name, pixels in (("noise", noise), ("a gradient", np.ascontiguousarray(gradient))):
        with torch.no_grad():
            expected = tuple(value.numpy() for value in core(torch.from_numpy(pixels)))
        found = tuple(session.run(["boxes", "scores"], {"image": pixels}))
        apart = candidates_apart(expected, found, float(max(width, height)))
        if apart is None:
            shapes = [tuple(value.shape for value in side) for side in (expected, found)]
            raise ExportError(
                f"on {name} PyTorch gives boxes and scores of shapes {shapes[0]}, "
                f"ONNX Runtime {shapes[1]}, that do not match"
            )
        for part, difference in zip(("boxes", "scores"), apart, strict=True):
            worst = max(worst, difference)
            if not difference <= TOLERANCE:
                raise ExportError(
                    f"on {name} the {part} of PyTorch and ONNX Runtime differ by {difference:.2g}"
                )
    return worst


def candidates_apart(
    expected: tuple[np.ndarray, np.ndarray], found: tuple[np.ndarray, np.ndarray], scale: float
) -> tuple[float, float] | None:
    """The largest differences of boxes [B, A, 4], divided by `scale`, and of scores [B, C, A].

    Where the network proposes regions itself (B > 1), their order and, at the limit of its NMS,
    their number are no difference: each is compared with its nearest, and FLIPPED of them may have
    none. None where the two cannot be compared.
    """
    if all(a.shape == b.shape for a, b in zip(expected, found, strict=True)):
        apart = [float(np.abs(a - b).max(initial=0)) for a, b in zip(expected, found, strict=True)]
        if apart[0] / scale <= TOLERANCE and apart[1] <= TOLERANCE:
            return apart[0] / scale, apart[1]
    regions_inside = len(expected[0]) > 1 or expected[0].shape[1] != found[0].shape[1]
    if not regions_inside:
        same = expected[0].shape == found[0].shape and expected[1].shape == found[1].shape
        return (apart[0] / scale, apart[1]) if same else None
    first, second = expected[0].shape[1], found[0].shape[1]
    if not first or not second or len(expected[0]) != len(found[0]):
        return (0.0, 0.0) if first == second == 0 else None
    boxes, scores = np.zeros((first, second)), np.zeros((first, second))
    for group in range(len(expected[0])):
        between = np.abs(expected[0][group][:, None] - found[0][group][None]).max(2) / scale
        np.maximum(boxes, between, out=boxes)
        np.maximum(
            scores, np.abs(expected[1][group, 0][:, None] - found[1][group, 0][None]), out=scores
        )
    together = np.maximum(boxes, scores)
    rows, nearest = np.arange(first), together.argmin(1)
    order = np.argsort(together[rows, nearest])
    allowed = int(max(abs(first - second), np.ceil(FLIPPED * first)))
    kept = order[: max(1, first - allowed)]
    return float(boxes[kept, nearest[kept]].max()), float(scores[kept, nearest[kept]].max())


def make(loaded: Checkpoint, ask: ExportOptions) -> tuple[onnx.ModelProto, Manifest, float]:
    """The graph of a checkpoint, its manifest, and how far PyTorch and ONNX Runtime are apart.

    Raises ExportError, and BundleError for a name or threshold that no bundle can have.
    """
    size = (loaded.width, loaded.height)
    try:
        head = heads.of(loaded)
    except (AssertionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ExportError(
            f"{loaded.model_name}:{loaded.backbone_name} does not run at {size[0]} x {size[1]} px "
            f"({reason}); see --size and --model"
        ) from error
    manifest = _manifest(loaded, head, ask)
    Manifest.from_json(manifest.to_json())  # refused before the long work
    with tqdm(total=3, desc="PyTorch to ONNX", disable=None, file=sys.stderr) as bar:
        network = to_onnx(optimize(head.core), *size)
        bar.update()
        bar.set_description("comparing with PyTorch")
        worst = check(head.core, network, *size)
        bar.update()
        bar.set_description("the bundle's graph")
        whole = graph.wrap(
            network,
            width=loaded.width,
            height=loaded.height,
            mean=loaded.mean,
            std=loaded.std,
            nms=head.nms,
        )
        bar.update()
        bar.set_description("exported")
    digest = hashlib.sha256(whole.SerializeToString()).hexdigest()
    return whole, dataclasses.replace(manifest, sha256=digest), worst


def _manifest(loaded: Checkpoint, head: heads.Head, ask: ExportOptions) -> Manifest:
    """All that is known before there is a graph; its sha256 is that of nothing."""
    return Manifest(
        schema=SCHEMA,
        name=ask.name,
        version=ask.version,
        sha256=hashlib.sha256().hexdigest(),
        classes=loaded.classes,
        input=Input(loaded.width, loaded.height),
        resize=Resize(
            _of_meta(loaded, ask.rule, "resize", RULES) or RULES[0],
            families.FILL,
            ask.fit or ("stretch" if loaded.stretched else "centre"),
        ),
        thresholds=DefaultThresholds(
            score=ask.score_threshold,
            iou=head.iou_threshold if ask.iou_threshold is None else ask.iou_threshold,
            max_detections=ask.max_detections,
            score_floor=min(SCORE_FLOOR, ask.score_threshold),
        ),
        opset=graph.OPSET,
        provenance=Provenance(
            framework="icevision",
            model=loaded.model_name,
            backbone=loaded.backbone_name,
            checkpoint_sha256=loaded.sha256,
            dataset=_of_meta(loaded, ask.dataset, "dataset") or "not said",
            training_command=_of_meta(loaded, ask.training_command, "training_command"),
            versions=_versions(loaded.model_name),
        ),
        evaluation=(),
        count_calibration=None,
        monitoring_baseline=None,
    )


def write(whole: onnx.ModelProto, manifest: Manifest, out: Path) -> None:
    """Put both files in place. Raises ExportError where that is not possible."""
    try:
        write_bundle(whole.SerializeToString(), manifest, out)
    except OSError as error:
        raise ExportError(f"{out}: cannot be written ({error.strerror})") from None


def _of_meta(
    loaded: Checkpoint, asked: str | None, key: str, known: Sequence[str] = ()
) -> str | None:
    """What was asked, else what scripts.model.train noted in the checkpoint."""
    noted = loaded.meta.get(key)
    return asked or (noted if isinstance(noted, str) and (noted in known or not known) else None)


def _versions(model_name: str) -> dict[str, str]:
    packages = ["icevision", "torch", "onnx", "onnxruntime"]
    packages.insert(1, {"ross": "effdet", "ultralytics": "yolov5-icevision"}.get(
        model_name.partition(".")[0], "torchvision"))  # fmt: skip
    return {package: importlib.metadata.version(package) for package in packages}


def read_given(options: argparse.Namespace) -> Given:
    """What the options say of the checkpoint. Raises ExportError."""
    family, _, backbone = (options.model or "").partition(":")
    if options.model and not backbone:
        raise ExportError(
            f"--model {options.model!r}: expected FAMILY:BACKBONE, such as "
            "ross.efficientdet:tf_lite0"
        )
    try:
        names = None if options.classes is None else classes.read(options.classes)
    except AdaptError as error:
        raise ExportError(str(error)) from None
    return Given(
        model_name=family or None,
        backbone_name=backbone or None,
        classes=names,
        size=_side_or_pair(options.size),
        mean=_three("--mean", options.mean),
        std=_three("--std", options.std),
    )


def add_given(parser: argparse.ArgumentParser) -> None:
    """The options that say what a checkpoint does not."""
    group = parser.add_argument_group("what the checkpoint does not say, or says wrongly")
    add = group.add_argument
    add("--model", metavar="FAMILY:BACKBONE", help="such as ross.efficientdet:tf_lite0")
    add("--classes", metavar="A,B,C", help="in training's order, without background; or a file "
        "with one a line")  # fmt: skip
    add("--size", metavar="SIDE|WxH", help="of the model's input, px: 512, or 640x384")
    add("--mean", metavar="R,G,B", help="of the normalisation, in 0..1 (default: ImageNet's)")
    add("--std", metavar="R,G,B", help="of the normalisation, in 0..1 (default: ImageNet's)")


def _side_or_pair(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d{2,5})(?:[x×](\d{2,5}))?", text)
    if not found:
        raise ExportError(f"--size {text!r}: expected a side such as 512, or WIDTHxHEIGHT")
    return int(found[1]), int(found[2] or found[1])


def _three(option: str, text: str | None) -> tuple[float, float, float] | None:
    if text is None:
        return None
    try:
        red, green, blue = map(float, text.split(","))
    except ValueError:
        raise ExportError(
            f"{option} {text!r}: expected three numbers, such as 0.5,0.5,0.5"
        ) from None
    if not all(0 <= value <= 1 for value in (red, green, blue)) or (
        option == "--std" and not red * green * blue
    ):
        raise ExportError(
            f"{option} {text!r}: expected three numbers in 0..1 (divide those of 0..255 by 255)"
        )
    return red, green, blue


def default_name(source: Path) -> str:
    """A bundle's name after its checkpoint's file, or its folder where the file's says nothing."""
    stem = source.stem
    if stem in ("checkpoint", "model_checkpoint", "model", "last", "best"):
        stem = source.resolve().parent.name or stem
    return re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-._")[:64] or "model"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.model.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("checkpoint", type=Path, help="the checkpoint file")
    add("--out", type=Path, required=True, help="folder for model.onnx and model.json")
    add("--name", help="the model's name, in every answer and record (default: the checkpoint's)")
    add("--version", default="1.0.0", help="its version, likewise (%(default)s)")
    add("--resize", choices=RULES, help="how training resized: IceVision as opencv-linear "
        "(the default), the crops of scripts.model.train as antialias")  # fmt: skip
    add("--fit", choices=("centre", "stretch"), help="pictures padded to the input's shape, or "
        "stretched (default: as training did)")  # fmt: skip
    add("--score-threshold", type=float, default=0.5, help="of requests that name none "
        "(%(default)s)")  # fmt: skip
    add("--iou-threshold", type=float, help="of NMS, likewise (default: IceVision's)")
    add("--max-detections", type=int, default=MAX_DETECTIONS, help="likewise (%(default)s)")
    add("--dataset", help="what it was trained on, for the record")
    add("--training-command", help="how it was trained, for the record")
    add("--json", action="store_true", help="print what was made as JSON")
    add_given(parser)
    options = parser.parse_args(argv)
    try:
        loaded = checkpoint.load(options.checkpoint, read_given(options))
        ask = ExportOptions(
            name=options.name or default_name(options.checkpoint),
            version=options.version,
            rule=options.resize,
            fit=options.fit,
            score_threshold=options.score_threshold,
            iou_threshold=options.iou_threshold,
            max_detections=options.max_detections,
            dataset=options.dataset,
            training_command=options.training_command,
        )
        whole, manifest, worst = make(loaded, ask)
        write(whole, manifest, options.out)
    except (checkpoint.CheckpointError, BundleError, ExportError) as error:
        sys.exit(f"export: {error}")
    size = (options.out / ONNX_FILE).stat().st_size
    if options.json:
        told = {
            "bundle": str(options.out), "bytes": size, "largest_difference": worst,
            "manifest": json.loads(manifest.to_json()),
        }  # fmt: skip
        print(json.dumps(told, indent=2))
        return
    names = ", ".join(manifest.classes[:8]) + (", …" if len(manifest.classes) > 8 else "")
    limits, resize = manifest.thresholds, manifest.resize
    print(
        f"checkpoint  {loaded.model_name}:{loaded.backbone_name}, "
        f"{loaded.width} x {loaded.height} px\n"
        f"classes     {len(manifest.classes)}: {names}\n"
        f"network     PyTorch and ONNX Runtime agree to {worst:.1e}\n"
        f"resize      {resize.rule}, {resize.fit}\n"
        f"thresholds  score {limits.score:g}, iou {limits.iou:g}, "
        f"max_detections {limits.max_detections}\n"
        f"bundle      {options.out}: {manifest.name} {manifest.version}, {size / 1e6:.1f} MB\n"
        f"next        python -m scripts.model.parity {options.out} {options.checkpoint} PICTURES"
    )


if __name__ == "__main__":
    main()
