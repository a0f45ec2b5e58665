"""From `sample` over a labelling tool and back: figures weighted by each picture's chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.monitor.__main__ import main
from scripts.monitor.labelling.corrections import digest_labels, read_labelled_sample
from scripts.monitor.quality.corrected import estimate
from scripts.tool import ToolError
from tests.scripts.monitor.labelling.kept import record_pictures, write_bucket
from tests.support.pictures import RED, RED_AND_GREEN, png

PICTURES = {f"p{n:02d}": png(RED if n % 2 else RED_AND_GREEN) for n in range(16)}


@pytest.mark.parametrize("format", ["voc", "coco"])
def test_labels_come_back_as_feedback_with_chances(
    tiny_bundle: Path, tmp_path: Path, format: str
) -> None:
    records = record_pictures(tiny_bundle, PICTURES)
    root = write_bucket(tmp_path / "log", records, PICTURES)
    out = tmp_path / "to-label"
    options = ["--window", "2026-11-01..2026-12-01", "--count", "12", "--format", format]
    main(["sample", str(root), "--out", str(out), *options])
    labelled = read_labelled_sample(out)
    assert labelled.unchanged == 12
    assert sum(1 / chance for chance in labelled.chances.values()) == pytest.approx(16, abs=0.01)
    by_id = {record.prediction_id: record for record in records}
    quality = estimate(by_id, labelled.feedback, chances=labelled.chances)
    assert quality is not None
    assert quality.corrections == 12
    assert quality.ap50.value == pytest.approx(1.0)
    assert quality.count_bias.value == pytest.approx(0.0)


def test_a_corrected_picture_is_no_longer_unchanged(tiny_bundle: Path, tmp_path: Path) -> None:
    root = write_bucket(tmp_path / "log", record_pictures(tiny_bundle, PICTURES), PICTURES)
    out = tmp_path / "to-label"
    main(["sample", str(root), "--out", str(out), "--window", "2026-11-01..2026-12-01"])
    label = next(path for path in sorted(out.rglob("*.xml")))
    label.write_text(label.read_text().replace("<xmin>", "<xmin>1"))
    assert read_labelled_sample(out).unchanged == len(PICTURES) - 1


def test_the_digest_does_not_mind_the_order() -> None:
    boxes = np.array([[0, 0, 10, 10], [5.04, 5, 20, 20]])
    assert digest_labels(boxes, ["a", "b"]) == digest_labels(boxes[::-1], ["b", "a"])
    assert digest_labels(boxes, ["a", "b"]) != digest_labels(boxes, ["b", "a"])
    assert digest_labels(boxes[:0], []) == digest_labels(boxes[:0], [])


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "picture,prediction_id\na,b\n",
        "picture,prediction_id,time,chance,pre_labels\na.png,a,2026,nought,x\n",
        "picture,prediction_id,time,chance,pre_labels\na.png,a,2026,0,x\n",
        "picture,prediction_id,time,chance,pre_labels\na.png\n",
    ],
)
def test_a_selection_that_is_none_is_told(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "selection.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ToolError, match=r"selection\.csv"):
        read_labelled_sample(tmp_path)
