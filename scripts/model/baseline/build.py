"""Builds the reference of a bundle from labelled pictures: their records, and signatures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from handler.bundle.files import Bundle
from handler.detection.detector import Detector
from handler.records.record import PredictionRecord
from scripts.model.baseline.corruptions import CORRUPTIONS, Corruption
from scripts.model.baseline.predictions import count_labels, find_matches
from scripts.model.baseline.signatures import (
    PlantedPictures,
    make_count_signatures,
    make_signature,
    plant,
    record_picture,
)
from scripts.model.dataset import LabelledPicture
from scripts.records.fingerprint import measure_scale
from scripts.records.observe import observe_records
from scripts.records.reference import MIN_RECORDS, Reference
from scripts.tool import ToolError

MIN_PICTURES = 20  # under which chance is most of what a reference holds
SIGNATURE_PICTURES = 30


@dataclass(frozen=True, eq=False)
class Baseline:
    """The reference and the records that it was made of. warnings: sentences."""

    reference: Reference
    records: tuple[PredictionRecord, ...]
    warnings: tuple[str, ...]


def count_predictions(pictures: int, corruptions: Sequence[Corruption] = CORRUPTIONS) -> int:
    """How many predictions a reference of so many pictures takes, for a progress bar."""
    planted = min(pictures, SIGNATURE_PICTURES)
    return pictures + planted * sum(len(each.strengths) for each in corruptions)


def build_baseline(
    bundle: Bundle,
    detector: Detector,
    pictures: Sequence[LabelledPicture],
    *,
    dataset: str,
    corruptions: Sequence[Corruption] = CORRUPTIONS,
    on_picture: Callable[[], None] = lambda: None,
) -> Baseline:
    """Predict on every picture, and on some of them under every corruption.

    on_picture: called after each prediction. Raises ToolError for fewer than MIN_PICTURES,
    DatasetError for a picture that cannot be read.
    """
    if len(pictures) < MIN_PICTURES:
        raise ToolError(
            f"a monitoring baseline of {len(pictures)} pictures would say little but chance: give "
            f"{MIN_RECORDS} labelled pictures or more, {MIN_PICTURES} at the least"
        )
    warnings = []
    if len(pictures) < MIN_RECORDS:
        warnings.append(
            f"the monitoring baseline has {len(pictures)} pictures; with {MIN_RECORDS} or more the "
            "monitor finds smaller changes"
        )
    manifest = bundle.manifest
    records, matches = [], []
    for index, picture in enumerate(pictures):
        record = record_picture(detector, picture, picture.path.read_bytes(), f"picture-{index:05}")
        records.append(record)
        matches.append(find_matches(record, picture.boxes, picture.labels, manifest))
        on_picture()
    observations = observe_records(records)
    labels = count_labels(records, [len(picture.boxes) for picture in pictures], matches)
    scale = measure_scale(observations)
    chosen = _spread_out(len(pictures), SIGNATURE_PICTURES)
    signatures = []
    for corruption in corruptions:
        for strength in corruption.strengths:
            planted = plant(
                bundle,
                detector,
                [pictures[index] for index in chosen],
                corruption,
                strength,
                on_picture=on_picture,
            )
            clean = observations.select(chosen)
            signatures.append(
                make_signature(corruption, strength, planted, clean, scale, manifest.classes)
            )
    whole = PlantedPictures(tuple(records), tuple(pictures))
    signatures += make_count_signatures(whole, observations, scale, manifest.classes)
    reference = Reference(
        manifest.name,
        manifest.version,
        f"{len(pictures)} labelled pictures of {dataset}",
        observations,
        labels,
        tuple(signatures),
        manifest.sha256,
    )
    return Baseline(reference, tuple(records), tuple(warnings))


def _spread_out(count: int, wanted: int) -> np.ndarray:
    """Indices of `wanted` of `count` pictures, evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(np.int64))
