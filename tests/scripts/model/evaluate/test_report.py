"""report.html is one file with plots and the worst pictures."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.model.evaluate.__main__ import main
from scripts.model.evaluate.outcomes import find_outcome
from scripts.model.evaluate.picture_errors import count_errors
from scripts.model.evaluate.report.drawn_picture import (
    DrawnBox,
    DrawnPart,
    format_drawn_parts,
    format_drawn_picture,
)
from scripts.model.evaluate.report.errors_by_kind import format_errors_by_kind
from tests.scripts.model.evaluate.evaluated_pictures import evaluated_picture
from tests.support.labelled_picture import write_labelled_picture
from tests.support.tiny_bundle import make_tiny_bundle, paint


def test_the_report_is_one_file_that_loads_nothing(squares: Path, tmp_path: Path) -> None:
    folder, out = make_tiny_bundle(tmp_path / "bundle"), tmp_path / "report"
    main([str(folder), str(squares), "--out", str(out)])
    assert [path.name for path in out.iterdir()] == ["report.html"]
    page = (out / "report.html").read_text()
    assert page.count('<div class="plot"><svg') == 2
    # the one picture with a miss, and the miss
    assert page.count('src="data:image/jpeg;base64,') == 2
    assert "19.png: 2 found, 3 labelled; 2 right, 0 wrong, 1 missed" in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)


def test_the_worst_pictures_tell_the_classes(squares: Path, tmp_path: Path) -> None:
    """Found as another class, found where nothing is labelled, and missed, each with its class."""
    folder, out = make_tiny_bundle(tmp_path / "bundle"), tmp_path / "report"
    shown = [("red", (0, 80, 80, 160)), ("red", (320, 80, 400, 160)), ("green", (160, 0, 240, 80))]
    labels = [("green", shown[0][1]), shown[2], ("green", (480, 480, 560, 560))]
    write_labelled_picture(squares, "20 'b'.png", labels)
    Image.fromarray(paint(640, 640, shown)).save(squares / "20 'b'.png")
    main([str(folder), str(squares), "--out", str(out)])
    page = (out / "report.html").read_text()
    _, worst = page.split("<h3>The worst pictures</h3>")
    worst, missing = worst.split("<h3>Labels that look missing</h3>")
    first = worst[: worst.index("</figure>")]
    drawn = re.findall(
        r'<g class="(\w+)">.*?<title>(.*?)</title></rect><text.*?>(.*?)</text>', first
    )
    kinds = {kind: (re.sub(r", score 0\.\d\d", "", title), text) for kind, title, text in drawn}
    assert kinds == {
        "right": ("green", "green"),
        "confused": ("labelled green, found red", "labelled green, found red"),
        "wrong": ("found red, not labelled", "found red"),
        "missed": ("labelled green, missed", "missed green"),
    }
    caption = "3 found, 3 labelled; 1 right, 2 wrong, 2 missed; green found as red (1 box)"
    assert f"20 &#x27;b&#x27;.png: {caption}</figcaption>" in first
    assert "20 &#x27;b&#x27;.png: 1 found where nothing is labelled" in missing
    assert "<tr><td>green<td>red<td>1</table>" in page.split("<h3>Classes confused</h3>")[1]
    # a picture of 640 px is not reduced; the box is where the square is
    assert '<rect x="320.0" y="80.0" width="80.0" height="80.0"' in missing


def test_the_report_shows_each_error_under_its_kind(squares: Path, tmp_path: Path) -> None:
    """A false find and, in 19.png, a miss: cut out around their boxes, enlarged to 200 units."""
    folder, out = make_tiny_bundle(tmp_path / "bundle"), tmp_path / "report"
    shown = [("red", (320, 80, 400, 160)), ("red", (0, 560, 80, 640))]
    write_labelled_picture(squares, "20 'b'.png", shown[:1])
    Image.fromarray(paint(640, 640, shown)).save(squares / "20 'b'.png")
    main([str(folder), str(squares), "--out", str(out)])
    page = (out / "report.html").read_text()
    section = page.split("<h3>Errors by kind</h3>")[1].split("<h3>")[0]
    rows = re.findall(
        r'<tr><td>(?:<a href="#([\w-]+)">)?([\w ]+)(?:</a>)?<td>(.*?)(?=<tr>|</table>)', section
    )
    assert [(name, cells.split("<td>")[:3]) for _, name, cells in rows] == [
        ("nothing found there", ["–", "1", "1"]),
        ("nothing labelled there", ["1", "–", "1"]),
        ("all", ["1", "1", "2"]),
    ]
    miss, false_find = section.split('<section class="errors">')[1:]
    assert f'<h4 id="{rows[0][0]}">Nothing found there: 1</h4>' in miss
    assert f'<h4 id="{rows[1][0]}">Nothing labelled there: 1</h4>' in false_find
    assert "20 &#x27;b&#x27;.png</span>" in false_find
    assert re.search(
        r'alt="nothing labelled there at \(0, 560\)–\(80, 640\) of 20 &#x27;b', false_find
    )
    # at the picture's corner the part of 160 px is moved inside; enlarged by 200 / 160
    assert re.search(r'<rect x="0.0" y="100.0" width="100.0" height="100.0"', false_find)
    assert re.search(r"score 0\.\d\d<span", false_find)
    embedded = re.search(r"base64,([^\"]+)", false_find)
    assert embedded
    image = Image.open(io.BytesIO(base64.b64decode(embedded[1])))
    assert image.size == (160, 160)  # its own pixels
    assert np.abs(np.array(image.getpixel((40, 120))) - (255, 0, 0)).max() < 12
    assert np.ptp(image.getpixel((40, 40))) < 12


def test_of_many_errors_the_first_are_drawn_and_the_others_counted(tmp_path: Path) -> None:
    places = [[20.0 * (at % 10), 20.0 * (at // 10)] for at in range(50)]
    boxes = [[x, y, x + 12, y + 12] for x, y in places]
    Image.new("RGB", (200, 100)).save(tmp_path / "many.png")
    scores = [0.99 - at / 1000 for at in range(50)]
    picture = evaluated_picture([], boxes, scores, name=str(tmp_path / "many.png"))
    errors = count_errors([find_outcome(picture, ("cell",), 0.5)], ("cell",))
    drawn = format_errors_by_kind(errors, ("cell",), "errors")
    assert drawn.count("<figure>") == 40 and "<summary>26 more, and 10 not drawn</summary>" in drawn
    assert (
        "score 0.99<span" in drawn and "score 0.95<span" in drawn and "score 0.94<span" not in drawn
    )
    shapes = re.findall(r"<svg.*?</svg>", drawn)
    assert max(each.count("<rect") for each in shapes) < 12  # those far away are left out
    assert format_errors_by_kind(count_errors([], ("cell",)), ("cell",), "errors") == ""


def test_the_report_says_that_a_model_does_not_count(squares: Path, tmp_path: Path) -> None:
    folder, out = make_tiny_bundle(tmp_path / "bundle"), tmp_path / "report"
    main([str(folder), str(squares), "--out", str(out), "--score-threshold", "0.999"])
    page = (out / "report.html").read_text()
    assert '<p class="doubt">found and labelled counts hardly go together' in page
    assert '<p class="doubt">it finds 100% fewer objects than are labelled' in page


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_picture_is_drawn_as_the_handler_decodes_it(tmp_path: Path, orientation: int) -> None:
    """Upright, a large JPEG reduced, and boxes in px of what is drawn."""
    upright = Image.fromarray(paint(2000, 1000, [("red", (1600, 200, 2000, 400))]))
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "large.jpg", exif=exif, quality=95)
    box = DrawnBox((1600.0, 200.0, 2000.0, 400.0), "wrong", "", "")
    drawn = format_drawn_picture(tmp_path / "large.jpg", [box], "large.jpg")
    embedded = re.search(r"base64,([^\"]+)", drawn)
    assert embedded
    image = Image.open(io.BytesIO(base64.b64decode(embedded[1])))
    assert image.size == (900, 450) and 'viewBox="0 0 900 450"' in drawn
    assert '<rect x="720.0" y="90.0" width="180.0" height="90.0"' in drawn
    assert np.abs(np.array(image.getpixel((810, 135))) - (255, 0, 0)).max() < 12
    assert np.ptp(image.getpixel((700, 135))) < 12  # grey beside it


def test_sixteen_bits_are_not_drawn_white(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 60), 0x4000, np.uint16)).save(tmp_path / "deep.png")
    drawn = format_drawn_picture(tmp_path / "deep.png", [], "deep.png")
    embedded = re.search(r"base64,([^\"]+)", drawn)
    assert embedded
    image = Image.open(io.BytesIO(base64.b64decode(embedded[1])))
    assert np.abs(np.asarray(image).astype(int) - 64).max() <= 2


def test_a_large_part_is_reduced_to_what_is_shown(tmp_path: Path) -> None:
    Image.fromarray(paint(2000, 1000, [("red", (800, 400, 1200, 600))])).save(
        tmp_path / "large.png"
    )
    box = (800.0, 400.0, 1200.0, 600.0)
    part = DrawnPart(box, [DrawnBox(box, "wrong", "", "")], "a red field", "red", "large.png")
    (drawn,) = format_drawn_parts(tmp_path / "large.png", [part])
    assert 'alt="a red field"' in drawn and 'viewBox="0 0 200 200"' in drawn
    assert '<rect x="50.0" y="75.0" width="100.0" height="50.0"' in drawn
    embedded = re.search(r"base64,([^\"]+)", drawn)
    assert embedded
    assert Image.open(io.BytesIO(base64.b64decode(embedded[1]))).size == (200, 200)
