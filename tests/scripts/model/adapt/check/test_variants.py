"""The readings that are tried, and the options that make each."""

from __future__ import annotations

import dataclasses
from itertools import permutations

import numpy as np
import pytest

from scripts.model.adapt.__main__ import parse_arguments
from scripts.model.adapt.check.option_text import option_text
from scripts.model.adapt.check.variants import (
    ReadingVariant,
    make_variant,
    vary_back,
    vary_format,
    vary_pixels,
    vary_placing,
)
from scripts.model.adapt.options import AdaptOptions
from scripts.model.adapt.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from tests.scripts.model.adapt.check.trials import IMAGE, READING, variant

ANY = AdaptOptions()


def all_variants(base: ReadingVariant, given: AdaptOptions = ANY) -> list[ReadingVariant]:
    """base and what differs from it, each once."""
    variants = [base]
    for each in [*vary_pixels(base, given, IMAGE), *vary_placing(base, given, IMAGE)]:
        if all(each.axes_from(other) for other in variants):
            variants.append(each)
    return variants


def parsed(text: str) -> AdaptOptions:
    """The options of a command line that has this text."""
    required = "m.onnx --out o --name n --version 1"
    return parse_arguments(f"{required} {text}".split())[1]


def values(preprocessing: Preprocessing) -> np.ndarray:
    """What a pixel of 0 and of 255 becomes in each channel."""
    mean, std = np.array(preprocessing.mean), np.array(preprocessing.std)
    return np.array([-mean / std, (preprocessing.scale - mean) / std])


def test_every_order_and_scale_is_tried_once() -> None:
    titles = [each.title for each in all_variants(variant())]
    assert len(titles) == len(set(titles)) == 2 * 5 + 2
    assert titles[0] == "boxes-scores, RGB, 0..1, stretched"
    assert "boxes-scores, BGR, by ImageNet's mean and std, stretched" in titles
    assert "boxes-scores, RGB, 0..1, top left" in titles


def test_imagenets_mean_follows_the_order() -> None:
    [bgr] = [
        each
        for each in vary_pixels(variant(), ANY, IMAGE)
        if each.title.startswith("boxes-scores, BGR, by ImageNet")
    ]
    expected = np.array([IMAGENET_MEAN, IMAGENET_STD])[:, ::-1]
    assert np.array([bgr.reading.preprocessing.mean, bgr.reading.preprocessing.std]) == (
        pytest.approx(expected)
    )


@pytest.mark.parametrize(
    "default",
    [
        Preprocessing("rgb", 1, (0, 0, 0), (1, 1, 1), "centre", (0, 0, 0), "antialias"),
        Preprocessing(
            "bgr", 255, (103.53, 116.28, 123.675), (57.375, 57.12, 58.395), "mmdet", (0, 0, 0),
            "antialias",
        ),
        Preprocessing(
            "rgb", 255, (127, 127, 127), (128, 128, 128), "stretch", (0, 0, 0), "opencv-linear"
        ),
    ],
)  # fmt: skip
def test_the_options_shown_make_the_reading(default: Preprocessing) -> None:
    """The command line parses them, and applied to the default they give the same input."""
    recognised = dataclasses.replace(READING, preprocessing=default)
    base = make_variant(recognised, ANY, IMAGE)
    for one, other in permutations(all_variants(base), 2):
        text = option_text(other, one)
        start = dataclasses.replace(READING, preprocessing=one.reading.preprocessing)
        made = make_variant(start, parsed(text), IMAGE).reading.preprocessing
        wanted = other.reading.preprocessing
        assert made.order == wanted.order and not other.axes_from(
            ReadingVariant(recognised, ANY, dataclasses.replace(READING, preprocessing=made))
        ), text
        assert np.abs(values(made) - values(wanted)).max() < 0.02 * np.ptp(values(wanted)), text


def test_what_is_given_is_fixed() -> None:
    given = AdaptOptions(scale=255.0, order="bgr", fit="stretch")
    tried = [each.reading.preprocessing for each in all_variants(variant(scale=255.0), given)]
    varied = tried[1:]
    assert {(each.scale, each.order, each.fit) for each in varied} == {(255.0, "bgr", "stretch")}
    given = AdaptOptions(mean=(0.4, 0.5, 0.6))
    base = make_variant(READING, given, IMAGE)
    tried = [each.reading.preprocessing for each in all_variants(base, given)]
    assert {each.mean for each in tried} == {(0.4, 0.5, 0.6)}
    assert {each.scale for each in tried} == {1, 255}


def test_bytes_have_no_scale() -> None:
    image = dataclasses.replace(IMAGE, dtype="uint8")
    tried = vary_pixels(make_variant(READING, ANY, image), ANY, image)
    assert {each.reading.preprocessing.order for each in tried} == {"rgb", "bgr"}
    assert {each.reading.preprocessing.scale for each in tried} == {255.0}


def test_a_rival_is_tried_with_its_own_pixels_and_with_the_bases() -> None:
    pixels = dataclasses.replace(READING.preprocessing, order="bgr", scale=255.0)
    rival = dataclasses.replace(READING, format="damo-yolo", preprocessing=pixels)
    base = variant()
    own, same = vary_format(base, [rival], ANY, IMAGE)
    assert (own.reading.preprocessing.order, own.reading.preprocessing.scale) == ("bgr", 255)
    assert (same.reading.preprocessing.order, same.reading.preprocessing.scale) == ("rgb", 1)
    assert option_text(own, base).startswith("--format damo-yolo")
    assert "--order rgb --scale 1" in option_text(same, base)
    assert vary_format(base, [rival], AdaptOptions(format="boxes-scores"), IMAGE) == []


def test_differences_are_taken_back_one_at_a_time() -> None:
    default, other = variant(), variant(order="bgr", scale=255.0, fit="centre")
    back = [each.axes_from(default) for each in vary_back(other, default, IMAGE)]
    assert back == [("pixels", "placing"), ("order", "placing"), ("order", "pixels")]
