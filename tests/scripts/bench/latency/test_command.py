"""scripts.bench.latency: each step of an answer, beside the floor, and the ratio at last."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from scripts.bench.latency import __main__ as latency
from scripts.bench.latency.measure import PictureTimes
from scripts.bench.latency.steps import AFTER, STEPS
from scripts.bench.latency.table import format_markdown, last_line
from scripts.bench.page import write_block
from scripts.tool import ToolError
from tests.support.tiny_bundle import make_tiny_bundle


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.linear_gradient("L").resize((300, 200)).save(path)
    return path


def test_every_step_is_timed_and_the_ratio_is_the_last_line(
    tmp_path: Path, photo: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle")
    latency.main([str(photo), "--bundle", str(bundle), "--threads", "1", "--runs", "2"])
    text = capfd.readouterr().out
    tables = text.split("\n\n")
    assert len(tables) == 7, "a table for each picture, and the last lines"
    for table in tables[:-1]:
        rows = {line[:14].strip(): line[14:].split() for line in table.splitlines()[1:]}
        assert rows["ms"] == ["p50", "p95", "p99"]
        assert all(len(rows[step]) == 3 for step in (*STEPS, "total", "floor", *AFTER))
    ratio = r"[\d,]+ px JPEG, 1 thread: [\d.]+ ms, floor [\d.]+ ms, ratio [\d.]+"
    *_, sample, last = text.splitlines()
    assert re.fullmatch(ratio, sample) and sample.startswith("1,400 px")
    assert re.fullmatch(ratio, last) and last.startswith("300 px")


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"no picture")
    with pytest.raises(SystemExit, match=r"^latency: .*photo\.jpg"):
        latency.main([str(path)])


def test_a_picture_that_the_function_does_not_answer_is_told(tmp_path: Path) -> None:
    path = tmp_path / "photo.gif"
    Image.new("L", (30, 20)).save(path)
    bundle = make_tiny_bundle(tmp_path / "bundle")
    with pytest.raises(SystemExit, match=r"^latency: 30 px GIF: .*this looks like a GIF"):
        latency.main([str(path), "--bundle", str(bundle), "--threads", "1", "--runs", "1"])


def made_up(threads: int) -> PictureTimes:
    steps = {step: [1.0, 3.0] for step in (*STEPS, *AFTER)} | {"total": [20.0, 30.0]}
    floor = {"base64": [1.0, 1.0], "decode": [3.0, 3.0], "resize": [2.0, 2.0], "run": [10.0, 14.0]}
    return PictureTimes("300 px JPEG", threads, steps, floor)


def test_the_ratio_is_of_each_call_to_the_floor_beside_it() -> None:
    assert made_up(1).ratios() == [20 / 16, 30 / 20]
    assert last_line(made_up(2)) == "300 px JPEG, 2 threads: 25.0 ms, floor 18.0 ms, ratio 1.375"


def test_the_page_has_one_row_for_each_step_and_the_totals_of_more_threads(tmp_path: Path) -> None:
    table = format_markdown([made_up(1), made_up(2)])
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    assert {len(line.split("|")) for line in table.splitlines()} == {5}
    names = [row[0] for row in rows[2:]]
    assert names[: len(STEPS)] == list(STEPS)
    assert names[-2:] == ["total", "total / floor"] and rows[-1][1:] == ["1.375", "on 2 threads"]
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- latency -->\nold\n<!-- /latency -->\nafter\n")
    write_block(page, "latency", table)
    assert page.read_text() == f"before\n<!-- latency -->\n{table}\n<!-- /latency -->\nafter\n"
    with pytest.raises(ToolError, match="latency"):
        write_block(tmp_path / "page.md", "no such block; latency", table)
