"""The function as Lambda calls it: hooks and minutes, with real records, against Lambda and
CodeDeploy over HTTP."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from handler.records.record import Model
from scripts.local.invoke import Context
from tests.scripts.monitor.canary.fake_aws import (
    FakeAws,
    FunctionError,
    Version,
    app_spec,
    fake_aws,
    hangs,
    init_fails,
    times_out,
    version_of,
)
from tests.scripts.monitor.canary.traffic import (
    NEW,
    OLD,
    Change,
    make_shift,
    put_batches,
    twice_as_many,
    unchanged,
)
from tests.support.app import App, make_app
from tests.support.moto_s3 import make_bucket
from tests.support.paths import ROOT
from tests.support.pictures import png
from tests.support.topic import Topic, make_topic

BUCKET = "released"
KEY = hashlib.sha256(b"a key").hexdigest()
HOOK = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "hook-1"}
MINUTE = {"detail-type": "Scheduled Event", "source": "aws.events"}


@dataclass
class Canary:
    """The function in this process. lambda_handler: of a new environment."""

    aws: FakeAws
    s3: Any
    topic: Topic
    module: ModuleType
    lines: Callable[[], str]

    def call(self, event: dict[str, Any], seconds: float = 300.0) -> Any:
        context = Context(deadline_s=datetime.now().timestamp() + seconds)
        return self.module.lambda_handler(event, context)

    def hook(self, seconds: float = 300.0) -> str:
        """What CodeDeploy is told."""
        self.aws.hooks.clear()
        self.call(dict(HOOK), seconds)
        (told,) = self.aws.hooks
        assert told["deploymentId"] == "d-1"
        assert told["lifecycleEventHookExecutionId"] == "hook-1"
        return str(told["status"])

    def metrics(self) -> list[int]:
        """Values of CanaryBehaviour that were printed since the last look."""
        found = []
        for line in self.lines().splitlines():
            if line.startswith('{"_aws"'):
                metric = json.loads(line)
                (series,) = metric["_aws"]["CloudWatchMetrics"]
                assert series["Namespace"] == "Icebox"
                assert series["Dimensions"] == [["stack"]]
                assert metric["stack"] == "icebox-prod"
                found.append(metric["CanaryBehaviour"])
        return found

    def messages(self) -> list[tuple[str, str]]:
        return [(each["Subject"], each["Message"]) for each in self.topic.messages()]


@pytest.fixture
def make_canary(
    s3: Any,
    s3_endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Iterator[Callable[..., Canary]]:
    with ExitStack() as stack:
        aws = stack.enter_context(fake_aws())
        make_bucket(s3, BUCKET)
        topic = make_topic(s3_endpoint, hashlib.sha256(request.node.name.encode()).hexdigest()[:20])
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", aws.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_CODEDEPLOY", aws.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", s3_endpoint)

        def make(**env: str) -> Canary:
            settings = {
                "CANARY_FUNCTION": "detect",
                "CANARY_ALIAS": "live",
                "CANARY_VERSION": NEW,
                "CANARY_SOURCE": f"s3://{BUCKET}",
                "CANARY_STACK": "icebox-prod",
                "CANARY_TOPIC": topic.arn,
                "CANARY_EXPECTED_CHANGE": "",
                "CANARY_KEYED": "true",
                **env,
            }
            for name, value in settings.items():
                monkeypatch.setenv(name, value)
            name = "scripts.monitor.canary.function"
            sys.modules.pop(name, None)
            module = importlib.import_module(name)
            module.release.sleep = lambda seconds: None
            return Canary(aws, s3, topic, module, lambda: capsys.readouterr().out)

        yield make
        sys.modules.pop("scripts.monitor.canary.function", None)


@pytest.fixture
def detect(tiny_bundle: Path, tmp_path: Path) -> Iterator[App]:
    """The function that is released, keyed, with a log and captures of its own."""
    with make_app(tiny_bundle, tmp_path, API_KEY_SHA256=KEY, CAPTURE_RATE="1") as app:
        yield app


def fewer(result: Any) -> Any:
    """Of a direct call: half the objects."""
    if "detections" not in result:
        return result
    detections = result["detections"][: len(result["detections"]) // 3]
    return {**result, "detections": detections, "count": len(detections)}


def put_capture(s3: Any, number: int, count: int) -> None:
    corners = [(160 * (each % 4), 160 * (each // 4)) for each in range(count)]
    on_it = [("red", (x, y, x + 80, y + 80)) for x, y in corners]
    folder = f"captures/model=cells/version=1.0.0/dt=2026-11-03/hour=0{number % 10}"
    s3.put_object(
        Bucket=BUCKET,
        Key=f"{folder}/picture-{number}.png",
        Body=png(on_it),
    )


def put_shift(
    canary: Canary,
    *,
    minutes_ago: float,
    change: Change = unchanged,
    requests: int = 500,
    minutes: float = 5.0,
    model: Model | None = None,
    share: float = 0.1,
) -> None:
    """Requests that began to move so long ago; those of now are not there yet."""
    now = datetime.now(UTC)
    start = now - timedelta(minutes=minutes_ago)
    canary.aws.published = f"{start - timedelta(seconds=30):%Y-%m-%dT%H:%M:%S.000+0000}"
    records = make_shift(start, requests, minutes=minutes, change=change, model=model, share=share)
    there = [each for each in records if each.time < f"{now:%Y-%m-%dT%H:%M:%S}"]
    put_batches(canary.s3, BUCKET, there)


def test_a_good_version_passes_and_leaves_nothing(
    make_canary: Callable[..., Canary], detect: App
) -> None:
    canary = make_canary()
    canary.aws.versions = {OLD: version_of(detect), NEW: version_of(detect)}
    for number, objects in enumerate((3, 5, 2)):
        put_capture(canary.s3, number, objects)
    assert canary.hook() == "Succeeded"
    assert canary.messages() == []
    called = [version for version, _ in canary.aws.calls]
    assert called.count(NEW) == 31 and called.count(OLD) == 4  # the sample and three pictures
    assert detect.records() == []
    assert not [path for path in detect.log_root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("setting", [OLD, "9"])
def test_a_stale_setting_skips_no_trial(
    make_canary: Callable[..., Canary],
    detect: App,
    caplog: pytest.LogCaptureFixture,
    setting: str,
) -> None:
    canary = make_canary(CANARY_VERSION=setting)
    canary.aws.versions = {OLD: version_of(detect), NEW: init_fails}
    assert canary.hook() == "Failed"
    ((title, _),) = canary.messages()
    assert title == "icebox-prod: version 8 is not released"
    assert f"CANARY_VERSION is {setting}, but CodeDeploy releases version 8" in caplog.text


def test_a_stale_setting_hides_no_last_look(make_canary: Callable[..., Canary]) -> None:
    canary = make_canary(CANARY_VERSION=OLD)
    put_shift(canary, minutes_ago=6.5, change=twice_as_many)
    canary.aws.finish(NEW)
    assert canary.hook() == "Failed"
    assert canary.metrics() == [1]
    assert canary.aws.calls == []
    ((title, _),) = canary.messages()
    assert title == "icebox-prod: version 8 behaves otherwise"


@pytest.mark.parametrize("creator", ["codeDeployRollback", "CloudFormationRollback"])
def test_going_back_is_never_held_up(make_canary: Callable[..., Canary], creator: str) -> None:
    canary = make_canary()
    canary.aws.creator = creator
    canary.aws.versions = {OLD: init_fails, NEW: init_fails}
    assert canary.hook() == "Succeeded"
    assert (canary.aws.calls, canary.messages()) == ([], [])


def test_without_codedeploys_word_the_setting_is_believed(
    make_canary: Callable[..., Canary], detect: App, caplog: pytest.LogCaptureFixture
) -> None:
    canary = make_canary()
    canary.aws.spec = None
    canary.aws.versions = {OLD: version_of(detect), NEW: version_of(detect)}
    assert canary.hook() == "Succeeded"
    assert [version for version, _ in canary.aws.calls].count(NEW) > 25
    assert "AccessDeniedException" in caplog.text


@pytest.mark.parametrize(
    "spec", [None, app_spec("7", "8", "another")], ids=["denied", "of another function"]
)
def test_without_codedeploys_word_a_version_that_answers_already_is_looked_at_and_newest_code_tried(
    make_canary: Callable[..., Canary], detect: App, spec: str | None
) -> None:
    # Both hooks look alike then: before, with a setting of the release before, and after.
    canary = make_canary()
    canary.aws.spec = spec
    canary.aws.finish(NEW)
    canary.aws.versions = {NEW: version_of(detect), "$LATEST": init_fails}
    assert canary.hook() == "Failed"
    ((title, _),) = canary.messages()
    assert title == "icebox-prod: version $LATEST is not released"
    canary.aws.versions["$LATEST"] = version_of(detect)
    assert canary.hook() == "Succeeded"
    put_shift(canary, minutes_ago=6.5, change=twice_as_many)
    assert canary.hook() == "Failed"


def test_a_version_that_fails_at_init_is_not_released(
    make_canary: Callable[..., Canary], detect: App
) -> None:
    canary = make_canary()
    canary.aws.versions = {OLD: version_of(detect), NEW: init_fails}
    assert canary.hook() == "Failed"
    ((title, text),) = canary.messages()
    assert title == "icebox-prod: version 8 is not released"
    assert "Runtime exited with error" in text
    assert "CAPTURE_RATE='a lot': expected a share from 0 to 1" in text
    assert len(canary.aws.calls) == 3  # a dead version is not called thirty times


@pytest.mark.parametrize(
    ("version", "quoted"),
    [
        (times_out, "Task timed out after 20.00 seconds"),
        (lambda event, context: {"statusCode": 500, "body": "{}"}, "status 500, 200 is expected"),
        (lambda event, context: "hello", "the answer is no object"),
        (lambda event, context: {"statusCode": 200, "body": "hi", "headers": {}}, "an open door"),
    ],
    ids=["times out", "500", "no answer of ours", "open to all"],
)
def test_a_version_that_answers_badly_is_not_released(
    make_canary: Callable[..., Canary], detect: App, version: Version, quoted: str
) -> None:
    canary = make_canary()
    canary.aws.versions = {OLD: version_of(detect), NEW: version}
    assert canary.hook() == "Failed"
    ((_, text),) = canary.messages()
    assert quoted in text


def test_a_5xx_on_one_bad_input_is_enough(make_canary: Callable[..., Canary], detect: App) -> None:
    def crashes_on_text(result: Any) -> Any:
        if result.get("status") == 415:
            raise FunctionError("ValueError", "this is no picture")
        return result

    canary = make_canary()
    canary.aws.versions = {OLD: version_of(detect), NEW: version_of(detect, crashes_on_text)}
    assert canary.hook() == "Failed"
    ((_, text),) = canary.messages()
    assert "- direct, text: ValueError: this is no picture" in text


def test_a_version_that_hangs_is_failed_in_time(
    make_canary: Callable[..., Canary], detect: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = make_canary()
    canary.aws.versions = {OLD: version_of(detect), NEW: hangs}
    monkeypatch.setattr("scripts.monitor.canary.rehearse.RESERVE_S", -60.0)
    # 16 s are left, of which the answer to CodeDeploy needs 15.
    assert canary.hook(seconds=16.0) == "Failed"
    ((_, text),) = canary.messages()
    assert "it did not end within 1 s" in text


def test_no_call_is_made_that_would_end_too_late(
    make_canary: Callable[..., Canary], detect: App
) -> None:
    canary = make_canary()
    canary.aws.versions = {OLD: version_of(detect), NEW: version_of(detect)}
    assert canary.hook(seconds=60.0) == "Failed"
    ((_, text),) = canary.messages()
    assert "health: not tried, since the time is up" in text
    assert canary.aws.calls == []


def test_a_version_that_counts_otherwise_is_not_released(
    make_canary: Callable[..., Canary], detect: App
) -> None:
    canary = make_canary()
    canary.aws.versions = {OLD: version_of(detect), NEW: version_of(detect, fewer)}
    for number in range(4):
        put_capture(canary.s3, number, 6)
    assert canary.hook() == "Failed"
    ((title, text),) = canary.messages()
    assert title == "icebox-prod: version 8 is not released"
    assert "the new version counts 8 objects, the old one 24" in text
    row = next(line for line in text.splitlines() if line.startswith("picture-0.png"))
    assert row.split() == ["picture-0.png", "6", "2"]


def test_an_expected_change_is_told_and_released(
    make_canary: Callable[..., Canary], detect: App
) -> None:
    canary = make_canary(CANARY_EXPECTED_CHANGE="dead cells are not counted any more")
    canary.aws.versions = {OLD: version_of(detect), NEW: version_of(detect, fewer)}
    for number in range(4):
        put_capture(canary.s3, number, 6)
    assert canary.hook() == "Succeeded"
    ((title, text),) = canary.messages()
    assert title == "icebox-prod: version 8 counts otherwise, as expected"
    assert "dead cells are not counted any more" in text


def test_the_newest_ten_pictures_are_tried(
    make_canary: Callable[..., Canary], detect: App, caplog: pytest.LogCaptureFixture
) -> None:
    canary = make_canary()
    canary.aws.versions = {OLD: version_of(detect), NEW: version_of(detect)}
    for number in range(12):
        put_capture(canary.s3, number, 1)
    assert canary.hook() == "Succeeded"
    assert [version for version, _ in canary.aws.calls].count(OLD) == 1 + 10
    tried = {line.split()[0] for line in caplog.text.splitlines() if line.startswith("picture-")}
    # Those of the first hour are the oldest.
    assert tried == {f"picture-{number}.png" for number in range(1, 12) if number != 10}


def test_busy_concurrency_is_waited_for(make_canary: Callable[..., Canary], detect: App) -> None:
    canary = make_canary()
    canary.aws.versions = {OLD: version_of(detect), NEW: version_of(detect)}
    canary.aws.throttled = 3
    assert canary.hook() == "Succeeded"


def test_a_bug_of_the_watch_fails_the_release(
    make_canary: Callable[..., Canary], monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = make_canary()

    def broken(*_: object, **__: object) -> Any:
        raise KeyError("a bug")

    monkeypatch.setattr("scripts.monitor.canary.samples.make_samples", broken)
    assert canary.hook() == "Failed"
    ((title, text),) = canary.messages()
    assert title == "icebox-prod: version 8 could not be watched"
    assert "KeyError: 'a bug'" in text


def test_a_topic_that_takes_nothing_changes_no_result(
    make_canary: Callable[..., Canary], detect: App
) -> None:
    canary = make_canary(CANARY_TOPIC="arn:aws:sns:eu-central-1:123456789012:nowhere")
    canary.aws.versions = {OLD: version_of(detect), NEW: init_fails}
    assert canary.hook() == "Failed"


def test_while_nothing_moves_a_minute_is_over_at_once(make_canary: Callable[..., Canary]) -> None:
    canary = make_canary()
    assert canary.call(dict(MINUTE)) == {"watched": None}
    assert canary.metrics() == []


@pytest.mark.parametrize("model", [None, Model("cells", "2.0.0", "d" * 64)], ids=["code", "model"])
def test_a_version_that_behaves_otherwise_is_told_once_and_stopped(
    make_canary: Callable[..., Canary], model: Model | None
) -> None:
    canary = make_canary()
    put_shift(canary, minutes_ago=3.5, change=twice_as_many, model=model)
    canary.aws.shift(NEW)
    assert canary.call(dict(MINUTE)) == {"watched": NEW, "status": "differs"}
    assert canary.call(dict(MINUTE)) == {"watched": NEW, "status": "differs"}
    assert canary.metrics() == [1, 1]
    ((title, text),) = canary.messages()
    assert title == "icebox-prod: version 8 behaves otherwise"
    assert "objects a picture" in text and "CodeDeploy moves all requests back" in text
    assert "the first 2 minutes" in text


def test_an_expected_change_raises_no_alarm(make_canary: Callable[..., Canary]) -> None:
    canary = make_canary(CANARY_EXPECTED_CHANGE="a new model")
    put_shift(canary, minutes_ago=3.5, change=twice_as_many)
    canary.aws.shift(NEW)
    assert canary.call(dict(MINUTE))["status"] == "differs"
    assert canary.metrics() == [0]
    ((title, _),) = canary.messages()
    assert title == "icebox-prod: version 8 behaves otherwise, as expected"
    canary.aws.finish(NEW)
    assert canary.hook() == "Succeeded"


def test_the_same_behaviour_raises_none(make_canary: Callable[..., Canary]) -> None:
    canary = make_canary()
    put_shift(canary, minutes_ago=3.5)
    canary.aws.shift(NEW)
    assert canary.call(dict(MINUTE)) == {"watched": NEW, "status": "same"}
    assert canary.metrics() == [0]
    assert canary.messages() == []


def test_few_records_are_undecided_and_told_at_the_end(make_canary: Callable[..., Canary]) -> None:
    canary = make_canary()
    put_shift(canary, minutes_ago=7, requests=30)
    canary.aws.shift(NEW)
    assert canary.call(dict(MINUTE))["status"] == "undecided"
    assert canary.metrics() == [0]
    assert canary.messages() == []
    canary.aws.finish(NEW)
    assert canary.hook() == "Succeeded"
    ((title, text),) = canary.messages()
    assert title.endswith("whether it behaves otherwise is undecided")
    assert "PredictionDelivery=firehose" in text


def test_no_record_at_all_is_undecided(make_canary: Callable[..., Canary]) -> None:
    canary = make_canary()
    canary.aws.shift(NEW)
    assert canary.call(dict(MINUTE))["status"] == "undecided"
    canary.aws.finish(NEW)
    assert canary.hook() == "Succeeded"
    # Moved at once, there is nothing to compare, and nothing to tell.
    canary = make_canary()
    canary.aws.published = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000+0000}"
    canary.messages()
    assert canary.hook() == "Succeeded"
    assert canary.messages() == []


@pytest.mark.parametrize(
    ("change", "status"), [(unchanged, "Succeeded"), (twice_as_many, "Failed")]
)
def test_the_last_look_sees_all_requests(
    make_canary: Callable[..., Canary], change: Change, status: str
) -> None:
    canary = make_canary()
    put_shift(canary, minutes_ago=6.5, change=change)
    canary.aws.finish(NEW)
    assert canary.hook() == status
    assert canary.metrics() == [int(status == "Failed")]
    assert len(canary.messages()) == int(status == "Failed")


def test_a_bucket_that_is_gone_lets_no_release_through(make_canary: Callable[..., Canary]) -> None:
    canary = make_canary(CANARY_SOURCE="s3://no-such-bucket-here")
    canary.aws.finish(NEW)
    assert canary.hook() == "Failed"
    ((_, text),) = canary.messages()
    assert "NoSuchBucket" in text and "not of the new version" in text


IMPORTS = """
import json, sys
import scripts.monitor.canary.function as function
first = sorted(sys.modules)
function.lambda_handler({}, None)
idle = sorted(sys.modules)
import scripts.monitor.canary.watch, scripts.monitor.canary.rehearse, scripts.monitor.canary.words
import scripts.monitor.canary.samples
print(json.dumps([first, idle, sorted(sys.modules)]))
"""


def test_it_imports_little_and_only_what_is_in_its_image() -> None:
    with fake_aws() as aws:
        env = {
            "CANARY_FUNCTION": "detect", "CANARY_ALIAS": "live", "CANARY_VERSION": NEW,
            "CANARY_SOURCE": "s3://bucket", "CANARY_KEYED": "true", "PYTHONPATH": str(ROOT),
            "AWS_ENDPOINT_URL": aws.url, "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "NO_PROXY": "127.0.0.1",
        }  # fmt: skip
        ran = subprocess.run(
            [sys.executable, "-c", IMPORTS], cwd=ROOT, env={**os.environ, **env},
            capture_output=True, text=True,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    first, idle, whole = (set(modules) for modules in json.loads(ran.stdout))
    heavy = {"duckdb", "scipy", "PIL", "onnxruntime"}
    assert not heavy & first and not heavy & idle
    ours = {".".join(name.split(".")[:2]) for name in whole if name.startswith("scripts.")}
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    copied = {
        line.removeprefix("!").removesuffix(".py").replace("/", ".")
        for line in kept
        if line.startswith("!scripts/")
    }
    assert ours <= copied
    assert "!events/*.json" in kept
