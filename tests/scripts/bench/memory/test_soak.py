"""The long run: its requests get the answers they are meant to, and its figures tell of growth."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from scripts.bench.memory.__main__ import PLOT, main, report_soak
from scripts.bench.memory.function import FunctionProcess, Taken
from scripts.bench.memory.plot import draw_plot
from scripts.bench.memory.report import PAGE, update_page
from scripts.bench.memory.soak import Soak
from scripts.bench.memory.traffic import ENCODERS, KINDS, SMALL, choose, photo
from scripts.local.http_event import to_http_api
from scripts.tool import ToolError

PROMISED = {
    "small": {200}, "annotated": {200}, "tiles": {200}, "HEIC": {200}, "dialect": {200},
    "form": {200}, "page": {200}, "truncated": {422}, "too large": {422}, "no picture": {400, 415},
}  # fmt: skip


def soak(*resident: float, peak: float = 0, alone: float = 100) -> Soak:
    requests = tuple(Taken(200, each, peak or each) for each in resident)
    return Soak(90, requests, ("small",) * len(requests), alone)


@pytest.mark.needs_linux
def test_each_kind_is_answered_as_it_is_meant_to(tmp_path: Path) -> None:
    statuses = {}
    with FunctionProcess(tmp_path / "log", ORT_THREADS="1") as function:
        for kind in KINDS:
            if kind.name not in PROMISED:
                continue
            path = tmp_path / "event.json"
            path.write_text(json.dumps(to_http_api(kind.make(random.Random(kind.name)))))
            taken = function.send(path)
            statuses[kind.name] = taken.status
            assert function.init_mb / 2 < taken.resident <= taken.peak < 1000
    assert all(statuses[name] in promised for name, promised in PROMISED.items()), statuses
    assert list((tmp_path / "log").rglob("*.json.gz"))


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_makes_a_picture_of_every_mode(name: str) -> None:
    assert ENCODERS[name](photo(random.Random(0), SMALL[0]))


def test_kinds_come_by_their_shares_and_the_same_for_a_seed() -> None:
    assert sum(kind.share for kind in KINDS) == 1000
    assert choose(50, 1) == choose(50, 1) != choose(50, 2)
    counts = Counter(choose(20_000, 0))
    for kind in KINDS:
        assert counts[kind.name] / 20_000 == pytest.approx(kind.share / 1000, rel=0.35)


def test_growth_is_from_the_settled_window_to_the_last() -> None:
    settling = [50.0] * 20
    assert soak(*settling, *[100.0] * 80).growth == 0
    assert soak(*settling, *[100.0] * 70, *[103.0] * 10).growth == pytest.approx(0.03)
    leaking = soak(*(100 + i for i in range(100)))
    assert (leaking.settled, leaking.end) == (124.5, 194.5)


def test_one_large_picture_is_a_peak_and_no_growth() -> None:
    run = soak(*[100.0] * 99, 180.0)
    assert (run.growth, run.peak, run.peak_ratio) == (0, 180, 1.8)


def test_page_and_plot_say_what_was_measured(tmp_path: Path) -> None:
    run = soak(*[100.0] * 50, *[101.0] * 50, peak=110)
    (tmp_path / PAGE).write_text("before\n<!-- memory -->\nold\n<!-- /memory -->\nafter\n")
    report_soak(run, "a command", tmp_path)
    page = (tmp_path / PAGE).read_text()
    assert page.startswith(
        "before\n<!-- memory -->\n![Memory over the requests](memory.svg)\n\n| 100 "
    )
    assert "| growth | +1.0% |" in page and "| ratio | 1.10 |" in page and "old" not in page
    assert page.endswith("```sh\na command\n```\n<!-- /memory -->\nafter\n")
    assert (tmp_path / PLOT).read_bytes() == draw_plot(run)
    with pytest.raises(ToolError, match="<!-- other -->"):
        update_page(tmp_path, "other", "", "")


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (soak(*[100.0] * 50, *[103.0] * 50), "memory grows by 3.0%, 2% at most"),
        (soak(*[100.0] * 100, peak=130), "1.30 times that of the largest picture alone"),
    ],
)
def test_growth_and_peaks_fail_the_command(run: Soak, said: str) -> None:
    with pytest.raises(ToolError, match=said):
        report_soak(run, "a command", None)


def test_too_few_requests_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="memory: --requests: expected at least 50"):
        main(["--requests", "3"])


@pytest.mark.needs_linux
def test_a_function_that_ends_is_told(tmp_path: Path) -> None:
    told = pytest.raises(ToolError, match="the function's process ended with 1")
    with FunctionProcess(tmp_path) as function, told:
        function.send(tmp_path / "no such event")
