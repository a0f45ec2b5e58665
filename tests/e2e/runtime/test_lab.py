"""The function under AWS's runtime client by Lambda's own rules: no answered record is lost."""

from __future__ import annotations

import base64
import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.local.http_event import HttpRequest, to_http_api
from tests.support.faulty_firehose import faulty_firehose
from tests.support.faulty_s3 import FaultyS3, faulty_s3
from tests.support.lab import Lab, lab
from tests.support.pictures import RED, jpeg

WAIT_S = 20.0


def detect_event(body: bytes, content_type: str = "application/json") -> Any:
    return to_http_api(HttpRequest("POST", "/v1/detect", [("content-type", content_type)], body))


def list_event(*texts: str) -> Any:
    return detect_event(json.dumps({"images": texts}).encode())


PICTURE = base64.b64encode(jpeg(RED)).decode()
DETECT = detect_event(jpeg(RED), "image/jpeg")
SIXTEEN = list_event(*[PICTURE] * 16)
REFUSALS = {
    "a malformed form": detect_event(b"x", "multipart/form-data; boundary=B"),
    "an unknown upload": detect_event(json.dumps({"upload_id": "0" * 32}).encode()),
    "a list with one bad item": list_event(PICTURE, "no base64"),
    "a text": detect_event(b"no picture", "image/jpeg"),
}


class Environment:
    """The lab with its S3: set `fault` for the PUTs to come."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.fault: Any = "none"
        self._s3 = faulty_s3(lambda: self.fault)
        self.s3: FaultyS3 = self._s3.__enter__()
        self.env = {
            "MODEL_DIR": str(bundle),
            "PREDICTION_LOG": "s3://log",
            "UPLOAD_STORE": "s3://uploads",
            "AWS_ENDPOINT_URL_S3": self.s3.url,
            "ORT_THREADS": "1",
        }
        self.folder = folder

    def lab(self, timeout_s: float = 20.0) -> Any:
        return lab(self.folder, self.env, timeout_s=timeout_s)

    def printed(self, running: Lab) -> Counter[str]:
        lines = running.lines("prediction_record")
        return Counter(line["prediction_record"]["prediction_id"] for line in lines)

    def wait_for_put(self, fault: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while not self.s3.puts.get(fault):
            assert time.monotonic() < deadline, f"no PUT met {fault}"
            time.sleep(0.002)


@pytest.fixture
def environment(tmp_path: Path, tiny_bundle: Path) -> Iterator[Environment]:
    made = Environment(tmp_path, tiny_bundle)
    yield made
    made._s3.__exit__(None, None, None)


def ids(answer: Any) -> list[str]:
    body = json.loads(answer.result["body"])
    return [each["prediction_id"] for each in (body if isinstance(body, list) else [body])]


def test_the_caller_has_its_response_before_the_record_is_stored(environment: Environment) -> None:
    environment.fault = "slow"
    with environment.lab() as running:
        answer = running.invoke(DETECT, wait=False)
        assert answer.result["statusCode"] == 200
        assert environment.s3.ids() == []
        running.finish()
        assert environment.s3.ids() == ids(answer)
        assert environment.printed(running) == Counter()


def test_sixteen_records_are_printed_while_every_write_hangs(environment: Environment) -> None:
    """Issue 12, B5: 7 of 16 were neither stored nor printed, the budget was each record's own."""
    environment.fault = "hang"
    with environment.lab() as running:
        answer = running.invoke(SIXTEEN)
        assert answer.error is None
        assert environment.printed(running) == Counter(dict.fromkeys(ids(answer), 1))


def test_sixteen_records_are_printed_before_the_deadline(environment: Environment) -> None:
    environment.fault = "hang"
    with environment.lab(timeout_s=2.0) as running:
        answer = running.invoke(SIXTEEN)
        assert environment.printed(running) == Counter(dict.fromkeys(ids(answer), 1))
        assert running.environments == 1


@pytest.mark.parametrize("fault", ["hang", "503", "slow"])
@pytest.mark.parametrize("event", [DETECT, SIXTEEN], ids=["one", "sixteen"])
def test_sigterm_prints_the_records_in_flight(
    environment: Environment, fault: str, event: Any
) -> None:
    """Issue 12, B6: 18 of 50 were lost, 44 of 50 during retries."""
    environment.fault = fault
    with environment.lab() as running:
        answer = running.invoke(event, wait=False)
        environment.wait_for_put(fault)
        running.shut_down()
        printed = environment.printed(running)
        assert set(ids(answer)) <= {*printed, *environment.s3.ids()}
        assert set(printed.values()) <= {1}


def test_sigterm_at_rest_ends_the_process_with_nothing_printed(environment: Environment) -> None:
    with environment.lab() as running:
        running.invoke(DETECT)
        process = running._now.process
        running.kill(signal.SIGTERM)
        assert process.returncode == 128 + signal.SIGTERM  # by itself, before SIGKILL
        assert environment.printed(running) == Counter()


