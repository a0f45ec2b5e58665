"""AP50 of a reading on the labelled pictures of --check."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from handler.detection.detections import Detections
from scripts.accuracy.average_precision import average_precision
from scripts.accuracy.matching import match
from scripts.model.adapt.check.pictures import CheckPicture
from scripts.model.dataset import LabelledPicture


@dataclass(frozen=True, eq=False)
class CheckLabels:
    """The labels of the pictures that have some.

    class_names: the model's, as names are compared here: case and signs don't count.
    """

    truths: tuple[LabelledPicture | None, ...]
    class_names: frozenset[str]

    @cached_property
    def unknown(self) -> tuple[str, ...]:
        """The labels that are none of the model's classes."""
        return tuple(
            sorted(label for label in self._labels if _plain(label) not in self.class_names)
        )

    @property
    def of_boxes_alone(self) -> bool:
        """Whether no label is a class of the model, so that only places are compared."""
        return len(self.unknown) == len(self._labels)

    @cached_property
    def objects(self) -> int:
        """How many labelled objects count."""
        return sum(len(self._truth(truth)[1]) for truth in self.truths if truth)

    @cached_property
    def _labels(self) -> frozenset[str]:
        return frozenset(label for truth in self.truths if truth for label in truth.labels)

    def average_precision(
        self, candidates: Sequence[Detections], class_names: Sequence[str]
    ) -> float | None:
        """AP50, 0..1, the mean over the labelled classes, as COCO has it; None without labels.

        candidates: of each picture, best first. class_names: of their class ids.
        """
        scores: dict[str, list[float]] = {}
        is_match: dict[str, list[bool]] = {}
        objects: Counter[str] = Counter()
        for found, truth in zip(candidates, self.truths, strict=True):
            if truth is None:
                continue
            boxes, labels = self._truth(truth)
            names = [self._name(class_names[class_id]) for class_id in found.class_ids]
            twins = match(found.boxes.astype(np.float64), names, boxes, labels)
            for name, score, twin in zip(names, found.scores.tolist(), twins, strict=True):
                scores.setdefault(name, []).append(score)
                is_match.setdefault(name, []).append(bool(twin >= 0))
            objects.update(labels)
        if not objects:
            return None
        precisions = [
            average_precision(
                np.array(scores.get(name, []), float), np.array(is_match.get(name, []), bool), count
            )
            for name, count in objects.items()
        ]
        return float(np.mean(precisions))

    def _truth(self, truth: LabelledPicture) -> tuple[np.ndarray, list[str]]:
        """The boxes that count, and their names as `_name` has them."""
        counts = [self.of_boxes_alone or label not in self.unknown for label in truth.labels]
        names = [
            self._name(label)
            for label, is_known in zip(truth.labels, counts, strict=True)
            if is_known
        ]
        return truth.boxes[np.array(counts, bool)], names

    def _name(self, name: str) -> str:
        return "" if self.of_boxes_alone else _plain(name)


def collect_labels(
    pictures: Sequence[CheckPicture], class_names: Sequence[str] | None
) -> CheckLabels | None:
    """None where no picture is labelled."""
    truths = tuple(check.truth for check in pictures)
    if all(truth is None for truth in truths):
        return None
    return CheckLabels(truths, frozenset(map(_plain, class_names or ())))


def _plain(name: str) -> str:
    """A name to compare: "7: Milk_Bottle" is "milkbottle"."""
    return re.sub(r"[\W_]+", "", re.sub(r"^\d+\s*:", "", name).casefold())
