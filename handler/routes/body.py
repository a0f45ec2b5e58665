"""Reads the encoded picture, or several, out of a request's body: raw bytes, a form, or JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from handler.http.request import Request
from handler.problems import BadRequest, Problem, TooManyPictures

MAX_PARTS = 32  # of a form, or twice the pictures that it may have

ImageBytes = bytes | Problem  # one of several pictures, or why it cannot be read
ImageSource = Callable[[str, object], bytes]  # the caller, what they name; raises Problems


def read_image(request: Request) -> bytes:
    """The one picture's bytes. Raises BadRequest, BodyTooLarge, TooManyPictures."""
    images = read_images(request, limit=1)
    if isinstance(images, list):
        raise BadRequest("one picture is read here; a list of them goes to POST /v1/detect")
    return images


def read_images(
    request: Request, *, limit: int, sources: Mapping[str, ImageSource] | None = None
) -> bytes | list[ImageBytes]:
    """A picture's bytes, however the body carries them; a list where the body carries a list.

    A form with several files is a list, and so is JSON with `images`. sources: by the JSON members
    that name a picture in place of carrying it. Raises BadRequest, BodyTooLarge, TooManyPictures,
    and what the sources raise.
    """
    body = read_body(request)
    if is_form(request, body):
        files = read_files(request, body, limit=limit)
        if len(files) == 1:
            return _check_file(*files[0])
        return [_or_problem(_check_file, name, image_bytes) for name, image_bytes in files]
    # No picture starts with a brace; the media type JSON is believed of text only.
    if body.lstrip()[:1] == b"{" or (media_type(request) == "application/json" and _is_text(body)):
        document = parse_json(body)
        for name, source in (sources or {}).items():
            if isinstance(document, dict) and document.keys() == {name}:
                return source(request.caller, document[name])
        return _from_json(document, limit, list(sources or {}))
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
        max_parts = max(MAX_PARTS, 2 * limit)
        with multipart.PushMultipartParser(boundary, max_segment_count=max_parts) as parser:
            for event in parser.parse(body):
                if isinstance(event, multipart.MultipartSegment):
                    parts.append((event.name, event.filename is not None, bytearray()))
                elif event:
                    parts[-1][2].extend(event)
    except ValueError as error:  # the base of the library's errors, and of a part's encoding
        raise BadRequest(f"the body is no well-formed multipart/form-data ({error})") from None
    files = [(name, bytes(content)) for name, is_file, content in parts if is_file]
    if not files:
        names = [name for name, _, _ in parts]
        raise BadRequest(
            f"the form has no file; expected a part with a filename, its fields are {names}"
        )
    _check_count(len(files), limit)
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
        image_bytes = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise BadRequest(f"{name} is not base64 ({error})") from None
    if not image_bytes:
        raise BadRequest(f"{name} is empty; expected a picture's bytes in base64")
    return image_bytes


def _from_json(document: Any, limit: int, sources: list[str]) -> bytes | list[ImageBytes]:
    members = document if isinstance(document, dict) and len(document) == 1 else {}
    text, texts = members.get("image"), members.get("images")
    if isinstance(text, str):
        return decode_base64(text)
    if isinstance(texts, list) and texts and all(isinstance(each, str) for each in texts):
        _check_count(len(texts), limit)
        return [_or_problem(decode_base64, each, f"images[{i}]") for i, each in enumerate(texts)]
    named = "".join(f', or {{"{name}": "…"}}' for name in sources)
    raise BadRequest(
        'expected JSON like {"image": "<base64 or data URI>"}, or {"images": [the same, …]}'
        f"{named}, and nothing else in it; thresholds and labels go into the query"
    )


def _check_count(count: int, limit: int) -> None:
    if count > limit:
        raise TooManyPictures(f"{count} pictures came at once, at most {limit} are read")


def _check_file(name: str, image_bytes: bytes) -> bytes:
    if not image_bytes:
        raise BadRequest(f"the form's file {name!r} is empty; choose a picture")
    return image_bytes


def _or_problem(read: Callable[[Any, Any], bytes], first: Any, second: Any) -> ImageBytes:
    try:
        return read(first, second)
    except BadRequest as problem:
        return problem.without_frames()


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
