"""Figures of a bundle: worked examples by hand, and a whole run over painted squares."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handler.bundle.files import load_bundle
from handler.detection.detections import Detections
from scripts.model import dataset
from scripts.model.dataset import LabelledPicture
from scripts.model.evaluate import accuracy, baseline, evaluate
from scripts.model.evaluate.accuracy import EvaluatedPicture
from tests.scripts.model.test_dataset import voc
from tests.support.app import make_app
from tests.support.tiny_bundle import make_tiny_bundle, paint

CLASSES = ("cell",)


def judged(
    truth: list[list[float]], found: list[list[float]], scores: list[float]
) -> EvaluatedPicture:
    boxes = np.array(truth, np.float64).reshape(-1, 4)
    picture = LabelledPicture(Path("p.png"), boxes, ("cell",) * len(boxes))
    detections = Detections(
        np.array(found, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.zeros(len(scores), np.int64),
    )
    return EvaluatedPicture(picture, detections, 100, 100)


def test_nothing_found_in_an_empty_picture() -> None:
    figures = accuracy.figures([judged([], [], [])], CLASSES, "empty", 0.5)
    assert (figures.ap50, figures.precision, figures.recall, figures.count_error) == (0, 0, 0, 0)


def test_perfect_detections() -> None:
    box = [[10, 10, 30, 40], [50, 50, 90, 60]]
    figures = accuracy.figures([judged(box, box, [0.9, 0.8])], CLASSES, "perfect", 0.5)
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
    figures = accuracy.figures([item], CLASSES, "hand", 0.5)
    assert (figures.precision, figures.recall, figures.count_error) == (0.5, 0.5, 0.0)
    assert figures.ap50 == pytest.approx(
        51 / 101
    )  # COCO takes 101 recalls; 51 of them lie at or below one half


def test_a_box_is_taken_once() -> None:
    item = judged([[0, 0, 20, 20]], [[0, 0, 20, 20], [1, 0, 20, 20]], [0.9, 0.8])
    assert accuracy.matches(item.picture, item.detections, CLASSES) == 1


def test_the_threshold_that_counts_best() -> None:
    boxes = [[10 * i, 0, 10 * i + 5, 5] for i in range(8)]
    item = judged(boxes[:4], boxes, [0.9, 0.85, 0.8, 0.75, 0.45, 0.4, 0.35, 0.3])
    assert 0.45 <= accuracy.best_threshold([item], CLASSES, "steps") < 0.75


def test_the_whole_run_from_files(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    squares = [("red", (80, 80, 160, 160)), ("red", (320, 240, 400, 320))]
    voc(tmp_path, "squares.png", [(colour, box) for colour, box in squares])
    Image.fromarray(paint(640, 640, squares)).save(tmp_path / "squares.png")
    evaluate.main([str(tiny_bundle), str(tmp_path)])
    heading, row, of_red = capsys.readouterr().out.splitlines()
    assert heading.split()[2:6] == ["n", "objects", "AP50", "AP75"]
    assert row.split()[1:6] == ["1", "2", "1.000", "1.000", "1.000"]
    assert row.split()[-3:] == ["0.0%", "0.0", "+0.0%"]
    assert of_red.split() == ["red", "1.000", "1.000"]  # of green, nothing was labelled


def test_figures_by_class_and_size_by_hand() -> None:
    # A small box found, a large one missed and found by another class, whose precision that costs.
    classes = ("cell", "grain")
    boxes = np.array([[0, 0, 20, 20], [0, 0, 99, 99]], np.float64)
    picture = LabelledPicture(Path("p.png"), boxes, ("cell", "grain"))
    found = Detections(
        np.array([[0, 0, 99, 99], [0, 0, 20, 20]], np.float32),
        np.array([0.9, 0.8], np.float32),
        np.array([0, 0], np.int64),
    )
    made = accuracy.average_precision([EvaluatedPicture(picture, found, 100, 100)], classes)
    assert made.by_class["cell"] == pytest.approx((0.5, 0.5))
    assert made.by_class["grain"] == (0.0, 0.0)
    assert made.ap == pytest.approx(0.25) and made.ap75 == pytest.approx(0.25)
    assert made.by_size["medium"] is None and made.by_size["large"] == 0.0
    assert made.by_size["small"] == pytest.approx(1.0)  # COCO leaves what matches no size out


def test_the_curve_agrees_with_the_figures_at_each_threshold() -> None:
    rng = np.random.default_rng(3)
    truth = [[10 * i, 0, 10 * i + 8, 8] for i in range(9)]
    near = [[x0 + float(rng.integers(0, 5)), y0, x1, y1] for x0, y0, x1, y1 in truth * 2]
    scores = sorted(rng.random(18).round(3).tolist(), reverse=True)
    item = judged(truth, near, scores)
    over = accuracy.curve([item], CLASSES)
    for at in (0, 20, 45, 70):
        made = accuracy.figures([item], CLASSES, "hand", float(over.thresholds[at]))
        assert over.recall[at] == pytest.approx(made.recall)
        assert over.f1[at] == pytest.approx(made.f1)
        assert over.count_error[at] == pytest.approx(made.count_error)
        if item.count(float(over.thresholds[at])):
            assert over.precision[at] == pytest.approx(made.precision)


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """Twenty labelled pictures of one to three squares; in the last, one label too many."""
    folder = tmp_path / "squares"
    folder.mkdir()
    rng = np.random.default_rng(5)
    for number in range(20):
        places = rng.choice(4, size=1 + number % 3, replace=False)
        shown = [("red", (int(at) * 160, 80, int(at) * 160 + 80, 160)) for at in places]
        labels = shown if number < 19 else [*shown, ("green", (400, 400, 480, 480))]
        voc(folder, f"{number:02}.png", labels)
        Image.fromarray(paint(640, 640, shown)).save(folder / f"{number:02}.png")
    return folder


def test_calibration_and_baseline_are_written_and_served(
    squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_tiny_bundle(tmp_path / "bundle")
    evaluate.main([str(folder), str(squares), "--calibrate", str(squares), "--write-baseline"])
    assert "held on 100% of 20 of squares" in capsys.readouterr().out
    manifest = load_bundle(folder).manifest
    assert manifest.evaluation == ()  # --write was not said
    calibration, seen = manifest.count_calibration, manifest.monitoring_baseline
    assert calibration and (calibration.pictures, calibration.coverage) == (20, 0.9)
    assert calibration.below == 0.0 < calibration.above
    assert calibration.score_threshold == manifest.thresholds.score
    assert seen and seen.pictures == 20
    found = sum(1 + number % 3 for number in range(20))
    assert sum(seen.histograms["score"].counts) == sum(seen.class_counts.values()) == found
    assert sum(seen.histograms["brightness"].counts) == 20
    assert seen.histograms["count"].mean == pytest.approx(found / 20)
    # squares of 80 of 640 px, in an input of 64
    assert manifest.training_scale and manifest.training_scale.object_px == 8
    assert manifest.training_scale.pictures == 20


def test_folders_of_one_name_are_not_taken_for_each_other(squares: Path, tmp_path: Path) -> None:
    folder, other = make_tiny_bundle(tmp_path / "bundle"), tmp_path / "other" / "squares"
    shutil.copytree(squares, other)
    for number in range(5):
        (other / f"{number:02}.xml").unlink()
    with pytest.raises(SystemExit, match="one name"):
        evaluate.main([str(folder), str(squares), str(other)])
    with pytest.raises(SystemExit, match="15 pictures"):  # too few, though the first has twenty
        evaluate.main([str(folder), str(squares), "--calibrate", str(other)])


@pytest.mark.parametrize(
    "query", ["", "?score_threshold=0.1&max_detections=1000", "?score_threshold=0.9"]
)
def test_a_baseline_is_what_the_records_of_the_same_pictures_give(
    squares: Path, tmp_path: Path, query: str
) -> None:
    """No skew between evaluation and the log: both ways to the same histograms, also by the page,
    which asks for all there is, and by whoever wants sure ones only."""
    folder = make_tiny_bundle(tmp_path / "bundle")
    evaluate.main([str(folder), str(squares), "--write-baseline"])
    written = load_bundle(folder).manifest.monitoring_baseline
    assert written
    with make_app(folder, tmp_path / "log") as app:
        for path in sorted(squares.glob("*.png")):
            assert app.post(path.read_bytes(), query=query).status == 200
        assert app.post(b"no picture").status == 415
        observed = [baseline.of_record(record, written.score_threshold) for record in app.records()]
    assert observed.count(None) == 1  # the rejection
    again = baseline.summarise(
        [each for each in observed if each],
        dataset=written.dataset,
        score_threshold=written.score_threshold,
        iou_threshold=written.iou_threshold,
        command=written.command,
    )
    for name, histogram in written.histograms.items():
        assert again.histograms[name].counts == histogram.counts, name
    assert again.class_counts == written.class_counts


def test_the_report_is_one_file_that_loads_nothing(squares: Path, tmp_path: Path) -> None:
    folder, out = make_tiny_bundle(tmp_path / "bundle"), tmp_path / "report"
    evaluate.main([str(folder), str(squares), "--out", str(out)])
    assert [path.name for path in out.iterdir()] == ["report.html"]
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 2
    assert page.count('src="data:image/jpeg;base64,') == 1  # the one picture with a miss
    assert "19.png: 2 found, 3 labelled; 2 right, 0 wrong, 1 missed" in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)


def test_what_cannot_be_calibrated_leaves_the_bundle_alone(squares: Path, tmp_path: Path) -> None:
    folder = make_tiny_bundle(tmp_path / "bundle")
    before = (folder / "model.json").read_bytes()
    calibrate = [str(folder), str(squares), "--calibrate", str(squares)]
    with pytest.raises(SystemExit, match="at least 39"):
        evaluate.main([*calibrate, "--coverage", "0.95"])
    with pytest.raises(SystemExit, match="leave --score-threshold out"):
        evaluate.main([*calibrate, "--score-threshold", "0.3"])
    (squares / "00.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    with pytest.raises(SystemExit, match=r"00\.png"):
        evaluate.main(calibrate)
    assert (folder / "model.json").read_bytes() == before


def test_labels_the_model_does_not_know(tiny_bundle: Path, tmp_path: Path) -> None:
    voc(tmp_path, "a.png", [("zebra", (1, 1, 9, 9))])
    with pytest.raises(SystemExit, match=r"zebra.*none of the model's"):
        evaluate.main([str(tiny_bundle), str(tmp_path)])


def test_a_folder_without_labels(tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="neither VOC"):
        evaluate.main([str(tiny_bundle), str(tmp_path)])
    with pytest.raises(dataset.DatasetError):
        dataset.read(tmp_path)
