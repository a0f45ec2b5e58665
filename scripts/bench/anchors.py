"""Measure how well labelled boxes are found, by how many anchors fit them.

    scripts/run anchors handler/model ../shared/data/microalgae/labeled --backbone micro_050

An EfficientDet is trained by anchors: boxes of a few shapes, a stride apart. effdet lets an anchor
learn a labelled box from an IoU of 0.5 on. Thin boxes, and those between two shapes, have few such
anchors; scripts.model.train.anchor_matching gives them others. Boxes that overlap another one are
left out, since crowding is a reason of its own to miss them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from handler.bundle.files import load_bundle
from handler.bundle.manifest import Manifest
from handler.detection import letterbox
from handler.detection.detector import Detector
from scripts.accuracy.matching import MATCH_IOU, box_iou_batch
from scripts.model.dataset import read_labelled_pictures
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture
from scripts.model.evaluate.evaluation import evaluate_pictures, name_dataset
from scripts.tool import ToolError, exit_on_error

FAMILY = "ross.efficientdet"
MAX_OVERLAP = 0.05  # IoU with another label
GROUPS = ((0, 0), (1, 1), (2, 2), (3, 4), (5, 7), (8, None))  # anchors, from and to


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/run anchors",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path, help="of an EfficientDet")
    parser.add_argument("folders", type=Path, nargs="+", help="labelled pictures")
    parser.add_argument("--backbone", help="whose anchors to count (default: the bundle's own)")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(argv)
    with exit_on_error("anchors"):
        bundle = load_bundle(options.bundle)
        anchors = make_anchors(bundle.manifest, options.backbone)
        detector = Detector.load(bundle, threads=options.threads)
        for folder in options.folders:
            pictures = evaluate_pictures(detector, read_labelled_pictures(folder))
            counts, scores = measure(pictures, bundle.manifest, anchors)
            print(f"\n{name_dataset(folder)}: {len(counts)} boxes that overlap no other\n")
            print(format_table(counts, scores, bundle.manifest.thresholds.score))


def make_anchors(manifest: Manifest, backbone: str | None) -> np.ndarray:
    """The anchors of a backbone, None for the bundle's own, float64 (A, 4), xyxy px of the bundle's
    input. Raises ToolError."""
    if backbone is None:
        if manifest.provenance.model != FAMILY or not manifest.provenance.backbone:
            raise ToolError(f"the bundle is no {FAMILY}; only those have these anchors")
        backbone = manifest.provenance.backbone
    from scripts.model.icevision.families import build_model  # torch takes seconds to import

    size = (manifest.input.width, manifest.input.height)
    bench = build_model(FAMILY, backbone, manifest.classes, size)
    anchors: np.ndarray = bench.anchors.boxes.numpy().astype(np.float64)
    return anchors[:, [1, 0, 3, 2]]


def measure(
    pictures: Sequence[EvaluatedPicture], manifest: Manifest, anchors: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each labelled box that overlaps no other: how many anchors fit it, int64 (N,), and the
    best score of the boxes found there, float64 (N,), 0 where there is none."""
    counts, scores = [], []
    for picture in pictures:
        labelled = np.asarray(picture.ground_truth.boxes, np.float64).reshape(-1, 4)
        if not len(labelled):
            continue
        overlaps = box_iou_batch(labelled, labelled)
        np.fill_diagonal(overlaps, 0)
        alone = labelled[overlaps.max(1) < MAX_OVERLAP]
        size = (manifest.input.width, manifest.input.height)
        placed = letterbox.fit(picture.width, picture.height, *size, manifest.resize.fit)
        fits = box_iou_batch(letterbox.to_input(alone, placed), anchors) >= MATCH_IOU
        counts.append(fits.sum(1))
        found = box_iou_batch(alone, picture.predictions.boxes.astype(np.float64)) >= MATCH_IOU
        scores.append(np.where(found, picture.predictions.scores, 0.0).max(1, initial=0.0))
    return np.concatenate(counts), np.concatenate(scores)


def format_table(counts: np.ndarray, scores: np.ndarray, score_threshold: float) -> str:
    """Markdown, a row a group of boxes."""
    rows = ["| anchors that fit | boxes | median score | found |", "| --- | ---: | ---: | ---: |"]
    for low, high in GROUPS:
        group = (counts >= low) & (counts <= (high if high is not None else np.inf))
        name = f"{low} or more" if high is None else str(low) if low == high else f"{low} to {high}"
        if group.any():
            median, found = np.median(scores[group]), np.mean(scores[group] > score_threshold)
            rows.append(f"| {name} | {group.sum()} | {median:.2f} | {found:.0%} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
