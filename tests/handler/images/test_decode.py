"""Every format and mode gives the right pixels, upright; a broken file is a problem."""

from __future__ import annotations

import io
import struct
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from handler.problems import Undecodable
from tests.support.image_files import HEIC, encode, exif, photo, read

WHITE = [255, 255, 255]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", {"compression": "packbits"}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_lossless_formats_give_their_exact_pixels(kind: str, options: dict[str, Any]) -> None:
    picture = read(encode(photo(), kind, **options))
    assert (picture.format, picture.width, picture.height) == (kind, 64, 48)
    assert picture.orientation == 1
    assert (picture.rgb.dtype, picture.rgb.flags.c_contiguous) == (np.uint8, True)
    assert np.array_equal(picture.rgb, np.asarray(photo()))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("WEBP", {"quality": 95}),
        ("TIFF", {"compression": "jpeg", "quality": 95}),
    ],
)
def test_lossy_formats_come_close(kind: str, options: dict[str, Any]) -> None:
    picture = read(encode(photo(), kind, **options))
    assert picture.format == kind
    assert np.abs(picture.rgb.astype(int) - np.asarray(photo())).mean() < 3


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "JPEG", "WEBP"])
def test_one_pixel_is_a_picture(kind: str) -> None:
    picture = read(encode(np.full((1, 1, 3), 200, np.uint8), kind))
    assert (picture.width, picture.height, picture.rgb.shape) == (1, 1, (1, 1, 3))
    assert picture.rgb.ravel().tolist() == pytest.approx([200] * 3, abs=3)


