"""scripts/run load from start to end: with a fake program, and once with the function itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.bench.load import __main__ as load
from scripts.bench.load import run
from scripts.bench.load.machine import Usage, Watch, cpu_s, resident_mb
from scripts.bench.load.plot import draw_plot
from scripts.bench.load.report import format_result, to_json
from scripts.bench.load.result import LoadOptions, LoadResult
from scripts.paths import ROOT
from tests.scripts.bench.load import pools
from tests.support.pictures import RED, jpeg

NUMBER = r"[\d.]+"


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "red.jpg"
    path.write_bytes(jpeg(RED))
    return path


@pytest.fixture(scope="module")
def measured(picture: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadResult:
    """Two fake environments of 100 ms a request, far beyond what they can do, and killed."""
    options = LoadOptions(
        rates=(4, 60), seconds=1.0, waits=(0.0, 15.0), picture=picture, crashes=2, crash_rate=6.0,
        crash_seconds=3.0,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        env = run.function_env() | {"FAKE_SECONDS": "0.1", "FAKE_HOLD_S": "0.02"}
        patch.setattr(run, "function_env", lambda: env)
        out = tmp_path_factory.mktemp("out")
        return run.measure_load(options, out, command=pools.command)


def test_at_the_limit_requests_are_throttled_or_wait(measured: LoadResult) -> None:
    throttled, waiting = measured.series
    assert [step.rate for step in throttled.steps] == [4, 60]
    assert throttled.steps[1].throttled > throttled.steps[1].requests / 3
    assert waiting.steps[1].throttled == 0
    for series in measured.series:
        for step in series.steps:
            # nobody is forgotten
            good = step.requests * (1 - step.failed_share)
            assert good + step.throttled + step.failed + step.unanswered == pytest.approx(
                step.requests
            )
            assert step.service_ms >= 100 and step.unanswered == step.failed == 0
            assert 0 < step.concurrency <= 2.1  # the end of the last one is without its hold
    assert throttled.knee and throttled.knee.above <= 60
    # Waiting is latency: it is counted from the arrival.
    late, soon = waiting.steps[1].latency, throttled.steps[0].latency
    assert late and soon and late.max > 3 * soon.p50


def test_each_environment_starts_cold_and_killed_ones_are_replaced(measured: LoadResult) -> None:
    assert len(measured.cold_ms) == 2 and measured.init_ms[:2] == [12.5, 12.5]
    crash = measured.crash
    assert crash and crash.killed == 2 and 1 <= crash.cold <= 2
    assert crash.failed_before + crash.in_flight + crash.others + crash.throttled <= crash.requests


def test_every_answer_has_its_record(measured: LoadResult) -> None:
    records = measured.records
    assert records.answered == records.stored > 20
    assert records.lost == () and records.printed == 0


def test_results_are_told_as_text_json_and_plot(measured: LoadResult) -> None:
    text = format_result(measured)
    for pattern in (
        r"^2 environments, poisson arrivals, 1 s a rate, red\.jpg",
        r"^(clean|NOT CLEAN): other processes took ",
        rf"^cold starts {NUMBER} ms, median of 2 \(INIT 12 ms, median of [34]\)$",
        r"^At the limit a request is throttled, as Lambda does:$",
        r"^At the limit a request waits up to 15 s:$",
        r"^knee: (from 4 to 60|to 4) requests/s, where ",
        r"^2 environments killed at once, at 6 requests/s:$",
        rf"^records of {NUMBER} answers: {NUMBER} stored, 0 printed, 0 lost",
        rf"^ +10 +{NUMBER}/s +{NUMBER}/s +100/s +{NUMBER}/s$",
        rf"a million: {NUMBER} = compute {NUMBER} . requests 0.20 . HTTP API 1.00 . records 5.00 ",
    ):  # fmt: skip
        assert re.search(pattern, text, re.M), pattern
    document = json.loads(to_json(measured))
    assert document["series"][0]["steps"][1]["rate"] == 60 and document["is_clean"] in (True, False)
    plot = draw_plot(measured)
    assert plot == draw_plot(measured) and plot.startswith(b"<?xml") and len(plot) < 300_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--environments", "17"], "--environments: expected 1 to 16"),
        (["--rates", "2,0"], "--rates: expected up to 20 rates above 0"),
        (["--rates", "2,501"], "--rates"),
        (["--rates", "500", "--seconds", "100"], "50,000 requests are more than 20,000"),
        (["--seconds", "0.5"], "--seconds: expected 1 to 120"),
        (["--wait", "26"], "--wait"),
        (["--crash-rate", "400", "--crash-seconds", "100", "--crashes", "1"], "are more than"),
        (["--rates", "nan"], "--rates"),
        (["--crashes", "3"], "--crashes: expected no more than --environments"),
        (["--picture", "/no/such"], "--picture: there is no file /no/such"),
    ],
)
def test_a_load_without_bounds_is_refused(arguments: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=f"^load: .*{re.escape(said)}"):
        load.main([*arguments, "--out", str(tmp_path)])


@pytest.mark.needs_emulator
def test_the_function_itself_is_loaded_and_stopped(
    picture: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    """One emulator, a few requests, then Ctrl-C in the middle of others."""
    command = [
        sys.executable, "-m", "scripts.bench.load", "--environments", "1", "--picture", picture,
        "--bundle", tiny_bundle, "--out", tmp_path, "--arrivals", "constant",
    ]  # fmt: skip
    ran = subprocess.run(
        [*command, "--rates", "3", "--seconds", "2", "--wait", "10"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = json.loads((tmp_path / "load.json").read_text())
    [step] = found["series"][0]["steps"]
    assert (step["requests"], step["failed"], step["throttled"], step["cold"]) == (6, 0, 0, 0)
    assert found["records"]["stored"] == found["records"]["answered"] == 6
    assert found["init_ms"][0] > 50 and found["cold_ms"][0] > found["init_ms"][0]
    [[start_mb, end_mb]] = found["resident_mb"]
    assert 30 < start_mb < 500 and end_mb < start_mb + 50
    assert (tmp_path / "load.svg").is_file()

    stopped = subprocess.Popen(
        [*command, "--rates", "2", "--seconds", "60"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    assert stopped.stderr
    assert "starting 1 environments" in stopped.stderr.readline()
    while not (children := _below(stopped.pid)):
        time.sleep(0.05)
    stopped.send_signal(signal.SIGINT)
    _, said = stopped.communicate(timeout=60)
    assert stopped.returncode == 1 and "load: stopped" in said
    assert not [pid for pid in children if _is_running(pid)]


def _below(pid: int) -> list[int]:
    paths = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in paths for child in path.read_text().split()]


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_work_of_others_is_seen() -> None:
    pid = os.getpid()
    watch, before = Watch(), cpu_s([pid])
    while cpu_s([pid]) - before < 0.3:  # own work
        sum(range(10_000))
    usage = watch.usage()
    assert usage.own > 0 and usage.others < usage.cores
    assert 10 < resident_mb([pid])[0] < 4000
    assert Usage(2, 1.0, 0.05, 1.0).is_clean and not Usage(2, 1.0, 0.5, 3.0).is_clean
