"""scripts.bench.tiles: mosaics keep px and labels, and the table shows what tiles gain."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.bench import tiles
from scripts.model.dataset import read_labelled_pictures
from tests.support.labelled_picture import write_labelled_picture
from tests.support.tiny_bundle import make_tiny_bundle, paint


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """Eight pictures of 400 px with a square of 40, which an input of 80 sees as one cell."""
    folder = tmp_path / "squares"
    folder.mkdir()
    for number in range(8):
        box = (40 * number, 80, 40 * number + 40, 120)
        write_labelled_picture(folder, f"{number}.png", [("red", box)])
        Image.fromarray(paint(400, 400, [("red", box)])).save(folder / f"{number}.png")
    return folder


def test_mosaics_have_the_labels_of_their_parts(squares: Path, tmp_path: Path) -> None:
    mosaics = tiles.make_mosaics(read_labelled_pictures(squares), 2, 9, tmp_path)
    assert len(mosaics) == 2
    with Image.open(mosaics[0].path) as picture:
        assert picture.size == (800, 800)
        for x0, y0, x1, y1 in mosaics[0].boxes.astype(int):
            inner = np.asarray(picture)[y0 + 4 : y1 - 4, x0 + 4 : x1 - 4].astype(int)
            assert (abs(inner - [255, 0, 0]) < 30).all()


def test_the_table_shows_what_tiles_gain(squares: Path, tmp_path: Path, capsys) -> None:
    bundle = str(make_tiny_bundle(tmp_path / "bundle", size=(80, 80)))
    tiles.main([bundle, str(squares), "--mosaic", "1", "--tiles", "none", "1x1"])
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[7] for row in rows] == ["1.000", "1.000"]  # recall
    assert all(row.endswith("8 none") for row in rows)
    with pytest.raises(SystemExit, match="too few for a mosaic of 3 x 3"):
        tiles.main([bundle, str(squares), "--mosaic", "3"])
    with pytest.raises(SystemExit, match="tiles must be none, auto"):
        tiles.main([bundle, str(squares), "--tiles", "9x9"])
