"""The forms in which clients send a picture: parts of forms as their libraries write them, base64
out of URLs, shells and forms, JSON with a byte order mark, and pictures read as text."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handler.problems import BadRequest
from handler.routes.base64_text import decode_base64
from tests.support.app import App, make_app
from tests.support.paths import SHARED_DATA
from tests.support.pictures import RED, RED_AND_GREEN, encoded, jpeg, png
from tests.support.tiny_bundle import make_tiny_bundle

PICTURE = jpeg(RED_AND_GREEN)  # one red, two green
FORM = [("Content-Type", "multipart/form-data; boundary=XX")]
JSON = [("Content-Type", "application/json")]


def part(disposition: str, content: bytes = PICTURE, media: str = "", *more: str) -> bytes:
    lines = [f"Content-Disposition: form-data; {disposition}"]
    lines += [f"Content-Type: {media}"] if media else []
    head = "\r\n".join([*lines, *more]).encode()
    return b"--XX\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


def field(name: str, value: str, media: str = "") -> bytes:
    return part(f'name="{name}"', value.encode(), media)


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--XX--\r\n"


FILE = part('name="image"; filename="a.jpg"', PICTURE, "image/jpeg")
# Browsers send this for a file input in which nothing was chosen (HTML, 4.10.22.7).
EMPTY = part('name="other"; filename=""', b"", "application/octet-stream")


def post(app: App, *parts: bytes, path: str = "/v1/detect") -> Any:
    answer = app.send("POST", path, form(*parts), FORM)
    return answer.status, json.loads(answer.body)


# Parameters in a form.


@pytest.mark.parametrize("order", [1, -1])
def test_a_field_is_a_parameter_as_the_querys_are(app: App, order: int) -> None:
    status, result = post(app, *[FILE, field("score_threshold", "0.25")][::order])
    assert (status, result["thresholds"]["score"]) == (200, 0.25)
    parts = [FILE, field("labels", "red"), field("labels", "green"), field("max_detections", "2")]
    status, result = post(app, *parts[::order])
    assert (result["count"], result["counts"].keys()) == (2, {"red", "green"})
    assert post(app, FILE, field("labels", "green"))[1]["counts"] == {"green": 2}
    assert post(app, FILE, field("tiles", "2x2"))[1]["tiles"] == {"columns": 2, "rows": 2}
    assert app.records()[0].thresholds is not None


def test_fields_hold_for_every_picture_of_a_form(app: App) -> None:
    _, results = post(app, FILE, field("labels", "green"), FILE)
    assert [each["counts"] for each in results] == [{"green": 2}, {"green": 2}]


@pytest.mark.parametrize("media", ["text/plain; charset=utf-8", "text/plain; charset=iso-8859-1"])
def test_a_text_with_a_media_type_is_a_field(app: App, media: str) -> None:
    """As Spring, .NET's StringContent and Dart's http write theirs."""
    status, result = post(app, FILE, field("score_threshold", "0.3", media))
    assert (status, result["thresholds"]["score"]) == (200, 0.3)


@pytest.mark.parametrize(
    ("parts", "query", "words"),
    [
        ([field("treshold", "0.8")], "", "unknown form field 'treshold'; known are score_thr"),
        ([field("", "0.8")], "", "unknown form field ''"),
        ([field("score_threshold", "2")], "", "from 0 to 1, not '2'"),
        ([field("score_threshold", "")], "", "from 0 to 1, not ''"),
        ([field("score_threshold", "0.8")], "?score_threshold=0.8", "given 2 times"),
        ([field("score_threshold", "0.8")] * 2, "", "given 2 times"),
        ([field("labels", "blue")], "", "unknown label 'blue'"),
        ([part('name="labels"', b"\xff\xfe")], "", "field 'labels' is neither text nor a"),
        ([field("labels", "red", "text/plain; charset=none")], "", "field 'labels' is neither"),
        ([field("labels", "red", "text/plain; charset=undefined")], "", "is neither text"),
        ([field("labels", "red", "text/plain; charset=hex")], "", "is neither text"),
        ([field("labels", "red", "text/plain; charset=a\0b")], "", ""),
        ([field("labels", "red", f"text/plain; charset={'x' * 3000}")], "", "is neither text"),
        ([field("x" * 3000, "0.8")], "", "…; known are"),
        ([field("labels", "red," * 4000 + "red")], "", "16,003 bytes, at most 8,192 are read"),
    ],
)
def test_a_field_that_the_query_would_not_take_is_refused(
    app: App, parts: list[bytes], query: str, words: str
) -> None:
    status, problem = post(app, FILE, *parts, path=f"/v1/detect{query}")
    assert (status, words in problem["detail"]) == (400, True), problem["detail"]
    assert len(problem["detail"]) < 400
    [record] = app.records()
    assert record.outcome == "rejected"


@pytest.mark.needs_shared_data
def test_the_form_of_the_shared_inputs_has_its_threshold(tmp_path: Path) -> None:
    path = SHARED_DATA / "odd_inputs" / "form_field_threshold.body"
    with make_app(make_tiny_bundle(tmp_path / "bundle"), tmp_path / "log") as app:
        result = json.loads(app.post(path.read_bytes(), headers=FORM).body)
    assert b'name="score_threshold"\r\n\r\n' in path.read_bytes()
    value = path.read_bytes().split(b'name="score_threshold"\r\n\r\n')[1].split(b"\r\n")[0]
    assert result["thresholds"]["score"] == float(value)


def test_fields_are_parameters_of_the_dialects(app: App) -> None:
    status, found = post(app, FILE, field("threshold", "1"), path="/hf")
    assert (status, found) == (200, [])
    for bad in ([field("score_threshold", "1")], [field("threshold", "1")] * 2):
        status, problem = post(app, FILE, *bad, path="/hf")
        assert (status, "only known parameter is threshold" in problem["error"]) == (400, True)
    status, answer = post(app, FILE, field("confidence", "100"), path="/cells/1")
    assert (status, answer["predictions"]) == (200, [])
    parts = [field("classes", "green"), field("name", "a.jpg"), field("max_detections", "1")]
    status, answer = post(app, FILE, *parts, path="/cells/1?confidence=40")
    assert [each["class"] for each in answer["predictions"]] in (["green"], [])
    assert post(app, FILE, field("confidence", "101"), path="/cells/1")[0] == 400
    assert post(app, FILE, field("image", "https://example.org/a.jpg"), path="/cells/1")[0] == 400


# What is a picture in a form.


NAMELESS = {
    "Dart's MultipartFile.fromBytes": part('name="image"', PICTURE, "application/octet-stream"),
    "an image type, no filename": part('name="image"', PICTURE, "image/jpeg"),
    "an unknown type, no filename": part('name="image"', PICTURE, "x/y"),
    "older requests, of ä.jpg": part("name=\"image\"; filename*=utf-8''%C3%A4.jpg"),
    "the same first": part("filename*=UTF-8''%e4.jpg; name=image"),
    "both names": part("name=\"a\"; filename=\"a.jpg\"; filename*=utf-8''%C3%A4.jpg"),
    "an empty name, yet bytes": part('name="image"; filename=""', PICTURE, "image/jpeg"),
    "base64, as MIME libraries encode": part(
        'name="image"; filename="a.jpg"', base64.encodebytes(PICTURE), "image/jpeg",
        "Content-Transfer-Encoding: BASE64",
    ),
    "binary by name": part(
        'name="image"; filename="a.jpg"', PICTURE, "", "Content-Transfer-Encoding: binary"
    ),
}  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/detect", "/hf", "/cells/1"])
@pytest.mark.parametrize("name", NAMELESS)
def test_a_part_with_a_type_or_any_name_is_a_picture(app: App, name: str, path: str) -> None:
    status, answer = post(app, NAMELESS[name], path=path)
    found = answer if path == "/hf" else answer.get("detections", answer.get("predictions"))
    assert (status, len(found)) == (200, 3)


@pytest.mark.parametrize("name", ['name="a; filename*=b"', 'name="filename*"', "name=a"])
def test_a_field_is_no_picture_by_its_name(app: App, name: str) -> None:
    status, problem = post(app, part(name, b"0.5"))
    assert (status, "no file" in problem["detail"]) == (400, True)


@pytest.mark.parametrize("parts", [(FILE, EMPTY), (EMPTY, FILE), (EMPTY, FILE, EMPTY)])
@pytest.mark.parametrize("path", ["/v1/detect", "/hf", "/cells/1"])
def test_an_empty_file_input_is_no_picture(app: App, parts: tuple[bytes, ...], path: str) -> None:
    status, answer = post(app, *parts, path=path)
    assert status == 200
    assert isinstance(answer, list if path == "/hf" else dict)


def test_an_empty_file_input_alone_is_an_empty_picture_and_so_is_a_file_without_bytes(
    app: App,
) -> None:
    for parts in ([EMPTY], [EMPTY, EMPTY], [part('name="a"; filename="a.jpg"', b"")]):
        status, problem = post(app, *parts)
        assert (status, "is empty; choose a picture" in problem["detail"]) == (400, True)
    status, results = post(app, FILE, part('name="a"; filename="a.jpg"', b""))
    assert [each.get("count", "none") for each in results] == [3, "none"]


# base64 and JSON.

BASE64 = base64.b64encode(PICTURE).decode()
# Bytes whose base64 has both signs that the alphabets differ in, next to each other, too.
SIGNS = b"\xff\xd8\xff" + bytes(range(256)) + b"\xfb\xef\xbe\xff\xff" * 3 + b"\xfb"
TEXT = base64.b64encode(SIGNS).decode()
WRITTEN = {
    "plain": TEXT,
    "in the URL alphabet": base64.urlsafe_b64encode(SIGNS).decode(),
    "in the URL alphabet, unpadded": base64.urlsafe_b64encode(SIGNS).decode().rstrip("="),
    "unpadded": TEXT.rstrip("="),
    "with + turned to spaces": TEXT.replace("+", " "),
    "with + turned to spaces, unpadded": TEXT.rstrip("=").replace("+", " "),
    "folded by `base64`": base64.encodebytes(SIGNS).decode(),
    "folded with CRLF": base64.encodebytes(SIGNS).decode().replace("\n", "\r\n"),
    "folded, joined by a shell": " ".join(base64.encodebytes(SIGNS).decode().split()),
    "folded at 64, joined by a shell": " ".join(TEXT[i : i + 64] for i in range(0, len(TEXT), 64)),
    "folded and + turned to spaces": base64.encodebytes(SIGNS).decode().replace("+", " "),
    "parted by one space": TEXT[:10] + " " + TEXT[10:],
    "parted by spaces anywhere": TEXT[:7] + " " + TEXT[7:50] + "  " + TEXT[50:],
    "indented": "\n    " + base64.encodebytes(SIGNS).decode().replace("\n", "\n    "),
    "a data URI": f"data:image/jpeg;base64,{TEXT}",
    "a data URI, percent-encoded": "data:image/jpeg;base64,"
    + TEXT.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
    "a data URI in the URL alphabet": "DATA:;base64," + base64.urlsafe_b64encode(SIGNS).decode(),
}


def test_the_bytes_have_every_sign() -> None:
    assert "++" in TEXT and "/" in TEXT and "+" in TEXT.replace("++", "")
    assert "-" in WRITTEN["in the URL alphabet"] and "_" in WRITTEN["in the URL alphabet"]
    assert TEXT.endswith("=")


@pytest.mark.parametrize("name", WRITTEN)
def test_base64_is_read_however_it_is_written(name: str) -> None:
    assert decode_base64(WRITTEN[name]) == SIGNS


def test_one_space_parts_a_text_without_plus_or_padding() -> None:
    """No base64 has one sign beyond its quartets, so the space was no plus."""
    text = base64.b64encode(b"icebox" * 15).decode()
    assert "+" not in text and "=" not in text
    assert decode_base64(text[:10] + " " + text[10:]) == b"icebox" * 15


@pytest.mark.parametrize("text", ["A", "AAAAA", "@@@@", "AA=A", "AAAA=AAA", "äöü", "-", "%"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="is not base64"):
        decode_base64(text)


@pytest.mark.parametrize("name", ["-", " "])
def test_every_dialect_reads_them(app: App, name: str) -> None:
    picture = encoded(RED, "BMP")  # has + and / in base64
    text = base64.b64encode(picture).decode()
    assert "+" in text or "/" in text
    text = text.replace("+", name) if name == " " else base64.urlsafe_b64encode(picture).decode()
    native = app.post(json.dumps({"image": text.rstrip("=")}).encode())
    assert json.loads(native.body)["count"] == 1
    hf = app.send("POST", "/hf", json.dumps({"inputs": text}).encode())
    assert len(json.loads(hf.body)) == 1
    roboflow = app.send("POST", "/cells/1", text.encode())
    assert len(json.loads(roboflow.body)["predictions"]) == 1
    gradio = app.send("POST", "/api/predict", json.dumps({"data": [text]}).encode())
    assert json.loads(gradio.body)["data"][1] == 1


@pytest.mark.parametrize(
    ("encoding", "headers"),
    [
        ("utf-8-sig", JSON),
        ("utf-8-sig", []),
        ("utf-8", []),
        ("utf-16", []),  # labelled JSON, API Gateway would read it as UTF-8
        ("utf-16-be", [("Content-Type", "application/octet-stream")]),
    ],
)
def test_json_with_a_byte_order_mark_is_read(app: App, encoding: str, headers: Any) -> None:
    """As Windows' editors and PowerShell's Out-File write it."""
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    body = f'{mark}{{"image": "{BASE64}"}}'.encode(encoding)
    answer = app.post(body, headers=headers)
    assert (answer.status, json.loads(answer.body)["count"]) == (200, 3)
    body = f'{mark} {{"inputs": "{BASE64}"}}'.encode(encoding)
    assert len(json.loads(app.send("POST", "/hf", body, headers).body)) == 3
    body = f'{mark}{{"data": ["{BASE64}"]}}'.encode(encoding)
    assert json.loads(app.send("POST", "/api/predict", body, headers).body)["data"][1] == 3


def test_json_in_utf_16_that_a_gateway_read_as_utf_8_is_refused_with_the_remedy(app: App) -> None:
    answer = app.post(f'{{"image": "{BASE64}"}}'.encode("utf-16"), headers=JSON)
    assert (answer.status, "write it in UTF-8" in json.loads(answer.body)["detail"]) == (400, True)


# Pictures that a gateway read as text.

KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", ["/v1/detect", "/hf", "/cells/1"])
def test_a_picture_turned_into_text_is_refused_by_name_with_the_remedy(
    app: App, kind: str, path: str
) -> None:
    body = encoded(RED_AND_GREEN, kind).decode("utf-8", errors="replace").encode()
    assert b"\xef\xbf\xbd" in body
    answer = app.send("POST", path, body)
    problem = json.loads(answer.body)
    text = problem.get("detail") or problem.get("error") or problem.get("message")
    assert answer.status == 415, text
    if isinstance(problem.get("message"), str):
        text = problem["message"]
    assert "turned it into text (ef bf bd or ?" in text
    assert '{"image": "<base64>"}' in text and "BinaryMediaTypes" in text


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("way", ["latin-1", "?", "left out"])
def test_a_picture_read_as_text_otherwise_is_refused_by_name(app: App, kind: str, way: str) -> None:
    picture = encoded(RED_AND_GREEN, kind)
    body = {
        "latin-1": picture.decode("latin-1").encode(),
        "?": picture.decode("latin-1").encode("ascii", errors="replace"),
        "left out": picture.decode("utf-8", errors="ignore").encode(),
    }[way]
    answer = app.post(body)
    assert (answer.status, "into text" in json.loads(answer.body)["detail"]) == (415, True)


@pytest.mark.parametrize("kind", KINDS)
def test_so_is_one_that_is_labelled_json(app: App, kind: str) -> None:
    body = encoded(RED, kind, 200).decode("utf-8", errors="replace").encode()
    answer = app.post(body, headers=JSON)
    assert (answer.status, "into text" in json.loads(answer.body)["detail"]) == (415, True)


def test_a_form_turned_into_text_is_refused_by_name(app: App) -> None:
    body = form(FILE).decode("utf-8", errors="replace").encode()
    answer = app.post(body, headers=FORM)
    assert (answer.status, "into text" in json.loads(answer.body)["detail"]) == (415, True)


def test_whole_pictures_and_texts_are_not_taken_for_it(app: App) -> None:
    for kind in KINDS:
        assert app.post(encoded(RED, kind)).status == 200
    assert app.post(png(RED) + "\ufffd".encode() * 9).status == 200
    pale_blue = np.full((200, 200, 3), (189, 191, 239), np.uint8)  # a BMP's bytes are ef bf bd
    pale_blue[80:160, 80:160] = (255, 0, 0)
    stream = io.BytesIO()
    Image.fromarray(pale_blue).save(stream, "BMP")
    assert app.post(stream.getvalue()).status == 200
    answer = app.post("\ufffd\ufffd hello".encode())
    assert (answer.status, "into text" in json.loads(answer.body)["detail"]) == (415, False)
