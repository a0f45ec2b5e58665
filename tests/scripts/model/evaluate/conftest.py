"""What the tests of evaluate share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.labelled_picture import write_labelled_picture
from tests.support.tiny_bundle import paint


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """Twenty labelled pictures of one to three squares; in the last, one label too many."""
    folder = tmp_path / "squares"
    folder.mkdir()
    rng = np.random.default_rng(5)
    for number in range(20):
        places = rng.choice(4, size=1 + number % 3, replace=False)
        shown = [("red", (int(at) * 160, 80, int(at) * 160 + 80, 160)) for at in places]
        labels = shown if number < 19 else [*shown, ("green", (400, 400, 480, 480))]
        write_labelled_picture(folder, f"{number:02}.png", labels)
        Image.fromarray(paint(640, 640, shown)).save(folder / f"{number:02}.png")
    return folder