# A clock that is a little behind from the start on cannot be told from a longer timeout.
@pytest.mark.parametrize(
    ("when", "ahead_s"),
    [("cold", 2.0), ("cold", -1e6), *(("warm", jump) for jump in (1.9, 2.0, 1e6, -30.0, -1e6))],
)
def test_a_clock_that_jumps_loses_no_record(
    environment: Environment, when: str, ahead_s: float
) -> None:
    """Issue 12, B7: ahead by the timeout, every later record was lost in silence."""
    with environment.lab(timeout_s=2.0) as running:
        expected = ids(running.invoke(DETECT)) if when == "warm" else []
        running.jump_clock(ahead_s)
        for _ in range(2):
            expected += ids(running.invoke(DETECT))
        environment.fault = "hang"
        expected += ids(running.invoke(DETECT))
        assert set(expected) == {*environment.s3.ids(), *environment.printed(running)}


def test_a_refusal_does_not_hold_the_environment(environment: Environment) -> None:
    """Issue 12, B11: 1,005 ms, as long as the wait for the response was limited to."""
    with environment.lab() as running:
        for name, event in REFUSALS.items():
            answers = [running.invoke(event) for _ in range(3)]
            assert {answer.error for answer in answers} == {None}, name
            held_s = min(answer.total_s - answer.response_s for answer in answers)
            assert held_s < 0.9, name


def test_a_lost_extensions_api_ends_the_environment_after_the_next_response(
    environment: Environment,
) -> None:
    """Else Lambda waits for the dead extension in every invocation, to its deadline."""
    with environment.lab(timeout_s=WAIT_S) as running:
        answers = [running.invoke(DETECT)]
        running.break_extensions_api()
        answers += [running.invoke(DETECT), running.invoke(DETECT)]
        assert running.environments == 2
        assert "exit/error" in answers[1].error
        assert {answer.result["statusCode"] for answer in answers} == {200}
        expected = {each for answer in answers for each in ids(answer)}
        assert expected == {*environment.s3.ids(), *environment.printed(running)}


FAILING_WORK = "tests.support.failing_work.lambda_handler"


@pytest.mark.parametrize("watched", [True, False], ids=["", "unwatched"])
@pytest.mark.parametrize("fault", ["cut", "refuse", "garble", "empty"])
def test_no_invocation_waits_for_an_extension_whose_api_is_lost(
    tmp_path: Path, fault: str, watched: bool
) -> None:
    """Lambda would wait for the thread's next question to each invocation's timeout. Every caller
    has its response, and the next request has a new environment."""
    env = {} if watched else {"UNWATCHED": "1"}
    with lab(tmp_path, env, timeout_s=WAIT_S, handler=FAILING_WORK) as running:
        running.invoke({"name": "before"})
        running.break_extensions_api(fault)
        answers = [running.invoke({"name": name}) for name in "123"]
        answers += [running.invoke({"name": "4", "fault": "no work"})]
        assert [answer.result for answer in answers] == [{"answer": name} for name in "1234"]
        errors = [str(answer.error) for answer in answers if answer.error]
        assert len(errors) == 1 and "exit/error" in errors[0]
        assert running.environments == 2
        done = sorted(line["done"] for line in running.lines("done"))
        assert done == ["1", "2", "3", "before"]
        assert len(running.lines("exits")) >= 1


@pytest.mark.parametrize("watched", [True, False], ids=["", "unwatched"])
def test_no_invocation_waits_for_a_dead_thread(tmp_path: Path, watched: bool) -> None:
    env = {} if watched else {"UNWATCHED": "1"}
    with lab(tmp_path, env, timeout_s=WAIT_S, handler=FAILING_WORK) as running:
        answers = [running.invoke({"name": "1", "fault": "thread"})]
        answers += [running.invoke({"name": name}) for name in "23"]
        assert [answer.result for answer in answers] == [{"answer": name} for name in "123"]
        errors = [str(answer.error) for answer in answers if answer.error]
        assert len(errors) == 1 and "exit/error" in errors[0]
        assert running.environments == 2
        assert "lost" in running.log and "NoneType" in running.log
        assert sorted(line["done"] for line in running.lines("done")) == ["1", "2", "3"]


@pytest.mark.parametrize("fault", ["SystemExit", "MemoryError", "BaseException"])
def test_work_that_raises_anything_ends_no_thread(tmp_path: Path, fault: str) -> None:
    with lab(tmp_path, {}, timeout_s=WAIT_S, handler=FAILING_WORK) as running:
        answers = [running.invoke({"name": "1", "fault": fault}), running.invoke({"name": "2"})]
        assert [answer.error for answer in answers] == [None, None]
        assert running.environments == 1
        assert [line["done"] for line in running.lines("done")] == ["2"]
        assert "Traceback" in running.log


