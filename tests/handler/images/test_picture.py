"""A picture as its decoder leaves it: an image of Pillow's where that is RGB or grey."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from PIL import Image

from handler.detection import annotate, letterbox
from handler.detection.detections import Detections
from handler.images.picture import Picture, to_pixels
from handler.problems import Undecodable
from tests.support.image_files import encode, exif, photo, read


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_an_opaque_picture_of_8_bits_stays_an_image_until_an_array_is_asked_for(mode: str) -> None:
    image = photo(64, 48).convert(mode)
    picture = read(encode(image, "PNG"))
    assert isinstance(picture.pixels, Image.Image) and picture.pixels.mode == mode
    assert np.array_equal(picture.rgb, np.asarray(image.convert("RGB")))
    assert picture.rgb.flags.c_contiguous and not picture.is_reduced


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "CMYK", "I;16"])
def test_every_other_kind_is_converted_at_once(mode: str) -> None:
    image = Image.new("I;16", (5, 4), 3) if mode == "I;16" else photo(5, 4).convert(mode)
    assert isinstance(to_pixels(image), np.ndarray)


def test_a_picture_with_a_transparent_colour_is_converted_at_once() -> None:
    image = photo(5, 4).copy()
    image.info["transparency"] = (1, 2, 3)
    assert isinstance(to_pixels(image), np.ndarray)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_a_file_is_read_to_its_end_when_it_is_decoded_and_not_later(kind: str) -> None:
    image_bytes = encode(photo(640, 480), kind)
    picture = read(image_bytes)
    assert isinstance(picture.pixels, Image.Image)
    assert not getattr(picture.pixels, "tile", []), "nothing is left to be read"
    with pytest.raises(Undecodable):
        read(image_bytes[: len(image_bytes) // 2])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(1027, 769), (513, 1031)])
def test_a_reduced_jpeg_lies_in_the_input_where_the_whole_one_does(
    size: tuple[int, int], orientation: int
) -> None:
    """Of 1,027 px at 1/8 there are 129, of which 0.6 lie beyond the picture: 0.3 px of 64."""
    image = Image.new("RGB", size, (255, 255, 255))
    for share in (2, 8):  # dark: a large part, and a small one
        left, top = size[0] // share, size[1] // share
        image.paste((0, 0, 0), (left, top, left + size[0] // share // 2, top + size[1] // 5))
    image_bytes = encode(image, "JPEG", quality=95, subsampling=0, exif=exif(orientation))
    whole, reduced = read(image_bytes), read(image_bytes, min_frame=(64, 64))
    assert whole.extent is None and reduced.extent is not None
    placement = letterbox.fit(whole.width, whole.height, 64, 64)
    inputs = [
        letterbox.apply(
            each.pixels, placement, rule="antialias", fill=(255, 255, 255), extent=each.extent
        ).astype(float)
        for each in (whole, reduced)
    ]
    for axis in (0, 1):
        assert abs(_centre(inputs[1], axis) - _centre(inputs[0], axis)) < 0.03


def _centre(model_input: np.ndarray, axis: int) -> float:
    """Where the dark parts are on an axis, in px."""
    darkness = (255 - model_input[..., 0]).sum(axis)
    return float((darkness * np.arange(len(darkness))).sum() / darkness.sum())


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("size", [(64, 48), (31, 97), (400, 7), (20, 20)])
def test_an_image_and_its_array_give_the_same_input_tiles_and_drawings(
    mode: str, size: tuple[int, int]
) -> None:
    image = photo(*size).convert(mode)
    as_image = Picture(image, *size, "PNG", 1)
    as_array = Picture(np.asarray(image.convert("RGB")), *size, "PNG", 1)
    for side in (16, 20, 64):
        placement = letterbox.fit(*size, side, side)
        for rule in get_args(letterbox.Rule):
            inputs = [
                letterbox.apply(each.pixels, placement, rule=rule, fill=(1, 2, 3))
                for each in (as_image, as_array)
            ]
            assert np.array_equal(*inputs), (side, rule)
            assert inputs[0].shape == (side, side, 3)
        drawn = [
            np.asarray(
                annotate.draw(each.pixels, Detections.empty(), size, ("cell",), max_side=side)
            )
            for each in (as_image, as_array)
        ]
        assert np.array_equal(*drawn), side
    parts = [each.crop(3, 1, 17, 5) for each in (as_image, as_array)]
    assert (parts[0].width, parts[0].height, parts[0].is_reduced) == (17, 5, False)
    assert np.array_equal(parts[0].rgb, parts[1].rgb)
    assert np.array_equal(as_image.rgb, as_array.rgb), "nothing is drawn on the picture itself"


@pytest.mark.parametrize("size", [(97, 31), (31, 97), (64, 64), (1000, 1), (1, 1000), (640, 427)])
@pytest.mark.parametrize("max_side", [16, 33, 640])
def test_drawings_have_the_size_and_pixels_of_pillows_thumbnails(
    size: tuple[int, int], max_side: int
) -> None:
    drawn = annotate._reduce(photo(*size), max_side)
    thumbnail = photo(*size).copy()
    thumbnail.thumbnail((max_side, max_side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    assert drawn.size == thumbnail.size
    assert drawn.tobytes() == thumbnail.tobytes()
