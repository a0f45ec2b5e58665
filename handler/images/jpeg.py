"""Reduce a JPEG to the segments that its pixels need, in one bounded pass.

Pillow loops in Python over every marker and reads all EXIF tags before it knows the size. A file
without its end marker is read if its pixels are all there, also where a phone hangs a trailer on
it (ITU-T T.81, annex B).
"""

from __future__ import annotations

import re

from handler.images.jpeg_quality import estimate_quality
from handler.images.orientation import read_orientation
from handler.images.pixel_stream import PixelStream
from handler.problems import Undecodable

MAX_SCANS = 64  # real files have about ten; each is another pass over all pixels,
MAX_SCANNED_PIXELS = 1_600_000_000  # 36 ms for 64 megapixels
MAX_MARKERS = 4096  # 50 MB in segments of 64 KB are 800; 4,096 cost 5 ms
MAX_PADDING_BYTES = 1 << 16  # of what lies between markers, which Pillow reads byte by byte
MAX_TABLE_BYTES = 1 << 16  # of quantisation; files have 134 or 268, Pillow unpacks each value
MAX_EXIF_BYTES = 1 << 20  # over several segments
END_MARKER = b"\xff\xd9"

_ANY_MARKER = re.compile(rb"\xff([^\x00\xff])", re.DOTALL)
_AFTER_SCAN = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])", re.DOTALL)  # no restart marker
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TABLES = frozenset((0xC4, 0xCC, 0xDB, 0xDC, 0xDD))
_SIDE = frozenset((*range(0xE0, 0xF0), 0xFE))
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD8)))
_SOS, _EOI, _DQT = 0xDA, 0xD9, 0xDB
# How trailers begin: a video's box, Samsung's, or any text that entropy coding does not make.
_TRAILER = re.compile(rb"....ftyp|....mdat|MotionPhoto_Data|SEFH|SEFT|[ -~]{24}", re.DOTALL)
_TEXT_MARGIN_BYTES = 4  # the last bytes of pixels may look like text, too
_ENDING_BYTES = 96
_PADDING_BYTES = 8  # so many zeros at the end are a trailer


def read_pixels(image_bytes: bytes) -> PixelStream:
    """The JPEG without side segments and without what follows its end. Raises Undecodable."""
    reader = _Reader(image_bytes)
    header = reader.read_header()
    body, lacks_end = reader.read_scans()
    if reader.scan_count > MAX_SCANS:
        raise Undecodable(f"the JPEG has {reader.scan_count} scans; at most {MAX_SCANS} are read")
    return PixelStream(
        header + body,
        reader.size,
        read_orientation(reader.exif, reader.xmp),
        ("the JPEG's end marker is missing; its pixels are all there",) if lacks_end else (),
        lacks_end,
        reader.scan_count,
        estimate_quality(reader.tables.get(reader.luma_table, b"")),
    )


def check_scans(stream: PixelStream) -> None:
    """Raises Undecodable for more passes over all pixels than a good picture needs."""
    width, height = stream.size
    if stream.scan_count > 2 and stream.scan_count * width * height > MAX_SCANNED_PIXELS:
        raise Undecodable(
            f"the JPEG has {stream.scan_count} scans of {width} x {height} px, each of them a pass "
            "over all pixels; save it with fewer"
        )


def endings(stream: PixelStream) -> list[bytes]:
    """The stream ended as it is, and with two kinds of bytes in place of those that may be missing.

    All decode to the same pixels if no pixel depends on missing bytes. Neither kind alone finds
    every cut. A restart marker in their middle feeds a decoder that waits for one: at the end of a
    restart interval it takes no other byte.
    """
    scans = stream.image_bytes
    restarts = _RESTART.findall(scans, scans.rfind(b"\xff\xda"))
    number = (restarts[-1][0] + 1) % 8 if restarts else 0  # RST0 to RST7, 0xD0 to 0xD7
    restart = bytes((0xFF, 0xD0 + number))
    tails = [each * _ENDING_BYTES for each in (b"\xfe", b"\x55")]
    return [scans + END_MARKER, *(scans + tail + restart + tail + END_MARKER for tail in tails)]


def _without_padding(scans: bytes) -> bytes:
    """Without half a marker or many zeros at the end; FF 00 there is a byte of the pixels."""
    if scans.endswith(b"\xff"):
        return scans[:-1]
    stripped = scans.rstrip(b"\0")
    if len(scans) - len(stripped) < _PADDING_BYTES:
        return scans
    return stripped + b"\0" if stripped.endswith(b"\xff") else stripped


