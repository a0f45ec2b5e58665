"""Every answered request must have its record, in the store or in a log."""

from __future__ import annotations

import json
from pathlib import Path

from scripts.bench.load.gateway import DIED, DIED_ANSWERED
from scripts.bench.load.generator import NO_ANSWER, Answer
from scripts.bench.load.records import count_records
from tests.support.prediction_records import numbered


def answer(id: str, status: int = 200, outcome: str = "") -> Answer:
    return Answer("raw", 0.0, 0.0, 0.1, status, status == 200, id=id, outcome=outcome)


def test_records_are_stored_printed_or_lost(tmp_path: Path) -> None:
    store = tmp_path / "store" / "predictions" / "model=m" / "version=1"
    store.mkdir(parents=True)
    for name in ("stored", "stored-and-printed", "kept"):
        (store / f"{name}.json.gz").write_bytes(b"")
    log = tmp_path / "environment-1.log"
    printed = [numbered(1, prediction_id=name) for name in ("printed", "stored-and-printed")]
    lines = [json.dumps({"prediction_record": json.loads(each.to_json())}) for each in printed]
    log.write_text("\n".join(["START RequestId: printed", *lines]))
    answers = [answer(name) for name in ("stored", "stored-and-printed", "printed", "gone")]
    answers += [answer("flying", 500, DIED), answer("", 500, DIED), answer("", NO_ANSWER)]
    answers += [answer(name, 500, DIED_ANSWERED) for name in ("kept", "unkept")]
    answers += [answer("", 429, "throttled")]
    count = count_records(answers, (tmp_path / "store").as_uri(), [log])
    assert (count.answered, count.stored, count.printed, count.lost) == (4, 2, 1, ("gone",))
    assert (count.in_flight, count.after_answer, count.kept) == (2, 2, 1)
