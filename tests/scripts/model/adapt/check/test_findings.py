"""Warnings about what the chosen reading finds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from handler.detection.detections import Detections
from scripts.model.adapt.adapter import adapt
from scripts.model.adapt.check.findings import list_findings
from scripts.model.adapt.check.run import VariantRunner
from scripts.model.adapt.check.trial import PictureTrial, VariantTrial
from scripts.model.adapt.options import AdaptOptions
from tests.scripts.model.adapt.cases import nms_inside
from tests.scripts.model.adapt.check.square_finder import red_pictures
from tests.scripts.model.adapt.check.trials import SIDE, detections, picture, trial
from tests.scripts.model.adapt.foreign_graphs import save

Box = tuple[float, float, float, float]  # xyxy


def findings(*pictures: PictureTrial, **changes: object) -> list[str]:
    made: VariantTrial = dataclasses.replace(trial(pictures), **changes)
    return list_findings(made, VariantRunner(None, None, (), None))  # type: ignore[arg-type]


def of(boxes: list[Box], class_ids: list[int] | None = None) -> PictureTrial:
    found = detections(boxes, [0.9] * len(boxes))
    if class_ids is not None:
        found = Detections(found.boxes, found.scores, np.array(class_ids, np.int64))
    return PictureTrial(SIDE, SIDE, found, found, found)


def spread(count: int, shift: float = 0) -> list[Box]:
    """Boxes apart, of sizes that differ."""
    return [
        (90 * i + 10 + shift, 100 + shift, 90 * i + 50 + 3 * i + shift, 160 + 5 * i + shift)
        for i in range(count)
    ]


def test_good_boxes_are_no_finding() -> None:
    one, other = of(spread(6), [0, 1, 0, 1, 2, 0]), of(spread(6, 77), [0, 1, 0, 1, 2, 0])
    assert findings(one, other) == []


def test_nothing_found() -> None:
    assert findings(of([])) == ["nothing is found on the pictures of --check"]


@pytest.mark.parametrize(
    ("pictures", "text"),
    [
        ([of([(0, 0, SIDE, SIDE), (0, 0, SIDE, SIDE), *spread(4)])], "2 of 6 boxes"),
        ([of([(0, 10 + i, 40 + i, 60 + 2 * i) for i in range(0, 400, 100)])], "picture's border"),
        ([of(spread(4))] * 2, "at the same places in every picture"),
        ([picture([0.9] * 12)], "all 12 boxes are of one size"),
        ([of(spread(6)), of(spread(6, 77))], "all 12 boxes are 'ant', one of 3 classes"),
        ([picture([0.9] * 20, is_found_again=False)], "this looks like junk"),
    ],
)
def test_what_looks_wrong_is_said(pictures: list[PictureTrial], text: str) -> None:
    assert any(text in finding for finding in findings(*pictures)), findings(*pictures)


def test_labels_without_a_name_are_counted(tmp_path: Path) -> None:
    """The graph gives the labels 0, 1 and 2; the names are of 0 and 1."""
    pictures = red_pictures(tmp_path / "photos", 2)
    result = adapt(
        save(nms_inside.mmdeploy().model, tmp_path),
        tmp_path / "bundle",
        name="n",
        version="1",
        options=AdaptOptions(classes="ant,bee"),
        check_paths=pictures,
    )
    [warning] = [text for text in result.warnings if "have labels without a name" in text]
    assert "(2)" in warning and "on the pictures of --check" in warning
