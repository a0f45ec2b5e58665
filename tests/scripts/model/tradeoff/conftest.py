"""Two bundles and a folder of labelled pictures to compare them on."""

from pathlib import Path

import pytest
from PIL import Image

from tests.support.labelled_picture import write_labelled_picture
from tests.support.tiny_bundle import make_tiny_bundle, paint

SQUARES = [("red", (16, 16, 24, 24)), ("green", (40, 32, 48, 40))]


@pytest.fixture
def bundles(tmp_path: Path) -> list[Path]:
    return [
        make_tiny_bundle(tmp_path / "small", size=(64, 64)),
        make_tiny_bundle(tmp_path / "large", size=(128, 128)),
    ]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three pictures whose squares lie on the grid of the small bundle."""
    folder = tmp_path / "squares"
    for number in range(3):
        write_labelled_picture(folder, f"{number}.png", SQUARES)
        Image.fromarray(paint(64, 64, SQUARES)).save(folder / f"{number}.png")
    return folder
