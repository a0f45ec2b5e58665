"""scripts.bench.fuzz: a share of its inputs, and that its checks, minimising and replay work."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from scripts.bench.fuzz import __main__ as fuzz
from scripts.bench.fuzz.answers import check_log, check_result, read_lines
from scripts.bench.fuzz.campaign import Campaign, make_case
from scripts.bench.fuzz.cases import KINDS, Case
from scripts.bench.fuzz.inputs import trees
from scripts.bench.fuzz.inputs.pieces import repair, split
from scripts.bench.fuzz.inputs.routes import RECORDED
from scripts.bench.fuzz.inputs.seeds import seed_pictures
from scripts.bench.fuzz.minimize import minimize
from scripts.bench.fuzz.worker import Worker
from scripts.local.http_event import HttpRequest, to_http_api
from tests.support.app import make_app
from tests.support.image_files import CRASHING_HEIC, HEIC

SEED = 12
INPUTS = 1500  # of each kind: about 13 s on one idle core
HEALTH = to_http_api(HttpRequest("GET", "/health"))
ANSWER: dict[str, Any] = {
    "statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": "{}",
    "isBase64Encoded": False, "cookies": [],
}  # fmt: skip


@pytest.mark.needs_linux
@pytest.mark.parametrize("kind", KINDS)
def test_every_input_is_answered_or_refused(worker: Worker, kind: str) -> None:
    campaign = Campaign(worker, SEED, max_tries=100)
    for _ in campaign.run([kind], iter(range(INPUTS))):
        pass
    told = [f"{each.failure}\n{each.case.to_json()[:3000]}" for each in campaign.faults.values()]
    assert not told, "\n\n".join(told)
    assert campaign.cases == INPUTS
    assert len(campaign.labels) > 3, campaign.labels  # answers of many kinds, or it finds nothing


def test_every_route_is_known_to_the_fuzzer(tiny_bundle: Path, tmp_path: Path) -> None:
    with make_app(tiny_bundle, tmp_path / "log", GRADIO_STORE=tmp_path.as_uri()) as app:
        routes = app.module.gateway.routes
        assert {path: route.is_recorded for path, route in routes.items()} == RECORDED


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"body": '{"score": NaN}'}, "body's JSON"),
        ({"body": "\ud800"}, "result's JSON"),
        ({"headers": {"Content-Type": "a\r\nX: 1"}}, "header's value"),
        ({"headers": {"a b": "c"}}, "header's name"),
        ({"headers": None, "body": 7}, "result"),
        ({"statusCode": 500}, "status"),
        ({"statusCode": 504}, "status"),
        ({"statusCode": 400, "body": json.dumps("a" * 20_000)}, "size of a refusal"),
        ({"body": json.dumps("a" * 6_300_000)}, "result's size"),
        ({"headers": {"A": float("nan")}}, "result's JSON"),
    ],
)
def test_a_wrong_answer_is_a_failure(change: dict[str, Any], check: str) -> None:
    assert list(check_result(ANSWER, HEALTH)) == []
    assert check in [failure.check for failure in check_result(ANSWER | change, HEALTH)]


def test_an_event_of_http_must_have_an_answer_of_http() -> None:
    assert [failure.check for failure in check_result({"warm": True}, HEALTH)] == ["result"]
    assert list(check_result({"warm": True}, {"source": "aws.events"})) == []


def test_documented_errors_are_no_failures() -> None:
    for status in (502, 503):
        assert list(check_result(ANSWER | {"statusCode": status}, HEALTH)) == []


@pytest.mark.parametrize("line", [b"words", b'{"a": NaN}', b"[]", b'"\xff"'])
def test_a_log_line_that_is_no_json_object_is_a_failure(line: bytes) -> None:
    lines, failures = read_lines(b'{"a": 1}\n' + line + b"\n")
    assert (lines, len(failures)) == ([{"a": 1}], 1)


def test_an_answer_has_one_line_and_its_records() -> None:
    line = {"message": "answered", "status": 200, "route": "/v1/detect"}
    pictures = ANSWER | {"body": "[{}, {}, {}]"}
    assert list(check_log([line], 1, ANSWER)) == []
    assert list(check_log([line], 3, pictures)) == []
    for lines, records, result in (
        ([], 0, ANSWER),
        ([line, line], 1, ANSWER),
        ([line | {"status": 400}], 1, ANSWER),
        ([line], 0, ANSWER),
        ([line], 2, pictures),
        ([line | {"route": None}], 1, ANSWER),
    ):
        assert len(list(check_log(lines, records, result))) == 1


def test_a_worker_outlives_the_end_of_its_process(worker: Worker) -> None:
    assert worker.run(Case("pictures", image_bytes=CRASHING_HEIC)).failures == []
    worker.run(Case("events", (HEALTH,)))
    assert worker._process is not None
    worker._process.kill()
    [failure] = worker.run(Case("events", (HEALTH,))).failures
    assert failure.fault == ("process", "the process ended by SIGKILL")
    assert worker.run(Case("events", (HEALTH,))).label == "200"


def test_cases_are_made_anew_from_their_numbers() -> None:
    for kind in KINDS:
        first, again, other = (make_case(kind, SEED, number) for number in (3, 3, 4))
        assert first == again != other


def test_a_case_goes_through_its_file(tmp_path: Path) -> None:
    for kind in KINDS:
        case = make_case(kind, SEED, 1)
        (tmp_path / "case.json").write_text(case.to_json())
        assert Case.read(tmp_path / "case.json") == case


def test_a_picture_is_made_small() -> None:
    case = Case("pictures", (), bytes(500) + b"bad" + bytes(500), (8, 8))
    small = minimize(case, lambda each: b"bad" in each.image_bytes)
    assert small == Case("pictures", (), b"bad", None)


def test_events_are_made_small() -> None:
    bad = {"headers": {"a": "b", "c": ["x" * 99, "bad" * 3]}, "body": "y" * 99}
    small = minimize(Case("events", (HEALTH, bad)), lambda each: "bad" in json.dumps(each.events))
    assert len(small.events) == 1
    assert len(json.dumps(small.events)) < 40


def test_pieces_are_the_file_and_no_seed_needs_repair() -> None:
    assert seed_pictures()["heic"] == HEIC
    for name, image_bytes in seed_pictures().items():
        assert b"".join(split(image_bytes)) == image_bytes
        assert repair(image_bytes) == image_bytes
        assert len(split(image_bytes)) > 1 or name == "gif"


def test_repair_sets_checksums_right() -> None:
    image_bytes = seed_pictures()["png-text"]
    changed = image_bytes.replace(b"words", b"texts", 1)
    assert changed != image_bytes
    assert repair(changed) not in (image_bytes, changed)
    assert repair(changed[:-1] + b"x") == repair(changed)


def test_trees_become_every_kind_of_odd() -> None:
    made = [json.dumps(trees.mutate(HEALTH, random.Random(i), 3)) for i in range(2000)]
    assert len(set(made)) > 1800
    for odd in ("null", "\\ud800", "[[[[", '"VERSION"', "1e+308"):
        assert any(odd in each for each in made), odd


@pytest.mark.needs_linux
def test_a_fault_is_written_and_replayed(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """With a bound that nothing keeps, every input is a fault."""
    monkeypatch.setenv("MODEL_DIR", str(tiny_bundle))
    options = ["--cpu", "-1"]
    run = ["--minutes", "0.01", "--seed", "1", "--only", "pictures", "--out", str(tmp_path)]
    with pytest.raises(SystemExit, match="1"):
        fuzz.main([*run, *options])
    told = capsys.readouterr().out
    assert "inputs of seed 1" in told
    paths = list(tmp_path.glob("*.json"))
    assert paths
    assert all(str(path) in told for path in paths)
    with pytest.raises(SystemExit, match="1"):
        fuzz.main(["--replay", str(paths[0]), *options])
    assert "FAILED CPU time" in capsys.readouterr().out


@pytest.mark.parametrize("content", [json.dumps(HEALTH).encode(), HEIC])
def test_an_event_and_a_picture_are_replayed_as_they_are(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("MODEL_DIR", str(tiny_bundle))
    (tmp_path / "input").write_bytes(content)
    with pytest.raises(SystemExit, match="0"):
        fuzz.main(["--replay", str(tmp_path / "input")])


def test_a_jpeg_that_ends_in_half_a_marker_has_pieces() -> None:
    """The fuzzer ended at such an input."""
    image_bytes = b"\xff\xd8" + bytes(6) + b"\xff"
    assert b"".join(split(image_bytes)) == image_bytes
