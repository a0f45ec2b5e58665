"""Unpacks objects of records into JSON lines; nothing they hold costs unbounded memory."""

from __future__ import annotations

import json
import zlib

from scripts.records.columns import MAX_RECORD_BYTES

MAX_BATCH_BYTES = 128 << 20  # of an object with many records, unpacked
_GZIP = 31  # zlib's name of the format


class CorruptError(ValueError):
    """An object that holds no records; the text says why."""


def unpack(key: str, body: bytes) -> list[bytes]:
    """The lines of an object, one a record: of `ID.json.gz` one, of `*.jsonl.gz` any number.

    Raises CorruptError for what is no gzip, is cut off, holds nothing, or is too large unpacked.
    """
    is_batch = key.endswith(".jsonl.gz")
    text = gunzip(body, MAX_BATCH_BYTES if is_batch else MAX_RECORD_BYTES)
    lines = text.splitlines() if b"\r" in text else text.split(b"\n")
    lines = [line for line in lines if line and not line.isspace()]
    if not is_batch and len(lines) > 1:
        lines = [_on_one_line(text)]
    if not lines:
        raise CorruptError("it is empty")
    if max(map(len, lines)) > MAX_RECORD_BYTES:
        raise CorruptError(f"a record of it is larger than {MAX_RECORD_BYTES} bytes")
    return lines


def gunzip(body: bytes, max_bytes: int) -> bytes:
    """Unpack gzip, of several members, too. Raises CorruptError, also beyond max_bytes."""
    parts, size = [], 0
    while body:
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(body, max_bytes - size + 1)
        except zlib.error as error:
            raise CorruptError(f"it is no gzip: {error}") from None
        size += len(part)
        if size > max_bytes:
            raise CorruptError(f"unpacked it is larger than {max_bytes} bytes")
        if not member.eof:
            raise CorruptError("it is cut off")
        parts.append(part)
        body = member.unused_data.lstrip(b"\0")  # gzip allows padding
    return b"".join(parts)


def _on_one_line(text: bytes) -> bytes:
    try:
        return json.dumps(json.loads(text)).encode()
    except (ValueError, RecursionError):
        raise CorruptError("it is no JSON") from None
