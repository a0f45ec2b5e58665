"""Outputs that the pages show are those that the commands print today."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from handler.bundle.files import load_bundle
from scripts.generate import readme
from tests.docs.pages import PAGES, README, block
from tests.support.paths import ROOT

API = PAGES["docs/api.md"]


@pytest.fixture(scope="module")
def made_anew() -> dict[str, str]:
    """The blocks made anew, by name, by the script that writes them, in a process of its own."""
    script = "import json; from scripts.generate.readme import *; print(json.dumps(make_blocks()))"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    blocks: dict[str, str] = json.loads(ran.stdout.splitlines()[-1])  # log lines come before
    return blocks


def test_each_block_is_on_its_page() -> None:
    for page, names in readme.PAGES.items():
        assert re.findall(r"<!-- (\w+) -->", PAGES[page]) == list(names)


def test_the_demo_prints_what_the_readme_shows(made_anew: dict[str, str]) -> None:
    def steady(text: str) -> list[str]:
        """Without times, dates and identifiers; scores and boxes to what every CPU agrees on."""
        lines = [line for line in text.splitlines() if not line.startswith(("time ", "record "))]
        return [
            re.sub(r"(\d+\.\d)\d*", lambda m: f"{float(m[0]):.1f}"[:-2], line) for line in lines
        ]

    assert steady(block(README, "demo")) == steady(made_anew["demo"])


def test_the_call_answers_what_the_api_page_shows(made_anew: dict[str, str]) -> None:
    shown, real = (
        json.loads(text.removeprefix("```json").removesuffix("```"))
        for text in (block(API, "curl"), made_anew["curl"])
    )
    assert shown.keys() == real.keys()
    assert shown["timing_ms"].keys() == real["timing_ms"].keys()
    for fixed in ("model", "image", "count", "counts", "thresholds"):
        assert shown[fixed] == real[fixed]
    for one, other in zip(shown["detections"], real["detections"], strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=2e-3)
        assert one["box"] == pytest.approx(other["box"], abs=0.5)


def test_the_short_answer_of_the_readme_is_the_models(made_anew: dict[str, str]) -> None:
    number = r"\d+\.\d+"
    shown, real = block(README, "answer"), made_anew["answer"]
    assert re.sub(number, "0", shown) == re.sub(number, "0", real)
    assert [float(text) for text in re.findall(number, shown)] == pytest.approx(
        [float(text) for text in re.findall(number, real)], abs=0.5
    )


def test_the_figures_are_the_models(made_anew: dict[str, str]) -> None:
    assert block(README, "figures") == made_anew["figures"]
    evaluation = load_bundle(ROOT / "handler" / "model").manifest.evaluation
    assert evaluation, "the default model has no figures"
