"""What a labelled dataset is made of: its pictures with their boxes and class names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.model.classes import find_alike
from scripts.model.plurals import counted
from scripts.tool import ToolError


class DatasetError(ToolError):
    """A folder that cannot be read as VOC or COCO; the text names the file and the way to mend
    it."""


@dataclass(frozen=True)
class LabelledPicture:
    """One picture and its ground truth.

    boxes: float64 (N, 4), xyxy in px of the upright picture. labels: N class names. width, height:
    px of the upright picture.
    """

    path: Path
    boxes: np.ndarray
    labels: tuple[str, ...]
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class LabelledDataset:
    """The pictures of a folder; corrections: how many boxes or files were changed or left out, by
    reason."""

    pictures: tuple[LabelledPicture, ...]
    corrections: Mapping[str, int]

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence for each two class names that may mean one class."""
        boxes = Counter(label for picture in self.pictures for label in picture.labels)
        return tuple(
            f"the class names {one!r} ({counted(boxes[one], 'box')}) and {other!r} "
            f"({counted(boxes[other], 'box')}) are nearly the same; if they mean one class, give "
            "both one name"
            for one, other in find_alike(boxes)
        )
