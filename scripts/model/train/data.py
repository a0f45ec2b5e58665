"""The labelled pictures of a training, split into those it learns from and those held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scripts.model.dataset import (
    DatasetError,
    LabelledDataset,
    LabelledPicture,
    read_dataset,
    read_labelled_pictures,
)
from scripts.model.train.options import TrainOptions

SMALL_BOX_PX = 8.0  # at the model's input; smaller boxes are hard for these models to find


@dataclass(frozen=True)
class TrainingData:
    """The whole dataset, its two parts, and its class names in alphabetical order."""

    dataset: LabelledDataset
    training: list[LabelledPicture]
    held_out: list[LabelledPicture]
    classes: list[str]


def read_training_data(options: TrainOptions) -> TrainingData:
    """Read --data and --val, or hold out a fraction. Raises DatasetError."""
    dataset = read_dataset(options.data)
    classes = sorted({label for picture in dataset.pictures for label in picture.labels})
    if not classes:
        raise DatasetError(f"{options.data}: no boxes to learn from; label some first")
    training, held_out = list(dataset.pictures), []
    if options.val:
        held_out = read_labelled_pictures(options.val)
        labels = {label for picture in held_out for label in picture.labels}
        unknown = sorted(labels - set(classes))
        if unknown:
            raise DatasetError(f"{options.val}: classes not in --data: {', '.join(unknown)}")
    elif not options.crop:
        training, held_out = split_pictures(training, options.held_out, options.seed)
    return TrainingData(dataset, training, held_out, classes)


def split_pictures(
    pictures: Sequence[LabelledPicture], held_out_fraction: float, seed: int
) -> tuple[list[LabelledPicture], list[LabelledPicture]]:
    """Training and held-out pictures, the same for the same seed; at least one stays in each."""
    order = np.random.default_rng(seed).permutation(len(pictures))
    count = 0
    if held_out_fraction > 0:
        count = min(len(pictures) - 1, max(1, round(len(pictures) * held_out_fraction)))
    held_out = set(order[:count].tolist())
    return (
        [picture for index, picture in enumerate(pictures) if index not in held_out],
        [picture for index, picture in enumerate(pictures) if index in held_out],
    )


def format_summary(dataset: LabelledDataset, size: int) -> str:
    """Pictures, boxes by class, corrections, and box sides at a model input of `size` px."""
    counts = Counter(label for picture in dataset.pictures for label in picture.labels)
    sides = np.concatenate(
        [
            np.sqrt((p.boxes[:, 2:] - p.boxes[:, :2]).prod(1)) * size / max(p.width, p.height)
            for p in dataset.pictures
        ]
    )
    low, median, high = np.quantile(sides, (0.05, 0.5, 0.95))
    empty = sum(not picture.labels for picture in dataset.pictures)
    lines = [f"{len(dataset.pictures)} pictures ({empty} without objects), {len(sides)} boxes"]
    lines += [f"  {label:<24} {count:>7}" for label, count in sorted(counts.items())]
    lines += [f"  note: {count} {reason}" for reason, count in dataset.corrections.items()]
    lines += [f"  warning: {sentence}" for sentence in dataset.warnings]
    lines.append(
        f"  box sides at {size} px: 5 % {low:.0f}, median {median:.0f}, 95 % {high:.0f} px"
    )
    if low < SMALL_BOX_PX:
        lines.append(f"  warning: boxes under {SMALL_BOX_PX:.0f} px are hard to find; raise --size")
    return "\n".join(lines)
