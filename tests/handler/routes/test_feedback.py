"""Feedback on a prediction: stored beside it, or told why not."""

from __future__ import annotations

import base64
import gzip
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from handler.bundle.manifest import Manifest
from handler.problems import NotFound
from handler.records import feedback
from handler.records.record import partition
from handler.storage.store import FolderStore
from scripts.local.http_event import HttpResponse
from tests.support.app import App, make_app
from tests.support.pictures import RED, RED_AND_GREEN, jpeg

JSON = [("Content-Type", "application/json")]
UNKNOWN = "01234567-89ab-cdef-0123-456789abcdef"
BOX = {"xmin": 1, "ymin": 2.5, "xmax": 30, "ymax": 40}


def give(app: App, prediction_id: str, document: object) -> HttpResponse:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return app.send("POST", f"/v1/predictions/{prediction_id}/feedback", body, JSON)


def predicted(app: App) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(app.post(jpeg(RED_AND_GREEN)).body)
    return answer


def stored(app: App) -> list[tuple[str, dict[str, Any]]]:
    """Path below the log, content, of all feedback."""
    return [
        (path.relative_to(app.log_root).as_posix(), json.loads(gzip.decompress(path.read_bytes())))
        for path in sorted(app.log_root.glob("feedback/**/*.json.gz"))
    ]


def test_a_corrected_count_lies_beside_its_prediction(app: App) -> None:
    prediction_id = predicted(app)["prediction_id"]
    answer = give(app, prediction_id, {"count": 4, "comment": "one hides"})
    told = json.loads(answer.body)
    assert answer.status == 201
    assert told == {
        "feedback_id": told["feedback_id"],
        "prediction_id": prediction_id,
        "count": 4,
        "counts": None,
    }
    [(path, kept)] = stored(app)
    [prediction] = app.log_root.glob("predictions/**/*.json.gz")
    partition = prediction.relative_to(app.log_root / "predictions").parent.as_posix()
    assert path == f"feedback/{partition}/{prediction_id}.{told['feedback_id']}.json.gz"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", kept.pop("time"))
    assert kept == {
        "schema": "feedback/1",
        "feedback_id": told["feedback_id"],
        "prediction_id": prediction_id,
        "model": json.loads(app.records()[0].to_json())["model"],
        "count": 4,
        "counts": None,
        "detections": None,
        "comment": "one hides",
    }


@pytest.mark.parametrize(
    "target",
    ["/v1/detect", "/hf", "/models/squares", "/project/1", "/project/1?format=image"],
)
def test_any_dialects_answer_names_its_prediction(app: App, target: str) -> None:
    answer = app.send("POST", target, jpeg(RED_AND_GREEN))
    assert answer.status == 200
    assert give(app, answer.header("x-prediction-id"), {"count": 4}).status == 201
    assert len(stored(app)) == 1


def test_a_gradio_app_learns_its_predictions_name_too(app: App) -> None:
    picture = base64.b64encode(jpeg(RED_AND_GREEN)).decode()
    answer = app.send("POST", "/api/predict", json.dumps({"data": [picture]}).encode(), JSON)
    assert give(app, answer.header("x-prediction-id"), {"count": 4}).status == 201


def test_what_is_no_prediction_has_no_name(app: App) -> None:
    names = [header.lower() for header, _ in app.post(b"no picture").headers]
    assert "x-prediction-id" not in names


def test_corrected_boxes_are_counted_by_class(app: App) -> None:
    """What the prediction answered is taken back as it is, its scores left out."""
    answer = predicted(app)
    detections = [*answer["detections"], {"label": "green", "box": BOX}]
    given_back = give(app, answer["prediction_id"], {"detections": detections, "count": 4})
    assert given_back.status == 201
    [(_, kept)] = stored(app)
    assert (kept["count"], kept["counts"]) == (4, {"red": 1, "green": 3})
    assert kept["detections"] == [
        {"label": each["label"], "box": each["box"]} for each in detections
    ]


def test_nothing_was_there(app: App) -> None:
    prediction_id = predicted(app)["prediction_id"]
    assert give(app, prediction_id, {"count": 0}).status == 201
    assert give(app, prediction_id, {"detections": []}).status == 201
    assert [(kept["count"], kept["counts"]) for _, kept in stored(app)].count((0, None)) == 1
    assert (0, {"red": 0, "green": 0}) in [
        (kept["count"], kept["counts"]) for _, kept in stored(app)
    ]


def test_a_second_thought_is_kept_beside_the_first(app: App) -> None:
    prediction_id = predicted(app)["prediction_id"]
    for count in (4, 5):
        give(app, prediction_id, {"count": count})
    assert sorted(kept["count"] for _, kept in stored(app)) == [4, 5]


