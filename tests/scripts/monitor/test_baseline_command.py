"""monitor baseline: a reference of live records, and what it refuses or warns of."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from scripts.monitor.__main__ import main
from scripts.monitor.commands.baseline import make_live_reference
from scripts.monitor.synthesize.__main__ import main as synthesize
from scripts.monitor.synthesize.plausible import make_plausible_reference
from scripts.records.fingerprint import compare, measure_scale
from scripts.records.read import read_observations
from scripts.records.reference import Accuracy, Signature, read_reference, write_reference
from scripts.records.source import open_source
from scripts.records.window import Window
from scripts.tool import ToolError

END = "2026-11-29"
WINDOW = Window(datetime(2026, 11, 15, tzinfo=UTC), datetime(2026, 11, 29, tzinfo=UTC))


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two weeks of a function's log, 500 requests."""
    folder = tmp_path_factory.mktemp("traffic") / "log"
    synthesize(["--out", str(folder), "--records", "500", "--days", "14", "--end", END])
    return folder


def baseline(traffic: Path, *options: str) -> int:
    return main(["baseline", str(traffic), "--window", "2026-11-15..2026-11-29", *options])


def test_a_reference_of_live_records(
    traffic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "reference.parquet"
    assert baseline(traffic, "--out", str(path)) == 0
    reference = read_reference(path)
    read = read_observations(open_source(str(traffic)), WINDOW).observations
    predictions = read.select(read.is_prediction)
    assert len(reference.observations) == len(predictions) > 300
    assert set(reference.observations.facts["route"]) == set(predictions.facts["route"])
    assert reference.labels is None and reference.signatures == ()
    assert reference.model_sha256 == predictions.facts["model_sha256"][0]
    assert reference.origin.startswith(f"{len(predictions)} live records from 2026-11-15T")
    out, err = capsys.readouterr()
    assert out == f"{path}: {reference.origin}\n"
    assert "causes are unknown" in err and "itself changes" not in err


def test_too_few_and_mixed_records_are_refused(traffic: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "reference.parquet")
    with pytest.raises(SystemExit, match=r"different pictures .* takes 300 or more"):
        main(["baseline", str(traffic), "--window", "2026-11-15..2026-11-17", "--out", out])
    read = read_observations(open_source(str(traffic)), WINDOW).observations
    stuck = replace(read, facts={**read.facts, "image_sha256": np.full(len(read), "ab" * 32)})
    with pytest.raises(ToolError, match=r"of 1 different pictures"):
        make_live_reference(stuck, WINDOW, None)
    versions = read.facts["model_version"].copy()
    versions[::2] = "2.0.0"
    mixed = replace(read, facts={**read.facts, "model_version": versions})
    with pytest.raises(ToolError, match=r"several models .*--version"):
        make_live_reference(mixed, WINDOW, None)
    assert not Path(out).exists()


def test_a_window_that_changes_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = tmp_path / "log", str(tmp_path / "reference.parquet")
    arguments = ["--out", str(folder), "--records", "500", "--days", "14", "--end", END]
    synthesize([*arguments, "--shift", "dark@day7"])
    assert baseline(folder, "--out", out) == 0
    assert "the window itself changes between its halves" in capsys.readouterr().err


def test_signatures_are_taken_on_the_scale_of_the_records(
    traffic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = make_plausible_reference(
        "microalgae", "1.0.0", ("Microalgae",), threshold=0.32, floor=0.05
    )
    scale = measure_scale(known.observations)
    before = scale.transform(known.observations)
    darker = known.observations.with_properties(
        {"brightness": known.observations.properties["brightness"] - 0.1}
    )
    moved = compare(scale, before, scale.transform(darker))
    signature = Signature(
        "darker", 0.5, 30, moved.effects, moved.spreads, Accuracy(0.9, 0.9, 0.9, 0.0), "less light"
    )
    given = tmp_path / "labelled.parquet"
    write_reference(replace(known, signatures=(signature,)), given)
    path = tmp_path / "reference.parquet"
    assert baseline(traffic, "--out", str(path), "--signatures", str(given)) == 0
    assert "of another model file" in capsys.readouterr().err
    live = read_reference(path)
    (taken,) = live.signatures
    assert (taken.cause, taken.name, taken.accuracy) == ("darker", "less light", signature.accuracy)
    # what 0.1 less is in the live records' own deviations
    own = measure_scale(live.observations)
    before = own.transform(live.observations)
    darker = live.observations.with_properties(
        {"brightness": live.observations.properties["brightness"] - 0.1}
    )
    expected = compare(own, before, own.transform(darker)).effects["brightness"]
    assert taken.effects["brightness"] == pytest.approx(expected, rel=0.15)


def test_a_wrong_file_of_signatures_is_refused(traffic: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.parquet"
    shutil.copy(__file__, wrong)
    with pytest.raises(SystemExit, match="not a reference that can be read"):
        baseline(traffic, "--out", str(tmp_path / "r"), "--signatures", str(wrong))
