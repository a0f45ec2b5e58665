"""Scores have the decimals of an answer before they are compared, so whoever filters an answer by a
threshold counts what the API counts at it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handler.detection.detections import Detections, round_scores
from tests.support.app import App, make_app
from tests.support.tiny_bundle import CELL, make_tiny_bundle

SIDE = 80  # px of picture and input: 100 cells


def hundredths() -> bytes:
    """A picture whose cells score 0.01, 0.02 … 0.99, each within 0.00003.

    A cell's score is its mean red out of 255, and 64 px sum up to any whole number.
    """
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    for n in range(1, 100):
        y, x = divmod(n, SIDE // CELL)
        level, more = divmod(round(n / 100 * 255 * CELL**2), CELL**2)
        cell = np.full(CELL**2, level, np.uint8)
        cell[:more] += 1
        at = slice(y * CELL, (y + 1) * CELL), slice(x * CELL, (x + 1) * CELL)
        pixels[(*at, 0)] = cell.reshape(CELL, CELL)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    folder = make_tiny_bundle(tmp_path / "bundle", size=(SIDE, SIDE))
    with make_app(folder, tmp_path / "log") as app:
        yield app


def test_an_answer_filtered_at_any_hundredth_is_the_apis_own(app: App) -> None:
    body = hundredths()
    everything = json.loads(app.post(body, query="?score_threshold=0").body)["detections"]
    scores = [each["score"] for each in everything]
    assert scores == [n / 100 for n in range(99, 0, -1)]
    for n in range(100):
        threshold = n / 100
        made = json.loads(app.post(body, query=f"?score_threshold={threshold}").body)
        assert made["count"] == 99 - n == sum(score > threshold for score in scores), threshold


def test_records_and_near_misses_keep_the_rule(app: App) -> None:
    app.post(hundredths(), query="?score_threshold=0.7")
    [record] = app.records()
    assert record.count == 29 and record.near_misses[0]["score"] == 0.7
    assert record.at_model_threshold == {"score": 0.5, "count": 49}
    assert record.below_floor and record.below_floor["count"] == 5  # above 0.05, not above 0.1


def test_rounding_is_to_the_nearest() -> None:
    scores = np.array([0.32005, 0.3200499, 0.31995, 0.05004, 0.04996], np.float32)
    made = round_scores(Detections(np.zeros((5, 4), np.float32), scores, np.zeros(5, np.int64)))
    assert [round(float(score), 7) for score in made.scores[1:]] == [0.32, 0.32, 0.05, 0.05]
    assert made.scores.dtype == np.float32
