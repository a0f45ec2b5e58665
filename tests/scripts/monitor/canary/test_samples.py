"""Every sample event is tried, and the function answers each as it is expected to."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from scripts.monitor.canary.calls import Answer
from scripts.monitor.canary.rehearse import check_answer
from scripts.monitor.canary.samples import EVENTS, OPEN, STATUSES, make_samples
from tests.support.app import make_app


def test_every_event_of_the_repository_is_among_them() -> None:
    assert set(STATUSES) == {path.stem for path in EVENTS.glob("*.json")}


@pytest.mark.parametrize("is_keyed", [False, True], ids=["open", "keyed"])
def test_the_function_answers_as_is_expected(
    tiny_bundle: Path, tmp_path: Path, is_keyed: bool
) -> None:
    digest = hashlib.sha256(b"a key").hexdigest() if is_keyed else ""
    samples = list(make_samples(is_keyed=is_keyed))
    with make_app(tiny_bundle, tmp_path, API_KEY_SHA256=digest) as app:
        for sample in samples:
            result = app.invoke(dict(sample.event))
            status = result.get("statusCode", result.get("status", 200))
            assert check_answer(sample, Answer(status, result)) == "", sample.name
    http = [sample for sample in samples if not sample.is_direct]
    refused = {sample.name for sample in http if sample.status in (401, 403)}
    assert refused == (set(STATUSES) - set(OPEN) if is_keyed else set())
    # Where a key is asked for, only direct calls get to a model at all.
    assert {sample.status for sample in samples if sample.is_direct} == {200, 400, 415, 422}


def test_an_open_door_is_called_one() -> None:
    samples = {sample.name: sample for sample in make_samples(is_keyed=True)}
    answer = Answer(200, {"statusCode": 200, "body": "{}", "headers": {}})
    assert "an open door" in check_answer(samples["raw"], answer)
    answer = Answer(500, {"statusCode": 500, "body": "{}", "headers": {}})
    assert check_answer(samples["raw"], answer).startswith("status 500, 401 is expected")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"count": 2}, "counts 2"),
        ({"detections": None}, "does not list"),
        ({"model": None}, "no model"),
        ({"detections": [{"label": "cell", "score": 2, "box": {}}]}, "is none"),
        ({"detections": [{"label": "cell", "score": 0.5, "box": dict.fromkeys(
            ("xmin", "ymin", "xmax", "ymax"), float("nan"))}]}, "is none"),
        ({}, ""),
    ],
    ids=["count", "no list", "no model", "score", "not a number", "well-formed"],
)  # fmt: skip
def test_a_malformed_answer_is_found(change: dict[str, object], problem: str) -> None:
    (sample,) = [each for each in make_samples(is_keyed=True) if each.name == "direct picture"]
    box = {"xmin": 1.0, "ymin": 1.0, "xmax": 3.0, "ymax": 3.0}
    body = {
        "prediction_id": "1",
        "model": {"name": "cells", "version": "1.0.0"},
        "count": 1,
        "detections": [{"label": "cell", "score": 0.5, "box": box}],
    }
    found = check_answer(sample, Answer(200, {**body, **change}))
    assert (problem in found) if problem else not found
