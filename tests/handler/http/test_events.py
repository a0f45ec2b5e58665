"""One request has one answer, through every form of event; and events/ is up to date."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.generate import events
from scripts.generate.events import EVENTS, SMALL
from scripts.local.http_event import (
    FORMS,
    HttpRequest,
    to_alb,
    to_http_api,
    to_response,
    to_rest_api,
)
from tests.support.app import App
from tests.support.pictures import RED_AND_GREEN, encoded, jpeg

PICTURE = jpeg(RED_AND_GREEN)
BOUNDARY = "=_b'x"


def as_json(picture: bytes) -> bytes:
    return json.dumps({"image": base64.b64encode(picture).decode()}).encode()


def as_uri(picture: bytes) -> bytes:
    return json.dumps(
        {"image": f"data:image/png;base64,{base64.b64encode(picture).decode()}"}
    ).encode()


def as_form(picture: bytes) -> bytes:
    return (
        (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="tiles"\r\n\r\nnone\r\n'
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"; filename="ä b.jpg"\r\n\r\n'
        ).encode()
        + picture
        + f"\r\n--{BOUNDARY}--\r\n".encode()
    )


FORM = f'Multipart/Form-Data; charset=utf-8; boundary="{BOUNDARY}"'
BODIES = {
    "raw": (PICTURE, [("Content-Type", "image/jpeg")]),
    "raw, labelled PNG": (PICTURE, [("content-type", "image/png")]),
    "raw, as curl labels it": (PICTURE, [("Content-Type", "application/x-www-form-urlencoded")]),
    "raw, unlabelled": (PICTURE, []),
    "raw, labelled a form without a boundary": (PICTURE, [("Content-Type", "multipart/form-data")]),
    "JSON": (as_json(PICTURE), [("Content-Type", "application/json; charset=UTF-8")]),
    "JSON, unlabelled": (as_json(PICTURE), []),
    "JSON, folded": (
        as_json(PICTURE).replace(b"A", b"A\\r\\n"),
        [("Content-Type", "application/json")],
    ),
    "JSON, unpadded": (as_json(PICTURE).replace(b"=", b""), [("Content-Type", "application/json")]),
    "data URI": (as_uri(PICTURE), [("Content-Type", "application/json")]),
    "form": (as_form(PICTURE), [("Content-Type", FORM)]),
}


def essence(answer: Any) -> dict[str, Any]:
    """An answer without what differs between two requests."""
    assert answer.status == 200, answer.body
    result = json.loads(answer.body)
    return {
        key: value for key, value in result.items() if key not in ("prediction_id", "timing_ms")
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("body", BODIES)
def test_every_form_and_encoding_gives_the_same_answer(app: App, form: str, body: str) -> None:
    data, headers = BODIES[body]
    expected = essence(app.post(PICTURE))
    assert expected["count"] == 3
    assert essence(app.post(data, headers=headers, form=form)) == expected


squares = st.lists(
    st.tuples(st.sampled_from(["red", "green"]), st.integers(0, 7), st.integers(0, 7)).map(
        lambda spot: (spot[0], (spot[1] * 80, spot[2] * 80, spot[1] * 80 + 80, spot[2] * 80 + 80))
    ),
    max_size=4,
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    painted=squares,
    kind=st.sampled_from(["JPEG", "PNG", "BMP", "WEBP", "TIFF"]),
    threshold=st.floats(0, 1, allow_nan=False),
    labels=st.sampled_from(["", "red", "green", "red,green", "green,red"]),
)
def test_any_picture_is_the_same_through_every_form(
    app: App,
    painted: list[tuple[str, tuple[int, int, int, int]]],
    kind: str,
    threshold: float,
    labels: str,
) -> None:
    picture = encoded(painted, kind)
    query = f"?score_threshold={threshold!r}" + (f"&labels={quote(labels)}" if labels else "")
    bodies = [
        (picture, []),
        (as_json(picture), []),
        (as_uri(picture), []),
        (as_form(picture), [("Content-Type", FORM)]),
    ]
    answers = [
        essence(app.post(body, query=query, headers=headers, form=form))
        for form in FORMS
        for body, headers in bodies
    ]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["thresholds"]["score"] == threshold


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("query", ["?labels=red,green", "?labels=red%2Cgreen"])
def test_labels_are_a_list_in_every_form(app: App, form: str, query: str) -> None:
    assert essence(app.post(PICTURE, query=query, form=form))["counts"] == {"red": 1, "green": 2}


@pytest.mark.parametrize("form", sorted(FORMS.keys() - {"alb"}))  # which passes the last value only
def test_a_repeated_parameter_is_a_list(app: App, form: str) -> None:
    query = "?labels=red&labels=green"
    assert essence(app.post(PICTURE, query=query, form=form))["counts"] == {"red": 1, "green": 2}


@pytest.mark.parametrize("form", FORMS)
def test_an_annotated_picture_comes_in_base64_in_every_form(app: App, form: str) -> None:
    result = app.invoke(app.event("POST", "/v1/detect", PICTURE, [("Accept", "image/jpeg")], form))
    answer = to_response(result)
    assert result["isBase64Encoded"] is True
    assert answer.header("content-type") == "image/jpeg"
    assert answer.body.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize("form", FORMS)
def test_a_problem_is_one_in_every_form(app: App, form: str) -> None:
    for method, target, status in (
        ("GET", "/x", 404),
        ("GET", "/v1/detect", 405),
        ("POST", "/v1/detect", 400),
    ):
        answer = app.send(method, target, form=form)
        assert (answer.status, answer.header("content-type")) == (
            status,
            "application/problem+json",
        )


def test_a_named_stage_is_no_part_of_the_path(app: App) -> None:
    event = to_http_api(HttpRequest("GET", "/prod/health"))
    event["requestContext"]["stage"] = "prod"
    assert to_response(app.invoke(event)).status == 200


def test_a_custom_domain_sends_paths_without_the_stage(app: App) -> None:
    event = app.event("GET", "/health")
    event["requestContext"]["stage"] = "prod"
    assert app.invoke(event)["statusCode"] == 200


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", ["/health/", "/health//", "/"])
def test_a_last_slash_is_no_part_of_the_path(app: App, form: str, path: str) -> None:
    assert app.send("GET", path, form=form).status == 200


def test_an_event_of_the_rest_api_console_has_nulls(app: App) -> None:
    event = to_rest_api(HttpRequest("GET", "/health"))
    assert event["headers"] is None
    assert to_response(app.invoke(event)).status == 200


def test_a_load_balancer_with_multi_value_headers(app: App) -> None:
    event = to_alb(HttpRequest("POST", "/v1/detect?labels=red", [("Accept", "image/png")], PICTURE))
    event["multiValueHeaders"] = {name: [value] for name, value in event.pop("headers").items()}
    event["multiValueQueryStringParameters"] = {
        "labels": [event.pop("queryStringParameters")["labels"]]
    }
    result = app.invoke(event)
    assert result["multiValueHeaders"]["Content-Type"] == ["image/png"]
    assert result["multiValueHeaders"]["X-Detection-Count"] == ["1"]


# --- the committed events


@pytest.mark.parametrize("name", sorted(events.make_events((EVENTS / SMALL).read_bytes())))
def test_the_committed_event_is_what_the_script_writes(name: str) -> None:
    made = events.make_events((EVENTS / SMALL).read_bytes())
    text = (EVENTS / name).read_text(encoding="utf-8")
    assert text == events.format_event(made[name]), "run scripts/run events"
    assert len(text) < 300_000


def test_no_event_is_left_over() -> None:
    made = events.make_events((EVENTS / SMALL).read_bytes())
    assert {path.name for path in EVENTS.glob("*.json")} == set(made)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("raw.json", 200),
        ("json.json", 200),
        ("multipart.json", 200),
        ("several.json", 200),
        ("huggingface.json", 200),
        ("gradio-app.json", 200),
        ("roboflow.json", 200),
        ("annotated.json", 200),
        ("thresholds.json", 200),
        ("tiles.json", 200),
        ("openapi.json", 200),
        ("function-url.json", 200),
        ("rest.json", 200),
        ("alb.json", 200),
        ("health.json", 200),
        ("bad-empty.json", 400),
        ("bad-text.json", 415),
        ("bad-truncated.json", 422),
        ("bad-base64.json", 400),
        ("bad-parameter.json", 400),
    ],
)
def test_the_committed_event_is_answered(app: App, name: str, status: int) -> None:
    assert (
        to_response(app.invoke(json.loads((EVENTS / name).read_text(encoding="utf-8")))).status
        == status
    )
