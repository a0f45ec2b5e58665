"""The files that the page saves: tables as spreadsheets read them, and a zip as Python reads it."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from datetime import datetime
from typing import Any

import numpy as np
from PIL import Image

from clients import icebox
from tests.e2e.browser.conftest import Visit
from tests.e2e.browser.pictures import STRONG, squares

PNG = squares()


def empty() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (640, 640), (200, 200, 200)).save(stream, "PNG")
    return stream.getvalue()


def table(saved: bytes) -> list[dict[str, str]]:
    assert saved.startswith(b"\xef\xbb\xbf")  # without it, Excel reads UTF-8 as the local code page
    assert saved.count(b"\n") == saved.count(b"\r\n")
    return list(csv.DictReader(io.StringIO(saved.decode("utf-8-sig"), newline="")))


def choose_four(visit: Visit) -> None:
    """Three cells; one called like a formula; none; a file that is no picture."""
    visit.choose(
        ("Öl, 1.png", "image/png", PNG),
        ("=1+2.png", "image/png", PNG),
        ("none.png", "image/png", empty()),
        ("broken.png", "image/png", b"no picture"),
    )
    visit.expect("#totals").to_contain_text("3 of 4 pictures")
    visit.page.locator("#table summary").click()


def test_the_writer_of_csv(visit: Visit) -> None:
    """Quotes as RFC 4180 has them; texts that a spreadsheet would calculate, as OWASP advises."""
    cells = [
        ["plain", 'a "b", c', "two\r\nlines", ""],
        ["=1+2", "+1", "-1.5", "@SUM(A1)", "\tx", "\rx", "=\uff1d", "\uff1d1"],
        [-1.5, 0.1, 12, None, 1e-7, True],
    ]
    text = visit.page.evaluate("rows => csvOf(rows).text()", cells)  # text() drops the mark
    assert text.startswith('plain,"a ""b"", c","two\r\nlines",\r\n')
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        cells[0],
        ["'=1+2", "'+1", "'-1.5", "'@SUM(A1)", "'\tx", "'\rx", "'=\uff1d", "'\uff1d1"],
        ["-1.5", "0.1", "12", "", "1e-7", "true"],
    ]


def test_tables_and_json_of_all_pictures(visit: Visit) -> None:
    choose_four(visit)
    visit.page.get_by_role("button", name="Öl, 1.png", exact=True).click()
    visit.page.locator("#corrected").fill("7")
    name, saved = visit.saved("Pictures CSV")
    assert re.fullmatch(r"icebox-\d{4}-\d\d-\d\d-pictures\.csv", name)
    rows = table(saved)
    assert [row["file"] for row in rows] == ["Öl, 1.png", "'=1+2.png", "none.png", "broken.png"]
    assert [row["state"] for row in rows] == ["done", "done", "done", "failed"]
    assert [row["count"] for row in rows] == [str(STRONG), str(STRONG), "0", ""]
    assert [row["corrected_count"] for row in rows] == ["7", "", "", ""]
    assert [row["count_red"] for row in rows] == ["2", "2", "0", ""]
    assert rows[3]["error"].startswith("Not a picture: ")
    one = rows[0]
    assert set(icebox.PICTURE_COLUMNS) <= set(one)  # as the Python client names them
    known = {"score_threshold": "0.5", "iou_threshold": "0.5", "model": "squares"}
    known |= {"model_version": "1.0.0", "width_px": "640", "height_px": "640"}
    assert {key: one[key] for key in known} == known
    assert datetime.fromisoformat(one["counted_at"]).utcoffset() is not None
    assert len(one["prediction_id"]) == 36 and one["mode"] in ("whole", "whole, scaled")

    name, saved = visit.saved("Cells CSV")
    rows = table(saved)
    assert [row["file"] for row in rows] == ["Öl, 1.png"] * 3 + ["'=1+2.png"] * 3 + [
        "none.png",
        "broken.png",
    ]
    assert [row["cell"] for row in rows] == ["1", "2", "3", "1", "2", "3", "", ""]
    assert float(rows[0]["xmax_px"]) - float(rows[0]["xmin_px"]) == float(rows[0]["width_px"])
    assert rows[6]["state"] == "done" and rows[7]["error"]
    assert set(icebox.CELL_COLUMNS) <= set(rows[0])

    name, saved = visit.saved("All as JSON")
    whole = json.loads(saved)
    assert whole["totals"] == {
        **{"pictures": 4, "counted": 3, "total": 10, "corrected": 1},
        "mean": 10 / 3,
        "sd": np.std([7, 3, 0], ddof=1),
    }
    assert [each.get("count") for each in whole["pictures"]] == [STRONG, STRONG, 0, None]
    assert whole["pictures"][0]["corrected_count"] == 7
    assert whole["pictures"][1]["file"] == "=1+2.png"  # JSON has no formulas
    _, alone = visit.saved("JSON")
    assert json.loads(alone) == whole["pictures"][0]

    visit.page.evaluate(
        """() => { // as other parts of the page do
          let reckoned = 0;
          pictureColumns.push({ name: "px", value: (item) => item.width * item.height });
          pictureColumns.push({ name: "once", value: () => once("a sum", () => (reckoned += 1)) });
          cellColumns.push({ name: "area", value: (item, box) => (box.x1 - box.x0) * 2 });
          reportParts.push((item) => ({ px: item.width }));
        }"""
    )
    rows = table(visit.saved("Pictures CSV")[1])
    assert [row["px"] for row in rows] == ["409600"] * 3 + [""]
    assert [row["once"] for row in rows] == ["1"] * 3 + [""]
    assert table(visit.saved("Pictures CSV")[1])[0]["once"] == "2"  # anew for each file
    rows = table(visit.saved("Cells CSV")[1])
    assert float(rows[0]["area"]) == 2 * float(rows[0]["width_px"]) and rows[6]["area"] == ""
    assert json.loads(visit.saved("All as JSON")[1])["pictures"][0]["px"] == 640


def test_annotated_pictures_in_a_zip(visit: Visit) -> None:
    wide = io.BytesIO()
    Image.open(io.BytesIO(PNG)).crop((0, 0, 640, 480)).save(wide, "JPEG")
    visit.choose(("öl.png", "image/png", PNG), ("öl.jpg", "image/jpeg", wide.getvalue()))
    visit.choose(("no.png", "image/png", b"no"))
    visit.expect("#totals").to_contain_text("2 of 3 pictures")
    visit.page.locator("#table summary").click()
    visit.page.get_by_role("button", name="öl.png", exact=True).click()
    name, saved = visit.saved("Pictures (zip)")
    assert name.endswith("-annotated.zip")
    visit.expect("#live").to_have_text("2 of 3 pictures saved.")
    with zipfile.ZipFile(io.BytesIO(saved)) as made:
        assert made.testzip() is None  # checksums
        assert made.namelist() == [
            "öl-annotated.jpg",
            "öl-annotated (2).jpg",
            "not in this zip.txt",
        ]
        assert b"no.png: Not a picture: " in made.read("not in this zip.txt")
        age = datetime.now() - datetime(*made.infolist()[0].date_time)
        assert abs(age.total_seconds()) < 3600
        assert made.read("öl-annotated.jpg") == visit.saved("Picture")[1]
        other = Image.open(io.BytesIO(made.read("öl-annotated (2).jpg")))
        assert other.size == (640, 480)
    visit.page.evaluate("$('all-zip').click(); $('all-zip').click()")
    visit.expect("#live").to_have_text("Stopped: no zip was saved.")
    visit.expect("#all-zip").to_have_text("Pictures (zip)")


def test_a_zip_that_is_full_takes_no_more(visit: Visit) -> None:
    """The limits of 4 GB and 65,535 files, at a smaller scale: no file is cut off."""
    made: list[Any] = visit.page.evaluate(
        """async () => {
          const small = makeZip(500), few = makeZip(1e9, 2), file = new Blob(["x".repeat(100)]);
          const taken = [];
          for (let i = 0; i < 3; i += 1) taken.push(await small.add(`${i}`, file));
          for (let i = 0; i < 3; i += 1) taken.push(await few.add(`${i}`, file));
          return [taken, small.blob().size, [...new Uint8Array(await small.blob().arrayBuffer())]];
        }"""
    )
    taken, size, content = made
    assert taken == [True, True, False, True, True, False] and size <= 500
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as small:
        assert small.namelist() == ["0", "1"] and small.testzip() is None
