"""scripts/run faults: a small share of the long run, and that it would tell of a loss."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from scripts.bench.losses import faults
from scripts.bench.losses.faults import FaultsOptions, FaultsResult, format_result, measure_faults


def test_no_record_is_lost_while_writes_fail_and_processes_die(tmp_path: Path) -> None:
    options = FaultsOptions(calls=120, hangs=0.2, shut_down=0.06, sigkill=0.01, seed=12)
    result = measure_faults(options, tmp_path)
    assert result.lost == result.lost_waiting == []
    # It was no quiet run: everything happened, and both kinds of keeping a record took place.
    assert result.happened["SIGTERM"] and result.happened["SIGKILL"]
    assert result.happened["clock jumps"] and result.happened["write hang"]
    assert result.stored and result.printed


@pytest.mark.parametrize("delivery", ["batch", "firehose"])
def test_nor_is_one_in_a_journaled_batch_or_a_stream(tmp_path: Path, delivery: str) -> None:
    options = FaultsOptions(
        calls=60, delivery=delivery, hangs=0.0, shut_down=0.0, sigkill=0.0, ends=0.06, seed=7
    )
    result = measure_faults(options, tmp_path)
    assert result.lost == result.lost_to_sigkill == result.lost_waiting == []
    assert result.happened["ends at rest"]
    assert result.stored + result.both and result.printed


def test_what_waits_without_a_journal_is_lost_with_its_environment(tmp_path: Path) -> None:
    options = FaultsOptions(
        calls=40, delivery="batch-unjournaled", failing=0.0, shut_down=0.0, sigkill=0.0, ends=0.06,
        seed=7,
    )  # fmt: skip
    result = measure_faults(options, tmp_path)
    assert result.lost == result.lost_to_sigkill == []
    ends = result.happened["ends at rest"]
    assert 0 < len(result.lost_waiting) < faults.BATCH * ends


def test_a_loss_is_told_by_name_and_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    result = FaultsResult(calls=3, stored=1, both=1, lost=["id-1"], happened=Counter(SIGTERM=2))
    monkeypatch.setattr(faults, "measure_faults", lambda *_: result)
    with pytest.raises(SystemExit, match=r"^faults: 1 records are lost, as \['id-1'\]"):
        faults.main([])
    table = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert table["records"] == "3"
    assert table["stored and in the log"] == table["lost"] == "1"
    assert format_result(result).splitlines()[-1].split() == ["SIGTERM", "2"]
