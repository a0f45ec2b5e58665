"""scripts/run peers from start to end: with tiny services, and with real peers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.bench.load.machine import Usage
from scripts.bench.peers import __main__ as command
from scripts.bench.peers.measure import measure_peers
from scripts.bench.peers.page import write_page
from scripts.bench.peers.peers import ICEBOX, Peer
from scripts.bench.peers.pictures import Picture, load_picture, make_picture
from scripts.bench.peers.plot import draw_plot
from scripts.bench.peers.result import Accuracy, Agreement, Comparison, Measured, Plan
from scripts.bench.peers.table import format_markdown, format_text, to_json, verdicts
from scripts.paths import ROOT, SAMPLE
from scripts.tool import ToolError
from tests.scripts.bench.peers.tiny_peers import is_alive, tiny_peer
from tests.scripts.bench.peers.tiny_service import ANSWER

QUICK = Plan(starts=1, rounds=2, requests=2, busy_rounds=1, busy_s=0.05, clients=2)


def measured(
    peer: Peer,
    round_ms: tuple[float, ...],
    first_s: tuple[float, ...],
    count: int = 99,
    busy_per_s: float | None = 11.0,
) -> Measured:
    return Measured(
        peer=peer, first_s=first_s, round_ms=round_ms, requests=8, p50_ms=sorted(round_ms)[1],
        p99_ms=max(round_ms), per_s=10.0, busy_per_s=busy_per_s, cpu_ms=50.0, memory_mb=123.4,
        agreement=Agreement(count, 99, 0.99), accuracy=Accuracy(6, 0.85, 0.058),
    )  # fmt: skip


@pytest.fixture
def comparison() -> Comparison:
    """Icebox, a peer that is twice and one that is three times as slow in each round, a variant."""
    return Comparison(
        measured=[
            measured(tiny_peer(ICEBOX), (100.0, 50.0, 60.0), (1.0, 2.0, 1.5)),
            measured(tiny_peer("twice"), (200.0, 100.0, 120.0), (2.0, 3.0, 3.0)),
            measured(tiny_peer("thrice"), (300.0, 150.0, 180.0), (1.5, 3.0, 2.25), count=70),
            measured(tiny_peer("expert", is_extra=True), (110.0, 55.0, 66.0), (2.0, 3.0, 3.0)),
        ],
        missing={"Gone": "no wheel\nfor this Python"},
        versions={"Twice": "twice 2.0"},
        plan=Plan(),
        picture=("sample.jpg", 1400, 1400, 400_000),
        cores=(0, 1),
        usage=Usage(2, 1.0, 0.5, 2.0),
        seconds=120.0,
        is_default_float=True,
    )


def test_peers_are_compared_round_by_round(comparison: Comparison) -> None:
    """The medians, 60 and 120 ms, say the same here; a round that is slow for all changes no
    ratio."""
    lines = format_markdown(comparison).splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert rows[0][:4] == ["", "p50, ms", "p99", "× Icebox"] and rows[0][7] == "4 clients"
    assert rows[2] == [
        "Icebox", "60", "100", "1.00", "50", "1.50", "10.0", "11.0", "123", "99", "99.0%",
        "0.850", "5.8%",
    ]  # fmt: skip
    assert [row[3] for row in rows[3:]] == ["2.00", "3.00", "1.10"]
    assert rows[5][0] == "Expert (variant)"
    assert len({len(row) for row in rows}) == 1


def test_the_verdict_names_the_best_peer_variants_and_what_is_missing(
    comparison: Comparison,
) -> None:
    assert list(verdicts(comparison)) == [
        "p50: Icebox 60 ms, the best peer, Twice, 120 ms: 2.00 ×",
        "p50: Icebox 60 ms, the best of all rows, Expert, 66 ms: 1.10 ×",
        "start → first answer: Icebox 1.50 s, the first peer, Thrice, 2.25 s: 1.50 ×",
        "NOT ALIKE: Thrice counts 70 cells where Icebox with the float model counts 99",
        "not measured: Gone: no wheel for this Python",
    ]
    text = format_text(comparison)
    assert "trust the ratios, not the times" in text
    quiet = replace(comparison, usage=Usage(2, 1.0, 0.05, 2.0))
    assert "trust the ratios" not in format_text(quiet)
    document = json.loads(to_json(comparison))
    assert document["measured"][0]["peer"] == {"name": "icebox", "title": "Icebox"}
    assert str(ROOT) not in to_json(comparison)


def test_the_plot_is_the_same_twice_and_names_every_peer(comparison: Comparison) -> None:
    plot = draw_plot(comparison)
    assert plot == draw_plot(comparison)
    for row in comparison.measured:
        assert f"<!-- {row.peer.title} -->".encode() in plot


def test_the_page_gets_its_block_and_plot(comparison: Comparison, tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("before\n<!-- peers -->\nold\n<!-- /peers -->\nafter\n")
    write_page(comparison, b"<svg/>", "scripts/run peers --write", tmp_path)
    text = page.read_text()
    assert text.startswith("before\n<!-- peers -->\n![") and text.endswith(
        "<!-- /peers -->\nafter\n"
    )
    assert "old" not in text and "| Twice | 120 |" in text and "peers --write\n```" in text
    assert (tmp_path / "peers.svg").read_bytes() == b"<svg/>"
    page.write_text("a page without the block")
    with pytest.raises(ToolError, match="one block"):
        write_page(comparison, b"", "", tmp_path)


def test_peers_are_measured_and_one_that_fails_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ensure(name: str) -> Path:
        if name == "nowhere":
            raise ToolError("PyPI is not reached")
        return Path(sys.executable)

    monkeypatch.setattr("scripts.bench.peers.measure.ensure_environment", ensure)
    peers = [
        tiny_peer("good", [0.01]),
        replace(tiny_peer("unmade"), environment="nowhere"),
        tiny_peer("broken", BREAKS=1),
    ]
    picture = Picture("sample.jpg", SAMPLE.read_bytes(), 1400, 1400)
    result = measure_peers(peers, QUICK, picture, [], tmp_path)
    [good] = result.measured
    assert good.peer.name == "good" and good.requests == 4
    assert len(good.first_s) == 1 and len(good.round_ms) == 2
    assert all(ms >= 10 for ms in good.round_ms) and good.p99_ms >= good.p50_ms >= 10
    assert good.busy_per_s and good.memory_mb > 1
    assert good.agreement.count == ANSWER["count"] and not good.agreement.is_alike
    assert result.missing["Unmade"] == "PyPI is not reached"
    assert "the model is missing" in result.missing["Broken"]
    assert result.usage.cores == os.cpu_count()
    with pytest.raises(ToolError, match=r"no peer could be measured.*the model is missing"):
        measure_peers(peers[1:], QUICK, picture, [], tmp_path)


@pytest.mark.needs_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_that_was_started(tmp_path: Path, number: signal.Signals) -> None:
    """Both the service and the child that left its session."""
    program = f"""