def test_work_that_hangs_costs_its_own_invocation_only(tmp_path: Path) -> None:
    with lab(tmp_path, {}, timeout_s=2.0, handler=FAILING_WORK) as running:
        hangs = running.invoke({"name": "1", "fault": "hang"})
        after = [running.invoke({"name": name}) for name in "23"]
        assert hangs.result == {"answer": "1"}  # at once: the caller does not wait
        assert [(answer.result, answer.error) for answer in after] == [
            ({"answer": name}, None) for name in "23"
        ]
        assert running.environments == 2


def test_a_rehearsal_leaves_nothing(environment: Environment) -> None:
    environment.env["CAPTURE_RATE"] = "1"
    rehearsal = {"custom": {"icebox": "rehearsal"}}
    with environment.lab() as running:
        for event in (DETECT, SIXTEEN, *REFUSALS.values()):
            assert running.invoke(event, client_context=rehearsal).error is None
        assert environment.s3.objects == {}
        assert environment.printed(running) == Counter()
        assert running.lines("_aws") == []
        others = [
            {},
            {"custom": None},
            {"custom": "rehearsal"},
            {"custom": {"icebox": "x"}},
            {"env": {"icebox": "rehearsal"}},
        ]
        answers = [running.invoke(DETECT, client_context=other) for other in others]
        assert environment.s3.ids() == [each for answer in answers for each in ids(answer)]
        assert len(running.lines("_aws")) == len(others)
        marks = [line.get("rehearsal") for line in running.lines("status")]
        assert marks == [True] * (2 + len(REFUSALS)) + [None] * len(others)


def test_a_stream_takes_the_record_after_the_response(environment: Environment) -> None:
    with faulty_firehose(lambda: environment.fault) as firehose:
        environment.env |= {
            "PREDICTION_LOG": "firehose://records",
            "AWS_ENDPOINT_URL_FIREHOSE": firehose.url,
        }
        environment.fault = "slow"
        with environment.lab() as running:
            answer = running.invoke(SIXTEEN, wait=False)
            assert answer.result["statusCode"] == 200
            assert firehose.ids() == []
            running.finish()
            assert firehose.ids() == ids(answer)
            environment.fault = "hang"
            late = running.invoke(DETECT)
            assert environment.printed(running) == Counter(ids(late))
        assert environment.s3.puts == {}


@pytest.mark.parametrize("journal", ["yes", "no"])
def test_sigterm_at_rest_leaves_no_waiting_record_unwritten(
    environment: Environment, journal: str
) -> None:
    environment.env["PREDICTION_LOG"] = f"s3://log?batch=3&journal={journal}"
    with environment.lab() as running:
        answers = [running.invoke(DETECT) for _ in range(5)]
        running.shut_down()
        expected = [each for answer in answers for each in ids(answer)]
        assert environment.s3.ids() == expected[:3]
        assert environment.s3.puts == {"none": 1}
        packed = running.lines("prediction_record_gzip")
        assert len(packed) == (4 if journal == "yes" else 0)  # the third did not wait
        assert environment.printed(running) == Counter(expected[3:] if journal == "no" else ())


def test_a_batch_is_written_after_the_response(environment: Environment) -> None:
    environment.env["PREDICTION_LOG"] = "s3://log?batch=2&journal=no"
    environment.fault = "slow"
    with environment.lab() as running:
        first = running.invoke(DETECT)
        answer = running.invoke(DETECT, wait=False)
        assert answer.result["statusCode"] == 200
        assert environment.s3.ids() == []
        running.finish()
        assert environment.s3.ids() == [*ids(first), *ids(answer)]


# CAPTURE_RATE keeps pictures after the response, before the record


def test_the_caller_has_its_response_before_the_picture_is_kept(environment: Environment) -> None:
    environment.env["CAPTURE_RATE"] = "1"
    environment.fault = "slow"
    with environment.lab() as running:
        answer = running.invoke(DETECT, wait=False)
        assert answer.result["statusCode"] == 200
        assert environment.s3.objects == {}
        running.finish()
        assert environment.s3.ids() == ids(answer)
    assert jpeg(RED) in environment.s3.objects.values()


@pytest.mark.parametrize("fault", ["hang", "403"])
def test_a_picture_that_is_not_kept_costs_no_record(environment: Environment, fault: str) -> None:
    environment.env["CAPTURE_RATE"] = "1"
    environment.fault = fault
    with environment.lab() as running:
        answer = running.invoke(SIXTEEN)
        assert answer.error is None
        assert environment.printed(running) == Counter(dict.fromkeys(ids(answer), 1))
        assert all(
            line["prediction_record"]["capture"] is None
            for line in running.lines("prediction_record")
        )


def test_sigterm_while_a_picture_is_being_kept_prints_the_record(environment: Environment) -> None:
    environment.env["CAPTURE_RATE"] = "1"
    environment.fault = "hang"
    with environment.lab() as running:
        answer = running.invoke(DETECT, wait=False)
        environment.wait_for_put("hang")
        running.shut_down()
        assert environment.printed(running) == Counter(ids(answer))
