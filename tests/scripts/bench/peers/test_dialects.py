"""Pictures are sent, and answers read, as each framework's clients do."""

from __future__ import annotations

import base64
import io
import json
from http.client import HTTPConnection

import multipart
import pytest

from scripts.bench.peers import dialects
from scripts.bench.peers.dialects import Event, Gradio, RefusedError, read_icebox, read_plain
from scripts.bench.peers.peers import PEERS
from tests.scripts.bench.peers.tiny_service import ANSWER

PICTURE = b"\xff\xd8 a picture \r\n--"
CONNECTION = HTTPConnection("127.0.0.1", 1)  # never opened


def test_a_form_has_the_picture_as_a_file() -> None:
    body, headers = dialects.multipart("file", PICTURE)
    parsed = multipart.parse_form_data(
        {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": headers["Content-Type"],
            "wsgi.input": io.BytesIO(body),
        },
        strict=True,
    )[1]
    assert parsed["file"].raw == PICTURE
    assert parsed["file"].filename == "picture.jpg"


def test_answers_of_both_kinds_say_the_same() -> None:
    sides = dict(zip(dialects.SIDES, ANSWER["detections"][0]["box"], strict=True))
    ours = {"count": 1, "detections": [{**ANSWER["detections"][0], "box": sides}]}
    for found in (read_plain(json.dumps(ANSWER).encode()), read_icebox(json.dumps(ours).encode())):
        assert (found.count, found.scores, found.labels) == (1, (0.5,), ("Microalgae",))
        assert found.boxes.tolist() == [[10, 20, 30, 40]]
    empty = read_plain(b'{"count": 0, "detections": []}')
    assert empty.boxes.shape == (0, 4)


def test_an_event_has_the_picture_in_base64() -> None:
    event = json.loads(Event("/v1/detect").payload(PICTURE))
    assert event["isBase64Encoded"] and event["rawPath"] == "/v1/detect"
    assert base64.b64decode(event["body"]) == PICTURE
    form = json.loads(Event("/detect", "file").payload(PICTURE))
    assert b'name="file"' in base64.b64decode(form["body"])
    assert form["headers"]["content-type"].startswith("multipart/form-data")


def test_a_function_that_refuses_is_no_answer() -> None:
    result = {"statusCode": 422, "headers": {}, "body": "no file"}
    with pytest.raises(RefusedError, match="status 422: no file"):
        Event("/detect").read(json.dumps(result).encode())


def test_gradio_uploads_calls_waits_and_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, stream = [], [{"path": "/tmp/out.webp"}, 1, ANSWER]
    answers = {
        "/gradio_api/upload": b'["/tmp/up.jpg"]',
        "/gradio_api/call/detect": b'{"event_id": "e1"}',
        "/gradio_api/call/detect/e1": b"event: heartbeat\ndata: null\n\nevent: complete\ndata: "
        + json.dumps(stream).encode()
        + b"\n\n",
        "/gradio_api/file=/tmp/out.webp": b"the annotated picture",
    }

    def call(connection, method, path, body=None, headers=None) -> bytes:
        calls.append((method, path, body))
        return answers[path]

    monkeypatch.setattr(dialects, "call", call)
    gradio = Gradio("detect", is_annotated=True)
    answer = gradio.ask(CONNECTION, PICTURE)
    assert [path for _, path, _ in calls] == list(answers)
    assert PICTURE in calls[0][2] and b"/tmp/up.jpg" in calls[1][2]
    assert gradio.read(answer).count == 1
    with pytest.raises(RefusedError, match="no result"):
        gradio.read(b"event: error\ndata: null\n\n")


def test_peers_have_names_of_their_own_and_somebody_to_be_compared_with() -> None:
    names = [peer.name for peer in PEERS]
    assert len(set(names)) == len({peer.title for peer in PEERS}) == len(names)
    assert {peer.like for peer in PEERS} <= set(names)
