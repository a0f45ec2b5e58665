"""Annotated pictures: boxes where they belong, no larger than they may be."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFont

from handler.detection import annotate
from handler.detection.detections import Detections
from handler.images.decode import decode

CLASSES = ("alga", "diatom")


def make_detections(*boxes: tuple[float, float, float, float], class_id: int = 0) -> Detections:
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), 0.9, np.float32),
        np.full(len(boxes), class_id, np.int64),
    )


def grey(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def drawn(picture: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    """Where the picture has exactly this colour, bool (h, w)."""
    return np.all(np.asarray(picture) == colour, axis=2)


def test_nothing_found_is_said() -> None:
    picture = annotate.draw(grey(400, 300), Detections.empty(), (400, 300), CLASSES)
    assert picture.size == (400, 300)
    assert np.asarray(picture)[:20, :60].max() == 255  # the legend's ground
    assert np.all(np.asarray(picture)[150:] == 128)


@pytest.mark.parametrize("size", [(1, 1), (63, 1000), (5000, 1)])
def test_small_pictures_have_no_room_for_a_legend(size: tuple[int, int]) -> None:
    picture = annotate.draw(grey(*size), make_detections((0, 0, 1, 1)), size, CLASSES)
    assert min(picture.size) >= 1
    assert not np.any(drawn(picture, (255, 255, 255)))


def test_a_box_is_drawn_at_its_place_and_scale() -> None:
    # the original is twice the reduced picture, and that twice the answer
    box = (1200, 800, 1600, 1000)
    picture = annotate.draw(
        grey(1000, 800), make_detections(box), (2000, 1600), CLASSES, max_side=500
    )
    assert picture.size == (500, 400)
    rows, columns = np.nonzero(drawn(picture, annotate.COLOURS[0])[100:])
    assert (columns.min(), columns.max()) == (300, 400)
    assert (rows.min() + 100, rows.max() + 100) == (200, 250)


def test_each_class_has_its_colour() -> None:
    many = tuple(str(number) for number in range(100))
    for class_id in (0, 1, 5, 6, 99):
        box = make_detections((200, 200, 300, 280), class_id=class_id)
        picture = annotate.draw(grey(400, 300), box, (400, 300), many)
        colour = annotate.COLOURS[class_id % len(annotate.COLOURS)]
        assert np.count_nonzero(drawn(picture, colour)[190:]) >= 2 * (100 + 80)


def test_letters_stand_out_from_each_colour() -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5."""

    def light(colour: tuple[int, ...]) -> float:
        parts = [c / 255 for c in colour]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    for class_id, colour in enumerate(annotate.COLOURS):
        box = make_detections((100, 200, 300, 280), class_id=class_id)
        names = tuple("MMMMMM" for _ in annotate.COLOURS)
        picture = annotate.draw(grey(400, 300), box, (400, 300), names, labels=True, boxes=False)
        area = np.asarray(picture)[182:200, 100:160].reshape(-1, 3)
        ground, ink = (
            light(colour),
            max(
                (light(tuple(pixel)) for pixel in area.tolist()),
                key=lambda each: abs(each - light(colour)),
            ),
        )
        assert (max(ground, ink) + 0.05) / (min(ground, ink) + 0.05) >= 4.5


def test_the_count_of_each_class_is_in_the_corner() -> None:
    one, two = (
        annotate.draw(grey(900, 600), make_detections(*boxes), (900, 600), CLASSES)
        for boxes in ([(500, 400, 600, 500)], [(500, 400, 600, 500), (500, 400, 600, 500)])
    )
    differs = np.any(np.asarray(one) != np.asarray(two), axis=2)
    assert np.any(differs)
    rows, columns = np.nonzero(differs)  # the boxes lie upon each other: only the number changed
    assert rows.max() < 60
    assert columns.max() < 200


def test_boxes_over_the_edge_or_empty_are_drawn_as_far_as_there_is_picture() -> None:
    boxes = make_detections(
        (-50, -50, 50, 50), (390, 290, 900, 900), (200, 200, 200, 200), (9, 9, 5, 5)
    )
    assert annotate.draw(grey(400, 300), boxes, (400, 300), CLASSES).size == (400, 300)


