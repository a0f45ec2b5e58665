"""docs/canary.md says the numbers, properties and faults that the code has."""

from __future__ import annotations

import re

from scripts.bench.monitoring import canary as bench
from scripts.monitor.canary import behaviour, calls, captures, rehearse, traffic, watch
from tests.docs.pages import PAGES

PAGE = PAGES["docs/canary.md"]
PROSE = " ".join(PAGE.split())


def test_numbers_are_the_codes() -> None:
    looks = [str(each) for each in behaviour.LOOKS]
    for text in (
        f"stopped in at most {100 * behaviour.RELEASE_LEVEL:.1f} % of cases",
        f"may err in {100 * behaviour.LAST_LEVEL:g} %",
        f"those after {', '.join(looks[:-1])} and {looks[-1]} minutes in "
        f"{100 * behaviour.LOOK_LEVEL:g} % each",
        f"fewer than {behaviour.MIN_REQUESTS} requests",
        f"at most {traffic.MAX_OBJECTS:,} of them or {traffic.MAX_BYTES >> 20} MiB",
        f"a factor of {rehearse.COUNT_FACTOR} and {rehearse.COUNT_SLACK} objects",
    ):
        assert text in PROSE, text
    assert captures.MAX_CAPTURES == 10 and "the last ten [kept pictures]" in PROSE
    assert rehearse.MAX_DEAD == 3 and "whose first three calls fail" in PROSE
    assert traffic.LATE_BATCH.total_seconds() > 60 and "up to a minute later" in PROSE
    assert watch.LONGEST.total_seconds() > 60 * max(behaviour.LOOKS)
    assert calls.READ_S < rehearse.RESERVE_S + 1


def test_margins_are_the_codes() -> None:
    rows = re.findall(r"^\| ([a-z][^|]*?) \| ([^|]*?\d[^|]*?) \|$", PAGE, re.M)
    margins = {name.partition(",")[0]: text for name, text in rows}
    for each in behaviour.PROPERTIES:
        said = margins.pop(each.name)
        number = f"{100 * each.margin:g} %" if each.kind == "ratio" else f"{each.margin:g}"
        assert re.search(rf"(^|\s){re.escape(number)}($|\s)", said), (each.name, said)
    assert margins.pop("share of each class") == f"{behaviour.CLASS_MARGIN:g}"
    assert behaviour.MAX_CLASSES == 5 and "of the five most frequent" in PROSE
    assert not margins


def test_every_fault_that_is_planted_is_measured() -> None:
    block = PAGE.split("```text")[-1].split("```")[0]
    lines = block.splitlines()
    for fault in (*bench.QUIET, *bench.FAULTS):
        assert any(line.startswith(f"{fault}  ") for line in lines), fault
