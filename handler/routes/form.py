"""Reads multipart/form-data: files, which are pictures, and fields, which are parameters."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from handler.http.request import Request
from handler.problems import BadRequest, TooManyPictures, quote
from handler.routes.base64_text import decode_base64

MAX_PARTS = 32  # of a form, or twice the pictures that it may have
MAX_FIELD_BYTES = 8192  # about what gateways take as a query

_FIELD_MEDIA_TYPES = ("application/json", "application/x-www-form-urlencoded")
_QUOTED = r'"(?:[^"\\]|\\.)*"'

Parameters = tuple[tuple[str, str], ...]  # name and value of each, as a query has them


class Form(NamedTuple):
    """A form's files, at least one, by field and content; and its other fields, which are
    parameters as a query's are."""

    files: list[tuple[str, bytes]]
    fields: Parameters


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_form(request: Request, body: bytes) -> bool:
    has_boundary = "boundary" in request.headers.get("content-type", "").lower()
    return media_type(request) == "multipart/form-data" and (has_boundary or body[:2] == b"--")


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
    check_count(len(chosen), limit)
    files = [(segment.name or "", _decode_file(segment, content)) for segment, content in chosen]
    fields = [
        (segment.name or "", _decode_field(segment, content)) for segment, content in field_parts
    ]
    return Form(files, tuple(fields))


def check_count(count: int, limit: int) -> None:
    """Of pictures at once. Raises TooManyPictures."""
    if count > limit:
        raise TooManyPictures(f"{count} pictures came at once, at most {limit} are read")


def _is_file(segment: Any) -> bool:
    """Whether a form's part is a file: by its name, or by its media type where it has no name."""
    if segment.filename is not None:
        return True
    disposition = segment.header("Content-Disposition", "")
    if "filename*" in re.sub(_QUOTED, "", disposition).lower():  # RFC 5987's form, alone
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
    except (LookupError, ValueError) as error:  # an unknown charset, bytes that are not of it
        raise BadRequest(
            f"the form's field {quote(segment.name)} is neither text nor a picture "
            f"({str(error)[:200]})"
        ) from None
