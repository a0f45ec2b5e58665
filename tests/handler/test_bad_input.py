"""Whatever a client sends: the right problem, a rejected record, no error of the function."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from scripts.local.http_event import FORMS, HttpRequest, to_http_api, to_response
from tests.support.app import App, make_app
from tests.support.pictures import RED, jpeg, png

PICTURE = jpeg(RED)
JSON = [("Content-Type", "application/json")]
BARE = [("Content-Type", "multipart/form-data")]
NO_BOUNDARY = [("Content-Type", "multipart/form-data; boundary=")]
SVG = [("Content-Type", "image/svg+xml")]
FORM = [("Content-Type", "multipart/form-data; boundary=XX")]


def png_of(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG that claims a size; its pixels need not be there."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def part(head: str, body: bytes = PICTURE, end: bytes = b"\r\n--XX--\r\n") -> bytes:
    return f"--XX\r\n{head}\r\n\r\n".encode() + body + end


BODIES = {
    "empty": (b"", [], 400, "empty"),
    "text": (b"hello", [("Content-Type", "text/plain")], 415, "text"),
    "text labelled a picture": (b"hello", [("Content-Type", "image/jpeg")], 415, "text"),
    "HTML": (b"<!doctype html><html></html>", [], 415, "HTML"),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', SVG, 415, "SVG"),
    "video": (b"\0\0\0\x20ftypisom" + bytes(64), [("Content-Type", "video/mp4")], 415, "video"),
    "truncated JPEG": (PICTURE[: len(PICTURE) // 2], [], 422, "truncated"),
    "cut-off JPEG head": (PICTURE[:40], [], 422, ""),
    "truncated PNG": (png(RED)[:300], [], 422, "truncated"),
    "20,000 px square": (png_of(20_000, 20_000), [], 422, "pixels"),
    "decompression bomb": (png_of(60_000, 60_000, zlib.compress(bytes(10**7))), [], 422, "pixels"),
    "JSON of a list": (b"[]", JSON, 400, '{"image"'),
    "JSON of a text": (b'"abc"', JSON, 400, '{"image"'),
    "JSON, empty": (b"{}", JSON, 400, '{"image"'),
    "JSON, another member": (b'{"image": "aaaa", "score_threshold": 0.5}', JSON, 400, "query"),
    "JSON, image is a number": (b'{"image": 7}', JSON, 400, '{"image"'),
    "JSON, image is empty": (b'{"image": ""}', JSON, 400, "empty"),
    "JSON, not base64": (b'{"image": "@@@@"}', JSON, 400, "base64"),
    "JSON, not ASCII": ('{"image": "ääää"}'.encode(), JSON, 400, "base64"),
    "JSON, half a surrogate pair": (b'{"image": "\\ud800"}', JSON, 400, "base64"),
    "JSON, base64 of text": (b'{"image": "aGVsbG8gd29ybGQ="}', JSON, 415, "text"),
    "JSON, a URL": (b'{"image": "https://example.org/a.jpg"}', JSON, 400, "base64"),
    "JSON, a data URI in plain": (b'{"image": "data:image/png,abc"}', JSON, 400, "data URI"),
    "JSON, broken": (b'{"image": ', JSON, 400, "JSON"),
    "JSON, deep": (b'{"image": ' + b"[" * 100_000, JSON, 400, "JSON"),
    "JSON, not UTF-8": (b'{"image": "\xff"}', [], 400, "JSON"),
    "text labelled JSON": (b"hello", JSON, 400, "JSON"),
    "form without a boundary": (part("x: y"), BARE, 400, "multipart"),
    "form, empty boundary": (part("x: y"), NO_BOUNDARY, 400, "form"),
    "form of another boundary": (part("x: y").replace(b"XX", b"YY"), FORM, 400, "multipart"),
    "form without a file": (part('Content-Disposition: form-data; name="a"'), FORM, 400, "no file"),
    "form with an empty file": (
        part('Content-Disposition: form-data; name="a"; filename=""', b""), FORM, 400, "empty",
    ),
    "form cut off": (part("Content-Disposition: x; filename=b", end=b""), FORM, 400, "form"),
    "form, header not UTF-8": (
        b"--XX\r\nContent-Disposition: x; filename=\xff\r\n\r\nx\r\n--XX--", FORM, 400, "form",
    ),
    "form of many parts": (b"--XX\r\nA: b\r\n\r\n\r\n" * 40 + b"--XX--\r\n", FORM, 400, "form"),
    "picture labelled a form": (PICTURE, FORM, 400, "multipart"),
}  # fmt: skip


def problem_of(app: App, answer: Any, status: int, words: str) -> None:
    assert answer.status == status, answer.body
    assert answer.header("content-type") == "application/problem+json"
    problem = json.loads(answer.body)
    assert set(problem) >= {"type", "title", "status", "detail", "instance"}
    assert words.lower() in problem["detail"].lower()
    [record] = app.records()
    assert (record.outcome, record.problem, record.count) == ("rejected", problem["type"], None)


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_the_right_problem(app: App, name: str) -> None:
    body, headers, status, words = BODIES[name]
    problem_of(app, app.post(body, headers=headers), status, words)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?treshold=0.5", "'treshold'"),
        ("?score_threshold=", "''"),
        ("?score_threshold=nan", "from 0 to 1"),
        ("?score_threshold=inf", "from 0 to 1"),
        ("?score_threshold=-0.1", "'-0.1'"),
        ("?score_threshold=1.1", "from 0 to 1"),
        ("?score_threshold=50%25", "'50%'"),
        ("?score_threshold=0,5", "score_threshold"),
        ("?score_threshold=0.5&score_threshold=0.6", "2 times"),
        ("?iou_threshold=two", "iou_threshold"),
        ("?max_detections=0", "from 1 to 1000"),
        ("?max_detections=1001", "from 1 to 1000"),
        ("?max_detections=1e2", "whole number"),
        ("?max_detections=%C2%B2", "whole number"),
        ("?max_detections=" + "9" * 5000, "whole number"),
        ("?labels=blue", "red, green"),
        ("?labels=", "''"),
        ("?labels=red,,green", "''"),
        ("?%ED%A0%80=1", "unknown"),
        ("?=1", "''"),
        ("?score_threshold", "''"),
    ],
)
def test_a_bad_parameter_is_a_bad_request(app: App, query: str, words: str) -> None:
    problem_of(app, app.post(PICTURE, query=query), 400, words)


def test_an_answer_of_no_known_kind_is_refused(app: App) -> None:
    problem_of(app, app.post(PICTURE, headers=[("Accept", "text/html")]), 406, "image/png")


def test_a_body_that_is_not_base64_is_a_bad_request(app: App) -> None:
    for body in ("@@@", "äöü", "abc", "\ud800"):
        event = to_http_api(HttpRequest("POST", "/v1/detect")) | {
            "body": body,
            "isBase64Encoded": True,
        }
        assert to_response(app.module.lambda_handler(event, None)).status == 400


def test_a_text_with_half_a_surrogate_pair_is_no_picture(app: App) -> None:
    event = to_http_api(HttpRequest("POST", "/v1/detect")) | {
        "body": "\ud800",
        "isBase64Encoded": False,
    }
    assert to_response(app.module.lambda_handler(event, None)).status == 415


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("extra", [0, 1])
def test_one_byte_too_many_is_too_large(
    tiny_bundle: Path, tmp_path: Path, form: str, extra: int
) -> None:
    with make_app(tiny_bundle, tmp_path, MAX_BODY_BYTES=str(len(PICTURE) - extra)) as app:
        answer = app.post(PICTURE, form=form)
        if not extra:
            assert answer.status == 200
            return
        problem_of(app, answer, 413, f"{len(PICTURE):,} bytes")


def test_a_single_pixel_is_a_picture(app: App) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (1, 1), (255, 0, 0)).save(stream, "PNG")
    answer = app.post(stream.getvalue())
    assert answer.status == 200
    assert json.loads(answer.body)["image"] == {
        "width": 1,
        "height": 1,
        "format": "PNG",
        "orientation": 1,
    }


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=st.binary(max_size=300)
    | st.sampled_from([PICTURE, PICTURE[:500], part("a: b"), b'{"image": "aGk="}']),
    media=st.sampled_from(
        ["", "image/png", "application/json", "multipart/form-data; boundary=XX", "\ud800"]
    )
    | st.text(max_size=20),
    query=st.dictionaries(
        st.sampled_from(["score_threshold", "iou_threshold", "max_detections", "labels", "x"]),
        st.sampled_from(["0.5", "nan", "", "red", "é", "1"]) | st.text(max_size=8),
        max_size=3,
    ),
    accept=st.sampled_from(["", "*/*", "image/png", "text/html"]) | st.text(max_size=20),
    form=st.sampled_from(["http-api", "rest-api", "alb"]),
    is_base64=st.booleans(),
)
@example(
    b"--XX\r\n: \r\n\r\n\r\n--XX--", "multipart/form-data; boundary=XX", {}, "", "http-api", True
)
def test_nothing_a_client_sends_is_an_error_of_the_function(
    app: App,
    body: bytes,
    media: str,
    query: dict[str, str],
    accept: str,
    form: str,
    is_base64: bool,
) -> None:
    event = FORMS[form](HttpRequest("POST", "/v1/detect"))
    text = base64.b64encode(body).decode() if is_base64 else body.decode("latin-1")
    event |= {"body": text, "isBase64Encoded": is_base64, "queryStringParameters": query or None}
    event["headers"] = {"Content-Type": media, "accept": accept}
    event.pop("rawQueryString", None)
    event.pop("multiValueQueryStringParameters", None)
    event.pop("multiValueHeaders", None)
    result = app.module.lambda_handler(event, None)
    assert result["statusCode"] in (200, 400, 406, 413, 415, 422)
    json.dumps(result).encode()


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=200), st.text(st.sampled_from("abX-=\"';\\é \r\n"), max_size=12))
def test_any_form_is_read_or_refused(app: App, body: bytes, boundary: str) -> None:
    whole = f"--{boundary}\r\n".encode() + body + f"\r\n--{boundary}--\r\n".encode()
    headers = [("Content-Type", f"multipart/form-data; boundary={boundary}")]
    assert app.post(whole, headers=headers).status in (400, 415, 422)
