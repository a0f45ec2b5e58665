"""scripts/run monitor read, compact and recover, as their user calls them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from scripts.monitor.__main__ import main
from tests.scripts.records.test_read import put
from tests.scripts.records.test_recover import line_of
from tests.support.prediction_records import START, numbered

WINDOW = ["--window", "2026-11-03..2026-11-05", "--processes", "1"]


def test_the_way_of_a_record_through_all_three(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    records = [numbered(n, START + timedelta(hours=20 * n)) for n in range(3)]
    put(store, *records[:2])
    log = tmp_path / "log"
    log.write_text(line_of(records[2]))

    assert main(["recover", str(log), "--into", str(store)]) == 0
    assert capsys.readouterr().out == "1 records put, 0 there already, 0 corrupt\n"

    assert main(["read", str(store), *WINDOW]) == 0
    table, summary = capsys.readouterr()
    assert [line.split()[:6] for line in table.splitlines()[1:]] == [
        ["2026-11-03", "cells", "1.0.0", "2", "0", "2.0"],
        ["2026-11-04", "cells", "1.0.0", "1", "0", "2.0"],
    ]
    assert summary == "3 records (3 prediction/2), 0 rejected, 0 duplicates, 0 corrupt\n"

    assert main(["compact", str(store), "--dry-run"]) == 0
    assert "would make one file of 2 objects" in capsys.readouterr().out
    assert main(["compact", str(store)]) == 0
    assert "2 records in compacted/model=cells/" in capsys.readouterr().out
    assert main(["compact", str(store)]) == 0
    assert "nothing to compact" in capsys.readouterr().out

    assert main(["read", str(store), *WINDOW, "--json"]) == 0
    assert capsys.readouterr().out.splitlines() == [each.to_json() for each in records]
    assert main(["read", str(store), *WINDOW, "--csv", str(tmp_path / "o.csv")]) == 0
    assert (tmp_path / "o.csv").read_text().startswith("prediction_id,schema,time,")


def test_a_corrupt_object_is_named_and_is_the_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, numbered(1))
    damaged = tmp_path / numbered(2).key
    damaged.write_bytes(b"x")
    assert main(["read", str(tmp_path), *WINDOW]) == 1
    assert f"corrupt: {numbered(2).key}" in capsys.readouterr().err
    assert main(["compact", str(tmp_path)]) == 1
    assert f"left where it is: {numbered(2).key}" in capsys.readouterr().err
    log = tmp_path / "log"
    log.write_text(json.dumps({"prediction_record": {}}))
    assert main(["recover", str(log), "--into", str(tmp_path)]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["read", "nowhere"], "no such folder"),
        (["read", ".", "--window", "soon"], "expected a span"),
        (["read", ".", "--processes", "0"], "--processes"),
        (["compact", ".", "--day", "monday"], "expected a day"),
        (["recover", "nowhere", "--into", "."], "no such file or folder"),
    ],
)
def test_a_mistake_is_told_in_a_line(arguments: list[str], message: str) -> None:
    with pytest.raises(SystemExit, match=f"^monitor: .*{message}"):
        main(arguments)
