"""Make a bundle of an IceVision checkpoint: the graph, its manifest, and both files."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from tqdm import tqdm

from handler.bundle.files import write_bundle
from handler.bundle.manifest import DefaultThresholds, Input, Manifest, Provenance, Resize
from handler.bundle.reader import SCHEMA
from scripts.model import graph
from scripts.model.export.options import ICEVISION_RULE, RESIZE_RULES, ExportOptions
from scripts.model.export.to_onnx import optimize, to_onnx
from scripts.model.export.verify import verify_onnx
from scripts.model.icevision.candidate_network import CandidateNetwork, build_candidate_network
from scripts.model.icevision.checkpoint import Checkpoint
from scripts.model.icevision.families import FILL
from scripts.tool import ToolError

SCORE_FLOOR = 0.05


@dataclass(frozen=True)
class ExportResult:
    """A bundle that is not yet written. largest_difference: of PyTorch and ONNX Runtime."""

    model: onnx.ModelProto
    manifest: Manifest
    largest_difference: float


def export_checkpoint(checkpoint: Checkpoint, options: ExportOptions) -> ExportResult:
    """Convert a checkpoint to the bundle's graph, and check the graph against PyTorch.

    Raises ToolError where the model does not run at its input size, cannot be exported or differs
    in ONNX Runtime, and BundleError for a name or threshold that no bundle can have.
    """
    width, height = checkpoint.width, checkpoint.height
    try:
        network = build_candidate_network(checkpoint)
    except (AssertionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ToolError(
            f"{checkpoint.model_name}:{checkpoint.backbone_name} does not run at "
            f"{width} x {height} px ({reason}); see --size and --model"
        ) from error
    manifest = _build_manifest(checkpoint, network, options)
    Manifest.from_json(manifest.to_json())  # an invalid one is refused before the long work
    with tqdm(total=3, desc="PyTorch to ONNX", disable=None, file=sys.stderr) as bar:
        model = to_onnx(optimize(network.module), width, height)
        bar.update()
        bar.set_description("comparing with PyTorch")
        largest_difference = verify_onnx(network, model, width, height)
        bar.update()
        bar.set_description("the bundle's graph")
        model = graph.wrap(
            model,
            width=width,
            height=height,
            mean=checkpoint.mean,
            std=checkpoint.std,
            nms=network.nms,
        )
        bar.update()
        bar.set_description("exported")
    digest = hashlib.sha256(model.SerializeToString()).hexdigest()
    return ExportResult(model, manifest._replace(sha256=digest), largest_difference)


def _build_manifest(
    checkpoint: Checkpoint, network: CandidateNetwork, options: ExportOptions
) -> Manifest:
    """The manifest before there is a graph; its sha256 is that of no bytes."""
    return Manifest(
        schema=SCHEMA,
        name=options.name,
        version=options.version,
        sha256=hashlib.sha256().hexdigest(),
        classes=checkpoint.classes,
        input=Input(checkpoint.width, checkpoint.height),
        resize=Resize(
            _option_or_meta(checkpoint, options.rule, "resize", RESIZE_RULES) or ICEVISION_RULE,
            FILL,
            options.fit or ("stretch" if checkpoint.stretched else "centre"),
        ),
        thresholds=DefaultThresholds(
            score=options.score_threshold,
            iou=network.iou_threshold if options.iou_threshold is None else options.iou_threshold,
            max_detections=options.max_detections,
            score_floor=min(SCORE_FLOOR, options.score_threshold),
        ),
        opset=graph.OPSET,
        provenance=Provenance(
            framework="icevision",
            model=checkpoint.model_name,
            backbone=checkpoint.backbone_name,
            checkpoint_sha256=checkpoint.sha256,
            dataset=_option_or_meta(checkpoint, options.dataset, "dataset") or "not said",
            training_command=_option_or_meta(
                checkpoint, options.training_command, "training_command"
            ),
            versions=_package_versions(checkpoint.model_name),
        ),
        evaluation=(),
        count_calibration=None,
        monitoring_baseline=None,
    )


def _option_or_meta(
    checkpoint: Checkpoint, option: str | None, key: str, choices: Sequence[str] = ()
) -> str | None:
    """The option, else what scripts.model.train noted in the checkpoint's meta."""
    noted = checkpoint.meta.get(key)
    valid = isinstance(noted, str) and (noted in choices or not choices)
    return option or (noted if valid else None)


def _package_versions(model_name: str) -> dict[str, str]:
    by_framework = {"ross": "effdet", "ultralytics": "yolov5-icevision"}
    detector_package = by_framework.get(model_name.partition(".")[0], "torchvision")
    packages = ("icevision", detector_package, "torch", "onnx", "onnxruntime")
    return {package: importlib.metadata.version(package) for package in packages}


def write_export(result: ExportResult, bundle_dir: Path) -> None:
    """Write model.onnx and model.json. Raises ToolError where that is not possible."""
    try:
        write_bundle(result.model.SerializeToString(), result.manifest, bundle_dir)
    except OSError as error:
        raise ToolError(f"{bundle_dir}: cannot be written ({error.strerror})") from None


def default_bundle_name(checkpoint_path: Path) -> str:
    """The checkpoint's file name, or its folder's where the file has one of the usual names."""
    stem = checkpoint_path.stem
    if stem in ("checkpoint", "model_checkpoint", "model", "last", "best"):
        stem = checkpoint_path.resolve().parent.name or stem
    return re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-._")[:64] or "model"
