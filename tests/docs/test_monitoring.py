"""docs/monitoring.md shows every command of the monitor, and says the numbers that the code has."""

from __future__ import annotations

import re

import pytest

from scripts.monitor.__main__ import COMMANDS
from scripts.monitor.commands.report import ERROR, EXIT_STATUS
from scripts.monitor.drift import cause, decide, levels, permutation, seasons
from scripts.monitor.quality import corrected, label_free
from scripts.monitor.synthesize.shifts import CAUSES, STRENGTHS
from scripts.records.reference import MAX_BYTES, MIN_RECORDS
from tests.docs.pages import PAGES

PAGE = PAGES["docs/monitoring.md"]
PROSE = " ".join(PAGE.split())


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_shown(command: str) -> None:
    assert re.search(rf"scripts/run monitor {command} \S", PAGE)


def test_no_other_command_is_shown() -> None:
    assert set(re.findall(r"scripts/run monitor (\w+)", PAGE)) <= set(COMMANDS)


def test_shifts_are_those_that_can_be_planted() -> None:
    rows = re.findall(r"^\| (`.*?`) \|", section("Try it"), re.M)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows[1:]))) == sorted(CAUSES)
    assert set(re.findall(r"`:(\w+)`", section("Try it"))) == set(STRENGTHS)


def test_exit_statuses_are_the_commands() -> None:
    rows = re.findall(r"^\| (\d) \| (.*?) \|$", section("On your own records"), re.M)
    assert {int(number) for number, _ in rows} == {*EXIT_STATUS.values(), ERROR}
    assert dict(rows)[str(ERROR)].startswith("an error")
    assert dict(rows)[str(EXIT_STATUS["ok"])] == "nothing changed"
    assert dict(rows)[str(EXIT_STATUS["too few"])].startswith("too few")


def test_numbers_are_the_codes() -> None:
    yearly = 365 * (levels.DAILY_LEVEL + levels.EXACT_LEVEL)
    assert seasons.HOURS == 4 and seasons.MIN_WEEKS == 3 and cause.MIN_EXPLAINED == 1 / 4
    for text in (
        f"one level of {100 * levels.DAILY_LEVEL:g} % a window",
        f"share another {100 * levels.EXACT_LEVEL:g} %",
        f"that is {yearly:.2f} false alarms a year at most",
        f"needs {decide.MIN_RECORDS} different pictures, a reference {decide.MIN_REFERENCE};",
        f"at most {decide.TEST_LIMIT:,} records enter the window's test",
        f"and {decide.MARTINGALE_LIMIT:,} the martingale",
        f"up to {permutation.SHUFFLES:,} times",
        f"fewer than {label_free.MIN_PREDICTIONS} predictions or "
        f"{label_free.MIN_DETECTIONS} detections",
        f"without {label_free.MIN_LABELLED} labelled pictures",
        f"wider than {label_free.MAX_WIDTH}",
        f"of {MIN_RECORDS} different pictures at least",
        f"at most {MAX_BYTES // 1000} KB",
    ):
        assert text in PROSE, text
    assert corrected.MIN_CORRECTIONS == 8 and "From eight corrections on" in PROSE
