"""POST /v1/detect: its parameters, and the forms of its answer."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from handler.bundle.manifest import PictureRanges
from handler.http.events import MAX_ALB_RESPONSE_BYTES
from handler.images.decode import decode
from handler.images.picture import Picture
from handler.problems import NotAcceptable
from handler.routes.accept import MEDIA_TYPES, choose_media_type
from tests.support.app import App, make_app
from tests.support.pictures import RED, RED_AND_GREEN, encoded, jpeg, png
from tests.support.tiny_bundle import calibrate_tiny_bundle, make_tiny_bundle


def result(app: App, body: bytes, query: str = "") -> dict[str, Any]:
    answer = app.post(body, query=query)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def test_the_answer_is_as_documented(app: App) -> None:
    made = result(app, png(RED))
    assert made.pop("prediction_id")
    assert set(made.pop("timing_ms")) == {"decode", "inference", "total"}
    [found] = made.pop("detections")
    assert 0.9 < found.pop("score") <= 1
    assert found == {
        "label": "red",
        "box": {"xmin": 80.0, "ymin": 80.0, "xmax": 160.0, "ymax": 160.0},
    }
    assert made == {
        "model": {"name": "squares", "version": "1.0.0"},
        "image": {"width": 640, "height": 640, "format": "PNG", "orientation": 1},
        "count": 1,
        "counts": {"red": 1, "green": 0},
        "count_interval": None,
        "no_interval": "the model's counts are not calibrated",
        "thresholds": {"score": 0.5, "iou": 0.5, "max_detections": 100},
        "at_model_thresholds": {
            "score": 0.5,
            "iou": 0.5,
            "count": 1,
            "count_interval": None,
            "no_interval": "the model's counts are not calibrated",
        },
        "tiles": None,
        "warnings": [],
    }


def flat_png(value: object, mode: str = "RGB") -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (300, 200), value).save(stream, "PNG")  # type: ignore[arg-type]
    return stream.getvalue()


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (flat_png((0, 0, 0)), "the picture is almost black: 12-bit values in a 16-bit file?"),
        (flat_png(4095, "I;16"), "the picture is almost black: 12-bit values in a 16-bit file?"),
        (encoded([], "JPEG"), "the picture is almost one grey"),
        (flat_png((255, 255, 255)), "the picture is almost white: overexposed, or transparent?"),
        (flat_png((9, 9, 9, 0), "RGBA"), "the picture is almost white: overexposed, or"),
        (flat_png((0, 0, 200)), "the picture is almost one colour"),
    ],
)
def test_a_picture_with_nothing_on_it_is_worth_a_word(app: App, picture: bytes, words: str) -> None:
    [warning] = result(app, picture)["warnings"]
    assert warning.startswith(words)
    [record] = app.records()
    assert record.warnings == [warning]


def test_what_the_decoder_notes_is_a_warning(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode_with_notes(*arguments: Any, **options: Any) -> Picture:
        return replace(decode(*arguments, **options), notes=("scaled from 12 bits",))

    monkeypatch.setattr("handler.detection.predict.decode", decode_with_notes)
    assert result(app, png(RED))["warnings"] == ["scaled from 12 bits"]


def test_a_calibrated_bundle_says_how_far_its_count_may_be_off(tmp_path: Path) -> None:
    folder = make_tiny_bundle(tmp_path / "bundle")
    calibrate_tiny_bundle(folder)
    with make_app(folder, tmp_path) as app:
        made = result(app, jpeg(RED_AND_GREEN))
        # three, and √4 times each bound
        assert made["count"] == 3
        assert made["count_interval"] == {"low": 1, "high": 6, "coverage": 0.9}
        assert made["no_interval"] is None
        at_model = made["at_model_thresholds"]
        assert at_model == {
            **{"score": 0.5, "iou": 0.5, "count": 3, "no_interval": None},
            "count_interval": made["count_interval"],
        }
        for asked, reason, is_known in (
            ("labels=red", "it would be of all classes together", False),
            ("score_threshold=0.4", "it is known only at the model's own thresholds, 0.5", True),
            ("iou_threshold=0.4", "it is known only at the model's own thresholds, 0.5", False),
            ("max_detections=3", "the list of detections may have been cut at 3", True),
            ("max_detections=1", "the list of detections may have been cut at 1", True),
            ("score_threshold=0.97", "it is known only at", True),
        ):
            other = result(app, jpeg(RED_AND_GREEN), f"?{asked}")
            assert other["count_interval"] is None and other["no_interval"].startswith(reason)
            # what the page shows, which asks for all that it may need
            assert other["at_model_thresholds"] == (at_model if is_known else None), asked
        asked = "labels=red&labels=green&score_threshold=0.50&max_detections=4"
        assert result(app, jpeg(RED_AND_GREEN), f"?{asked}")["count_interval"] is not None


EVERYTHING = {name: [0, 1000] for name in PictureRanges._fields}


@pytest.mark.parametrize(
    ("calibration", "picture", "reason"),
    [
        ({}, flat_png((200, 200, 200)), "nothing was found"),
        ({}, flat_png((0, 0, 0)), "nothing was found"),
        ({"ranges": None}, None, "the model's calibration does not say for which pictures it"),
        ({"score_threshold": 0.4}, None, "the model's counts are calibrated at other thresholds"),
        ({"ranges": {**EVERYTHING, "brightness": [0.9, 1]}}, None, "the picture is darker than"),
        ({"ranges": {**EVERYTHING, "contrast": [0, 0.01]}}, None, "the picture has more contrast"),
        ({"ranges": {**EVERYTHING, "sharpness": [0.5, 1]}}, None, "the picture is less sharp"),
        ({"ranges": {**EVERYTHING, "object_px": [16, 20]}}, None, "the objects are smaller than"),
        ({"ranges": {**EVERYTHING, "near_miss_share": [0.9, 1]}}, None, "the picture has fewer ne"),
        ({"ranges": {**EVERYTHING, "count": [0, 2]}}, None, "the picture has more objects than"),
    ],
)
def test_a_picture_unlike_the_calibrations_gets_a_reason_instead_of_an_interval(
    tmp_path: Path, calibration: dict[str, Any], picture: bytes | None, reason: str
) -> None:
    folder = make_tiny_bundle(tmp_path / "bundle")
    calibrate_tiny_bundle(folder, **calibration)
    with make_app(folder, tmp_path) as app:
        for query in ("", "?score_threshold=0.05&max_detections=1000"):
            made = result(app, picture or jpeg(RED_AND_GREEN), query)
            at_model = made["at_model_thresholds"]
            assert made["count_interval"] is at_model["count_interval"] is None
            assert at_model["no_interval"].startswith(reason)
            if not query:
                assert made["no_interval"] == at_model["no_interval"]


def test_parameters_are_used_and_said(app: App) -> None:
    body = jpeg(RED_AND_GREEN)
    assert result(app, body, "?max_detections=2")["count"] == 2
    assert result(app, body, "?score_threshold=1")["count"] == 0
    said = result(app, body, "?score_threshold=0.25&iou_threshold=0&max_detections=7")["thresholds"]
    assert said == {"score": 0.25, "iou": 0.0, "max_detections": 7}


def test_labels_choose_what_is_answered_and_not_what_is_recorded(app: App) -> None:
    made = result(app, jpeg(RED_AND_GREEN), "?labels=green")
    assert made["counts"] == {"green": 2}
    assert {found["label"] for found in made["detections"]} == {"green"}
    [record] = app.records()
    assert record.counts == {"red": 1, "green": 2}


def test_a_score_at_the_threshold_is_a_near_miss(app: App) -> None:
    result(app, jpeg(RED_AND_GREEN), "?score_threshold=1")
    [record] = app.records()
    assert record.count == 0
    assert len(record.near_misses) == 3


@pytest.mark.parametrize(("media", "kind"), [("image/jpeg", "JPEG"), ("image/png", "PNG")])
def test_a_picture_may_be_asked_for(app: App, media: str, kind: str) -> None:
    answer = app.post(jpeg(RED), headers=[("Accept", media)])
    drawn = Image.open(io.BytesIO(answer.body))
    assert (answer.header("content-type"), drawn.format) == (media, kind)
    assert answer.header("x-detection-count") == "1"
    [record] = app.records()
    assert record.prediction_id == answer.header("x-prediction-id")
    assert np.asarray(drawn.convert("RGB")).std() > 0


@pytest.mark.parametrize("media", ["image/jpeg", "image/png"])
@pytest.mark.parametrize("form", ["http-api", "alb"])
def test_a_picture_of_noise_fits_into_an_answer(tmp_path: Path, media: str, form: str) -> None:
    """The worst there is for PNG; `post` raises where the answer is above Lambda's limit."""
    noise = np.random.default_rng(1).integers(0, 255, (1280, 1280, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "JPEG", quality=95, subsampling=0)
    exact = make_tiny_bundle(tmp_path / "exact", rule="opencv-linear")  # decodes it at full size
    with make_app(exact, tmp_path / "log") as app:
        answer = app.post(stream.getvalue(), headers=[("Accept", media)], form=form)
    assert answer.status == 200
    assert len(answer.body) <= (MAX_ALB_RESPONSE_BYTES if form == "alb" else 4_500_000)


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("image/*", "image/jpeg"),
        ("image/png", "image/png"),
        ("IMAGE/PNG; q=0.5", "image/png"),
        ("image/jpeg, */*", "image/jpeg"),
        ("image/jpeg;q=0.2, image/png;q=0.9", "image/png"),
        ("image/jpeg;q=0, image/*", "image/png"),
        ("application/json;q=0, */*", "image/jpeg"),
        ("image/avif,image/webp,image/*,*/*;q=0.8", "image/jpeg"),
        ("image/png;q=nonsense", "image/png"),
        (",", "application/json"),
    ],
)
def test_accept_chooses_the_answer(accept: str, media: str) -> None:
    assert choose_media_type(accept) == media


@pytest.mark.parametrize("accept", ["text/html", "image/webp", "application/json;q=0", "*/*;q=0"])
def test_what_cannot_be_answered_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptable, match="the answer can be"):
        choose_media_type(accept)


@given(st.text(st.sampled_from("*/,;=.q01 ajpngimxé\ud800"), max_size=60))
def test_any_accept_header_is_chosen_from_or_refused(accept: str) -> None:
    with suppress(NotAcceptable):
        assert choose_media_type(accept) in MEDIA_TYPES
