"""`monitor replay`: a candidate against what was recorded, box by box."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector
from scripts.monitor.__main__ import main
from scripts.monitor.labelling.replay import PictureChange, Replay, compare_boxes, replay
from scripts.monitor.labelling.replay_page import format_replay
from scripts.monitor.labelling.sample import read_kept
from scripts.records.read import read_records
from scripts.records.source import open_source
from scripts.records.window import parse_window
from tests.scripts.monitor.labelling.kept import record_pictures, write_bucket
from tests.scripts.monitor.quality.corrections import listing
from tests.support.pictures import RED, RED_AND_GREEN, png
from tests.support.tiny_bundle import make_tiny_bundle

WINDOW = "2026-11-01..2026-12-01"
PICTURES = {f"p{n:02d}": png(RED if n % 2 else RED_AND_GREEN) for n in range(6)}


@pytest.fixture(scope="module")
def bucket(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    records = record_pictures(tiny_bundle, PICTURES)
    return write_bucket(tmp_path_factory.mktemp("bucket"), records, PICTURES)


@pytest.fixture(scope="module")
def strict_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose threshold no square reaches."""
    folder = make_tiny_bundle(tmp_path_factory.mktemp("strict"), name="strict")
    manifest = json.loads((folder / "model.json").read_text())
    manifest["thresholds"]["score"] = 0.999
    (folder / "model.json").write_text(json.dumps(manifest))
    return folder


def run(bundle: Path, source: Path, *options: str) -> int:
    return main(["replay", str(bundle), str(source), "--window", WINDOW, *options])


def test_nothing_to_compare(tmp_path: Path, tiny_bundle: Path) -> None:
    detector = Detector.load(load_bundle(tiny_bundle), threads=1)
    result = replay(detector, open_source(str(tmp_path)), [])
    assert result.totals["pictures"] == 0
    assert result.worst(5) == []


def test_boxes_matched_gained_lost_and_moved() -> None:
    before = listing([[0, 0, 100, 100], [200, 0, 300, 100], [400, 0, 500, 100]], [0.9, 0.8, 0.7])
    after = listing([[0, 0, 100, 100], [230, 0, 330, 100], [600, 0, 700, 100]], [0.95, 0.8, 0.6])
    matched, gained, lost = compare_boxes(before, after)
    assert [(pair.iou, pair.has_moved) for pair in matched] == [(1.0, False), (0.5385, True)]
    assert matched[0].score_change == pytest.approx(0.05)
    assert gained == (after[2],)
    assert lost == (before[2],)
    assert compare_boxes([], []) == ((), (), ())
    assert compare_boxes(before, [])[2] == tuple(before)
    assert compare_boxes([], after)[1] == tuple(after)


def test_the_same_bundle_changes_nothing(
    bucket: Path, tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tiny_bundle, bucket, "--out", str(tmp_path), "--max-count-change", "0") == 0
    assert "6 pictures, 6 of them unchanged: 12 boxes become 12 (+0.0%)" in capsys.readouterr().out
    result = json.loads((tmp_path / "replay.json").read_text())
    assert result["totals"]["matched"] == 12
    assert "No picture changes." in (tmp_path / "replay.html").read_text()


def test_a_request_with_its_own_threshold_is_compared_at_the_models(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    records = record_pictures(tiny_bundle, PICTURES, score=0.999)
    assert not any(record.detections for record in records)
    root = write_bucket(tmp_path, records, PICTURES)
    assert run(tiny_bundle, root, "--max-count-change", "0") == 0


def test_near_misses_below_the_models_threshold_are_no_recorded_boxes(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    """A request asked for a higher threshold, and what it left out is partly below the model's own,
    where the candidate's answer has nothing either."""
    records = []
    for record in record_pictures(tiny_bundle, PICTURES, score=0.999):
        assert not record.detections and record.near_misses
        own = record.at_model_threshold["score"]
        box = {"xmin": 1.0, "ymin": 1.0, "xmax": 6.0, "ymax": 6.0}
        below = {**record.near_misses[-1], "score": own - 0.01, "box": box}
        records.append(replace(record, near_misses=[*record.near_misses, below]))
    source = open_source(str(write_bucket(tmp_path, records, PICTURES)))
    kept = read_kept(source, parse_window(WINDOW, datetime.now(UTC)))
    found = read_records(
        source, parse_window(WINDOW, datetime.now(UTC)), kept.facts["prediction_id"]
    )
    detector = Detector.load(load_bundle(tiny_bundle), threads=1)
    result = replay(detector, source, found.values())
    assert result.totals["count_before"] == result.totals["matched"] == 12
    assert result.totals["pictures_unchanged"] == len(PICTURES)


def test_a_candidate_that_finds_nothing_loses_every_box(
    bucket: Path, strict_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(strict_bundle, bucket, "--out", str(tmp_path)) == 0
    printed = capsys.readouterr().out
    assert "12 boxes become 0 (-100.0%); 0 gained, 12 lost" in printed
    assert run(strict_bundle, bucket, "--max-count-change", "99") == 1
    assert run(strict_bundle, bucket, "--max-count-change", "100") == 0
    page = (tmp_path / "replay.html").read_text()
    assert page.count('<rect class="lost"') == 12
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "prefers-color-scheme: dark" in page
    assert len(page) < 1_000_000


def test_a_name_is_text_on_the_page() -> None:
    name = "<script>alert(1)"
    gained = tuple(listing([[0, 0, 9, 9]], [0.9], label=name))
    change = PictureChange(name, name, "captures/a.png", 20, 20, (), gained, ())
    page = format_replay(Replay(name, (name,), (change,), {name: 1}), name, lambda key: None)
    assert name not in page
    assert page.count(html.escape(name)) >= 6


def test_gone_and_damaged_pictures_are_told(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_bucket(tmp_path, record_pictures(tiny_bundle, PICTURES), PICTURES)
    gone, damaged, *_ = sorted(root.glob("captures/**/*.png"))
    gone.unlink()
    damaged.write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    assert run(tiny_bundle, root) == 0
    printed = capsys.readouterr().out
    assert "1 pictures left out: the kept picture is gone" in printed
    assert printed.count("left out") == 2
    assert "4 pictures, 4 of them unchanged" in printed


def test_nothing_kept_says_how_to_keep(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_bucket(tmp_path, record_pictures(tiny_bundle, {"p00": PICTURES["p00"]}), {})
    assert run(tiny_bundle, root) == 0
    said = capsys.readouterr().out
    assert (
        "set CAPTURE_RATE above 0 (CaptureRate of the stack), also with CAPTURE=uncertain" in said
    )
    with pytest.raises(SystemExit, match="nothing to compare"):
        run(tiny_bundle, root, "--max-count-change", "5")


def test_at_most_count_pictures_are_replayed(
    bucket: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tiny_bundle, bucket, "--count", "2") == 0
    assert "2 of 6 kept pictures" in capsys.readouterr().out
