"""Class names get the labels, or columns, that the graph gives them."""

from __future__ import annotations

from pathlib import Path

from scripts.model.adapt.class_ids import COCO_IDS, assign_class_ids
from tests.scripts.model.adapt.bundles import adapt_model
from tests.scripts.model.adapt.cases import nms_inside


def test_coco_names_get_cocos_numbers(tmp_path: Path) -> None:
    names = ["person", *(f"thing {n}" for n in range(78)), "toothbrush"]
    reading = adapt_model(tmp_path, nms_inside.torchvision().model).reading
    assert assign_class_ids(names, reading, "auto").ids == COCO_IDS
    assert assign_class_ids(names, reading, "contiguous").ids == tuple(range(1, 81))
    assert (COCO_IDS[0], COCO_IDS[11], COCO_IDS[-1]) == (1, 13, 90)  # stop sign is 13
    numbered = assign_class_ids(["7: train", "3: car"], reading, "auto")
    assert (numbered.names, numbered.ids) == (("train", "car"), (7, 3))
    with_background = assign_class_ids(["__background__", "a", "N/A", "b"], reading, "auto")
    assert (with_background.names, with_background.ids) == (("a", "b"), (1, 3))
