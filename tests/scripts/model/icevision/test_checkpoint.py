"""Checkpoints are loaded without running code in them, and damaged ones are refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.training import PYTHON, ROOT, Training, needs_training

CHECKPOINT = ROOT / "tests" / "golden" / "microalgae.pth"

pytestmark = needs_training

PICKLE_THAT_RUNS = """
import sys, torch
class Run:
    def __reduce__(self):
        return (open, (sys.argv[2], "w"))
torch.save({"state_dict": Run(), "meta": {}}, sys.argv[1])
"""


def test_a_checkpoint_that_would_run_code_does_not(training: Training, tmp_path: Path) -> None:
    trap, proof = tmp_path / "trap.pth", tmp_path / "it-ran"
    subprocess.run([PYTHON, "-c", PICKLE_THAT_RUNS, trap, proof], check=True)
    ran = training.run("export", trap, "--out", tmp_path / "out")
    assert ran.code == 1
    assert "holds more than weights" in ran.error
    assert not proof.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda content: content[: len(content) // 2], "cut short"),
        (lambda content: b"", "cut short"),
        (lambda content: b"not a checkpoint" * 100, "weights"),
    ],
)
def test_a_damaged_checkpoint_is_refused_and_nothing_written(
    training: Training, tmp_path: Path, damage, says: str
) -> None:
    broken = tmp_path / "broken.pth"
    broken.write_bytes(damage(CHECKPOINT.read_bytes()))
    ran = training.run("export", broken, "--out", tmp_path / "out")
    assert ran.code == 1
    assert says in ran.error, ran.error
    assert "Traceback" not in ran.error
    assert not (tmp_path / "out").exists()