@pytest.mark.parametrize(("width", "height"), [(20_000, 1), (1, 20_000)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_line_is_a_picture(kind: str, width: int, height: int) -> None:
    image_bytes = encode(np.full((height, width, 3), 90, np.uint8), kind)
    picture = read(image_bytes, min_frame=(1280, 1280))
    assert (picture.width, picture.height) == (width, height)


def test_only_the_first_frame_counts() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for kind, options in (("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})):
        image_bytes = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert read(image_bytes).rgb[4, 4].tolist() == [255, 0, 0]


def test_grey_palette_and_one_bit_pictures_are_as_they_look() -> None:
    grey = photo().convert("L")
    as_rgb = np.asarray(grey.convert("RGB"))
    assert np.array_equal(read(encode(grey, "PNG")).rgb, as_rgb)
    assert np.array_equal(read(encode(grey, "TIFF")).rgb, as_rgb)
    for kind in ("PNG", "BMP", "TIFF"):
        palette = photo().quantize(16)
        assert np.array_equal(read(encode(palette, kind)).rgb, np.asarray(palette.convert("RGB")))
        one_bit = grey.convert("1")
        assert np.array_equal(read(encode(one_bit, kind)).rgb, np.asarray(one_bit.convert("RGB")))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    values = np.array([[0, 128, 129, 257], [32768, 65000, 65406, 65535]], np.uint16)
    picture = read(encode(values, kind))
    assert picture.rgb[..., 0].tolist() == [[0, 0, 1, 1], [128, 253, 254, 255]]
    assert np.ptp(picture.rgb, axis=2).max() == 0


def test_32_bit_grey_is_read_as_far_as_it_holds_16() -> None:
    assert read(encode(np.array([[0, 65535]], np.int32), "TIFF")).rgb[0, :, 0].tolist() == [0, 255]
    for beyond in (-1, 65536):
        with pytest.raises(Undecodable, match="beyond 16 bits"):
            read(encode(np.array([[0, beyond]], np.int32), "TIFF"))


def test_floating_point_pixels_have_no_plain_meaning() -> None:
    with pytest.raises(Undecodable, match="floating-point values of 32 bits"):
        read(encode(np.ones((4, 4), np.float32), "TIFF"))


def test_transparency_lies_on_white() -> None:
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0] = [(255, 0, 0, 255), (255, 0, 0, 0), (0, 0, 0, 128)]
    on_white = [[255, 0, 0], WHITE, [127, 127, 127]]
    for kind, options in (("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True})):
        assert read(encode(rgba, kind, **options)).rgb[0].tolist() == on_white
    grey_alpha = Image.merge("LA", [Image.new("L", (1, 1), 10), Image.new("L", (1, 1), 0)])
    assert read(encode(grey_alpha, "PNG")).rgb[0].tolist() == [WHITE]


def test_a_transparent_colour_or_palette_entry_is_white() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    assert read(encode(palette, "PNG", transparency=0)).rgb[0].tolist() == [WHITE, [40, 50, 60]]
    some = read(encode(palette, "PNG", transparency=bytes([255, 0])))
    assert some.rgb[0].tolist() == [[10, 20, 30], WHITE]
    rgb = np.array([[[1, 2, 3], [9, 9, 9]]], np.uint8)
    assert read(encode(rgb, "PNG", transparency=(1, 2, 3))).rgb[0].tolist() == [WHITE, [9, 9, 9]]
    grey = np.array([[7, 9]], np.uint8)
    assert read(encode(grey, "PNG", transparency=7)).rgb[0].tolist() == [WHITE, [9, 9, 9]]
    deep = np.array([[0, 257 * 9]], np.uint16)
    assert read(encode(deep, "PNG", transparency=0)).rgb[0].tolist() == [WHITE, [9, 9, 9]]
    bit = Image.fromarray(np.array([[False, True]]))
    assert read(encode(bit, "PNG", transparency=0)).rgb[0].tolist() == [WHITE, WHITE]


def test_a_cmyk_jpeg_is_not_inverted() -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    picture = read(encode(red, "JPEG", quality=95))
    assert picture.rgb[8, 8].tolist() == pytest.approx([255, 0, 0], abs=4)


def test_large_pictures_are_converted_in_bands_without_seams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rgba = np.dstack([np.asarray(photo()), np.arange(48 * 64).reshape(48, 64) % 256]).astype(
        np.uint8
    )
    whole = read(encode(rgba, "PNG")).rgb
    monkeypatch.setattr("handler.images.picture._BAND_PX", 7 * 64)
    assert np.array_equal(read(encode(rgba, "PNG")).rgb, whole)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_picture_is_turned_upright(kind: str, orientation: int) -> None:
    image_bytes = encode(photo(), kind, exif=exif(orientation))
    upright = np.asarray(
        ImageOps.exif_transpose(Image.open(io.BytesIO(image_bytes))).convert("RGB")
    )
    picture = read(image_bytes)
    assert picture.orientation == orientation
    assert (picture.width, picture.height) == upright.shape[1::-1]
    assert np.array_equal(picture.rgb, upright)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(orientation: int) -> None:
    picture = read(encode(photo(), "JPEG", exif=exif(orientation)))
    assert (picture.width, picture.height, picture.orientation) == (64, 48, 1)


@pytest.mark.parametrize(
    "broken",
    [
        b"Exif\0\0",
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        b"Exif\0\0nonsense",
        b"Exif\0\0II*\0\x08\0\0\0",
    ],
)
def test_broken_exif_spoils_no_pixels(broken: bytes) -> None:
    image_bytes = encode(photo(), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(broken)) + broken
    assert read(image_bytes[:2] + segment + image_bytes[2:]).rgb.shape == (48, 64, 3)
    for kind in ("PNG", "WEBP"):
        assert read(encode(photo(), kind, exif=broken)).rgb.shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("size", "frame", "decoded"),
    [
        ((2794, 2793), (1280, 1280), (1397, 1397)),
        ((2560, 2560), (1280, 1280), (1280, 1280)),
        ((2559, 2559), (1280, 1280), (2559, 2559)),
        ((4000, 3000), (1280, 1280), (2000, 1500)),
        ((640, 480), (1280, 1280), (640, 480)),  # never enlarged
        ((1600, 1600), (100, 100), (200, 200)),  # 1/8 is the smallest
        ((1600, 400), (200, 200), (200, 50)),
        ((400, 1600), (200, 200), (50, 200)),
        ((1600, 1600), (800, 200), (200, 200)),  # so large it is when fitted into 800 x 200
        ((3, 1000), (10, 10), (2, 500)),
    ],
)
def test_a_jpeg_is_reduced_as_far_as_it_still_fills_the_frame(
    size: tuple[int, int], frame: tuple[int, int], decoded: tuple[int, int]
) -> None:
    image_bytes = encode(Image.new("L", size, 90), "JPEG")
    picture = read(image_bytes, min_frame=frame, max_pixels=12_000_000)
    assert (picture.width, picture.height) == size
    assert picture.rgb.shape == (decoded[1], decoded[0], 3)


def test_a_turned_jpeg_is_reduced_for_its_upright_shape() -> None:
    image_bytes = encode(Image.new("L", (1600, 800), 90), "JPEG", exif=exif(6))
    picture = read(image_bytes, min_frame=(200, 400), max_pixels=2_000_000)
    assert (picture.width, picture.height, picture.rgb.shape) == (800, 1600, (400, 200, 3))


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 900), st.integers(1, 900), st.tuples(st.integers(1, 300), st.integers(1, 300))
)
def test_a_reduced_jpeg_is_never_too_small(width: int, height: int, frame: tuple[int, int]) -> None:
    image_bytes = encode(Image.new("L", (width, height), 90), "JPEG")
    rgb = read(image_bytes, min_frame=frame).rgb
    fitted = min(frame[0] / width, frame[1] / height, 1)
    assert rgb.shape[1] >= width * fitted
    assert rgb.shape[0] >= height * fitted
    assert rgb.shape[0] * 16 > height * min(1, fitted * 8)  # nor left large for nothing


def test_other_formats_are_not_reduced() -> None:
    assert read(encode(photo(640, 480), "PNG"), min_frame=(10, 10)).rgb.shape == (480, 640, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "HEIF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_picture_is_undecodable(kind: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    image_bytes = HEIC[:-40] if kind == "HEIF" else encode(noise, kind)
    with pytest.raises(Undecodable) as raised:
        read(image_bytes[: max(16, int(len(image_bytes) * share))])
    assert kind in raised.value.detail
    assert "truncated" in raised.value.detail or kind == "HEIF"
    assert "0x" not in raised.value.detail  # no address of an object in memory


def test_a_checksum_that_is_wrong_is_undecodable() -> None:
    image_bytes = bytearray(encode(photo(), "PNG"))
    image_bytes[-20] ^= 1
    with pytest.raises(Undecodable):
        read(bytes(image_bytes))


def test_nothing_is_said_to_the_log_and_no_warning_escapes(
    capfd: pytest.CaptureFixture[str],
) -> None:
    tags = exif(1)
    tags[0x010E] = "x" * 50
    odd = encode(photo(), "JPEG", exif=tags).replace(b"x" * 50, b"\xff" * 50)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read(odd)
        read(encode(photo().quantize(4), "PNG", transparency=b"\0\1\2\3"))
    assert caught == []
    assert capfd.readouterr() == ("", "")


def test_fax_is_not_read_as_its_decoder_floods_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    image_bytes = bytearray(encode(photo().convert("1"), "TIFF", compression="group4"))
    image_bytes[8:40] = bytes(range(100, 132))
    with pytest.raises(Undecodable, match="fax compression"):
        read(bytes(image_bytes))
    assert capfd.readouterr().err == ""


def test_the_limits_of_pillow_are_left_as_they_were() -> None:
    before = (Image.MAX_IMAGE_PIXELS, dict(Image.OPEN), list(warnings.filters))
    read(encode(photo(), "PNG"))
    assert (Image.MAX_IMAGE_PIXELS, dict(Image.OPEN), list(warnings.filters)) == before
