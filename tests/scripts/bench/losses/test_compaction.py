"""scripts/run compaction: a small share of the long run, and that it would tell of a loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.bench.losses import compaction
from scripts.bench.losses.compaction import format_result, measure_compaction
from scripts.records.source import Source
from tests.support.moto_s3 import make_bucket


@pytest.mark.parametrize(("place", "kills", "records"), [("folder", 6, 12), ("s3", 2, 6)])
def test_nothing_is_lost_or_doubled(
    s3: Any, tmp_path: Path, place: str, kills: int, records: int
) -> None:
    url = str(tmp_path) if place == "folder" else f"s3://{make_bucket(s3, 'compaction')}"
    result = measure_compaction(url, kills=kills, records=records, seed=3)
    assert result.is_good, format_result(result, place)
    assert result.happened["kills"] >= kills


def test_a_loss_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def delete_one(source: Source, *_: Any) -> None:
        source.delete([next(source.items("compacted/")).key])

    monkeypatch.setattr(compaction, "_look_at_the_end", _after(delete_one))
    result = measure_compaction(str(tmp_path), kills=0, records=10, seed=0)
    assert result.lost and not result.is_good
    assert f"{len(result.lost)} lost" in format_result(result, "a folder")


def _after(first: Any) -> Any:
    look = compaction._look_at_the_end

    def both(source: Source, expected: set[str], result: Any) -> None:
        first(source)
        look(source, expected, result)

    return both