def test_each_of_several_pictures_has_its_own(app: App) -> None:
    body = b"".join(
        b'--XX\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n'
        + picture
        + b"\r\n"
        for picture in (jpeg(RED), jpeg(RED_AND_GREEN))
    )
    form = [("Content-Type", "multipart/form-data; boundary=XX")]
    results = json.loads(app.post(body + b"--XX--\r\n", headers=form).body)
    assert give(app, results[1]["prediction_id"], {"count": 9}).status == 201
    whole = results[1]["prediction_id"].rpartition("-")[0]
    assert give(app, whole, {"count": 9}).status == 404
    assert [kept["prediction_id"] for _, kept in stored(app)] == [results[1]["prediction_id"]]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"\xff",
        [],
        "count",
        {},
        {"comment": "no count"},
        {"count": None},
        {"count": -1},
        {"count": 1.5},
        {"count": "3"},
        {"count": True},
        {"count": 1_000_001},
        {"count": 10**400},
        {"count": 3, "score": 1},
        {"count": 3, "comment": 5},
        {"count": 3, "comment": "x" * 1001},
        {"count": 3, "detections": []},
        {"detections": {}},
        {"detections": [{}]},
        {"detections": ["red"]},
        {"detections": [{"label": "blue", "box": BOX}]},
        {"detections": [{"label": ["red"], "box": BOX}]},
        {"detections": [{"label": "red"}]},
        {"detections": [{"label": "red", "box": [1, 2, 3, 4]}]},
        {"detections": [{"label": "red", "box": {**BOX, "x": 1}}]},
        {"detections": [{"label": "red", "box": {**BOX, "xmin": None}}]},
        {"detections": [{"label": "red", "box": {**BOX, "xmin": -1}}]},
        {"detections": [{"label": "red", "box": {**BOX, "xmin": 31}}]},
        {"detections": [{"label": "red", "box": {**BOX, "xmax": float("inf")}}]},
        {"detections": [{"label": "red", "box": {**BOX, "xmax": float("nan")}}]},
        {"detections": [{"label": "red", "box": BOX}] * 2001},
    ],
    ids=lambda document: str(document)[:40],
)
def test_what_cannot_be_feedback_is_told_and_not_kept(app: App, document: object) -> None:
    answer = give(app, predicted(app)["prediction_id"], document)
    assert (answer.status, json.loads(answer.body)["title"]) == (400, "Bad request")
    assert stored(app) == []


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.text(max_size=60))
@example(UNKNOWN)
@example(UNKNOWN + "-1")
@example(UNKNOWN + "-0")
@example(UNKNOWN + "\n")
@example(UNKNOWN.upper())
@example("..")
@example("../../predictions")
@example("%2e%2e%2f")
@example("a\x00b")
@example("\ud800")
def test_an_unknown_prediction_is_not_found_and_nothing_kept(app: App, prediction_id: str) -> None:
    event = app.event("POST", "/v1/predictions/x/feedback", b'{"count": 1}', JSON)
    event["rawPath"] = f"/v1/predictions/{prediction_id}/feedback"
    event["requestContext"]["http"]["path"] = event["rawPath"]
    answer = app.invoke(event)
    assert answer["statusCode"] == 404
    assert not (app.log_root / "feedback").exists()


class Counting(FolderStore):
    """A folder that tells how often it was asked."""

    asked = 0

    def has(self, key: str) -> bool:
        type(self).asked += 1
        return super().has(key)


