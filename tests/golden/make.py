"""Write what tests/golden has of the default model, after another one came into handler/model.

    python -m tests.golden.make CHECKPOINT

- microalgae.pth is the checkpoint that handler/model was exported from;
- microalgae-float/ is that model in float, whatever handler/model ships: its graph and manifest;
- microalgae.json is what the default model finds on microalgae.png.

The picture stays, as a PNG, whose pixels do not depend on a decoder's version; and so do the
prediction-*.json.gz, which commits of former days wrote.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path

from handler.bundle.files import ONNX_FILE, load_bundle
from handler.bundle.reader import MANIFEST_FILE
from handler.detection.detector import Detector, Thresholds
from handler.images.decode import decode
from tests.support.paths import ROOT

MODEL = ROOT / "handler" / "model"
FOLDER = ROOT / "tests" / "golden"
CHECKPOINT = FOLDER / "microalgae.pth"
FLOAT_BUNDLE = FOLDER / "microalgae-float"
DETECTIONS = FOLDER / "microalgae.json"
MAX_CHECKPOINT_BYTES = 4_000_000


def detect() -> dict:
    """What the default model finds on the picture, at its own thresholds."""
    bundle = load_bundle(MODEL)
    own = bundle.manifest.thresholds
    picture = decode(DETECTIONS.with_suffix(".png").read_bytes(), max_pixels=10**6)
    output = Detector.load(bundle, threads=1).detect(
        picture, Thresholds(own.score, own.iou, own.max_detections)
    )
    return {
        "model_sha256": bundle.manifest.sha256,
        "detections": output.detections.to_json(bundle.manifest.classes),
    }


def write(checkpoint: Path) -> None:
    """Write all three. Raises SystemExit for a checkpoint that is not the default model's."""
    data = checkpoint.read_bytes()
    known = load_bundle(MODEL).manifest.provenance.checkpoint_sha256
    if hashlib.sha256(data).hexdigest() != known:
        sys.exit(f"{checkpoint} is not what handler/model was exported from ({known})")
    if len(data) > MAX_CHECKPOINT_BYTES:
        sys.exit(f"{checkpoint} has {len(data):,} bytes, more than {MAX_CHECKPOINT_BYTES:,}")
    CHECKPOINT.write_bytes(data)
    for name in (ONNX_FILE, MANIFEST_FILE):
        shutil.copyfile(MODEL / name, FLOAT_BUNDLE / name)
    DETECTIONS.write_text(json.dumps(detect(), indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    write(parser.parse_args().checkpoint)
