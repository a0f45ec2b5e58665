"""ImageJ beside the API: what the macro prints is read and compared; ImageJ itself where it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from scripts.bench.imagej.__main__ import main
from scripts.bench.imagej.macro import read_areas, run_macro
from scripts.bench.imagej.report import CountedPicture, make_report, mean_error
from scripts.tool import ToolError

PRINTED = "Java said something\nparticles\ta.jpg\t12\t900\t2000.5\nparticles\tnone.jpg\n"


def test_the_macros_lines_are_read_and_others_passed_over() -> None:
    areas = read_areas(PRINTED)
    assert {name: list(each) for name, each in areas.items()} == {
        "a.jpg": [12, 900, 2000.5],
        "none.jpg": [],
    }
    with pytest.raises(ToolError, match="cannot be read"):
        read_areas("particles\ta.jpg\ttwelve")


def test_the_report_compares_both_with_the_labels() -> None:
    pictures = [
        CountedPicture("a.jpg", 10, np.array([50.0, *[800.0] * 8, *[2000.0] * 4]), 11),
        CountedPicture("b.jpg", 20, np.full(15, 1000.0), 20),
    ]
    report = make_report(pictures, 700)
    assert "| a.jpg | 10 | 12 (+20%) | 11 (+10%) |" in report
    assert "| b.jpg | 20 | 15 (-25%) | 20 (+0%) |" in report
    assert "| **mean count error** | | **22.5%** | **5.0%** |" in report
    assert "27.5% without a least size" in report  # 13 of 10, 15 of 20
    assert "80.0% from 2,000 px" in report  # 4 of 10, none of 20
    assert mean_error([3], [0]) == 3  # as evaluate: by 1 where nothing is labelled


def test_without_imagej_the_tool_says_what_brings_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = (
        "<annotation><filename>a.png</filename><size><width>64</width><height>64</height>"
        "<depth>3</depth></size><object><name>cell</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
        "<xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>"
    )
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    (tmp_path / "a.xml").write_text(labels)
    with pytest.raises(SystemExit) as ended:
        main(["handler/model", str(tmp_path), "--jar", str(tmp_path / "ij.jar")])
    assert "ImageJ is missing" in str(ended.value) and "apt-get install imagej" in str(ended.value)


@pytest.mark.needs_imagej
def test_imagej_finds_the_dark_cells_of_a_bright_field(tmp_path: Path) -> None:
    picture = Image.new("RGB", (600, 600), (10, 10, 10))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((20, 20, 580, 580), fill=(200, 205, 210))
    cells = [(150, 200), (300, 150), (420, 300), (200, 400), (330, 450)]
    for x, y in cells:
        pen.ellipse((x, y, x + 40, y + 20), fill=(60, 70, 60))
    path = tmp_path / "drawn field.png"
    picture.save(path)
    areas = run_macro([path])
    assert list(areas) == [path.name]
    # An ellipse of 40 x 20 px has 628.
    assert areas[path.name] == pytest.approx([628] * len(cells), rel=0.1)