@pytest.mark.parametrize(
    ("hours_ago", "found", "at_most"),
    [(0, True, 1), (1, True, 2), (30, True, 49), (48, True, 49), (50, False, 49)],
)
def test_a_prediction_is_looked_for_through_two_days_newest_first(
    app: App, tmp_path: Path, hours_ago: int, found: bool, at_most: int
) -> None:
    manifest: Manifest = app.module.detector.manifest
    now = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
    at = (now - timedelta(hours=hours_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    where = partition(manifest.name, manifest.version, at)
    store = Counting(tmp_path)
    store.put(f"predictions/{where}/{UNKNOWN}.json.gz", b"")
    Counting.asked = 0
    if found:
        assert feedback.find_partition(store, UNKNOWN, manifest, now) == where
    else:
        with pytest.raises(NotFound, match="in the last 48 hours"):
            feedback.find_partition(store, UNKNOWN, manifest, now)
    assert Counting.asked <= at_most


def test_without_a_log_it_is_told(tiny_bundle: Path, tmp_path: Path) -> None:
    with make_app(tiny_bundle, tmp_path, PREDICTION_LOG="") as app:
        answer = give(app, UNKNOWN, {"count": 1})
    told = json.loads(answer.body)
    assert (answer.status, told["type"]) == (404, "urn:icebox:problem:not-configured")
    assert "PREDICTION_LOG" in told["detail"]


@pytest.mark.parametrize("journal", ["yes", "no"])
def test_feedback_on_a_record_that_waits_or_is_in_a_batch_is_taken(
    tiny_bundle: Path, tmp_path: Path, journal: str
) -> None:
    """Such a record cannot be looked for by its id: 202, never 404."""
    log = tmp_path / "log"
    with make_app(
        tiny_bundle, log, PREDICTION_LOG=f"{log.as_uri()}?batch=3&journal={journal}"
    ) as app:
        waits = predicted(app)["prediction_id"]
        assert give(app, waits, {"count": 1}).status == 202
        for _ in range(2):
            predicted(app)
        [batch] = log.glob("predictions/**/*.gz")
        assert batch.name.endswith(".jsonl.gz")
        answer = give(app, waits, {"count": 4, "comment": "one hides"})
        elsewhere = give(app, UNKNOWN, {"count": 1})
        malformed = give(app, "batch-1", {"count": 1})
        wrong = give(app, waits, {"count": -1})
        kept = stored(app)
    told = json.loads(answer.body)
    assert (answer.status, told["prediction_id"], told["count"]) == (202, waits, 4)
    assert (elsewhere.status, malformed.status, wrong.status) == (202, 404, 400)
    assert sorted((each["prediction_id"], each["count"]) for _, each in kept) == sorted(
        [(waits, 1), (waits, 4), (UNKNOWN, 1)]
    )
    hour = r"feedback/model=[^/]+/version=[^/]+/dt=\d{4}-\d\d-\d\d/hour=\d\d/"
    for path, each in kept:
        name = f"{each['prediction_id']}.{each['feedback_id']}.json.gz"
        assert re.fullmatch(hour + re.escape(name), path)


@pytest.mark.parametrize(
    ("beside", "status"),
    [
        ("predictions/{hour}/batch-0.jsonl.gz", 202),
        ("compacted/{day}/records-0.parquet", 202),
        ("compacted/{long_ago}/records-0.parquet", 404),
        ("predictions/{hour}/3f8a1c52-0000-4000-8000-000000000001.json.gz", 404),
    ],
)
def test_a_prediction_that_may_be_in_an_object_of_many_is_no_wrong_404(
    app: App, beside: str, status: int
) -> None:
    manifest: Manifest = app.module.manifest

    def hour(hours_ago: int) -> str:
        at = (datetime.now(UTC) - timedelta(hours=hours_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return partition(manifest.name, manifest.version, at)

    day, long_ago = (hour(hours).rpartition("/")[0] for hours in (40, 100))
    key = beside.format(hour=hour(40), day=day, long_ago=long_ago)
    FolderStore(app.log_root).put(key, b"")
    assert give(app, UNKNOWN, {"count": 1}).status == status
    assert give(app, "x", {"count": 1}).status == 404
    assert give(app, predicted(app)["prediction_id"], {"count": 1}).status == 201


def test_beside_a_stream_feedback_has_a_store_of_its_own(tiny_bundle: Path, tmp_path: Path) -> None:
    own = tmp_path / "log"
    with make_app(
        tiny_bundle, own, PREDICTION_LOG="firehose://records", FEEDBACK_STORE=own.as_uri()
    ) as app:
        answer = give(app, UNKNOWN, {"count": 1})
        [(_, kept)] = stored(app)
    assert (answer.status, kept["prediction_id"]) == (202, UNKNOWN)
    with make_app(tiny_bundle, own, PREDICTION_LOG="firehose://records") as app:
        answer = give(app, UNKNOWN, {"count": 1})
    told = json.loads(answer.body)
    assert (answer.status, told["type"]) == (404, "urn:icebox:problem:not-configured")
    assert "FEEDBACK_STORE" in told["detail"]


def test_elsewhere_the_feedback_store_is_that_of_the_log(tiny_bundle: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with make_app(tiny_bundle, tmp_path / "log", FEEDBACK_STORE=other.as_uri()) as app:
        assert give(app, predicted(app)["prediction_id"], {"count": 1}).status == 201
        assert give(app, UNKNOWN, {"count": 1}).status == 404
        assert len(stored(app)) == 1
    assert not other.exists()


def test_feedback_is_no_prediction_and_leaves_no_record(app: App) -> None:
    prediction_id = predicted(app)["prediction_id"]
    give(app, prediction_id, {"count": 1})
    give(app, prediction_id, {"count": -1})
    assert len(app.records()) == 1
