"""The renderer: the same seed gives the same picture, and its labels lie where its cells are."""

import numpy as np
import pytest

from scripts.model import dataset
from scripts.model.render import cells, render

SIZE = 350  # small, for speed; everything scales


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_labels_lie_inside_the_picture_and_on_something_dark_or_bright(seed: int) -> None:
    rendered = render.render(seed, SIZE)
    assert rendered.rgb.shape == (SIZE, SIZE, 3) and rendered.rgb.dtype == np.uint8
    assert len(rendered.boxes) >= 3
    assert (rendered.boxes >= 0).all() and (rendered.boxes <= SIZE).all()
    assert (rendered.boxes[:, 2:] - rendered.boxes[:, :2] > 1).all()
    inside = np.mean(
        [
            rendered.rgb[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1].std()
            for x0, y0, x1, y1 in rendered.boxes
        ]
    )
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0.35 * SIZE, 0.6 * SIZE, (60, 2)).astype(int)
    elsewhere = np.median([rendered.rgb[y : y + 15, x : x + 15].std() for x, y in corners])
    assert inside > elsewhere


def test_a_seed_is_a_picture() -> None:
    first, again, other = render.render(7, SIZE), render.render(7, SIZE), render.render(8, SIZE)
    assert np.array_equal(first.rgb, again.rgb) and np.array_equal(first.boxes, again.boxes)
    assert not np.array_equal(first.rgb, other.rgb)


def test_what_is_written_is_read_back(tmp_path) -> None:
    render.main(
        [
            "--out",
            str(tmp_path),
            "--count",
            "2",
            "--first-seed",
            "5",
            "--size",
            str(SIZE),
            "--workers",
            "1",
        ]
    )
    pictures = dataset.read(tmp_path)
    assert [item.path.name for item in pictures] == ["render-00005.jpg", "render-00006.jpg"]
    expected = render.render(5, SIZE).boxes
    assert np.allclose(pictures[0].boxes, expected, atol=0.051)  # XML keeps a tenth of a px
    assert set(pictures[0].labels) == {render.LABEL}


def test_people_leave_more_room_beside_a_thin_cell() -> None:
    assert cells.air_around(np.array([20.0]))[0] > cells.air_around(np.array([150.0]))[0]