class _Reader:
    """The state of one pass over a file's markers."""

    def __init__(self, image_bytes: bytes) -> None:
        self.image_bytes = image_bytes
        self.offset = 2
        self.size = (0, 0)
        self.exif: bytes | None = None
        self.xmp: bytes | None = None
        self.scan_count = 0
        self.luma_table = 0  # number of the first component's
        self.tables: dict[int, bytes] = {}  # of quantisation, 64 or 128 bytes each
        self._marker_count = 0
        self._is_progressive = False
        self._missing: dict[int, list[bool]] = {}  # by component, of each coefficient

    def read_header(self) -> bytes:
        """All before the first scan, without side segments. Raises Undecodable."""
        parts = [b"\xff\xd8"]
        padding = table_bytes = exif_bytes = 0
        while True:
            match = _ANY_MARKER.search(self.image_bytes, self.offset)
            if match is None:
                raise Undecodable("the JPEG picture is truncated: it has no pixels")
            padding += match.start() - self.offset
            if padding > MAX_PADDING_BYTES:
                raise Undecodable(
                    f"the JPEG has more than {MAX_PADDING_BYTES} bytes between its markers"
                )
            self._count_marker()
            self.offset = match.start()
            code = match[1][0]
            if code == _SOS:
                return b"".join(parts)
            if code in _WITHOUT_LENGTH:
                self.offset += 2
                continue
            if code not in _FRAMES | _TABLES | _SIDE:
                raise Undecodable(f"the JPEG is damaged: marker {code:02x} before its pixels")
            segment = self._read_segment()
            content = segment[4:]
            if code in _FRAMES:
                self._read_frame(code, content)
            if code == _DQT:
                table_bytes += len(segment)
                if table_bytes > MAX_TABLE_BYTES:
                    raise Undecodable(
                        f"the JPEG has more than {MAX_TABLE_BYTES} bytes of quantisation tables"
                    )
                self._read_tables(content)
            if code == 0xE1 and content.startswith(b"Exif\0\0"):
                exif_bytes += len(content)
                if exif_bytes <= MAX_EXIF_BYTES:
                    self.exif = self.exif + content[6:] if self.exif else content
            elif code == 0xE1 and content.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
                self.xmp = content
            is_colour = (code, content[:4]) in ((0xE0, b"JFIF"), (0xEE, b"Adob"))
            if code not in _SIDE or is_colour:
                parts.append(segment)

    def read_scans(self) -> tuple[bytes, bool]:
        """All from the first scan up to the end, and whether the end marker is missing.

        Raises Undecodable where pixels are missing for certain.
        """
        start = self.offset
        pixels_end, last_scan = 0, 0
        while True:
            match = _AFTER_SCAN.search(self.image_bytes, self.offset)
            code = match[1][0] if match else None
            if match and self.scan_count and not pixels_end and not self._lacks_scans():
                pixels_end = match.start()
            if match is None or (code != _SOS and code not in _TABLES | _SIDE):
                break
            self._count_marker()
            self.offset = match.start()
            try:
                segment = self._read_segment()
            except Undecodable:
                break
            if code == _SOS:
                self.scan_count += 1
                self._read_scan(segment[4:])
                if not pixels_end:
                    last_scan = self.offset
        if match and code == _EOI:
            return self.image_bytes[start : match.end()], False
        if self._lacks_scans() or not last_scan:
            raise Undecodable("the JPEG picture is truncated: some of its scans are missing")
        pixels_end = pixels_end or len(self.image_bytes)
        if trailer := _TRAILER.search(self.image_bytes, last_scan, pixels_end):
            is_text = trailer.group().isascii() and len(trailer.group()) == 24
            pixels_end = trailer.start() + is_text * _TEXT_MARGIN_BYTES
        return _without_padding(self.image_bytes[start:pixels_end]), True

    def _count_marker(self) -> None:
        self._marker_count += 1
        if self._marker_count > MAX_MARKERS:
            raise Undecodable(f"the JPEG has more than {MAX_MARKERS} markers")

    def _read_segment(self) -> bytes:
        """The segment at the offset, with its marker; moves behind it. Raises Undecodable."""
        start = self.offset
        length = int.from_bytes(self.image_bytes[start + 2 : start + 4], "big")
        self.offset = start + 2 + length
        if length < 2 or self.offset > len(self.image_bytes):
            raise Undecodable("the JPEG picture is truncated or damaged in a segment's length")
        return self.image_bytes[start : self.offset]

    def _read_frame(self, code: int, content: bytes) -> None:
        self.size = int.from_bytes(content[3:5], "big"), int.from_bytes(content[1:3], "big")
        self._is_progressive = code & 3 == 2
        self._missing = {component: [True] * 64 for component in content[6::3]}

        self.luma_table = content[8] if len(content) > 8 else 0

    def _read_tables(self, content: bytes) -> None:
        while content:
            size = 128 if content[0] >> 4 else 64  # 16-bit values or 8-bit ones
            self.tables[content[0] & 15] = content[1 : 1 + size]
            content = content[1 + size :]

    def _read_scan(self, content: bytes) -> None:
        """Note which coefficients of which components this scan completes."""
        if not content or len(content) < 4 + 2 * content[0]:
            return
        components = content[1 : 1 + 2 * content[0] : 2]
        first, last, bits = content[1 + 2 * content[0] :][:3]
        if not self._is_progressive:
            first, last, bits = 0, 63, 0
        for component in components:
            missing = self._missing.get(component)
            if missing and bits & 15 == 0:
                width = range(first, min(last, 63) + 1)
                missing[first : first + len(width)] = [False] * len(width)

    def _lacks_scans(self) -> bool:
        return not self._missing or any(map(any, self._missing.values()))
