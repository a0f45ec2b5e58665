"""A request in; the bytes of its picture out, whether they come raw, in a form or in JSON."""

from __future__ import annotations

import base64
import json

from handler.gateway import Request
from handler.problems import BadRequest

MAX_PARTS = 32  # of a form


def read_picture(request: Request) -> bytes:
    """The picture's bytes, however the body carries them. Raises BadRequest, BodyTooLarge."""
    body, content_type = request.read_body(), request.headers.get("content-type", "")
    media = content_type.partition(";")[0].strip().lower()
    if not body:
        raise BadRequest(
            "the body is empty; send a picture's bytes, a form with a file, or JSON with an image"
        )
    is_form = "boundary" in content_type.lower() or body.startswith(b"--")
    if media == "multipart/form-data" and is_form:
        return _from_form(body, content_type)
    # No picture starts with a brace; JSON's label is believed only of what is text.
    if body.lstrip()[:1] == b"{" or (media == "application/json" and _is_text(body)):
        return _from_json(body)
    return body


def _from_form(body: bytes, content_type: str) -> bytes:
    import multipart  # type: ignore[import-untyped, unused-ignore]  # 20 ms that only forms pay

    parts: list[tuple[str, bool, bytearray]] = []  # name, whether it is a file, content
    try:
        boundary = multipart.parse_options_header(content_type)[1].get("boundary", "")
        with multipart.PushMultipartParser(boundary, max_segment_count=MAX_PARTS) as parser:
            for event in parser.parse(body):
                if isinstance(event, multipart.MultipartSegment):
                    parts.append((event.name, event.filename is not None, bytearray()))
                elif event:
                    parts[-1][2].extend(event)
    except ValueError as error:  # as the library's own are, and those of a part's encoding
        raise BadRequest(f"the body is no well-formed multipart/form-data ({error})") from None
    for name, is_file, data in parts:
        if is_file and data:
            return bytes(data)
        if is_file:
            raise BadRequest(f"the form's file {name!r} is empty; choose a picture")
    names = [name for name, _, _ in parts]
    raise BadRequest(
        f"the form has no file; expected a part with a filename, its fields are {names}"
    )


def _from_json(body: bytes) -> bytes:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is no well-formed JSON ({str(error)[:200]})") from None
    text = document.get("image") if isinstance(document, dict) and len(document) == 1 else None
    if not isinstance(text, str):
        raise BadRequest(
            'expected JSON like {"image": "<base64 or data URI>"} and nothing else in it; '
            "thresholds and labels go into the query"
        )
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
        raise BadRequest(f"image is not base64 ({error})") from None
    if not data:
        raise BadRequest("image is empty; expected a picture's bytes in base64")
    return data


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
