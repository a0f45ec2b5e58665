"""A float bundle to quantise, and pictures with and without labels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.scripts.model.quantize.layered_bundle import (
    CELL,
    SIDE,
    make_network,
    write_network_bundle,
)
from tests.support.labelled_picture import write_labelled_picture
from tests.support.tiny_bundle import paint


@pytest.fixture(scope="package")
def source(tmp_path_factory) -> Path:
    return write_network_bundle(tmp_path_factory.mktemp("float") / "squares", make_network())


@pytest.fixture(scope="package")
def labelled(tmp_path_factory) -> Path:
    """Six pictures with two squares each on the graph's grid, labelled."""
    folder = tmp_path_factory.mktemp("labelled")
    rng = np.random.default_rng(3)
    for number in range(6):
        squares, objects = [], []
        for colour, row in (("red", 2), ("green", 7)):
            column = int(rng.integers(0, SIDE // CELL))
            box = (column * CELL, row * CELL, (column + 1) * CELL, (row + 1) * CELL)
            squares.append((colour, box))
            objects.append((colour, box))
        write_labelled_picture(folder, f"{number}.png", objects)
        Image.fromarray(paint(SIDE, SIDE, squares)).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="package")
def pictures(tmp_path_factory, labelled: Path) -> Path:
    """The same pictures without labels."""
    folder = tmp_path_factory.mktemp("pictures")
    for path in labelled.glob("*.png"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder
