"""Read the directories of a TIFF or BigTIFF from untrusted bytes.

Not read by Pillow: it follows every count and offset that a file names, and disagrees with libtiff
on damaged directories. Here all counts are bounded, and a tag is read only when it is asked for.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from handler.images.tiff import tags
from handler.problems import Undecodable

MAX_DIRECTORIES = 256
MAX_ENTRIES = 1024  # of a directory; cameras write about a hundred
_MAX_SUB_DIRECTORIES = 16  # of a directory
_MAX_TEXT_BYTES = 1 << 16
_DTYPES = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}  # by the field's type
_TEXT, _RATIONAL = 2, 5
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 13: 4, 16: 8, 18: 8}  # in bytes


@dataclass(frozen=True, eq=False)
class Directory:
    """One page of a TIFF: its tags, each as (field type, count, offset of the values).

    byte_order: "<" or ">". repeated: tags that are there more than once.
    """

    image_bytes: bytes
    byte_order: str
    entries: dict[int, tuple[int, int, int]]
    repeated: frozenset[int] = field(default=frozenset())

    def __contains__(self, tag: int) -> bool:
        return tag in self.entries

    def numbers(self, tag: int, max_count: int) -> NDArray[np.int64]:
        """The whole numbers of a tag, none if it is missing. Raises Undecodable."""
        if tag not in self.entries:
            return np.empty(0, np.int64)
        field_type, count, offset = self.entries[tag]
        if tag in self.repeated or field_type not in _DTYPES or not 0 < count <= max_count:
            raise tags.damaged_in(tag)
        if offset + count * _SIZES[field_type] > len(self.image_bytes):
            raise Undecodable(f"the TIFF picture is truncated: the values of tag {tag} are missing")
        dtype = self.byte_order + _DTYPES[field_type]
        values = np.frombuffer(self.image_bytes, dtype, count, offset)
        if values.dtype.itemsize == 8:
            values = np.minimum(values, np.uint64(1 << 62))
        return values.astype(np.int64)

    def number(self, tag: int, default: int) -> int:
        """The only number of a tag. Raises Undecodable."""
        values = self.numbers(tag, 1)
        return int(values[0]) if len(values) else default

    def fractions(self, tag: int, max_count: int) -> list[float]:
        """The unsigned fractions of a tag, none if it is missing. Raises Undecodable."""
        if tag not in self.entries:
            return []
        field_type, count, offset = self.entries[tag]
        if tag in self.repeated or field_type != _RATIONAL or not 0 < count <= max_count:
            raise tags.damaged_in(tag)
        if offset + 8 * count > len(self.image_bytes):
            raise Undecodable(f"the TIFF picture is truncated: the values of tag {tag} are missing")
        pairs = np.frombuffer(self.image_bytes, self.byte_order + "u4", 2 * count, offset)
        return [float(above) / max(1.0, float(below)) for above, below in pairs.reshape(-1, 2)]

    def data(self, tag: int, max_bytes: int) -> bytes:
        """The bytes of a tag, none if it is missing. Raises Undecodable."""
        if tag not in self.entries:
            return b""
        _, count, offset = self.entries[tag]
        if tag in self.repeated or count > max_bytes:
            raise tags.damaged_in(tag)
        return self.image_bytes[offset : offset + count]

    def text(self, tag: int) -> bytes:
        """The start of a text, empty if it is missing or of another type."""
        field_type, count, offset = self.entries.get(tag, (0, 0, 0))
        if field_type not in (1, _TEXT):
            return b""
        return self.image_bytes[offset : offset + min(count, _MAX_TEXT_BYTES)]


@dataclass(frozen=True, eq=False)
class Directories:
    """pages: the main chain. sub_directories: those that the pages point at. more: whether there
    are more than were read."""

    pages: Sequence[Directory]
    sub_directories: Sequence[Directory]
    more: bool


def read_directories(image_bytes: bytes) -> Directories:
    """Read the first MAX_DIRECTORIES directories. Raises Undecodable if the first is damaged."""
    byte_order = "<" if image_bytes.startswith(b"II") else ">"
    big = image_bytes[2:4] in (b"+\0", b"\0+")
    try:
        if big:
            offset_size, zero, start = struct.unpack_from(byte_order + "HHQ", image_bytes, 4)
            if (offset_size, zero) != (8, 0):
                raise Undecodable("the TIFF picture is damaged in its header")
        else:
            (start,) = struct.unpack_from(byte_order + "I", image_bytes, 4)
        first, link = _read_directory(image_bytes, start, byte_order, big)
    except struct.error:
        raise Undecodable("the TIFF picture is truncated: its directory is missing") from None
    pages, seen = [first], {start}
    while link and link not in seen and len(pages) < MAX_DIRECTORIES:
        seen.add(link)
        try:
            page, link = _read_directory(image_bytes, link, byte_order, big)
        except (Undecodable, struct.error):  # a chain that breaks spoils not the pages before it
            link = 0
        else:
            pages.append(page)
    sub_directories: list[Directory] = []
    for page in pages:
        for sub_start in _sub_directory_offsets(page):
            if sub_start not in seen and len(sub_directories) < MAX_DIRECTORIES:
                seen.add(sub_start)
                try:
                    sub, _ = _read_directory(image_bytes, sub_start, byte_order, big)
                except (Undecodable, struct.error):
                    continue
                sub_directories.append(sub)
    return Directories(pages, sub_directories, bool(link) and link not in seen)


def _sub_directory_offsets(page: Directory) -> list[int]:
    try:
        return [int(n) for n in page.numbers(tags.SUB_DIRECTORIES, _MAX_SUB_DIRECTORIES)]
    except Undecodable:
        return []


def _read_directory(
    image_bytes: bytes, start: int, byte_order: str, big: bool
) -> tuple[Directory, int]:
    """A directory and the offset of the next. Raises Undecodable, struct.error."""
    if start > len(image_bytes):
        raise Undecodable("the TIFF picture is truncated: its directory is missing")
    (entry_count,) = struct.unpack_from(byte_order + ("Q" if big else "H"), image_bytes, start)
    if not 0 < entry_count <= MAX_ENTRIES:
        raise Undecodable(
            f"the TIFF picture is damaged: a directory of {entry_count} tags; "
            f"at most {MAX_ENTRIES} are read"
        )
    head = struct.Struct(byte_order + ("HHQ" if big else "HHI"))
    inline_bytes = 8 if big else 4
    offset_format = byte_order + ("Q" if big else "I")
    at = start + (8 if big else 2)
    entries: dict[int, tuple[int, int, int]] = {}
    repeated = set()
    for _ in range(entry_count):
        tag, field_type, count = head.unpack_from(image_bytes, at)
        value_at = at + head.size
        (offset,) = struct.unpack_from(offset_format, image_bytes, value_at)
        if tag in entries:
            repeated.add(tag)
        is_inline = count * _SIZES.get(field_type, 1) <= inline_bytes
        entries[tag] = (field_type, count, value_at if is_inline else offset)
        at = value_at + inline_bytes
    try:
        (link,) = struct.unpack_from(offset_format, image_bytes, at)
    except struct.error:  # the last bytes of a file may be missing
        link = 0
    return Directory(image_bytes, byte_order, entries, frozenset(repeated)), link
