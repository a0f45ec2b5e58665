"""POST /v1/detect with several pictures: a list, a result or a problem and a record for each."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from handler.invocation import Invocation
from handler.routes import detect
from tests.support.app import App, make_app
from tests.support.pictures import RED, RED_AND_GREEN, encoded, jpeg, png
from tests.support.tiny_bundle import make_tiny_bundle

BOUNDARY = "b7f3"
FORM = [("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")]
JSON = [("Content-Type", "application/json")]


def form(*files: bytes) -> bytes:
    body = b""
    for i, data in enumerate(files):
        head = f'Content-Disposition: form-data; name="f{i}"; filename="{i}.jpg"\r\n\r\n'
        body += f"--{BOUNDARY}\r\n{head}".encode() + data + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def as_json(*files: bytes) -> bytes:
    texts = [base64.b64encode(data).decode() for data in files]
    return json.dumps(
        {"images": [texts[0], *(f"data:image/png;base64,{t}" for t in texts[1:])]}
    ).encode()


BODIES = {"form": (form, FORM), "JSON": (as_json, JSON)}


def results(app: App, body: bytes, headers: Any, query: str = "") -> list[dict[str, Any]]:
    answer = app.post(body, headers=headers, query=query)
    assert (answer.status, answer.header("content-type")) == (200, "application/json"), answer.body
    made = json.loads(answer.body)
    assert isinstance(made, list)
    return made


@pytest.mark.parametrize("kind", BODIES)
def test_each_picture_has_the_result_that_it_has_alone(app: App, kind: str) -> None:
    write, headers = BODIES[kind]
    pictures = [jpeg(RED), png(RED_AND_GREEN), jpeg([])]
    alone = [json.loads(app.post(picture).body) for picture in pictures]
    made = results(app, write(*pictures), headers)
    for one, several in zip(alone, made, strict=True):
        assert {**one, "prediction_id": 0, "timing_ms": 0} == {
            **several, "prediction_id": 0, "timing_ms": 0
        }  # fmt: skip
        assert set(several["timing_ms"]) == set(one["timing_ms"])


@pytest.mark.parametrize("kind", BODIES)
def test_a_bad_picture_is_a_problem_of_its_own(app: App, kind: str) -> None:
    write, headers = BODIES[kind]
    made = results(
        app, write(jpeg(RED), b"hello, no picture", b"", jpeg(RED)[:700], png(RED)), headers
    )
    statuses = [each.get("problem", {}).get("status") for each in made]
    assert statuses == [None, 415, 400, 422, None]
    for each in made:
        if "problem" in each:
            assert set(each) == {"prediction_id", "problem"}
            assert set(each["problem"]) == {"type", "title", "status", "detail", "instance"}
            assert each["problem"]["instance"].endswith(each["prediction_id"])
    records = {record.prediction_id: record for record in app.records()}
    assert list(records) and {each["prediction_id"] for each in made} == set(records)
    for each in made:
        record = records[each["prediction_id"]]
        assert record.outcome == ("rejected" if "problem" in each else "ok")
        assert record.route == "/v1/detect"
        assert record.count == each.get("count")


def test_the_query_holds_for_all(app: App) -> None:
    made = results(
        app, form(jpeg(RED), jpeg(RED_AND_GREEN)), FORM, "?labels=green&score_threshold=0.3"
    )
    assert [each["counts"] for each in made] == [{"green": 0}, {"green": 2}]
    assert {each["thresholds"]["score"] for each in made} == {0.3}


def test_ids_tell_the_order_and_only_the_first_started_cold(app: App) -> None:
    made = results(app, form(jpeg(RED), jpeg(RED), jpeg(RED)), FORM)
    ids = [each["prediction_id"] for each in made]
    assert [each.rsplit("-", 1)[1] for each in ids] == ["1", "2", "3"]
    cold = {record.prediction_id: record.cold_start for record in app.records()}
    assert [cold[each] for each in ids] == [True, False, False]


def test_one_file_in_a_form_is_answered_as_ever_and_a_list_of_one_as_a_list(app: App) -> None:
    one = app.post(form(jpeg(RED)), headers=FORM)
    assert json.loads(one.body)["count"] == 1
    assert [each["count"] for each in results(app, as_json(jpeg(RED)), JSON)] == [1]


@pytest.mark.parametrize("accept", ["image/jpeg", "image/*", "application/json;q=0, */*"])
def test_a_list_is_never_a_picture(app: App, accept: str) -> None:
    answer = app.post(form(png(RED), png(RED)), headers=[*FORM, ("Accept", accept)])
    assert answer.status == 406
    assert "several pictures are answered in JSON only" in json.loads(answer.body)["detail"]
    assert [record.outcome for record in app.records()] == ["rejected"]


def test_a_list_is_json_where_that_will_do(app: App) -> None:
    made = results(app, form(png(RED), png(RED)), [*FORM, ("Accept", "image/png, */*;q=0.1")])
    assert len(made) == 2


@pytest.mark.parametrize("kind", BODIES)
def test_more_than_the_setting_allows_are_refused_unseen(
    tiny_bundle: Path, tmp_path: Path, kind: str
) -> None:
    write, headers = BODIES[kind]
    with make_app(tiny_bundle, tmp_path / "log", MAX_PICTURES="3") as app:
        assert len(results(app, write(*[jpeg(RED)] * 3), headers)) == 3
        answer = app.post(write(*[jpeg(RED)] * 4), headers=headers)
        assert answer.status == 413
        assert "4 pictures came at once, at most 3" in json.loads(answer.body)["detail"]
        assert sorted(record.outcome for record in app.records()) == ["ok", "ok", "ok", "rejected"]


def test_a_setting_above_the_usual_is_kept_too(tiny_bundle: Path, tmp_path: Path) -> None:
    with make_app(tiny_bundle, tmp_path / "log", MAX_PICTURES="40") as app:
        assert len(results(app, form(*[encoded(RED, "PNG", 64)] * 40), FORM)) == 40


@pytest.mark.parametrize(
    "document",
    [{"images": []}, {"images": "aGk="}, {"images": [1]}, {"images": ["aGk="], "image": ""}],
)
def test_a_list_that_is_none_is_refused(app: App, document: Any) -> None:
    answer = app.post(json.dumps(document).encode(), headers=JSON)
    assert answer.status == 400
    assert '{"images": [' in json.loads(answer.body)["detail"]


def test_what_time_does_not_allow_is_told_per_picture(
    monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(detect.routes, "__kwdefaults__", {"list_s": 0.0})
    with make_app(tiny_bundle, tmp_path / "log") as app:
        made = results(app, form(png(RED), png(RED)), FORM)
    assert [each["problem"]["status"] for each in made] == [413, 413]
    assert "not begun within 0 s" in made[0]["problem"]["detail"]


def test_an_answer_stays_within_its_limit(tmp_path: Path) -> None:
    """A load balancer carries 1 MB: 64 boxes a picture, 8 KB each; `post` raises above Lambda's."""
    full = [("red", (x, y, x + 8, y + 8)) for x in range(0, 512, 16) for y in range(0, 512, 16)]
    picture = encoded(full, "PNG", 512)
    bundle = make_tiny_bundle(tmp_path / "b", size=(512, 512))
    with make_app(bundle, tmp_path / "log", MAX_PICTURES="20") as app:
        answer = app.post(
            form(*[picture] * 12), headers=FORM, query="?max_detections=1000", form="alb"
        )
        made = json.loads(answer.body)
        assert len(answer.body) < 705_000
        assert made[0]["count"] == 1000
        assert made[-1]["problem"]["detail"] == "the answer is full; send fewer at once"
        kept = [each for each in made if "problem" not in each]
        assert 3 < len(kept) < 12
        assert sum(record.outcome == "ok" for record in app.records()) == len(kept)


def test_no_picture_of_a_list_is_kept_in_memory_once_it_is_answered(app: App) -> None:
    invocation = Invocation("id", cold_start=False)
    event = app.event("POST", "/v1/detect", form(png(RED), png(RED)), FORM)
    app.module.gateway.answer(event, invocation)
    predictions = [part.prediction for part in invocation.parts]
    assert [len(each.detections) for each in predictions if each] == [1, 1]
    assert [each.picture.rgb.size for each in predictions if each] == [0, 0]
