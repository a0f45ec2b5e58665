"""Figures of a bundle: worked examples by hand, and a whole run over painted squares."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handler.detections import Detections
from scripts.model import dataset, evaluate
from scripts.model.dataset import LabelledPicture
from scripts.model.evaluate import Judged
from tests.model.test_dataset import voc
from tests.support.tiny_bundle import paint

CLASSES = ("cell",)


def judged(truth: list[list[float]], found: list[list[float]], scores: list[float]) -> Judged:
    boxes = np.array(truth, np.float64).reshape(-1, 4)
    picture = LabelledPicture(Path("p.png"), boxes, ("cell",) * len(boxes))
    detections = Detections(
        np.array(found, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.zeros(len(scores), np.int64),
    )
    return Judged(picture, detections, 100, 100)


def test_nothing_found_in_an_empty_picture() -> None:
    figures = evaluate.figures([judged([], [], [])], CLASSES, "empty", 0.5)
    assert (figures.ap50, figures.precision, figures.recall, figures.count_error) == (0, 0, 0, 0)


def test_perfect_detections() -> None:
    box = [[10, 10, 30, 40], [50, 50, 90, 60]]
    figures = evaluate.figures([judged(box, box, [0.9, 0.8])], CLASSES, "perfect", 0.5)
    assert figures.ap == pytest.approx(1) and figures.ap50 == pytest.approx(1)
    assert (figures.precision, figures.recall, figures.count_error, figures.count_bias) == (
        1,
        1,
        0,
        0,
    )


def test_by_hand() -> None:
    # Two cells; one found well (IoU 1), one found by IoU 0.45, and one box on nothing, below the
    # threshold.
    item = judged(
        [[0, 0, 20, 20], [50, 50, 70, 70]],
        [[0, 0, 20, 20], [50, 50, 70, 59], [80, 80, 90, 90]],
        [0.9, 0.8, 0.3],
    )
    figures = evaluate.figures([item], CLASSES, "hand", 0.5)
    assert (figures.precision, figures.recall, figures.count_error) == (0.5, 0.5, 0.0)
    assert figures.ap50 == pytest.approx(
        51 / 101
    )  # COCO takes 101 recalls; 51 of them lie at or below one half


def test_a_box_is_taken_once() -> None:
    item = judged([[0, 0, 20, 20]], [[0, 0, 20, 20], [1, 0, 20, 20]], [0.9, 0.8])
    assert evaluate.matches(item.picture, item.found, CLASSES) == 1


def test_the_threshold_that_counts_best() -> None:
    boxes = [[10 * i, 0, 10 * i + 5, 5] for i in range(8)]
    item = judged(boxes[:4], boxes, [0.9, 0.85, 0.8, 0.75, 0.45, 0.4, 0.35, 0.3])
    assert 0.45 <= evaluate.best_threshold([item], CLASSES, "steps") < 0.75


def test_the_whole_run_from_files(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    squares = [("red", (80, 80, 160, 160)), ("red", (320, 240, 400, 320))]
    voc(tmp_path, "squares.png", [(colour, box) for colour, box in squares])
    Image.fromarray(paint(640, 640, squares)).save(tmp_path / "squares.png")
    evaluate.main([str(tiny_bundle), str(tmp_path)])
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split()[2:5] == ["n", "objects", "AP50"]
    assert row.split()[1:5] == ["1", "2", "1.000", "1.000"]
    assert row.split()[-2:] == ["0.0%", "+0.0%"]


def test_labels_the_model_does_not_know(tiny_bundle: Path, tmp_path: Path) -> None:
    voc(tmp_path, "a.png", [("zebra", (1, 1, 9, 9))])
    with pytest.raises(SystemExit, match=r"zebra.*none of the model's"):
        evaluate.main([str(tiny_bundle), str(tmp_path)])


def test_a_folder_without_labels(tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="neither VOC"):
        evaluate.main([str(tiny_bundle), str(tmp_path)])
    with pytest.raises(dataset.DatasetError):
        dataset.read(tmp_path)
