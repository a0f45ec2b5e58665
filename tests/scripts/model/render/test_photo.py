"""The renderer: the same seed gives the same photo, and its labels lie where its cells are."""

import numpy as np
import pytest

from scripts.model.dataset import read_labelled_pictures
from scripts.model.render.__main__ import main
from scripts.model.render.photo import LABEL, render_photo

SIZE = 350  # small, for speed; everything scales


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_labels_lie_inside_the_picture_and_on_something_dark_or_bright(seed: int) -> None:
    photo = render_photo(seed, SIZE)
    assert photo.rgb.shape == (SIZE, SIZE, 3) and photo.rgb.dtype == np.uint8
    assert len(photo.boxes) >= 3
    assert (photo.boxes >= 0).all() and (photo.boxes <= SIZE).all()
    assert (photo.boxes[:, 2:] - photo.boxes[:, :2] > 1).all()
    inside = np.mean(
        [
            photo.rgb[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1].std()
            for x0, y0, x1, y1 in photo.boxes
        ]
    )
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0.35 * SIZE, 0.6 * SIZE, (60, 2)).astype(int)
    elsewhere = np.median([photo.rgb[y : y + 15, x : x + 15].std() for x, y in corners])
    assert inside > elsewhere


def test_a_seed_is_a_picture() -> None:
    first, again, other = render_photo(7, SIZE), render_photo(7, SIZE), render_photo(8, SIZE)
    assert np.array_equal(first.rgb, again.rgb) and np.array_equal(first.boxes, again.boxes)
    assert not np.array_equal(first.rgb, other.rgb)


def test_what_is_written_is_read_back(tmp_path) -> None:
    main(
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
    pictures = read_labelled_pictures(tmp_path)
    assert [item.path.name for item in pictures] == ["render-00005.jpg", "render-00006.jpg"]
    expected = render_photo(5, SIZE).boxes
    assert np.allclose(pictures[0].boxes, expected, atol=0.051)  # XML keeps a tenth of a px
    assert set(pictures[0].labels) == {LABEL}
