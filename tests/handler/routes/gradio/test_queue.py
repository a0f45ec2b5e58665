"""Gradio's API of today, where its clients are not: forged ids, other people's, and broken bodies.

tests/e2e/clients/test_gradio_client.py has the clients themselves.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handler.routes import predictor
from handler.routes.gradio import sessions
from handler.storage.store import FolderStore
from scripts.local.http_event import to_response
from tests.support.app import App, make_app
from tests.support.pictures import RED, jpeg

URI = "data:image/jpeg;base64," + base64.b64encode(jpeg(RED)).decode()
SESSION = "k3j2h1"
PART = b'--XX\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nabc\r\n'
FORM = [("Content-Type", "multipart/form-data; boundary=XX")]


@pytest.fixture
def app(tiny_bundle: Path, tmp_path: Path) -> Iterator[App]:
    store = (tmp_path / "store").as_uri()
    with make_app(tiny_bundle, tmp_path / "log", GRADIO_STORE=store) as made:
        yield made


def kept(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "store").rglob("*") if path.is_file()]


def join(app: App, **members: Any) -> Any:
    body = {"data": [URI], "fn_index": 0, "session_hash": SESSION, **members}
    answer = app.send("POST", "/gradio_api/queue/join", json.dumps(body).encode())
    return answer.status, json.loads(answer.body)


def events(app: App, session: str = SESSION) -> list[dict[str, Any]]:
    answer = app.send("GET", f"/gradio_api/queue/data?session_hash={session}")
    assert (answer.status, answer.header("content-type")) == (200, "text/event-stream")
    lines = answer.body.decode().removesuffix("\n\n").split("\n\n")
    made = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert made.pop() == {"msg": "close_stream", "event_id": None}
    return made


def test_each_event_is_told_once_and_to_its_session_only(app: App) -> None:
    status, first = join(app)
    assert (status, set(first)) == (200, {"event_id"})
    _, second = join(app, data=[URI, True, False, 0.99])
    assert events(app, "another") == []
    told = {event["event_id"]: event for event in events(app)}
    assert set(told) == {first["event_id"], second["event_id"]}
    assert told[first["event_id"]]["output"]["data"][1] == 1
    assert told[second["event_id"]]["output"]["data"][1] == 0
    assert {event["success"] for event in told.values()} == {True}
    assert events(app) == []


@pytest.mark.parametrize("session", [None, "", 7, "../x", "a/b", "x" * 65])
def test_a_session_that_is_none_is_refused(app: App, session: Any, tmp_path: Path) -> None:
    status, told = join(app, session_hash=session)
    assert (status, "session_hash" in told["detail"]) == (400, True)
    assert kept(tmp_path) == []


@pytest.mark.parametrize("target", ["", "?session_hash=", "?session_hash=..%2Fx"])
def test_a_stream_of_no_session_is_refused(app: App, target: str) -> None:
    assert app.send("GET", f"/gradio_api/queue/data{target}").status == 400


BAD: dict[str, tuple[Any, str]] = {
    "no data": (None, "expected data with image"),
    "nothing in it": ([], "expected data with image"),
    "too much in it": ([URI, True, True, 0.5, 1], "expected data with image"),
    "no image": ([None], "image must be a file"),
    "an empty file": ([{}], "image must be a file"),
    "a forged upload": ([{"path": f"{'0' * 32}/picture"}], "no such upload"),
    "another file of the store": ([{"path": f"{'0' * 32}/annotated.jpg"}], "is no upload"),
    "a path trick": ([{"path": "../../../etc/passwd"}], "is no upload"),
    "a URL": ([{"url": "http://169.254.169.254/latest"}], "not fetched from URLs"),
    "no base64": ([{"url": "data:image/png;base64,@@"}], "not base64"),
    "labels of text": ([URI, "yes"], "labels must be true or false"),
    "boxes of a number": ([URI, False, 1], "boxes must be true or false"),
    "a threshold too high": ([URI, False, True, 1.5], "threshold must be a number"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_told_in_the_stream_and_nothing_is_kept(
    app: App, tmp_path: Path, name: str
) -> None:
    data, words = BAD[name]
    status, _ = join(app, data=data)
    [event] = events(app)
    assert (status, event["success"]) == (200, False)
    assert words in event["output"]["error"]
    assert set(event["output"]) == {"error", "title", "visible", "duration", "print_exception"}
    assert event["output"]["title"][:3] in ("400", "404")
    assert [record.outcome for record in app.records()] == ["rejected"]
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"{", 400), (b"[]", 400), (b"\xff\xfe", 400), (b"7", 400)]
)
@pytest.mark.parametrize("path", ["queue/join", "run/predict", "call/predict"])
def test_a_body_that_is_none_is_refused(app: App, path: str, body: bytes, status: int) -> None:
    answer = app.send("POST", f"/gradio_api/{path}", body)
    assert answer.status == status
    assert set(json.loads(answer.body)) == {"detail", "error"}
    assert [record.outcome for record in app.records()] == ["rejected"]


def test_run_answers_in_the_one_request_with_the_native_statuses(app: App) -> None:
    def run(*data: Any) -> Any:
        body = json.dumps({"data": data, "fn_index": 0, "session_hash": SESSION}).encode()
        return app.send("POST", "/gradio_api/run/predict", body)

    assert json.loads(run(URI).body)["data"][1] == 1
    text = "data:image/png;base64," + base64.b64encode(b"hello, a text").decode()
    assert run(text).status == 415
    assert run({"path": f"{'0' * 32}/picture"}).status == 404
    assert run(URI, 7).status == 400


@pytest.mark.parametrize(
    "target",
    [
        f"file={'0' * 32}/annotated.jpg",
        "file=../annotated.jpg",
        "file=..%2F..%2Fx/annotated.jpg",
        "file=/etc/passwd",
        f"call/predict/{'0' * 32}",
        "call/predict/..",
        "call/predict/x",
    ],
)
def test_forged_ids_are_not_found(app: App, target: str) -> None:
    assert app.send("GET", f"/gradio_api/{target}").status == 404


def test_an_upload_is_not_given_back(app: App, tmp_path: Path) -> None:
    [path] = json.loads(app.send("POST", "/gradio_api/upload", PART + b"--XX--\r\n", FORM).body)
    upload_id = path.partition("/")[0]
    assert kept(tmp_path) == [upload_id]
    for name in ("picture", "annotated.jpg"):
        assert app.send("GET", f"/gradio_api/file={upload_id}/{name}").status == 404


@pytest.mark.parametrize("files", [0, 2])
def test_an_upload_has_one_file(app: App, tmp_path: Path, files: int) -> None:
    answer = app.send("POST", "/gradio_api/upload", PART * files + b"--XX--\r\n", FORM)
    assert answer.status == (413 if files else 400)
    assert kept(tmp_path) == []


def test_an_upload_that_is_no_form_is_refused(app: App, tmp_path: Path) -> None:
    assert app.send("POST", "/gradio_api/upload", jpeg(RED)).status == 400
    assert kept(tmp_path) == []


def test_a_prediction_that_never_ends_is_told_of(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "STREAM_S", 0.2)
    FolderStore(tmp_path / "store").put(f"sessions/{SESSION}/lost", b"")
    [event] = events(app)
    assert (event["event_id"], event["success"]) == ("lost", False)
    assert "no result within 0.2 s" in event["output"]["error"]
    assert kept(tmp_path) == []


def test_a_bug_leaves_no_event_that_a_stream_would_wait_for(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictor, "predict", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        join(app)
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    ("form", "path", "base"),
    [
        ("http-api", "/config", "https://h"),
        ("http-api", "/prod/config", "https://h/prod"),
        ("function-url", "/config", "https://h"),
        ("rest-api", "/config", "https://h/prod"),  # which keeps its stage out of the path
        ("alb", "/config", "https://h"),
    ],
)
def test_the_root_is_where_the_client_found_it(app: App, form: str, path: str, base: str) -> None:
    headers = [("Host", "h"), ("X-Forwarded-Proto", "https")]
    event = app.event("GET", path, headers=headers, form=form)
    if path.startswith("/prod"):
        event["requestContext"]["stage"] = "prod"
    config = json.loads(to_response(app.invoke(event)).body)
    assert config["root"] == base


def test_through_a_load_balancer_files_are_smaller(app: App) -> None:
    sizes = [
        json.loads(app.send("GET", "/config", form=form).body)["max_file_size"]
        for form in ("http-api", "alb")
    ]
    assert sizes == [4_500_000, 700_000]
