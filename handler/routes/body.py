"""A request in; the bytes of its picture, or several, out: raw, from a form, from JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from handler.http.gateway import Request
from handler.problems import BadRequest, Problem, TooManyPictures

MAX_PARTS = 32  # of a form, or twice the pictures that it may have

Sent = bytes | Problem  # one of several pictures, or why it is none
Source = Callable[[str, object], bytes]  # who is calling, what they named; raises Problems


def read_image(request: Request) -> bytes:
    """The one picture's bytes. Raises BadRequest, BodyTooLarge, TooManyPictures."""
    sent = read_images(request, limit=1)
    if isinstance(sent, list):
        raise BadRequest("one picture is read here; a list of them goes to POST /v1/detect")
    return sent


def read_images(
    request: Request, *, limit: int, elsewhere: Mapping[str, Source] | None = None
) -> bytes | list[Sent]:
    """A picture's bytes, however the body carries them; a list where it carries a list.

    A form with several files is a list, and so is JSON with `images`. elsewhere: JSON's members
    that name a picture in place of carrying it. Raises BadRequest, BodyTooLarge, TooManyPictures,
    and what the sources raise.
    """
    body = read_body(request)
    if is_form(request, body):
        files = read_files(request, body, limit=limit)
        if len(files) == 1:
            return _check_file(*files[0])
        return [_or_problem(_check_file, name, data) for name, data in files]
    # No picture starts with a brace; JSON's label is believed only of what is text.
    if body.lstrip()[:1] == b"{" or (media_type(request) == "application/json" and _is_text(body)):
        document = parse_json(body)
        for name, source in (elsewhere or {}).items():
            if isinstance(document, dict) and document.keys() == {name}:
                return source(request.caller, document[name])
        return _from_json(document, limit, list(elsewhere or {}))
    return body


def read_body(request: Request) -> bytes:
    """The body. Raises BadRequest where there is none, BodyTooLarge."""
    body = request.read_body()
    if not body:
        raise BadRequest(
            "the body is empty; send a picture's bytes, a form with a file, or JSON with an image"
        )
    return body


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_form(request: Request, body: bytes) -> bool:
    has_boundary = "boundary" in request.headers.get("content-type", "").lower()
    return media_type(request) == "multipart/form-data" and (has_boundary or body[:2] == b"--")


def read_files(request: Request, body: bytes, *, limit: int) -> list[tuple[str, bytes]]:
    """Name and content of each of a form's files, at least one. Raises BadRequest,
    TooManyPictures."""
    import multipart  # type: ignore[import-untyped, unused-ignore]  # 20 ms that only forms pay

    content_type = request.headers.get("content-type", "")
    parts: list[tuple[str, bool, bytearray]] = []  # name, whether it is a file, content
    try:
        boundary = multipart.parse_options_header(content_type)[1].get("boundary", "")
        most = max(MAX_PARTS, 2 * limit)
        with multipart.PushMultipartParser(boundary, max_segment_count=most) as parser:
            for event in parser.parse(body):
                if isinstance(event, multipart.MultipartSegment):
                    parts.append((event.name, event.filename is not None, bytearray()))
                elif event:
                    parts[-1][2].extend(event)
    except ValueError as error:  # as the library's own are, and those of a part's encoding
        raise BadRequest(f"the body is no well-formed multipart/form-data ({error})") from None
    files = [(name, bytes(data)) for name, is_file, data in parts if is_file]
    if not files:
        names = [name for name, _, _ in parts]
        raise BadRequest(
            f"the form has no file; expected a part with a filename, its fields are {names}"
        )
    check_count(len(files), limit)
    return files


def parse_json(body: bytes) -> Any:
    """The body as JSON. Raises BadRequest."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is no well-formed JSON ({str(error)[:200]})") from None


def decode_base64(text: str, name: str = "image") -> bytes:
    """Bytes from base64 or a data URI; name: what the client calls it. Raises BadRequest."""
    if text[:5].lower() == "data:":
        head, _, text = text.partition(",")
        if not head.lower().endswith(";base64"):
            raise BadRequest(
                f"expected a data URI like data:image/jpeg;base64,…, not {head[:60]!r}…"
            )
    try:
        if any(space in text for space in " \r\n\t"):  # folded, as mail and `base64` write it
            text = "".join(text.split())
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise BadRequest(f"{name} is not base64 ({error})") from None
    if not data:
        raise BadRequest(f"{name} is empty; expected a picture's bytes in base64")
    return data


def check_count(count: int, limit: int) -> None:
    if count > limit:
        raise TooManyPictures(f"{count} pictures came at once, at most {limit} are read")


def _from_json(document: Any, limit: int, elsewhere: list[str]) -> bytes | list[Sent]:
    members = document if isinstance(document, dict) and len(document) == 1 else {}
    text, texts = members.get("image"), members.get("images")
    if isinstance(text, str):
        return decode_base64(text)
    if isinstance(texts, list) and texts and all(isinstance(each, str) for each in texts):
        check_count(len(texts), limit)
        return [_or_problem(decode_base64, each, f"images[{i}]") for i, each in enumerate(texts)]
    named = "".join(f', or {{"{name}": "…"}}' for name in elsewhere)
    raise BadRequest(
        'expected JSON like {"image": "<base64 or data URI>"}, or {"images": [the same, …]}'
        f"{named}, and nothing else in it; thresholds and labels go into the query"
    )


def _check_file(name: str, data: bytes) -> bytes:
    if not data:
        raise BadRequest(f"the form's file {name!r} is empty; choose a picture")
    return data


def _or_problem(read: Callable[[Any, Any], bytes], first: Any, second: Any) -> Sent:
    try:
        return read(first, second)
    except BadRequest as problem:
        return problem


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
