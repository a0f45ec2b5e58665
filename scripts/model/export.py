"""An IceVision checkpoint in, a bundle (model.onnx and model.json) out.

    python -m scripts.model.export CHECKPOINT --out handler/model --name cells --version 1.0.0

The graph is checked against PyTorch before anything is written.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import importlib.metadata
import io
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from handler import bundle
from scripts.model import checkpoint, families, graph  # imports the shims, so before effdet
from effdet.efficientdet import FpnCombine

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TOLERANCE = 1e-4  # of scores, and of boxes relative to the input's side


class ExportError(RuntimeError):
    """The exported graph does not answer what PyTorch answers; nothing was written."""


class EfficientDetCandidates(nn.Module):
    """effdet's network with its box decoding: float32 [1, 3, H, W] to boxes [1, A, 4] and scores
    [1, C, A].

    The decoding is that of effdet's `decode_box_outputs` (Faster R-CNN's box coder, anchors as y,
    x).
    """

    def __init__(self, bench: nn.Module) -> None:
        super().__init__()
        self.network = bench.model
        self.classes = bench.num_classes
        ymin, xmin, ymax, xmax = bench.anchors.boxes.unbind(1)
        self.register_buffer("centre", torch.stack([(ymin + ymax) / 2, (xmin + xmax) / 2], 1))
        self.register_buffer("extent", torch.stack([ymax - ymin, xmax - xmin], 1))

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        class_levels, box_levels = self.network(image)
        logits = torch.cat(
            [level.permute(0, 2, 3, 1).reshape(1, -1, self.classes) for level in class_levels], 1
        )
        codes = torch.cat([level.permute(0, 2, 3, 1).reshape(1, -1, 4) for level in box_levels], 1)
        centre = codes[..., :2] * self.extent + self.centre
        half = torch.exp(codes[..., 2:]) * self.extent / 2
        boxes = torch.cat([centre - half, centre + half], 2)[..., [1, 0, 3, 2]]
        # Cut to the input before NMS, as effdet does: overlaps at the edges depend on it.
        height, width = image.shape[-2:]
        boxes = torch.minimum(boxes.clamp(min=0), boxes.new_tensor([width, height] * 2))
        return boxes, logits.sigmoid().transpose(1, 2)


def lighter(candidates: EfficientDetCandidates) -> EfficientDetCandidates:
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


def to_onnx(candidates: nn.Module, size: int) -> onnx.ModelProto:
    """The network as ONNX at graph.OPSET, inputs and outputs named as graph.wrap expects."""
    program = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = torch.onnx.export(
            candidates,
            (torch.zeros(1, 3, size, size),),
            input_names=["image"],
            output_names=["boxes", "scores"],
            opset_version=graph.OPSET,
            dynamo=True,
            verbose=False,
        )
    assert exported is not None
    exported.optimize()
    exported.save(program)
    return onnx.load_from_string(program.getvalue())


def check(candidates: nn.Module, network: onnx.ModelProto, size: int) -> float:
    """The largest difference between PyTorch and ONNX Runtime on noise and on a gradient. Raises
    ExportError."""
    session = onnxruntime.InferenceSession(
        network.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    ramp = np.linspace(-2, 2, size, dtype=np.float32)
    gradient = np.broadcast_to(ramp[:, None] + ramp[None, :], (1, 3, size, size)) / 2
    noise = np.random.default_rng(0).normal(0, 1, (1, 3, size, size)).astype(np.float32)
    worst = 0.0
    for name, pixels in (("noise", noise), ("a gradient", np.ascontiguousarray(gradient))):
        with torch.no_grad():
            expected = [value.numpy() for value in candidates(torch.from_numpy(pixels))]
        found = session.run(["boxes", "scores"], {"image": pixels})
        for part, scale, want, got in zip(
            ("boxes", "scores"), (size, 1.0), expected, found, strict=True
        ):
            if want.shape != got.shape:
                raise ExportError(
                    f"on {name} PyTorch gives {part} of shape {want.shape}, "
                    f"ONNX Runtime {got.shape}"
                )
            difference = float(np.abs(want - got).max()) / scale
            worst = max(worst, difference)
            if not difference <= TOLERANCE:
                raise ExportError(
                    f"on {name} the {part} of PyTorch and ONNX Runtime differ by {difference:.2g}"
                )
    return worst


def export(
    source: Path,
    out: Path,
    *,
    name: str,
    version: str,
    rule: str,
    score_threshold: float,
    iou_threshold: float,
    dataset: str,
    command: str,
) -> bundle.Manifest:
    """Turn the checkpoint `source` into a bundle in `out`. Raises checkpoint.CheckpointError and
    ExportError."""
    loaded = checkpoint.load(source)
    candidates = EfficientDetCandidates(loaded.model).eval()
    network = to_onnx(lighter(candidates), loaded.size)
    worst = check(candidates, network, loaded.size)
    print(f"network: PyTorch and ONNX Runtime agree to {worst:.1e}")
    whole = graph.wrap(
        network, width=loaded.size, height=loaded.size, mean=IMAGENET_MEAN, std=IMAGENET_STD
    )
    data = whole.SerializeToString()
    versions = {
        package: importlib.metadata.version(package)
        for package in ("icevision", "effdet", "torch", "onnx", "onnxruntime")
    }
    manifest = bundle.Manifest(
        schema=bundle.SCHEMA,
        name=name,
        version=version,
        sha256=hashlib.sha256(data).hexdigest(),
        classes=loaded.classes,
        input=bundle.Input(loaded.size, loaded.size),
        resize=bundle.Resize(rule, families.FILL),
        thresholds=bundle.DefaultThresholds(
            score=score_threshold, iou=iou_threshold, max_detections=300, score_floor=0.05
        ),
        opset=graph.OPSET,
        provenance=bundle.Provenance(
            framework="icevision",
            model=loaded.model_name,
            backbone=loaded.backbone_name,
            checkpoint_sha256=loaded.sha256,
            dataset=dataset,
            training_command=command,
            versions=versions,
        ),
        evaluation=(),
        count_calibration=None,
        monitoring_baseline=None,
    )
    bundle.Manifest.from_json(manifest.to_json())  # refused here, nothing is written
    out.mkdir(parents=True, exist_ok=True)
    partial = out / "model.onnx.partial"
    partial.write_bytes(data)
    partial.replace(out / "model.onnx")
    bundle.write(manifest, out)
    return manifest


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.model.export", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "checkpoint", type=Path, help="written by IceVision's save_icevision_checkpoint or by train"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for model.onnx and model.json"
    )
    parser.add_argument(
        "--name", required=True, help="the model's name, in every answer and record"
    )
    parser.add_argument(
        "--version", required=True, help="the model's version, in every answer and record"
    )
    parser.add_argument(
        "--resize",
        choices=("antialias", "opencv-linear"),
        default="opencv-linear",
        help="how training resized: antialias by scripts.model.train, opencv-linear by IceVision",
    )
    parser.add_argument(
        "--score-threshold", type=float, default=0.5, help="the default (%(default)s)"
    )
    parser.add_argument(
        "--iou-threshold", type=float, default=0.5, help="of NMS, the default (%(default)s)"
    )
    parser.add_argument(
        "--dataset", default="not said", help="what it was trained on, for the record"
    )
    parser.add_argument("--training-command", help="how it was trained, for the record")
    options = parser.parse_args(argv)
    try:
        manifest = export(
            options.checkpoint,
            options.out,
            name=options.name,
            version=options.version,
            rule=options.resize,
            score_threshold=options.score_threshold,
            iou_threshold=options.iou_threshold,
            dataset=options.dataset,
            command=options.training_command,
        )
    except (checkpoint.CheckpointError, bundle.BundleError, ExportError) as error:
        sys.exit(f"export: {error}")
    size = (options.out / "model.onnx").stat().st_size / 1e6
    print(
        f"{options.out}: {manifest.name} {manifest.version}, "
        f"{len(manifest.classes)} classes, {size:.1f} MB"
    )


if __name__ == "__main__":
    main()
