"""The orientation is the one Pillow reads, in one pass over a bounded directory."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from handler.images.orientation import read_orientation
from tests.support.image_files import encode, exif, photo, read

XMP = b'<rdf:Description tiff:Orientation="6"/>'


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_prefix_may_be_there_once_twice_or_not(orientation: int) -> None:
    directory = exif(orientation).tobytes().removeprefix(b"Exif\0\0")
    for prefix in (b"", b"Exif\0\0", b"Exif\0\0" * 2):
        assert read_orientation(prefix + directory, None) == orientation


@pytest.mark.parametrize(("order", "mark"), [("<", b"II*\0"), (">", b"MM\0*")])
@pytest.mark.parametrize(("kind", "value"), [(3, "Hxx"), (4, "I"), (8, "hxx"), (9, "i")])
def test_either_byte_order_and_every_whole_number(
    order: str, mark: bytes, kind: int, value: str
) -> None:
    directory = mark + struct.pack(f"{order}IHHHI{value}", 8, 1, 0x0112, kind, 1, 6)
    assert read_orientation(directory, None) == 6


def test_xmp_counts_where_exif_has_none() -> None:
    assert read_orientation(None, XMP) == 6
    assert read_orientation(exif(3).tobytes(), XMP) == 3
    assert read_orientation(Image.Exif().tobytes(), XMP) == 6
    assert read_orientation(None, b"<tiff:Orientation>8</tiff:Orientation>") == 8
    assert read_orientation(None, XMP.replace(b"6", b"9")) == 1


@given(st.binary(max_size=80), st.sampled_from([b"", b"Exif\0\0", b"II*\0\x08\0\0\0", b"MM\0*"]))
def test_any_bytes_have_an_orientation(tail: bytes, head: bytes) -> None:
    assert 1 <= read_orientation(head + tail, tail) <= 8


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_exif_with_thousands_of_large_tags_is_not_unpacked(kind: str) -> None:
    """Pillow copies what each tag points at: 65,535 times four megabytes here."""
    entries = b"".join(struct.pack(">HHII", 9, 1, 4_000_000, 9) for _ in range(65_534))
    turned = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    bomb = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + entries + turned + bytes(4_000_000)
    assert read(encode(photo(), kind, exif=bomb)).orientation == 6
