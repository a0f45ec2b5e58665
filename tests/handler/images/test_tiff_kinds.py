"""What the samples of odd TIFFs mean: the values follow from TIFF 6.0, or it is refused by name."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from handler.problems import Undecodable
from tests.support.image_files import encode, photo, read
from tests.support.paths import SHARED_DATA
from tests.support.tiff_files import pack_bits, write_tiff

GREY = np.asarray(photo().convert("L"))
RGB = np.asarray(photo())
YCBCR = np.asarray(photo().convert("YCbCr"))
ODD = SHARED_DATA / "odd_inputs"


def write(samples: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, **{"metadata": None, **options})
    return stream.getvalue()


def as_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def page_tags(bits: int = 8, photometric: int = 1, **more: Any) -> dict[int, Any]:
    return {256: 64, 257: 48, 258: bits, 262: photometric, 278: 48, **more}


# Microscopes' kinds


@pytest.mark.needs_shared_data
@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("rgb16_planar.tif", "truth_rgb.png"),
        ("grey16_whiteiszero.tif", "truth_grey.png"),
        ("grey12_packed.tif", "truth_grey.png"),
    ],
)
def test_the_odd_inputs_show_their_truth(name: str, truth: str) -> None:
    expected = np.asarray(Image.open(ODD / truth).convert("RGB"))
    assert np.array_equal(read((ODD / name).read_bytes()).rgb, expected)


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("bits", range(1, 17))
def test_packed_values_of_any_depth_fill_the_range_of_grey(bits: int, byte_order: str) -> None:
    top = (1 << bits) - 1
    values = np.random.default_rng(bits).integers(0, top, (48, 64), endpoint=True)
    values[0, :2] = 0, top
    pixels = pack_bits(values, bits)
    if bits == 16:
        pixels = values.astype(byte_order + "u2").tobytes()
    expected = as_rgb((values * 255 + top // 2) // top)
    assert np.array_equal(read(write_tiff(page_tags(bits), [pixels], byte_order)).rgb, expected)
    inverted = read(write_tiff(page_tags(bits, 0), [pixels], byte_order)).rgb
    assert np.array_equal(inverted, 255 - expected)


@pytest.mark.parametrize("bits", [4, 10, 12, 14])
@pytest.mark.parametrize("width", [64, 63])
def test_packed_colours_in_planes_tiles_and_strips(bits: int, width: int) -> None:
    top = (1 << bits) - 1
    values = np.random.default_rng(1).integers(0, top, (48, width, 3), endpoint=True)
    expected = (values * 255 + top // 2) // top
    tags = {256: width, 257: 48, 258: [bits] * 3, 262: 2, 277: 3}
    rows = values.reshape(48, -1)
    contiguous = write_tiff(
        tags | {278: 20}, [pack_bits(rows[at : at + 20], bits) for at in (0, 20, 40)]
    )
    planes = write_tiff(
        tags | {278: 48, 284: 2}, [pack_bits(values[..., plane], bits) for plane in range(3)]
    )
    padded = np.zeros((48, 64, 3), int)
    padded[:, :width] = values
    tiles = write_tiff(
        tags | {322: 32, 323: 16},
        [
            pack_bits(padded[y : y + 16, x : x + 32].reshape(16, -1), bits)
            for y in (0, 16, 32)
            for x in (0, 32)
        ],
    )
    for image_bytes in (contiguous, planes, tiles):
        assert np.array_equal(read(image_bytes).rgb, expected)


@pytest.mark.parametrize(
    ("bits", "note"),
    [
        (8, "8-bit values in a 16-bit TIFF, scaled (a guess: none exceeds 255)"),
        (10, "10-bit values in a 16-bit TIFF, scaled (a guess: none exceeds 1023)"),
        (12, "12-bit values in a 16-bit TIFF, scaled (a guess: none exceeds 4095)"),
        (14, "14-bit values in a 16-bit TIFF, scaled (a guess: none exceeds 16383)"),
    ],
)
@pytest.mark.parametrize("layout", [{}, {"tile": (16, 16)}, {"compression": "zlib"}])
def test_a_cameras_bits_in_16_are_scaled_and_it_is_said(
    bits: int, note: str, layout: dict[str, Any]
) -> None:
    top = (1 << bits) - 1
    values = (RGB.astype(np.uint32) * top // 255).astype(np.uint16)
    grey = (GREY.astype(np.uint32) * top // 255).astype(np.uint16)
    for samples, kind, truth in (
        (values, "rgb", RGB),
        (grey, "minisblack", as_rgb(GREY)),
        (top - grey, "miniswhite", as_rgb(GREY)),
    ):
        picture = read(write(samples, photometric=kind, **layout))
        assert np.abs(picture.rgb.astype(int) - truth).max() <= 1
        assert picture.notes == (note,)


def test_a_file_may_say_that_16_bits_hold_12() -> None:
    dark = GREY.astype(np.uint16) * 4  # at most 1,020: without a word they would be 10 bits
    said = write(dark, photometric="minisblack", extratags=[(281, "H", 1, 4095, True)])
    assert read(said).notes == ("12-bit values in a 16-bit TIFF, scaled",)
    assert np.abs(read(said).rgb.astype(int) - as_rgb(GREY // 4)).max() <= 1
    full = write(dark, photometric="minisblack", extratags=[(281, "H", 1, 65535, True)])
    assert read(full).notes == ()
    assert read(full).rgb.max() == int(dark.max()) * 255 // 65535 == 3
    ome = write(dark, photometric="minisblack", description='<Pixels SignificantBits="12" />')
    assert np.array_equal(read(ome).rgb, read(said).rgb)
    lie = write(dark * 60, photometric="minisblack", extratags=[(281, "H", 1, 4095, True)])
    assert read(lie).notes == ()
    expected = (dark.astype(int) * 60 * 255 + 32767) // 65535
    assert np.array_equal(read(lie).rgb, as_rgb(expected))


def test_16_bits_that_are_used_are_not_scaled_and_black_stays_black() -> None:
    assert read(write(GREY.astype(np.uint16) * 257, photometric="minisblack")).notes == ()
    black = read(write(np.zeros((8, 8), np.uint16), photometric="minisblack"))
    assert black.rgb.max() == 0
    assert black.notes == ()


def test_transparency_of_16_bits_beside_12_bit_colours() -> None:
    rgba = np.dstack([RGB.astype(np.uint16) * 16, np.full((48, 64), 65535, np.uint16)])
    picture = read(write(rgba, photometric="rgb", extrasamples=["unassalpha"]))
    assert np.abs(picture.rgb.astype(int) - RGB).max() <= 1


# Palettes and transparency


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("factor", [1, 257])
def test_a_palette_of_8_or_16_bits(bits: int, factor: int) -> None:
    colours = np.random.default_rng(bits).integers(0, 256, (3, 1 << bits))
    colours[0, -1] = 255
    values = np.random.default_rng(0).integers(0, 1 << bits, (48, 64))
    tags = page_tags(bits, 3) | {320: (colours * factor).ravel().tolist()}
    expected = colours.T[values]
    assert np.array_equal(read(write_tiff(tags, [pack_bits(values, bits)])).rgb, expected)


def test_a_fourth_sample_that_nobody_explains_hides_nothing() -> None:
    tags = page_tags() | {258: [8] * 4, 262: 2, 277: 4}
    rgba = np.dstack([RGB, np.zeros((48, 64), np.uint8)])
    assert np.array_equal(read(write_tiff(tags, [rgba.tobytes()])).rgb, RGB)
    assert read(write_tiff(tags | {338: 2}, [rgba.tobytes()])).rgb.min() == 255


def test_bits_in_reverse_order() -> None:
    reversed_bits = bytes(int(f"{n:08b}"[::-1], 2) for n in range(256))
    for tags, pixels in (
        (page_tags(), GREY.tobytes()),
        (page_tags(12), pack_bits(GREY.astype(int) * 16, 12)),
    ):
        plain = read(write_tiff(tags, [pixels])).rgb
        turned = write_tiff(tags | {266: 2}, [pixels.translate(reversed_bits)])
        assert np.array_equal(read(turned).rgb, plain)


# JPEG inside


@pytest.mark.parametrize("layout", [{"rowsperstrip": 16}, {"tile": (16, 16)}, {"rowsperstrip": 48}])
@pytest.mark.parametrize(
    ("kind", "samples", "options"),
    [
        ("rgb", RGB, {}),
        ("ycbcr", YCBCR, {"subsampling": (1, 1)}),
        ("ycbcr", YCBCR, {"subsampling": (2, 2)}),
        ("minisblack", GREY, {}),
        ("miniswhite", 255 - GREY, {}),
        ("rgb", np.ascontiguousarray(np.moveaxis(RGB, 2, 0)), {"planarconfig": "separate"}),
        ("separated", np.dstack([255 - RGB, np.zeros_like(GREY)]), {}),
    ],
)
def test_jpegs_in_a_tiff(
    layout: dict[str, Any], kind: str, samples: np.ndarray, options: dict[str, Any]
) -> None:
    truth = as_rgb(GREY) if samples.ndim == 2 else RGB
    image_bytes = write(samples, photometric=kind, compression="jpeg", **layout, **options)
    difference = np.abs(read(image_bytes).rgb.astype(int) - truth)
    assert difference.mean() < 3
    assert difference.max() < 40


def test_a_jpeg_in_a_tiff_that_is_cut_off_is_refused() -> None:
    image_bytes = write(RGB, photometric="rgb", compression="jpeg", rowsperstrip=16)
    with tifffile.TiffFile(io.BytesIO(image_bytes)) as file:
        end = file.pages[0].dataoffsets[0] + file.pages[0].databytecounts[0]
    broken = bytearray(image_bytes)
    broken[end - 40 : end] = bytes(40)
    with pytest.raises(Undecodable, match="truncated or damaged"):
        read(bytes(broken))


# What Pillow writes


@pytest.mark.parametrize(
    "compression", [None, "tiff_lzw", "packbits", "tiff_adobe_deflate", "zstd"]
)
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"])
def test_pillows_modes(mode: str, compression: str | None) -> None:
    image = photo().convert(mode) if mode != "P" else photo().quantize(40)
    options = {"compression": compression} if compression else {}
    expected = np.asarray(image.convert("RGB")).astype(int)
    assert np.array_equal(read(encode(image, "TIFF", **options)).rgb, expected)


# Which page


def pages(*samples: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, bigtiff=options.pop("bigtiff", False)) as file:
        for one, kind in samples:  # type: ignore[misc]
            file.write(one, metadata=None, subfiletype=kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("bigtiff", [False, True])
def test_a_thumbnail_is_not_the_picture(bigtiff: bool) -> None:
    thumbnail = np.zeros((12, 16, 3), np.uint8)
    image_bytes = pages((thumbnail, 1), (RGB, 0), photometric="rgb", bigtiff=bigtiff)
    assert np.array_equal(read(image_bytes).rgb, RGB)
    assert np.array_equal(read(pages((RGB, 0), (thumbnail, 1), photometric="rgb")).rgb, RGB)


def test_a_picture_in_a_sub_directory_is_the_picture() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        tags = {"photometric": "rgb", "metadata": None}
        file.write(np.zeros((12, 16, 3), np.uint8), subfiletype=1, subifds=1, **tags)
        file.write(RGB, subfiletype=0, **tags)
    picture = read(stream.getvalue())
    assert np.array_equal(picture.rgb, RGB)
    assert picture.notes == (
        "the TIFF's first page is a thumbnail; its sub-directory's picture was read",
    )


def test_a_pyramid_is_its_largest_level() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        tags = {"photometric": "rgb", "metadata": None, "tile": (16, 16)}
        file.write(RGB, subifds=2, **tags)
        file.write(RGB[::2, ::2].copy(), subfiletype=1, **tags)
        file.write(RGB[::4, ::4].copy(), subfiletype=1, **tags)
    assert np.array_equal(read(stream.getvalue()).rgb, RGB)
    assert read(stream.getvalue()).notes == ()


def test_a_raw_photo_is_refused_by_name() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        file.write(np.zeros((12, 16, 3), np.uint8), photometric="rgb", subfiletype=1, subifds=1)
        file.write(
            np.zeros((48, 64), np.uint16),
            photometric="cfa",
            extratags=[(33421, "H", 2, (2, 2), True), (33422, "B", 4, b"\0\1\1\2", True)],
        )
    with pytest.raises(Undecodable, match=r"raw photo \(DNG, NEF.*export it"):
        read(stream.getvalue())


@pytest.mark.needs_shared_data
def test_the_odd_input_that_is_a_raw_photo_is_refused_by_name() -> None:
    with pytest.raises(Undecodable, match="raw photo"):
        read((ODD / "raw_like.dng").read_bytes())


def test_of_a_stack_the_first_page_is_read_and_it_is_said() -> None:
    stack = np.stack([GREY, GREY // 2, GREY // 4])
    for options in ({}, {"ome": True}, {"imagej": True}, {"bigtiff": True}):
        stream = io.BytesIO()
        tifffile.imwrite(stream, stack, photometric="minisblack", **options)
        picture = read(stream.getvalue())
        assert np.array_equal(picture.rgb, as_rgb(GREY)), options
        assert picture.notes == ("only the first of the TIFF's 3 pages was read",), options


def test_pages_of_which_a_later_one_is_far_larger_are_ambiguous() -> None:
    image_bytes = pages((RGB[:12, :16].copy(), 0), (RGB, 0), photometric="rgb")
    with pytest.raises(Undecodable, match="the first is 16 x 12 px, another 64 x 48 px; save"):
        read(image_bytes)


def test_ome_and_bigtiff_are_read() -> None:
    for options in ({"ome": True}, {"bigtiff": True}, {"bigtiff": True, "byteorder": ">"}):
        stream = io.BytesIO()
        tifffile.imwrite(stream, RGB, photometric="rgb", **options)
        assert np.array_equal(read(stream.getvalue()).rgb, RGB)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_planar_tiff_is_turned_upright(orientation: int) -> None:
    planes = np.moveaxis(RGB, 2, 0).astype(np.uint16).copy() * 257
    tag = (274, "H", 1, orientation, True)
    options = {"photometric": "rgb", "planarconfig": "separate"}
    picture = read(write(planes, extratags=[tag], **options))
    plain = read(encode(RGB, "TIFF", tiffinfo={274: orientation}))
    assert picture.orientation == orientation
    assert np.array_equal(picture.rgb, plain.rgb)


# Refused by name


@pytest.mark.parametrize(
    ("samples", "options", "words"),
    [
        (GREY.astype(np.float32), {}, "floating-point values of 32 bits"),
        (GREY.astype(np.float16), {}, "floating-point values of 16 bits"),
        (GREY.astype(np.float64), {"predictor": 3, "compression": "zlib"}, "floating-point"),
        (GREY.astype(np.int8), {}, "signed values of 8 bits"),
        (-GREY.astype(np.int16), {}, "beyond 16 bits or below 0"),
        (GREY.astype(np.uint32) * 70_000, {}, "beyond 16 bits"),
        (GREY.astype(np.uint64), {}, "values of 64 bits"),
        (GREY.astype(np.complex64), {}, "complex numbers"),
        (np.stack([GREY] * 3), {"planarconfig": "separate"}, "3 grey channels"),
        (np.dstack([GREY] * 5), {"planarconfig": "contig"}, "5 grey channels"),
        (RGB, {"photometric": "cielab"}, r"CIE L\*a\*b\* colours"),
        (RGB, {"photometric": "rgb", "compression": "jpeg2000"}, "of the kind JPEG 2000"),
        (RGB, {"photometric": "rgb", "compression": "webp"}, "of the kind WebP"),
        (GREY, {"compression": "lerc"}, "of the kind LERC"),
        (np.dstack([GREY] * 9), {"planarconfig": "contig"}, "9 samples per pixel"),
    ],
)
def test_what_is_not_surely_understood_is_refused_by_name(
    samples: np.ndarray, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(Undecodable, match=words) as raised:
        read(write(samples, **{"photometric": "minisblack", **options}))
    assert "save it" in raised.value.detail


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({262: None}, "PhotometricInterpretation"),
        ({262: 4}, "a transparency mask"),
        ({259: 6}, "old-style JPEG"),
        ({259: 4}, "fax compression"),
        ({258: [5, 6, 5], 262: 2, 277: 3}, "samples of 5, 6, 5 bits"),
        ({258: [8] * 3, 262: 6, 277: 3, 530: [2, 2]}, "subsampled YCbCr"),
        ({317: 3, 259: 5}, "predictor 3"),
        ({258: [8] * 4, 262: 5, 277: 4, 332: 2}, "inks other than CMYK"),
        ({258: [8] * 5, 262: 2, 277: 5}, "channels whose meaning is not said"),
    ],
)
def test_odd_tags_are_refused_by_name(tags: dict[int, Any], words: str) -> None:
    merged = {tag: value for tag, value in (page_tags() | tags).items() if value is not None}
    with pytest.raises(Undecodable, match=words):
        read(write_tiff(merged, [bytes(64 * 48 * 5)]))


def test_whole_numbers_of_16_and_32_bits_are_read_as_far_as_they_are_grey() -> None:
    for dtype in (np.int16, np.int32, np.uint32):
        picture = read(write((GREY.astype(np.int32) * 16).astype(dtype), photometric="minisblack"))
        assert np.abs(picture.rgb.astype(int) - as_rgb(GREY)).max() <= 1
        assert "12-bit values" in picture.notes[0]
