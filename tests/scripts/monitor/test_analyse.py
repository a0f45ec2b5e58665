"""A window of observations becomes a result: what changed, since when, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from handler.records.feedback import Feedback
from handler.records.record import Model
from scripts.monitor.analyse import analyse
from scripts.monitor.result import MonitorResult
from scripts.monitor.words import parse_time
from scripts.records.observations import Observations
from scripts.records.read import ReadResult
from tests.support.observed_windows import (
    BLUR,
    REFERENCE,
    WINDOW,
    draw_window,
    read_result,
)


@pytest.fixture(scope="module")
def changed() -> MonitorResult:
    """400 predictions, the last 160 out of focus."""
    return analyse(REFERENCE, draw_window(400, shift=BLUR), window=WINDOW)


def with_facts(read: ReadResult, **facts: np.ndarray) -> ReadResult:
    observed = read.observations
    changed = Observations({**observed.facts, **facts}, observed.properties,
                           observed.score_histogram)  # fmt: skip
    return read_result(changed)


def test_a_window_like_the_reference_has_not_changed() -> None:
    result = analyse(REFERENCE, draw_window(300), window=WINDOW)
    assert result.status == "ok"
    assert result.verdict.startswith("Nothing changed: the 300 predictions")
    assert result.since is None
    assert result.cause is None
    assert set(result.histograms) == {"brightness", "sharpness", "score_mean", "log_count"}


def test_a_change_is_found_with_its_time(changed: MonitorResult) -> None:
    assert changed.status == "changed"
    assert changed.since is not None
    true = WINDOW.start + 0.6 * (WINDOW.end - WINDOW.start)
    off = abs(parse_time(changed.since.time) - true)
    assert off <= 0.05 * (WINDOW.end - WINDOW.start)
    assert "Something changed" in changed.verdict
    assert "21 Nov" in changed.verdict or "23 Nov" in changed.verdict


def test_a_window_that_is_changed_as_a_whole_says_so() -> None:
    result = analyse(REFERENCE, draw_window(200, shift=BLUR, changed=0), window=WINDOW)
    assert result.status == "changed" and result.since is None
    assert result.is_changed_from_start
    assert "since the window's start (15 Nov 00:00) or before" in result.verdict


def test_what_moved_is_shown_as_it_is_since_the_change(changed: MonitorResult) -> None:
    assert list(changed.histograms)[:2] == ["focus", "sharpness"]
    focus = changed.histograms["focus"]
    assert focus["of"] == "since the change"
    # Of the whole window, the median moved by far less: most of it is from before the change.
    assert focus["effect"] == pytest.approx(-3.0, abs=0.6)
    assert sum(focus["reference"]) == pytest.approx(1, abs=1e-3)
    assert sum(focus["window"]) == pytest.approx(1, abs=1e-3)
    assert len(focus["edges"]) == len(focus["window"]) + 1


def test_the_timeline_covers_the_window(changed: MonitorResult) -> None:
    days = changed.timeline
    assert days[0].time == "2026-11-15T00:00:00Z"
    assert sum(day.predictions for day in days) == 400
    assert days[0].medians["focus"] > days[-1].medians["focus"] + 0.1
    assert days[0].mean_count > days[-1].mean_count * 0.9


def test_surprising_pictures_are_from_after_the_change(changed: MonitorResult) -> None:
    assert len(changed.surprises) == 8
    assert all(each.time >= changed.since.time[:16] for each in changed.surprises)
    assert any(
        "focus" in each.reason and "below usual" in each.reason for each in changed.surprises
    )
    assert len({each.prediction_id for each in changed.surprises}) == 8


def test_kept_pictures_are_shown_first() -> None:
    read = draw_window(200, shift=BLUR)
    captures = np.array([""] * 200, dtype=object)
    captures[150::7] = [f"captures/{row}.jpg" for row in range(150, 200, 7)]
    result = analyse(REFERENCE, with_facts(read, capture=captures), window=WINDOW)
    kept = [each.capture for each in result.surprises]
    assert kept[0] and len(list(filter(None, kept))) >= 6
    assert kept == sorted(kept, key=lambda key: key is None)


def test_without_labels_and_signatures_nothing_is_claimed(changed: MonitorResult) -> None:
    assert changed.cause is not None
    assert changed.cause.name == "unknown"
    assert "no known cause explains it" in changed.verdict
    assert "cannot be said without labels" in changed.verdict
    assert changed.quality[0].ap50.value is None
    assert changed.quality[0].ap50.reason


def test_few_predictions_are_too_few() -> None:
    result = analyse(REFERENCE, draw_window(12, shift=BLUR, changed=0), window=WINDOW)
    assert result.status == "too few"
    assert result.verdict == "Too few predictions (12 of 20) to say whether something changed."


def test_no_prediction_at_all_is_no_error() -> None:
    empty = draw_window(20).observations.select(slice(0, 0))
    result = analyse(REFERENCE, read_result(empty), window=WINDOW)
    assert result.status == "too few"
    assert result.surprises == ()
    assert sum(day.predictions for day in result.timeline) == 0


def test_a_stuck_camera_is_an_alarm() -> None:
    read = draw_window(200)
    stuck = np.arange(200) >= 120
    facts = read.observations.facts
    sha256, dhash = (
        np.where(stuck, facts[name][120], facts[name]) for name in ("image_sha256", "dhash")
    )
    result = analyse(REFERENCE, with_facts(read, image_sha256=sha256, dhash=dhash), window=WINDOW)
    assert result.status in ("changed", "attention")
    assert any(each.is_alarm and each.name == "stuck camera" for each in result.findings)


def test_corrections_come_before_what_scores_say() -> None:
    from handler.records.record import PredictionRecord
    from tests.support.records import make_record

    read = draw_window(200)
    model = Model("cells", "1.0.0", "0" * 64)
    records: dict[str, PredictionRecord] = {}
    feedback = []
    for number in range(0, 200, 5):
        prediction_id = f"id-{number:06d}"
        found = int(read.observations.facts["detections"][number])
        boxes = [
            {"label": "cell", "score": 0.9 - 0.001 * k,
             "box": {"xmin": 10.0 * k, "ymin": 0.0, "xmax": 10.0 * k + 8, "ymax": 8.0}}
            for k in range(found)
        ]  # fmt: skip
        records[prediction_id] = replace(
            make_record(prediction_id), outcome="ok", count=found, detections=boxes,
            at_model_threshold={"score": 0.32, "count": found}, model=model,
        )  # fmt: skip
        true = round(found * 1.25)
        feedback.append(
            Feedback(
                f"f{number}", prediction_id, "2026-11-20T00:00:00Z", model, true, None, None, None
            )
        )
    result = analyse(REFERENCE, read, window=WINDOW, feedback=feedback, corrected_records=records)
    assert [each.source for each in result.quality] == ["corrected", "label-free"]
    bias = result.quality[0].count_bias
    assert bias.value == pytest.approx(-0.2, abs=0.05)
    unused = analyse(
        REFERENCE, read, window=WINDOW, feedback=[replace(feedback[0], prediction_id="other")]
    )
    assert [each.source for each in unused.quality] == ["label-free"]
    assert any("1 correction could not be used" in note for note in unused.notes)


def test_records_of_the_older_schema_are_noted() -> None:
    read = draw_window(60)
    counts = replace(read.counts, schemas={"prediction/1": 25, "prediction/2": 35})
    result = analyse(REFERENCE, replace(read, counts=counts), window=WINDOW)
    assert any(note.startswith("25 records of prediction/1") for note in result.notes)


def test_the_same_window_gives_the_same_result(changed: MonitorResult) -> None:
    assert analyse(REFERENCE, draw_window(400, shift=BLUR), window=WINDOW) == changed


def test_a_part_of_many_predictions_says_the_same(changed: MonitorResult) -> None:
    read = draw_window(400, shift=BLUR)
    part = analyse(REFERENCE, read, window=WINDOW, max_predictions=250)
    assert any(note.startswith("Of 400 predictions 250 are analysed") for note in part.notes)
    assert not any("are analysed" in note for note in changed.notes)
    assert part.status == "changed" and part.cause is not None and changed.cause is not None
    assert part.cause.name == changed.cause.name
    assert part.timeline[0].predictions == changed.timeline[0].predictions
    assert part.since is not None and changed.since is not None
    assert part.since.records_before + part.since.records_after == 400
    assert abs(part.since.records_before - changed.since.records_before) <= 20
