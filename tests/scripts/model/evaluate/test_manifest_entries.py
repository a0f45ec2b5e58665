"""What evaluate writes into model.json: the count interval, the baseline, the training scale."""

from __future__ import annotations

from pathlib import Path

import pytest

from handler.bundle.files import load_bundle
from scripts.model.evaluate.__main__ import main
from scripts.model.evaluate.baseline import compute_baseline, observe_record
from tests.support.app import make_app
from tests.support.tiny_bundle import make_tiny_bundle


def test_calibration_and_baseline_are_written_and_served(
    squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_tiny_bundle(tmp_path / "bundle")
    main([str(folder), str(squares), "--calibrate", str(squares), "--write-baseline"])
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


@pytest.mark.parametrize(
    "query", ["", "?score_threshold=0.1&max_detections=1000", "?score_threshold=0.9"]
)
def test_a_baseline_is_what_the_records_of_the_same_pictures_give(
    squares: Path, tmp_path: Path, query: str
) -> None:
    """No skew between evaluation and the log: both ways to the same histograms, also by the page,
    which asks for all there is, and by whoever wants sure ones only."""
    folder = make_tiny_bundle(tmp_path / "bundle")
    main([str(folder), str(squares), "--write-baseline"])
    written = load_bundle(folder).manifest.monitoring_baseline
    assert written
    with make_app(folder, tmp_path / "log") as app:
        for path in sorted(squares.glob("*.png")):
            assert app.post(path.read_bytes(), query=query).status == 200
        assert app.post(b"no picture").status == 415
        observed = [observe_record(record, written.score_threshold) for record in app.records()]
    assert observed.count(None) == 1  # the rejection
    again = compute_baseline(
        [each for each in observed if each],
        dataset=written.dataset,
        score_threshold=written.score_threshold,
        iou_threshold=written.iou_threshold,
        command=written.command,
    )
    for name, histogram in written.histograms.items():
        assert again.histograms[name].counts == histogram.counts, name
    assert again.class_counts == written.class_counts
