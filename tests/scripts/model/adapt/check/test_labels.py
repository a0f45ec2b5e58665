"""AP50 on the labelled pictures of --check."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handler.detection.detections import Detections
from scripts.model.adapt.check.labels import CheckLabels, collect_labels
from scripts.model.adapt.check.pictures import read_check_pictures
from scripts.model.dataset import LabelledPicture
from tests.scripts.model.adapt.check.test_check import label


def truth(*objects: tuple[float, str]) -> LabelledPicture:
    """Boxes of 10 px, each at its x."""
    boxes = np.array([(x, 0, x + 10, 10) for x, _ in objects], float).reshape(-1, 4)
    return LabelledPicture(Path("p.jpg"), boxes, tuple(name for _, name in objects), 100, 100)


def found(*objects: tuple[float, float, int]) -> Detections:
    """(x, score, class id), best first."""
    return Detections(
        np.array([(x, 0, x + 10, 10) for x, _, _ in objects], np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in objects], np.float32),
        np.array([class_id for _, _, class_id in objects], np.int64),
    )


def labels(*truths: LabelledPicture | None, names: tuple[str, ...]) -> CheckLabels:
    return CheckLabels(truths, frozenset(names))


def test_ap50_is_the_mean_over_labelled_classes() -> None:
    """ant: found, wrong, found of 2: precision 1 up to recall 0.5, then 2/3. bee: not found. COCO
    takes precision at the 101 recalls 0, 0.01 … 1: 51 of them up to 0.5, and 50 above."""
    measured = labels(truth((0, "ant"), (20, "ant"), (40, "bee")), names=("ant", "bee"))
    ap50 = measured.average_precision(
        [found((0, 0.9, 0), (70, 0.8, 0), (21, 0.7, 0))], ("ant", "bee")
    )
    assert ap50 == pytest.approx(((51 * 1 + 50 * 2 / 3) / 101 + 0) / 2)
    assert measured.objects == 3 and not measured.unknown


def test_names_are_compared_without_case_and_signs() -> None:
    measured = labels(truth((0, "Milk_Bottle")), names=("milkbottle",))
    assert measured.average_precision([found((0, 0.9, 0))], ("milk bottle",)) == 1
    assert not measured.of_boxes_alone


def test_labels_that_are_no_class_are_left_out() -> None:
    measured = labels(truth((0, "ant"), (20, "spider")), names=("ant",))
    assert measured.unknown == ("spider",) and measured.objects == 1
    assert measured.average_precision([found((0, 0.9, 0))], ("ant",)) == 1


def test_foreign_labels_compare_places_alone() -> None:
    measured = labels(truth((0, "can"), (20, "carton")), names=("bottle", "cup"))
    assert measured.of_boxes_alone and measured.objects == 2
    candidates = [found((0, 0.9, 0), (20, 0.8, 1))]
    assert measured.average_precision(candidates, ("bottle", "cup")) == 1


def test_pictures_without_labels_do_not_count() -> None:
    measured = labels(None, truth((0, "ant")), names=("ant",))
    candidates = [found((0, 0.99, 0)), found((0, 0.9, 0))]
    assert measured.average_precision(candidates, ("ant",)) == 1
    assert labels(truth(), names=("ant",)).average_precision([found()], ("ant",)) is None


def test_numbers_before_names_do_not_count(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    Image.new("RGB", (64, 64)).save(picture)
    label(picture, [(0, 0, "ant")])
    collected = collect_labels(read_check_pictures([tmp_path]).pictures, ("7: ant",))
    assert collected is not None and not collected.of_boxes_alone
