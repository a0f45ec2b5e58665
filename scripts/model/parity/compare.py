"""Compare a bundle in the handler with its checkpoint in IceVision, stage by stage."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from handler.bundle.files import Bundle
from handler.detection.detector import Thresholds
from scripts.model.dataset import list_pictures, read_labelled_pictures
from scripts.model.icevision.checkpoint import Checkpoint
from scripts.model.icevision.families import FILL
from scripts.model.parity.compatibility import check_comparable
from scripts.model.parity.detection_sets import SetComparison, compare_detection_sets
from scripts.model.parity.handler_side import HandlerSide
from scripts.model.parity.icevision_side import IceVisionSide
from scripts.model.parity.stages import (
    MIN_CANDIDATE_SCORE,
    SCORE_THRESHOLDS,
    compare_networks,
    compare_tensors,
    describe_fill_difference,
    describe_pixel_difference,
    describe_resize_difference,
)
from scripts.model.parity.verdict import ParityResult, ParityTotals, StageDifference, build_result
from scripts.tool import ToolError


def find_pictures(paths: Sequence[Path]) -> list[Path]:
    """The pictures among `paths`, those in folders among them, and those that COCO files among them
    label, in order. Raises ToolError."""
    image_paths: list[Path] = []
    for path in paths:
        if path.is_dir():
            in_folder = list_pictures(path)
            if not in_folder:
                raise ToolError(f"{path}: no picture in it; give a folder of JPEG or PNG")
            image_paths += in_folder
        elif path.is_file() and path.suffix == ".json":
            image_paths += [picture.path for picture in read_labelled_pictures(path)]
        elif path.is_file():
            image_paths.append(path)
        else:
            raise ToolError(f"{path}: no such file or folder; give pictures")
    return list(dict.fromkeys(image_paths))


def compare_bundle(
    bundle: Bundle,
    checkpoint: Checkpoint,
    image_paths: Sequence[Path],
    *,
    from_input: bool,
    threads: int,
) -> ParityResult:
    """Compare both sides on every picture.

    from_input: IceVision begins at the handler's letterboxed input. threads: of PyTorch and ONNX
    Runtime. Raises ToolError where the two or a picture cannot be compared, and BundleError.
    """
    check_comparable(bundle.manifest, checkpoint, from_input=from_input)
    torch.set_num_threads(threads)
    icevision = IceVisionSide(checkpoint, bundle.manifest, resizes=not from_input)
    handler = HandlerSide(bundle, threads=threads)
    totals = ParityTotals()
    for path in tqdm(image_paths, unit="picture", desc="comparing", disable=None, file=sys.stderr):
        _compare_picture(path, handler, icevision, totals, from_input=from_input)
    return build_result(
        bundle.manifest,
        checkpoint,
        icevision.network,
        totals,
        len(image_paths),
        from_input=from_input,
    )


def _compare_picture(
    image_path: Path,
    handler: HandlerSide,
    icevision: IceVisionSide,
    totals: ParityTotals,
    *,
    from_input: bool,
) -> None:
    """Compare one picture at every stage, and add the outcome to `totals`. Raises ToolError."""
    differences: list[StageDifference] = []

    def note(stage: str, description: str | None) -> None:
        if description is not None:
            differences.append(StageDifference(image_path.name, stage, description))

    picture, model_input, letterbox = handler.prepare(image_path)
    if from_input:
        rgb = model_input
        if handler.manifest.resize.fill != FILL:
            note("resized", describe_fill_difference(handler.manifest))
    else:
        rgb = icevision.open_picture(image_path)
        pixel_difference = describe_pixel_difference(picture.rgb, rgb)
        note("pixels", pixel_difference)
        if picture.rgb.shape != rgb.shape:  # boxes in pictures of two sizes cannot be compared
            totals.add_differences(differences)
            incomparable = SetComparison(0, None, None, 0, pixel_difference)
            for threshold in SCORE_THRESHOLDS:
                totals.add_detections(threshold, image_path.name, incomparable)
            return
        resized = icevision.resize(rgb, image_path)
        note(
            "resized",
            describe_resize_difference(model_input, resized, handler.manifest, letterbox),
        )
    normalised, actual = handler.run_network(model_input)
    gap, description = compare_tensors(normalised, icevision.to_tensor(rgb))
    totals.input_difference = max(totals.input_difference, gap)
    note("input", description)
    expected = icevision.network.run(normalised)
    network_comparison = compare_networks(expected, actual)
    totals.add_network(network_comparison)
    note("network", network_comparison.difference)
    candidates = icevision.select_candidates(expected, MIN_CANDIDATE_SCORE, picture)
    iou_threshold = icevision.network.iou_threshold
    max_detections = icevision.network.max_detections
    for threshold in SCORE_THRESHOLDS:
        theirs = icevision.predict(rgb, threshold, picture, image_path)
        ours = handler.detect(picture, Thresholds(threshold, iou_threshold, max_detections))
        comparison = compare_detection_sets(
            ours,
            theirs,
            candidates,
            threshold,
            iou_threshold=iou_threshold,
            max_detections=max_detections,
        )
        totals.add_detections(threshold, image_path.name, comparison)
        if comparison.difference is not None:
            note("boxes", f"above {threshold}: {comparison.difference}")
    totals.add_differences(differences)
