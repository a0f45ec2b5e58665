"""scripts/run canary on few pictures: it plants what it says, and tells what was stopped."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handler.records.record import PredictionRecord
from scripts.bench.monitoring import canary
from tests.scripts.monitor.canary.traffic import make_shift
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of pictures whose colours, swapped, hide all objects, and whose scores are lower without
    normalisation."""
    folder = tmp_path_factory.mktemp("records")
    plain = [
        dataclasses.replace(record, prediction_id=f"{number:05}", function_version=None)
        for number, record in enumerate(make_shift(datetime(2026, 11, 3), 60))
    ]
    random = np.random.default_rng(0)
    hidden = [canary.at_threshold(record, 0.99) for record in plain]
    lower = [canary.lower(record, random) for record in plain]
    for name, some in (("plain", plain), ("swapped", hidden), ("unnormalised", lower)):
        lines = "".join(f"{record.to_json()}\n" for record in some)
        (folder / f"{name}.jsonl").write_text(lines)
    return folder


def test_the_table_tells_what_was_stopped(
    records: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    canary.main([
        "--records", str(records), "--sizes", "60,400", "--releases", "6", "--bursts", "6",
        "--faulty", "3",
        "--processes", "1",
    ])  # fmt: skip
    printed = capsys.readouterr().out
    rows = {
        row.split("   ")[0].strip(): re.split(r"\s{2,}", row.strip())[1:]
        for row in printed.splitlines()
        if "   " in row
    }
    assert rows["planted"] == ["60 requests", "400 requests"]
    assert rows["nothing"] == rows["nothing, in bursts"] == ["0", "0"]
    assert rows["red and blue swapped"][1].startswith("100% (")
    assert set(canary.FAULTS) <= set(rows)
    assert "Allowed is 0.1%" in printed


def test_what_is_planted_is_what_is_said(records: Path) -> None:
    pool = canary.read_pool(records)
    plain, size = pool.plain, len(pool.plain)
    faulty = {name: rows.select(slice(size, None)) for name, rows in pool.faulty.items()}
    objects = plain.facts["detections"]
    more = faulty["20 % more objects"].facts["detections"]
    assert more.sum() / objects.sum() == pytest.approx(1.2, abs=0.05)
    rejected = ~faulty["10 % rejected"].is_prediction
    assert rejected.mean() == 0.1
    stricter = faulty["threshold set to 0.5"]
    assert np.nanmin(stricter.properties["score_mean"]) > 0.5
    assert (stricter.facts["detections"] <= objects).all()


def test_pictures_are_recorded_in_all_three_ways(tmp_path: Path) -> None:
    pictures, folder = tmp_path / "pictures", tmp_path / "records"
    pictures.mkdir()
    with Image.open(ROOT / "events" / "small.jpg") as picture:
        picture.resize((320, 320)).save(pictures / "1.png")
        picture.crop((0, 0, 480, 480)).save(pictures / "2.png")
    canary.record_pictures(folder, pictures, 2)
    assert len(canary.read_pool(folder).plain) == 2
    plain, swapped, unnormalised = (
        [
            PredictionRecord.from_json(line)
            for line in (folder / f"{name}.jsonl").read_text().splitlines()
        ]
        for name in canary.PICTURE_SETS
    )
    assert sum(record.count or 0 for record in plain) > 5
    for before, after in zip(plain, swapped, strict=True):
        assert before.image and after.image
        # The ratios of the channels' means, as logarithms, change places.
        assert after.image.red_to_green == pytest.approx(before.image.blue_to_green, abs=0.02)
        assert after.image.width == before.image.width
    for before, after in zip(plain, unnormalised, strict=True):
        assert before.image and after.image
        assert (after.image.contrast or 0) < 0.3 * (before.image.contrast or 0)


def test_missing_records_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--pictures FOLDER makes it"):
        canary.main(["--records", str(tmp_path / "none")])
    with pytest.raises(SystemExit, match="scripts/run render"):
        canary.main(["--records", str(tmp_path), "--pictures", str(tmp_path)])


def test_the_looks_end_before_all_requests_have_moved() -> None:
    assert list(canary.looks()) == [1, 2, 3, 4]
