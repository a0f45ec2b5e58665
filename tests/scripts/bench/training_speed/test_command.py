"""scripts/run training_speed, from both loops to the page."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from scripts.bench.training_speed.measure import LoopTimes
from scripts.bench.training_speed.report import PARTS, format_page, format_text
from tests.docs.pages import PAGES, block
from tests.support import shapes
from tests.support.training import PYTHON, ROOT, needs_training


@needs_training
@pytest.mark.needs_linux
def test_both_loops_take_their_turns(tmp_path: Path) -> None:
    data = shapes.write_voc(tmp_path / "shapes", 6)
    options = {"--data": data, "--model": "ross.efficientdet:micro_035", "--size": 128}
    options |= {"--batch": 2, "--minutes": 0, "--steps": 2, "--warm-up": 1, "--loaders": 0}
    ran = subprocess.run(
        [PYTHON, "-P", "-m", "scripts.bench.training_speed"]
        + [str(each) for pair in options.items() for each in pair],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    head, ours, theirs = (re.split(r"  +", line) for line in ran.stdout.splitlines()[:3])
    assert (ours[0], theirs[0]) == ("scripts/run train", "IceVision")
    for row in (ours, theirs):
        figures = dict(zip(head[1:], map(float, row[1:]), strict=True))
        assert all(figures[part] > 0 for part in ("data", "forward", "backward", "memory, MB"))
        of_parts = sum(figures[part] for part in PARTS)
        assert of_parts == pytest.approx(figures["a step, ms"], rel=0.3, abs=10)
        assert figures["steps a second"] == pytest.approx(1000 / figures["a step, ms"], rel=0.1)
    assert float(ours[head.index("averaging")]) > 0
    assert float(theirs[head.index("averaging")]) == 0
    assert "round 1: scripts/run train" in ran.stderr  # it tells how far it is


def measured(name: str, *seconds: float, peak_mb: float) -> LoopTimes:
    """A loop of two rounds; a step's time is half forward, a quarter data and backward each."""
    steps = [{"forward": s / 2, "data": s / 4, "backward": s / 4} for s in seconds]
    half = len(steps) // 2
    return LoopTimes(name, [steps[:half], steps[half:]], peak_mb)


def test_the_report_has_medians_and_their_ratio() -> None:
    ours = measured("ours", 0.9, 1.0, 9.0, 1.0, 1.1, 0.9, peak_mb=900)
    theirs = measured("theirs", 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, peak_mb=1200)
    page = format_page([ours, theirs], "So many steps.")
    assert "| ours | 1.00 | 1000 | 250 | 500 | 250 | 0 | 0 | 0 | 900 |" in page
    assert "| theirs | 0.40 | 2500 |" in page
    prose = " ".join(page.split())
    # 2.5 / 1.0; round by round 2.0 / 1.0 and 3.0 / 1.0
    assert "ours takes 2.50 times as many steps a second as theirs (2.00 to 3.00 by round)" in prose
    assert "A step of ours is 50% forward, 25% data, 25% backward." in prose
    assert all(len(line) <= 128 for line in page.splitlines())
    lines = format_text([ours, theirs]).splitlines()
    assert len(lines[0]) == len(lines[1]) == len(lines[2])


def test_the_page_has_the_figures() -> None:
    text = block(PAGES["docs/models.md"], "training-speed")
    rows = re.findall(r"^\| ([^|]+?) \| [\d.]+ \|", text, re.M)
    assert rows[:2] == ["scripts/run train", "IceVision"]
