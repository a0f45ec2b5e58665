"""Whether every answered request has its record: stored, or printed in an environment's log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.load.gateway import DIED, DIED_ANSWERED
from scripts.bench.load.generator import Answer
from scripts.records.log_lines import LogCounts, read_log
from scripts.records.source import open_source

SUFFIX = ".json.gz"


@dataclass(frozen=True)
class RecordCount:
    """answered: requests that the function answered. stored, printed: of them, printed only where
    not stored. lost: ids of the rest. in_flight: requests whose environment was killed before
    their answer; after_answer: between it and the end of the extension's work, by then with
    `kept` records."""

    answered: int
    stored: int
    printed: int
    lost: tuple[str, ...]
    in_flight: int
    after_answer: int
    kept: int


def count_records(answers: Iterable[Answer], source_url: str, log_paths: list[Path]) -> RecordCount:
    """source_url: where records are stored. log_paths: of all environments."""
    answers = list(answers)
    must = {answer.id for answer in answers if answer.id and not answer.outcome}
    may = {answer.id for answer in answers if answer.id and answer.outcome == DIED_ANSWERED}
    stored = {
        Path(item.key).name.removesuffix(SUFFIX)
        for item in open_source(source_url).items("predictions/")
    }
    printed = {record.prediction_id for record in read_log(log_paths, LogCounts())}
    return RecordCount(
        answered=len(must),
        stored=len(must & stored),
        printed=len((must & printed) - stored),
        lost=tuple(sorted(must - stored - printed)),
        in_flight=sum(answer.outcome == DIED for answer in answers),
        after_answer=len(may),
        kept=len(may & (stored | printed)),
    )
