"""scripts/run drift on small sets: it counts what is found, and says how to make what it reads;
and scripts/run plant, which makes it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from scripts.bench.monitoring import drift, plant
from scripts.bench.monitoring.drift import Planted, measure, read_planted
from tests.support.drawn_observations import draw_observations, shift


def options(**changes: object) -> argparse.Namespace:
    given = {"windows": 2, "repeats": 1, "processes": 1, "quick": True, **changes}
    return argparse.Namespace(**given)


def test_the_tables_tell_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "SIZES", (20, 60))
    monkeypatch.setattr(drift, "CHANGE_AT", (0.5,))
    monkeypatch.setattr(drift, "QUIET_STREAMS", (60, 2))
    after = draw_observations(120, seed=2)
    planted = Planted(
        draw_observations(300, seed=0),
        draw_observations(120, seed=1),
        {
            ("grain", 1): shift(after, 4.0, "noise", "focus"),
            ("nothing", 0): after,
        },
        None,
    )
    lines = measure(planted, options()).splitlines()
    assert ["changed", *["0.0", "%", "of", "2"] * 2] == lines[3].split()
    (grain,) = [line for line in lines if line.startswith("grain, medium")]
    assert grain.split()[2:] == ["100.0", "%", "of", "1"] * 2
    (nothing,) = [line for line in lines if line.startswith("nothing, weak")]
    assert nothing.split()[2:] == ["0.0", "%", "of", "1"] * 2
    assert any(line.split()[:4] == ["medium", "100.0", "%", "of"] for line in lines)
    assert lines[-1].endswith("false alarms a year are expected at most.")


def test_a_missing_folder_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"scripts/run plant PICTURES --out"):
        drift.main(["--planted", str(tmp_path / "none")])


def test_a_set_that_is_still_being_written_is_read_up_to_there(tmp_path: Path) -> None:
    from tests.support.prediction_records import json_of, numbered

    lines = [json.dumps({"record": json.loads(json_of(numbered(each)))}) for each in range(3)]
    for name in ("reference", "null", "grain@2"):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines)[:-20])
    planted = read_planted(tmp_path, None)
    assert len(planted.null) == 2 and list(planted.shifts) == [("grain", 2)]


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "a.xml").write_text(
        "<annotation><filename>a.png</filename><size><width>8</width><height>8</height></size>"
        "</annotation>"
    )
    with pytest.raises(SystemExit, match="1 labelled pictures; 400 are needed"):
        plant.main([str(tmp_path), "--out", str(tmp_path / "out")])
