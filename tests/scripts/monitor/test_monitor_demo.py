"""scripts/demo --monitor: a report of a planted shift, without AWS."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.monitor.demo import main


def test_the_planted_shift_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--out", str(tmp_path), "--records", "300", "--shift", "dark:strong@day8"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "planted    dark:strong@day8: 14 days of 300 made-up records" in said
    assert "Something changed" in said
    assert f"report    {tmp_path}/report.html" in said
    result = json.loads((tmp_path / "report.json").read_text())
    assert result["status"] == "changed"
    assert result["read"]["records"] == 300
    assert result["histograms"]["brightness"]["effect"] < -1
    assert [each["source"] for each in result["quality"]] == ["corrected", "label-free"]


def test_a_folder_that_is_no_demos_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "records" / "precious.txt"
    precious.parent.mkdir()
    precious.write_text("mine")
    with pytest.raises(SystemExit, match="is not of an earlier demo"):
        main(["--out", str(tmp_path), "--records", "100"])
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("wrong", [["--records", "5"], ["--shift", "smudge@day3"]])
def test_what_cannot_be_made_is_told(wrong: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="demo: "):
        main(["--out", str(tmp_path), *wrong])
    assert not list(tmp_path.rglob("*.gz"))