import sys
from pathlib import Path
from scripts.bench.peers import __main__ as command
from tests.scripts.bench.peers.tiny_peers import tiny_peer
command.PEERS = (tiny_peer("tiny", CHILD={str(tmp_path / "pids")!r}),)
command.exit_on_signals("peers")
command.main(["--rounds", "500", "--picture", {str(SAMPLE)!r}, "--out", {str(tmp_path / "out")!r}])
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text())
        process.send_signal(number)
        said = process.communicate(timeout=30)[1]
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 1 and re.search(r"^peers: (stopped|ended)", said, re.M), said
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    wait_for(lambda: not any(map(is_alive, pids)))


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "nobody"], "there is no peer 'nobody'; there are icebox,"),
        (["--rounds", "0"], "--rounds: expected more than 0, and 500 at most"),
        (["--clients", "99"], "--clients: expected more than 0, and 32 at most"),
        (["--picture", "nowhere.jpg"], "--picture nowhere.jpg: No such file"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments: list[str], said: str) -> None:
    with pytest.raises(SystemExit, match=re.escape(said)):
        command.main(arguments)


def test_the_default_picture_is_as_large_as_the_photos(tmp_path: Path) -> None:
    made = make_picture()
    assert max(made.width, made.height) == 2794 and made.content[:2] == b"\xff\xd8"
    (tmp_path / "a.jpg").write_bytes(made.content)
    assert load_picture(tmp_path / "a.jpg").width == made.width
    (tmp_path / "a.png").write_bytes((ROOT / "tests" / "golden" / "microalgae.png").read_bytes())
    with pytest.raises(ToolError, match="is a PNG"):
        load_picture(tmp_path / "a.png")


@pytest.mark.needs_emulator
@pytest.mark.needs_peers
def test_icebox_and_mangum_answer_alike(tmp_path: Path) -> None:
    """The real function behind scripts/serve and in the emulator, and a peer in the emulator, on a
    real picture."""
    command.main(
        [
            *("--only", "icebox,icebox-lambda,mangum", "--picture", str(SAMPLE)),
            *("--starts", "1", "--rounds", "1", "--requests", "1", "--busy-rounds", "1"),
            *("--busy-seconds", "0.1", "--clients", "2", "--out", str(tmp_path)),
        ]
    )
    rows = {
        row["peer"]["name"]: row
        for row in json.loads((tmp_path / "peers.json").read_text())["measured"]
    }
    assert set(rows) == {"icebox", "icebox-lambda", "mangum"}
    for row in rows.values():
        assert row["agreement"]["f1"] > 0.9 and row["agreement"]["reference_count"] > 40
    assert rows["mangum"]["busy_per_s"] is None and rows["icebox"]["busy_per_s"] > 0
    assert (tmp_path / "peers.svg").read_bytes().startswith(b"<?xml")
    assert "FastAPI + Mangum" in (tmp_path / "peers.txt").read_text()
