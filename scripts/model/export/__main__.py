"""Make a bundle (model.onnx and model.json) from an IceVision checkpoint.

    scripts/run export CHECKPOINT --out data/cells --name cells --version 1.0.0 --parity PICTURES

CHECKPOINT is a file of IceVision's save_icevision_checkpoint, of scripts.model.train, or a bare
torch.save(model.state_dict()); nothing in it is executed. Families: ross.efficientdet,
torchvision.retinanet, torchvision.faster_rcnn (their backbones with a pyramid) and, where
`scripts/train-env --yolov5` has installed it, ultralytics.yolov5. Options add what the checkpoint
does not say.

The graph is checked against PyTorch before anything is written. With --parity, `scripts/run parity`
then compares the bundle with IceVision's own predict on pictures, from the file to the boxes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from handler.bundle.files import ONNX_FILE
from scripts.model.checkpoint_options import (
    CHECKPOINT_OPTIONS,
    add_checkpoint_options,
    read_checkpoint_options,
)
from scripts.model.export.options import MAX_DETECTIONS, RESIZE_RULES, ExportOptions
from scripts.paths import ROOT
from scripts.tool import ToolError, exit_on_error

if TYPE_CHECKING:
    from handler.bundle.manifest import Manifest
    from scripts.model.export.exporter import ExportResult
    from scripts.model.icevision.checkpoint import Checkpoint


def main(argv: list[str] | None = None) -> None:
    options = _parser().parse_args(argv)
    # torch and IceVision take seconds to import, which --help does without.
    from scripts.model.export.exporter import (
        default_bundle_name,
        export_checkpoint,
        write_export,
    )
    from scripts.model.icevision.checkpoint import load_checkpoint

    with exit_on_error("export"):
        if options.parity and not options.parity.exists():
            raise ToolError(f"--parity {options.parity}: no such file or folder; give pictures")
        checkpoint = load_checkpoint(options.checkpoint, read_checkpoint_options(options))
        export_options = ExportOptions(
            name=options.name or default_bundle_name(options.checkpoint),
            version=options.version,
            rule=options.resize,
            fit=options.fit,
            score_threshold=options.score_threshold,
            iou_threshold=options.iou_threshold,
            max_detections=options.max_detections,
            dataset=options.dataset,
            training_command=options.training_command,
        )
        result = export_checkpoint(checkpoint, export_options)
        write_export(result, options.out)
    if options.json:
        _print_json(result, options.out)
    else:
        _print_summary(checkpoint, result, options)
    if options.parity:
        sys.exit(_run_parity(options, result.manifest))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/run export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("checkpoint", type=Path, help="the checkpoint file")
    add("--out", type=Path, required=True, help="folder for model.onnx and model.json")
    add("--name", help="the model's name, in every answer and record (default: the checkpoint's)")
    add("--version", default="1.0.0", help="its version, likewise (%(default)s)")
    add("--resize", choices=RESIZE_RULES, help="how training resized: IceVision as opencv-linear "
        "(the default), the crops of scripts.model.train as antialias")  # fmt: skip
    add("--fit", choices=("centre", "stretch"), help="pictures padded to the input's shape, or "
        "stretched (default: as training did)")  # fmt: skip
    add("--score-threshold", type=float, default=0.5, help="of requests that name none "
        "(%(default)s)")  # fmt: skip
    add("--iou-threshold", type=float, help="of NMS, likewise (default: IceVision's)")
    add("--max-detections", type=int, default=MAX_DETECTIONS, help="likewise (%(default)s)")
    add("--dataset", help="what it was trained on, for the record")
    add("--training-command", help="how it was trained, for the record")
    add("--parity", type=Path, metavar="PICTURES", help="then compare the bundle with IceVision on "
        "these (a folder, COCO file or picture), as scripts/run parity does")  # fmt: skip
    add("--json", action="store_true", help="print what was made as JSON")
    add_checkpoint_options(parser)
    return parser


def _print_json(result: ExportResult, bundle_dir: Path) -> None:
    summary = {
        "bundle": str(bundle_dir),
        "bytes": (bundle_dir / ONNX_FILE).stat().st_size,
        "largest_difference": result.largest_difference,
        "manifest": json.loads(result.manifest.to_json()),
    }
    print(json.dumps(summary, indent=2))


def _run_parity(options: argparse.Namespace, manifest: Manifest) -> int:
    """Compare what was written, in a process that knows no more than the files; its status."""
    from scripts.model.icevision.resizing import resizes_as_icevision

    command = [sys.executable, "-P", "-m", "scripts.model.parity"]
    command += [options.out, options.checkpoint, options.parity]
    if not resizes_as_icevision(manifest):
        command.append("--from-input")
    for name in CHECKPOINT_OPTIONS:
        if (value := getattr(options, name)) is not None:
            command.append(f"--{name}={value}")
    sys.stdout.flush()
    output = sys.stderr if options.json else None  # --json is of the bundle alone
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, stdout=output, check=False).returncode


def _print_summary(
    checkpoint: Checkpoint, result: ExportResult, options: argparse.Namespace
) -> None:
    manifest, bundle_dir = result.manifest, options.out
    size_bytes = (bundle_dir / ONNX_FILE).stat().st_size
    names = ", ".join(manifest.classes[:8]) + (", …" if len(manifest.classes) > 8 else "")
    thresholds, resize = manifest.thresholds, manifest.resize
    print(
        f"checkpoint  {checkpoint.model_name}:{checkpoint.backbone_name}, "
        f"{checkpoint.width} x {checkpoint.height} px\n"
        f"classes     {len(manifest.classes)}: {names}\n"
        f"network     PyTorch and ONNX Runtime agree to {result.largest_difference:.1e}\n"
        f"resize      {resize.rule}, {resize.fit}\n"
        f"thresholds  score {thresholds.score:g}, iou {thresholds.iou:g}, "
        f"max_detections {thresholds.max_detections}\n"
        f"bundle      {bundle_dir}: {manifest.name} {manifest.version}, {size_bytes / 1e6:.1f} MB"
    )
    if options.parity:
        print(f"parity      on {options.parity}:")
    else:
        print(f"next        scripts/run parity {bundle_dir} {options.checkpoint} PICTURES")


if __name__ == "__main__":
    main()
