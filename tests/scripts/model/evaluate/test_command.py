"""The command: its table, and what it refuses."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from handler.bundle.files import load_bundle
from scripts.model.dataset import DatasetError, read_labelled_pictures
from scripts.model.evaluate.__main__ import main
from tests.support.labelled_picture import write_labelled_picture
from tests.support.tiny_bundle import make_tiny_bundle, paint


def test_the_whole_run_from_files(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    squares = [("red", (80, 80, 160, 160)), ("red", (320, 240, 400, 320))]
    write_labelled_picture(tmp_path, "squares.png", [(colour, box) for colour, box in squares])
    Image.fromarray(paint(640, 640, squares)).save(tmp_path / "squares.png")
    main([str(tiny_bundle), str(tmp_path)])
    heading, row, of_red, *legend = capsys.readouterr().out.splitlines()
    assert heading.split()[2:6] == ["n", "objects", "AP50", "AP75"]
    assert row.split()[1:6] == ["1", "2", "1.000", "1.000", "1.000"]
    assert row.split()[-5:] == ["0.0%", "0.0", "0.0%", "+0.0%", "–"]  # one picture: no correlation
    # of green, nothing was labelled or found
    assert of_red.split() == ["red", "2", "1.000", "1.000", "0.0%", "0.0", "0.0%", "+0.0%"]
    assert "MAE: mean of |found − labelled|" in " ".join(legend)


def test_what_to_look_at_is_told_and_part_of_the_json(
    squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_tiny_bundle(tmp_path / "bundle")
    # In 03 nothing of what is there is labelled, in 01 a red square as "Red".
    write_labelled_picture(squares, "03.png", [])
    first = (squares / "01.xml").read_text()
    (squares / "01.xml").write_text(first.replace("<name>red", "<name>Red", 1))
    with pytest.raises(SystemExit, match="'Red' looks like 'red'"):
        main([str(folder), str(squares)])
    assert "'Red' (1 box) and 'red'" in capsys.readouterr().err
    (squares / "01.xml").write_text(first.replace("<name>red", "<name>green", 1))
    Image.fromarray(paint(640, 640, [("red", (160, 80, 240, 160))])).save(squares / "03.png")
    main([str(folder), str(squares), "--find-threshold"])
    printed = capsys.readouterr()
    assert "squares: counts best at score_threshold" in printed.err
    assert "by the mean absolute error of a picture's count: 0.10" in printed.err
    assert "classes confused: green found as red 1" in printed.out
    assert "squares: 2 false finds: another class 1, nothing labelled there 1" in printed.out
    assert "labels that look missing: 1 box scoring above 0.8" in printed.out
    assert re.search(r"03\.png: red 0\.\d\d at \(160, 80\)–\(240, 160\)", printed.out)
    main([str(folder), str(squares), "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert row["confusions"] == [{"labelled": "green", "found": "red", "boxes": 1}]
    by_kind = {
        each["kind"]: (each["false_finds"], each["misses"]) for each in row["errors_by_kind"]
    }
    assert by_kind == {"other_class": (1, 1), "unlabelled": (1, 0), "not_found": (0, 1)}
    assert all(row["f1"] < each["f1_mended"] < 1 for each in row["errors_by_kind"])
    (missing,) = row["labels_that_look_missing"]
    assert Path(missing["picture"]).name == "03.png" and missing["boxes"][0]["label"] == "red"
    assert row["counts_by_class"]["green"]["labelled"] == 2 and row["count_doubts"] == []


def test_one_threshold_is_written_for_all_datasets(
    squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not that of the folder that is named last, which here has no objects at all."""
    folder, empty = make_tiny_bundle(tmp_path / "bundle"), tmp_path / "empty"
    for number in range(30):
        write_labelled_picture(empty, f"{number}.png", [])
    main([str(folder), str(squares), str(empty), "--write-threshold"])
    *each, of_all = re.findall(r"(.*): counts best at .* (0\.\d\d), by", capsys.readouterr().err)
    assert [name for name, _ in each] == ["squares", "empty"] and of_all[0] == "all of them"
    assert load_bundle(folder).manifest.thresholds.score == float(of_all[1])
    main([str(folder), str(squares), "--find-threshold"])
    assert "all of them" not in capsys.readouterr().err


def test_folders_of_one_name_are_not_taken_for_each_other(squares: Path, tmp_path: Path) -> None:
    folder, other = make_tiny_bundle(tmp_path / "bundle"), tmp_path / "other" / "squares"
    shutil.copytree(squares, other)
    for number in range(5):
        (other / f"{number:02}.xml").unlink()
    with pytest.raises(SystemExit, match="one name"):
        main([str(folder), str(squares), str(other)])
    with pytest.raises(SystemExit, match="15 pictures"):  # too few, though the first has twenty
        main([str(folder), str(squares), "--calibrate", str(other)])


def test_what_cannot_be_calibrated_leaves_the_bundle_alone(squares: Path, tmp_path: Path) -> None:
    folder = make_tiny_bundle(tmp_path / "bundle")
    before = (folder / "model.json").read_bytes()
    calibrate = [str(folder), str(squares), "--calibrate", str(squares)]
    with pytest.raises(SystemExit, match="at least 39"):
        main([*calibrate, "--coverage", "0.95"])
    with pytest.raises(SystemExit, match="leave --score-threshold out"):
        main([*calibrate, "--score-threshold", "0.3"])
    (squares / "00.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    with pytest.raises(SystemExit, match=r"00\.png"):
        main(calibrate)
    assert (folder / "model.json").read_bytes() == before


def test_labels_the_model_does_not_know(tiny_bundle: Path, tmp_path: Path) -> None:
    write_labelled_picture(tmp_path, "a.png", [("zebra", (1, 1, 9, 9))])
    with pytest.raises(SystemExit, match=r"zebra.*none of the model's"):
        main([str(tiny_bundle), str(tmp_path)])


def test_a_folder_without_labels(tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="neither VOC"):
        main([str(tiny_bundle), str(tmp_path)])
    with pytest.raises(DatasetError):
        read_labelled_pictures(tmp_path)
