"""Reads the encoded picture, or several, out of a request's body: raw bytes, a form, or JSON."""

from __future__ import annotations

import base64
import codecs
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from handler.http.request import Request
from handler.problems import BadRequest, Problem, TooManyPictures, quote

MAX_PARTS = 32  # of a form, or twice the pictures that it may have
MAX_FIELD_BYTES = 8192  # about what gateways take as a query

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_FIELD_MEDIA_TYPES = ("application/json", "application/x-www-form-urlencoded")
_LINE_ENDS = dict.fromkeys(map(ord, "\r\n\t"))
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')

Parameters = tuple[tuple[str, str], ...]  # name and value of each, as a query has them
ImageBytes = bytes | Problem  # one of several pictures, or why it cannot be read
ImageSource = Callable[[str, object], bytes]  # the caller, what they name; raises Problems


@dataclass(frozen=True)
class Form:
    """A form's files, at least one, by field and content; and its other fields, which are
    parameters as a query's are."""

    files: list[tuple[str, bytes]]
    fields: Parameters


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
    # The media type JSON is believed of text only.
    if starts_json(body) or (media_type(request) == "application/json" and _is_text(body)):
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


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_form(request: Request, body: bytes) -> bool:
    has_boundary = "boundary" in request.headers.get("content-type", "").lower()
    return media_type(request) == "multipart/form-data" and (has_boundary or body[:2] == b"--")


def starts_json(body: bytes, opening: bytes = b"{") -> bool:
    """Whether a body begins with one of these ASCII characters, as no picture does; in UTF-8, or in
    UTF-16 behind a byte order mark."""
    head = body.lstrip()[:64]
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            head = head[len(mark) :].decode(encoding, errors="replace").lstrip().encode()
    return head[:1] != b"" and head[:1] in opening


def read_files(request: Request, body: bytes, *, limit: int) -> list[tuple[str, bytes]]:
    """Name and content of each of a form's files. Raises what `read_form` raises."""
    return read_form(request, body, limit=limit).files


def read_form(request: Request, body: bytes, *, limit: int) -> Form:
    """A form's files and fields. Raises BadRequest, TooManyPictures."""
    import multipart  # type: ignore[import-untyped, unused-ignore]  # 20 ms that only forms pay

    content_type = request.headers.get("content-type", "")
    parts: list[tuple[Any, bytearray]] = []  # the library's MultipartSegment, and its content
    try:
        boundary = multipart.parse_options_header(content_type)[1].get("boundary", "")
        max_parts = max(MAX_PARTS, 2 * limit)
        with multipart.PushMultipartParser(boundary, max_segment_count=max_parts) as parser:
            for event in parser.parse(body):
                if isinstance(event, multipart.MultipartSegment):
                    parts.append((event, bytearray()))
                elif event:
                    parts[-1][1].extend(event)
    except ValueError as error:  # the base of the library's errors, and of a part's encoding
        raise BadRequest(f"the body is no well-formed multipart/form-data ({error})") from None
    file_parts = [part for part in parts if _is_file(part[0])]
    field_parts = [part for part in parts if not _is_file(part[0])]
    if not file_parts:
        names = str([segment.name for segment, _ in field_parts])[:200]
        raise BadRequest(
            f"the form has no file; expected a part with a filename, its fields are {names}"
        )
    # A file input in which nothing was chosen is no picture, unless it is all there is.
    chosen = [part for part in file_parts if part[1] or part[0].filename != ""] or file_parts[:1]
    _check_count(len(chosen), limit)
    files = [(segment.name or "", _decode_file(segment, content)) for segment, content in chosen]
    fields = [
        (segment.name or "", _decode_field(segment, content)) for segment, content in field_parts
    ]
    return Form(files, tuple(fields))


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
        if "%" in text:  # a data URI may be percent-encoded
            text = unquote(text)
        if any(space in text for space in " \r\n\t"):
            text = _without_spaces(text)
        if "-" in text or "_" in text:  # RFC 4648's alphabet for URLs
            text = text.replace("-", "+").replace("_", "/")
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


def _is_file(segment: Any) -> bool:
    """Whether a form's part is a file: by its name, or by its media type where it has no name."""
    if segment.filename is not None:
        return True
    disposition = segment.header("Content-Disposition", "")
    if "filename*" in _QUOTED.sub("", disposition).lower():  # RFC 5987's form, alone
        return True
    media = segment.content_type or ""
    return bool(media) and not media.startswith("text/") and media not in _FIELD_MEDIA_TYPES


def _decode_file(segment: Any, content: bytearray) -> bytes:
    """Raises BadRequest."""
    if segment.header("Content-Transfer-Encoding", "").strip().lower() == "base64":
        return decode_base64(content.decode("latin-1"), f"the form's file {quote(segment.name)}")
    return bytes(content)


def _decode_field(segment: Any, content: bytearray) -> str:
    """Raises BadRequest."""
    if len(content) > MAX_FIELD_BYTES:
        raise BadRequest(
            f"the form's field {quote(segment.name)} has {len(content):,} bytes, at most "
            f"{MAX_FIELD_BYTES:,} are read; a picture is a part with a filename"
        )
    try:
        return content.decode(segment.charset or "utf-8")
    except (LookupError, UnicodeDecodeError) as error:
        raise BadRequest(
            f"the form's field {quote(segment.name)} is neither text nor a picture ({error})"
        ) from None


def _without_spaces(text: str) -> str:
    """base64 without the line ends of mail and `base64`; a space that a form made of + is + again.

    Folded lines that a shell joined by spaces are of one length, but for the last, and without the
    spaces the text is of a whole number of quartets. Where it is otherwise, the spaces were +.
    """
    pieces = text.split()
    joined = "".join(pieces)
    with_plus = text.strip().translate(_LINE_ENDS)
    if " " not in with_plus:
        return joined
    is_regular = (
        len({len(piece) for piece in pieces[:-1]}) == 1
        and len(pieces[-1]) <= len(pieces[0])
        and len(pieces[0]) % 4 == 0
    )
    with_plus = with_plus.replace(" ", "+")
    has_quartets_by_plus_only = len(with_plus) % 4 == 0 and len(joined) % 4 != 0
    return joined if is_regular and not has_quartets_by_plus_only else with_plus


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
