"""Reads the encoded picture, or several, out of a request's body: raw bytes, a form, or JSON."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Mapping
from typing import Any

from handler.http.request import Request
from handler.images.sniff import was_read_as_text
from handler.problems import BadRequest, Problem
from handler.routes.base64_text import decode_base64
from handler.routes.form import Parameters, check_count, is_form, media_type, read_form

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}

ImageBytes = bytes | Problem  # one of several pictures, or why it cannot be read
ImageSource = Callable[[str, object], bytes]  # the caller, what they name; raises Problems


def read_image(request: Request) -> tuple[bytes, Parameters]:
    """The one picture's bytes, and a form's other fields. Raises BadRequest, BodyTooLarge,
    TooManyPictures."""
    images, fields = read_images(request, limit=1)
    if isinstance(images, list):
        raise BadRequest("one picture is read here; a list of them goes to POST /v1/detect")
    return images, fields


def read_images(
    request: Request, *, limit: int, sources: Mapping[str, ImageSource] | None = None
) -> tuple[bytes | list[ImageBytes], Parameters]:
    """A picture's bytes, however the body carries them; a list where the body carries a list. And a
    form's other fields.

    A form with several files is a list, and so is JSON with `images`. sources: by the JSON members
    that name a picture in place of carrying it. Raises BadRequest, BodyTooLarge, TooManyPictures,
    and what the sources raise.
    """
    body = read_body(request)
    if is_form(request, body):
        form = read_form(request, body, limit=limit)
        if len(form.files) == 1:
            return _check_file(*form.files[0]), form.fields
        return [_or_problem(_check_file, *file) for file in form.files], form.fields
    if starts_json(body) or _is_labelled_json(request, body):
        document = parse_json(body)
        for name, source in (sources or {}).items():
            if isinstance(document, dict) and document.keys() == {name}:
                return source(request.caller, document[name]), ()
        return _from_json(document, limit, list(sources or {})), ()
    return body, ()


def read_body(request: Request) -> bytes:
    """The body. Raises BadRequest where there is none, BodyTooLarge."""
    body = request.read_body()
    if not body:
        raise BadRequest(
            "the body is empty; send a picture's bytes, a form with a file, or JSON with an image"
        )
    return body


def starts_json(body: bytes, opening: bytes = b"{") -> bool:
    """Whether a body begins with one of these ASCII characters, as no picture does; in UTF-8, or in
    UTF-16 behind a byte order mark."""
    head = body.lstrip()[:64]
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            head = head[len(mark) :].decode(encoding, errors="replace").lstrip().encode()
    return head[:1] != b"" and head[:1] in opening


def parse_json(body: bytes) -> Any:
    """The body as JSON. Raises BadRequest."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        hint = "; write it in UTF-8" if body.startswith("\ufffd".encode()) else ""
        raise BadRequest(f"the body is no well-formed JSON ({str(error)[:200]}){hint}") from None


def _from_json(document: Any, limit: int, sources: list[str]) -> bytes | list[ImageBytes]:
    members = document if isinstance(document, dict) and len(document) == 1 else {}
    text, texts = members.get("image"), members.get("images")
    if isinstance(text, str):
        return decode_base64(text)
    if isinstance(texts, list) and texts and all(isinstance(each, str) for each in texts):
        check_count(len(texts), limit)
        return [_or_problem(decode_base64, each, f"images[{i}]") for i, each in enumerate(texts)]
    named = "".join(f', or {{"{name}": "…"}}' for name in sources)
    raise BadRequest(
        'expected JSON like {"image": "<base64 or data URI>"}, or {"images": [the same, …]}'
        f"{named}, and nothing else in it; thresholds and labels go into the query"
    )


def _check_file(name: str, image_bytes: bytes) -> bytes:
    if not image_bytes:
        raise BadRequest(f"the form's file {name!r} is empty; choose a picture")
    return image_bytes


def _or_problem(read: Callable[[Any, Any], bytes], first: Any, second: Any) -> ImageBytes:
    try:
        return read(first, second)
    except BadRequest as problem:
        return problem.without_frames()


def _is_labelled_json(request: Request, body: bytes) -> bool:
    """The media type JSON is believed of text only, and of none that was a picture."""
    is_labelled = media_type(request) == "application/json"
    return is_labelled and _is_text(body) and not was_read_as_text(body)


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
