"""Two bundles compared: the table, the page and the plot say the same."""

import json
import xml.etree.ElementTree as ElementTree

import pytest

from scripts.model.tradeoff.__main__ import main


def test_table_page_and_plot_agree(bundles, data, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    arguments = [str(path) for path in bundles] + ["--data", str(data), "--rounds", "3"]
    main([*arguments, "--out", str(out)])
    table = capsys.readouterr().out
    page, plot = (out / "tradeoff.md").read_text(), (out / "tradeoff.svg").read_text()
    (line,) = (line for line in page.splitlines() if line.startswith("| small "))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:3] == ["small", "1.0.0", "64 x 64"] and cells[-2:] == ["1.000", "0.0%"]
    (printed,) = (line for line in table.splitlines() if line.startswith("small "))
    assert printed.split() == " ".join(cells).split()
    measured = [float(cell) for cell in cells[4:12]]
    for inference, predict, load, memory in (measured[:4], measured[4:]):
        assert 0 <= inference <= predict < 1000 and 0 < load < 10_000 and 20 < memory < 1000
    assert "squares: 3 pictures, 6 objects" in page
    assert "python -m scripts.model.tradeoff " + " ".join(arguments) in page
    assert "](tradeoff.svg)" in page
    ElementTree.fromstring(plot)
    assert plot.count("<!-- small, 0.0 MB -->") == plot.count("<!-- large, 0.0 MB -->") == 1
    assert not list(out.glob("*.partial"))


def test_text_around_the_marks_stays(bundles, data, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    arguments = [str(bundles[0]), "--data", str(data), "--rounds", "1", "--threads", "1"]
    main([*arguments, "--out", str(out)])
    page = out / "tradeoff.md"
    page.write_text(page.read_text().replace("| small ", "| former ") + "\nWhat it means.\n")
    main([*arguments, "--out", str(out)])
    written = page.read_text()
    assert written.endswith("<!-- /tradeoff -->\n\nWhat it means.\n")
    assert "| small " in written and "| former " not in written
    page.write_text("A page of someone's own.\n")
    with pytest.raises(SystemExit, match="without the marks"):
        main([*arguments, "--out", str(out)])
    assert page.read_text() == "A page of someone's own.\n"


def test_json(bundles, data, capsys) -> None:
    main([str(bundles[0]), "--data", str(data), "--rounds", "1", "--threads", "2", "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert row["name"] == "squares" and row["input"] == [64, 64]
    assert [speed["threads"] for speed in row["speeds"]] == [2]
    assert row["reached"][0]["objects"] == 6 and row["reached"][0]["count_error"] == 0


def refusal(*arguments: object) -> str:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert isinstance(stopped.value.code, str)
    return stopped.value.code


def test_bad_input_is_reported_and_nothing_written(bundles, data, tmp_path) -> None:
    out, empty = tmp_path / "out", tmp_path / "empty"
    empty.mkdir()
    assert "model.json is missing" in refusal(empty, "--data", data, "--out", out)
    assert "neither VOC XML" in refusal(bundles[0], "--data", empty, "--out", out)
    assert "have one name" in refusal(bundles[0], "--data", data, data, "--out", out)
    (data / "0.png").write_bytes(b"no picture")
    assert refusal(bundles[0], "--data", data, "--out", out).startswith("tradeoff: ")
    assert not out.exists()
