"""What evaluate writes into model.json and beside it: the count interval, the baseline with its
reference, the training scale."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from handler.bundle.files import load_bundle
from scripts.model.baseline import build
from scripts.model.baseline.build import build_baseline
from scripts.model.baseline.corruptions import CORRUPTIONS
from scripts.model.evaluate import run
from scripts.model.evaluate.__main__ import main
from scripts.records.observations import PROPERTIES, Observations
from scripts.records.observe import observe_records
from scripts.records.reference import (
    REFERENCE_FILE,
    read_bundle_reference,
    read_reference,
    write_reference,
)
from scripts.tool import ToolError
from tests.support.app import make_app
from tests.support.labelled_picture import write_small_squares
from tests.support.pictures import png
from tests.support.tiny_bundle import make_tiny_bundle

PICTURES = 50


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_squares(tmp_path_factory.mktemp("data") / "squares", PICTURES)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    """A bundle with a baseline."""
    folder = make_tiny_bundle(tmp_path_factory.mktemp("written") / "bundle")
    write_baseline(folder, pictures)
    return folder


def write_baseline(folder: Path, pictures: Path) -> None:
    """By the command, with signatures of two corruptions only: all of them take half a minute."""
    few = tuple(each for each in CORRUPTIONS if each.name in ("less light", "higher"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "build_baseline", partial(build_baseline, corruptions=few))
        patch.setattr(build, "SIGNATURE_PICTURES", 10)
        main([str(folder), str(pictures), "--write-baseline"])


def test_figures_quote_the_file_that_was_measured_and_where(squares: Path, tmp_path: Path) -> None:
    folder = make_tiny_bundle(tmp_path / "a bundle")
    main([str(folder), str(squares), "--write"])
    manifest = load_bundle(folder).manifest
    (figures,) = manifest.evaluation
    assert figures.onnx_sha256 == manifest.sha256 and figures.pictures == 20
    assert shlex.split(figures.command)[-2:] == [str(folder), str(squares)]


def test_calibration_is_written_and_served(
    squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_tiny_bundle(tmp_path / "bundle")
    main([str(folder), str(squares), "--calibrate", str(squares)])
    told = capsys.readouterr().out
    assert "count interval: 90% asked of 20 pictures of squares" in told
    # the last, with a label too many, lies beyond what the others say
    assert "held on 19 of them (95%), each left out of the calibration in turn" in told
    manifest = load_bundle(folder).manifest
    assert manifest.evaluation == ()  # --write was not said
    calibration = manifest.count_calibration
    assert calibration and (calibration.pictures, calibration.coverage) == (20, 0.9)
    assert calibration.below == 0.0 < calibration.above
    assert calibration.ranges and calibration.ranges.count == (
        0.5,
        3.5,
    )  # one to three, and a quarter
    with make_app(folder, tmp_path / "log") as app:
        body = sorted(squares.glob("*.png"))[0].read_bytes()
        made = json.loads(app.post(body).body)
        assert made["count"] == 1 and made["count_interval"]["low"] == 1
        blank = json.loads(app.post(png([])).body)
        assert blank["count_interval"] is None and blank["no_interval"].startswith("nothing was")
    assert calibration.score_threshold == manifest.thresholds.score
    assert manifest.monitoring_baseline is None


def test_a_baseline_is_written_with_its_reference(
    pictures: Path, tmp_path: Path, written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_tiny_bundle(tmp_path / "bundle")
    write_baseline(folder, pictures)
    assert "has 50 pictures; with 300 or more" in capsys.readouterr().err
    manifest = load_bundle(folder).manifest
    seen = manifest.monitoring_baseline
    assert seen and (seen.pictures, seen.dataset) == (PICTURES, "squares")
    assert seen.command.endswith("squares --write-baseline")
    reference_bytes = (folder / REFERENCE_FILE).read_bytes()
    assert seen.reference_sha256 == hashlib.sha256(reference_bytes).hexdigest()
    assert reference_bytes == (written / REFERENCE_FILE).read_bytes()  # the same each time
    # squares of 24 of 96 px, in an input of 64
    assert manifest.training_scale and manifest.training_scale.object_px == 16
    reference = read_bundle_reference(folder)
    assert reference.origin == "50 labelled pictures of squares"
    assert len(reference.observations) == PICTURES
    assert reference.labels and reference.labels.objects.tolist()[:5] == [1, 2, 3, 4, 1]
    planted = [each.name for each in reference.signatures]
    assert planted[:6] == ["less light"] * 3 + ["higher"] * 3
    fewer, more = "pictures with fewer objects", "pictures with more objects"
    assert planted[6:] == [fewer, fewer, more, more]
    moved = [each.effects["log_count"] for each in reference.signatures[6:]]
    assert moved[1] < moved[0] < 0 < moved[2] < moved[3]
    assert sum(seen.class_counts.values()) == reference.observations.facts["detections"].sum()


@pytest.mark.parametrize(
    "query", ["", "?score_threshold=0.1&max_detections=1000", "?score_threshold=0.9"]
)
def test_a_reference_is_what_the_records_of_the_same_pictures_give(
    written: Path, pictures: Path, tmp_path: Path, query: str
) -> None:
    """No skew between evaluation and the log: both ways to the same observations, also by the page,
    which asks for all there is, and by whoever wants sure ones only."""
    reference = read_bundle_reference(written).observations
    with make_app(written, tmp_path / "log") as app:
        for path in sorted(pictures.glob("*.jpg")):
            assert app.post(path.read_bytes(), query=query).status == 200
        assert app.post(b"no picture").status == 415
        live = observe_records(app.records())
    live = live.select(live.is_prediction)
    assert len(live) == len(reference)
    live, reference = _by_bytes(live), _by_bytes(reference)
    for name in PROPERTIES:
        np.testing.assert_allclose(
            live.properties[name], reference.properties[name], atol=1e-5, err_msg=name
        )
    assert (live.score_histogram == reference.score_histogram).all()


def test_of_too_few_pictures_only_the_training_scale_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_tiny_bundle(tmp_path / "bundle")
    few = write_small_squares(tmp_path / "few", 19)
    main([str(folder), str(few), "--write-baseline"])
    assert "no baseline for the monitor is written: 19 pictures" in capsys.readouterr().err
    manifest = load_bundle(folder).manifest
    assert manifest.monitoring_baseline is None
    assert manifest.training_scale and manifest.training_scale.pictures == 19
    assert not (folder / REFERENCE_FILE).exists()


def test_a_reference_of_another_bundle_is_refused(written: Path, tmp_path: Path) -> None:
    other = make_tiny_bundle(tmp_path / "other", size=(128, 128))  # of its name and version, too
    shutil.copy(written / REFERENCE_FILE, other)
    with pytest.raises(ToolError, match="the reference is of squares"):
        read_bundle_reference(other)
    again = shutil.copytree(written, tmp_path / "again")
    reference = read_reference(again / REFERENCE_FILE)
    write_reference(replace(reference, origin="others"), again / REFERENCE_FILE)
    with pytest.raises(ToolError, match=r"not the file that model\.json names"):
        read_bundle_reference(again)


def _by_bytes(observations: Observations) -> Observations:
    """In an order that both sides know: by the size and brightness of the picture."""
    keys = [observations.properties[name] for name in ("brightness", "log_bytes_per_pixel")]
    return observations.select(np.lexsort(np.round(keys, 4)))