@pytest.mark.parametrize("size", [(400, 300), (1280, 20), (2794, 2793), (20, 5000)])
def test_the_answer_is_never_larger_than_it_may_be(size: tuple[int, int]) -> None:
    picture = annotate.draw(grey(*size), Detections.empty(), size, CLASSES)
    assert max(picture.size) == min(max(size), annotate.MAX_SIDE)


def test_the_pixels_given_are_not_touched() -> None:
    rgb = grey(100, 100)
    rgb.setflags(write=False)
    annotate.draw(rgb, make_detections((10, 10, 50, 50)), (100, 100), CLASSES)
    assert np.all(rgb == 128)


def test_any_number_of_boxes_and_classes_is_drawn() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 500, (3000, 2, 2)).astype(np.float32)
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    many = Detections(boxes, np.full(3000, 0.5, np.float32), rng.integers(0, 80, 3000))
    classes = tuple(f"class {number}\nof eighty é 藻" for number in range(80))
    assert annotate.draw(grey(500, 500), many, (500, 500), classes).size == (500, 500)


@pytest.mark.parametrize(
    ("name", "drawn_name"),
    [
        ("alga", "alga"),
        ("Diatomée", "Diatomee"),
        ("Größe µm²", "Grosse um2"),
        ("Łódź – Ørsted’s", "Lodz - Orsted's"),
        ("Tế bào", "Te bao"),
        ("two\nlines", "two lines"),
        ("!?", "!?"),
        ("硅藻", "class 1"),
        ("Diatom (硅藻)", "class 1 Diatom ()"),
        ("(硅藻)", "class 1"),
        ("Клетка", "class 1"),
        ("κύτταρο", "class 1"),
        ("خلية", "class 1"),
        ("セル", "class 1"),
        ("셀", "class 1"),
        ("🦠", "class 1"),
    ],
)
def test_a_name_is_drawn_in_letters_that_the_font_has(name: str, drawn_name: str) -> None:
    assert annotate.drawable_names(("other", name)) == ("other", drawn_name)


def test_names_that_differ_by_an_accent_only_have_their_ids() -> None:
    assert annotate.drawable_names(("pâte", "pâté", "alga")) == (
        "class 0 pate", "class 1 pate", "alga",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["硅藻", "Клетка é", "🦠", "\ue000", "a\u0000b"])
def test_no_character_is_drawn_as_a_square(name: str) -> None:
    font = ImageFont.load_default(20)
    square = bytes(font.getmask("\uffff"))
    assert square != bytes(font.getmask("a"))  # Pillow's font has a square for what it lacks
    [drawn_name] = annotate.drawable_names((name,))
    assert drawn_name
    assert square not in [bytes(font.getmask(char)) for char in drawn_name]


def test_legend_and_labels_have_the_drawable_name() -> None:
    box = make_detections((200, 200, 300, 280))
    pictures = [
        annotate.draw(grey(400, 300), box, (400, 300), (name,), labels=True)
        for name in ("硅藻", "class 0")
    ]
    assert np.array_equal(*map(np.asarray, pictures))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_it_is_encoded_as_asked(kind: str) -> None:
    picture = annotate.draw(grey(120, 90), make_detections((20, 40, 60, 80)), (120, 90), CLASSES)
    data = annotate.encode(picture, kind)  # type: ignore[arg-type]
    with Image.open(io.BytesIO(data)) as read:
        assert (read.format, read.size, read.mode) == (kind, (120, 90), "RGB")
        assert np.abs(np.asarray(read).astype(int) - np.asarray(picture)).mean() < 5


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (7, 5), (480, 480), (1280, 3)])
def test_a_png_has_every_pixel_and_is_whole_to_strict_readers(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    data = annotate.encode(Image.fromarray(noise), "PNG")
    with Image.open(io.BytesIO(data)) as read:
        read.verify()  # checksums, and the end
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), noise)
    assert np.array_equal(decode(data, max_pixels=300_000).rgb, noise)
    assert len(data) < noise.nbytes * 1.01 + 200, "noise grows no further"


def test_a_flat_png_is_small() -> None:
    assert len(annotate.encode(Image.new("RGB", (1280, 1280), (9, 80, 200)), "PNG")) < 30_000
