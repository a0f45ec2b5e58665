"""Alarms look at metrics that are written, say what to do, and ring somewhere; the dashboard shows
such metrics, too."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from handler.metrics import OF_VERSION
from handler.records.log_lines import Entry, LogLines
from scripts.monitor.canary.release import METRIC
from scripts.monitor.cloud import metrics
from tests.docs.test_references import anchors
from tests.support.app import make_app
from tests.support.faulty_bundle import GOOD, make_faulty_bundle
from tests.support.monitor_results import make_changed
from tests.support.paths import ROOT
from tests.support.pictures import RED, jpeg
from tests.support.records import make_record
from tests.template import cloudformation
from tests.template.cloudformation import Resources, of_type, only
from tests.template.conftest import Translate
from tests.template.rollout import of_rollout

EVERYTHING = {"EnableAlarms": "true", "EnableMonitor": "true", "DailyBudget": "5"}
STACK = "icebox-prod"
# Names that are put in by a Fn::Sub itself
OF_SUBS = {"GbSecond", "MonitorAlarms", "EventsAlarm", "ReleaseAlarms", "CostAlarm"}
NAMES = {  # what Fn::Sub and Ref put in, but parameters
    "AWS::StackName": STACK,
    "AWS::Region": "eu-central-1",
    "Api": "a1b2c3d4",
    "DetectFunction": "icebox-prod-f",
    "MonitorFunction": "icebox-prod-m",
    "CanaryFunction": "icebox-prod-c",
    "FunctionLogGroup": f"/icebox/{STACK}/function",
    "PredictionBucket": "records",
    "AlarmTopic": "arn:aws:sns:eu-central-1:123456789012:topic",
}
# By AWS's pages "Types of metrics for Lambda functions", "Monitor CloudWatch metrics for HTTP
# APIs", "Available CloudWatch metrics for Amazon SQS": names, and sets of dimensions.
OF_AWS = {
    "AWS/Lambda": (
        {"Invocations", "Errors", "Throttles", "Duration"},
        [{"FunctionName"}, {"FunctionName", "Resource"},
         {"FunctionName", "Resource", "ExecutedVersion"}],
    ),
    "AWS/ApiGateway": ({"Count", "4xx", "5xx", "Latency"}, [{"ApiId"}]),
    "AWS/SQS": ({"ApproximateNumberOfMessagesVisible"}, [{"QueueName"}]),
}  # fmt: skip


@pytest.fixture(scope="module")
def made(translate: Translate) -> Resources:
    """All that alarms, with prod's stage."""
    given = {**EVERYTHING, "Stage": "prod"}
    return cloudformation.resources(translate(**given), given)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory, made: Resources) -> set[tuple[Any, ...]]:
    """Namespace, name and dimensions' names of each metric that the function, the monitor and the
    filter of the log group write: by real lines of all three."""
    folder = tmp_path_factory.mktemp("function")
    bundle = make_faulty_bundle(folder / "bundle", [((float("nan"), 1, 9, 9), 0.9, 0), GOOD])
    with pytest.MonkeyPatch.context() as patch, make_app(bundle, folder / "log") as app:
        lines: list[str] = []
        patch.setattr("sys.stdout", Collecting(lines))
        app.post(jpeg(RED))
        app.post(b"no picture")
    now = datetime(2026, 11, 29, tzinfo=UTC)
    lines += [
        metrics.result_metrics(make_changed(), STACK, now), metrics.run_metrics(STACK, 1, 0, now)
    ]  # fmt: skip
    found = {("Icebox", METRIC, frozenset({"stack"}))}  # of the release's watch
    for line in lines:
        if '"_aws"' in line:
            for each in json.loads(line)["_aws"]["CloudWatchMetrics"]:
                for metric in each["Metrics"]:
                    found |= {
                        (each["Namespace"], metric["Name"], frozenset(names))
                        for names in each["Dimensions"]
                    }
    for each in only(made, "AWS::Logs::MetricFilter")["MetricTransformations"]:
        found.add((text_of(each["MetricNamespace"]), each["MetricName"], frozenset()))
    return found


class Collecting:
    """Stdout whose lines are kept."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, text: str) -> int:
        self._lines += text.splitlines()
        return len(text)

    def flush(self) -> None:
        pass


def text_of(value: Any) -> str:
    """A text as CloudFormation makes it."""
    if isinstance(value, Mapping):
        [(function, argument)] = value.items()
        if function == "Ref":
            return NAMES[argument]
        if function == "Fn::GetAtt":
            return f"att-of-{argument}"
        assert function == "Fn::Sub", value
        text, names = argument if isinstance(argument, list) else (argument, {})
        known = {**NAMES, "Stage": "prod", "LogRetentionDays": "30", "DailyBudget": "5"}
        known |= {name: text_of(each) for name, each in names.items()}
        plain = re.sub(r"\$\{([^!}]+)\}", lambda m: known.get(m[1], f"arn-of-{m[1]}"), text)
        return plain.replace("${!", "${")
    return str(value)


def is_written(metric: tuple[str, str, frozenset[str]], series: set[tuple[Any, ...]]) -> bool:
    namespace, name, dimensions = metric
    if namespace in OF_AWS:
        names, sets = OF_AWS[namespace]
        return name in names and dimensions in sets
    return metric in series


def metrics_of(alarm: Mapping[str, Any]) -> Iterator[tuple[str, str, frozenset[str]]]:
    stats = [
        each["MetricStat"]["Metric"] for each in alarm.get("Metrics", ()) if "MetricStat" in each
    ]
    for each in stats or [alarm]:
        dimensions = frozenset(one["Name"] for one in each.get("Dimensions", ()))
        yield text_of(each["Namespace"]), each["MetricName"], dimensions


def test_each_alarm_looks_at_what_is_written(made: Resources, series: set[tuple[Any, ...]]) -> None:
    alarms = of_type(made, "AWS::CloudWatch::Alarm")
    assert len(alarms) == 14
    for name, alarm in alarms.items():
        for metric in metrics_of(alarm):
            assert is_written(metric, series), (name, metric)


def test_each_alarm_says_what_to_do_and_rings(made: Resources) -> None:
    known = anchors(ROOT / "docs" / "alarms.md")
    page = (ROOT / "docs" / "alarms.md").read_text()
    said = set()
    for name, alarm in of_type(made, "AWS::CloudWatch::Alarm").items():
        text = text_of(alarm["AlarmDescription"])
        assert len(text) <= 1024
        [anchor] = re.findall(r"docs/alarms\.md#([\w-]+)$", text)
        assert anchor in known, name
        said.add(anchor)
        assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}], name
    entries = {
        heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.*)$", page, re.M)
    }
    assert entries - {"metrics"} == said
    for entry in re.split(r"^## ", page, flags=re.M)[1:]:
        if not entry.startswith("Metrics"):
            assert re.findall(r"^\*\*(\w+):\*\*", entry, re.M) == ["Means", "Look", "Do"], entry[
                :20
            ]


def test_records_that_only_the_log_holds_have_their_way_back_named(made: Resources) -> None:
    alarm = of_type(made, "AWS::CloudWatch::Alarm")["RecordsNotStoredAlarm"]
    assert (
        "scripts/run monitor recover --log-group /icebox/icebox-prod/function --into s3://records"
        in text_of(alarm["AlarmDescription"])
    )


def test_the_filter_counts_the_lines_of_records_that_are_not_stored(made: Resources) -> None:
    """Of both forms, and no others that the function writes."""
    lines: list[str] = []
    log = LogLines(Collecting(lines))  # type: ignore[arg-type]
    printed, waiting = Entry(make_record("a")), Entry(make_record("b"))
    log.print(printed, PermissionError("AccessDenied"))
    log.journal(waiting)
    log.print(waiting, TimeoutError("slow"))
    pattern = only(made, "AWS::Logs::MetricFilter")["FilterPattern"]
    [(field, text)] = re.findall(r'^\{ \$\.(\w+) = "(.+)" \}$', pattern)
    counted = [fnmatch.fnmatchcase(json.loads(line)[field], text) for line in lines]
    assert counted == [True, False, True]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, set()),
        ({"EnableMonitor": "true"},
         {"DetectErrorsAlarm", "DetectThrottlesAlarm", "RecordsNotStoredAlarm",
          "MonitorErrorsAlarm", "MonitorHeartbeatAlarm", "DriftAlarm"}),
        ({"EnableAlarms": "true"},
         {"DetectErrorsAlarm", "DetectThrottlesAlarm", "RecordsNotStoredAlarm", "SlowAlarm",
          "RejectedShareAlarm", "ApiErrorsAlarm", "FailedEventsAlarm"}),
    ],
)  # fmt: skip
def test_either_parameter_gives_each_alarm_once(
    translate: Translate, given: dict[str, str], expected: set[str]
) -> None:
    found = cloudformation.resources(translate(**given), given)
    rolling_back = of_rollout(found)
    alarms = of_type(found, "AWS::CloudWatch::Alarm")
    assert alarms.keys() - rolling_back == expected
    assert bool(of_type(found, "AWS::SNS::Topic")) == bool(expected)
    assert bool(of_type(found, "AWS::CloudWatch::Dashboard")) == ("EnableAlarms" in given)
    actions = {name: alarm.get("AlarmActions") for name, alarm in alarms.items()}
    silent = {name for name, action in actions.items() if action is None}
    # What rolls back rings for who asks for alarms; of a change the monitor sends its own message.
    assert silent == (
        set() if "EnableAlarms" in given else rolling_back | (expected & {"DriftAlarm"})
    )


def test_nothing_names_what_is_not_there(translate: Translate, written: dict[str, Any]) -> None:
    """Each combination of what alarms depend on."""
    parameters = written["Parameters"]
    for monitor in ("true", "false"):
        for rollout in ("true", "false"):
            for budget in ("0", "5"):
                given = {"EnableAlarms": "true", "EnableMonitor": monitor,
                         "EnableRollout": rollout, "DailyBudget": budget}  # fmt: skip
                found = cloudformation.resources(translate(**given), given)
                kinds = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard")
                text = json.dumps([of_type(found, kind) for kind in kinds])
                named = set(re.findall(r"\$\{(\w+)(?:\.Arn)?\}", text))
                assert named <= {*found, *parameters, *OF_SUBS}, given
                referred = re.findall(r'"Ref": "(\w+)"', text)
                assert set(referred) <= found.keys(), given
                body = only(found, "AWS::CloudWatch::Dashboard")["DashboardBody"]
                assert json.loads(text_of(body))


def test_the_cost_is_by_requests_and_gigabyte_seconds(translate: Translate) -> None:
    for architecture, price in (("x86_64", 0.0000166667), ("arm64", 0.0000133334)):
        given = {**EVERYTHING, "Architecture": architecture, "MonitorMemory": "4096"}
        found = cloudformation.resources(translate(**given), given)
        alarm = of_type(found, "AWS::CloudWatch::Alarm")["DailyCostAlarm"]
        assert alarm["Threshold"] == "5"
        [cost] = [each for each in alarm["Metrics"] if each["ReturnData"]]
        expression = text_of(cost["Expression"]).replace("${MonitorMemory}", "4096")
        names = {each["Id"] for each in alarm["Metrics"]} - {"cost"}
        assert names == set(re.findall(r"[a-z]+_[a-z]+", expression))
        calls = {"detect_calls": 2e6, "detect_ms": 3e8, "monitor_ms": 6e5, "canary_ms": 1e6}
        memory = found["DetectFunction"]["Properties"]["MemorySize"]
        assert found["CanaryFunction"]["Properties"]["MemorySize"] == memory == 1769
        seconds = (3e8 + 1e6) / 1000 * memory / 1024 + 6e5 / 1000 * 4096 / 1024
        fill = {"FILL": lambda value, _: value, **calls}
        assert eval(expression, {}, fill) == pytest.approx(0.4 + seconds * price)  # noqa: S307


def test_the_dashboard_shows_what_is_written(made: Resources, series: set[tuple[Any, ...]]) -> None:
    dashboard = only(made, "AWS::CloudWatch::Dashboard")
    widgets = json.loads(text_of(dashboard["DashboardBody"]))["widgets"]
    alarms, *shown = widgets
    assert len(alarms["properties"]["alarms"]) == len(of_type(made, "AWS::CloudWatch::Alarm"))
    seen = set()
    for widget in shown:
        for row in widget["properties"]["metrics"]:
            if isinstance(row[0], dict):
                continue
            namespace, name, *rest = [each for each in row if isinstance(each, str)]
            metric = (namespace, name, frozenset(rest[::2]))
            assert is_written(metric, series), (widget["properties"]["title"], metric)
            seen.add(name)
    assert seen >= {
        "Count", "TotalTime", "Errors", "Throttles", "Detections", "Rejected", "ColdStart",
        "RecordsNotStored", "Drift",
    }  # fmt: skip
    cells = [
        (widget["x"] + x, widget["y"] + y)
        for widget in widgets
        for x in range(widget["width"])
        for y in range(widget["height"])
    ]
    assert len(set(cells)) == len(cells) and max(x for x, _ in cells) == 23


def test_the_dashboard_finds_the_versions_that_answer(made: Resources) -> None:
    text = text_of(only(made, "AWS::CloudWatch::Dashboard")["DashboardBody"])
    [search] = re.findall(r"SEARCH\('\{(.*?)\} (.*?)', 'SampleCount', 300\)", text)
    assert search[0].split(",") == ["Icebox", *OF_VERSION]
    assert json.loads(f'"{search[1]}"') == (
        'MetricName="Rejected" stage="prod" function_name="icebox-prod-f"'
    )
    assert "${PROP('Dim.function_version')}" in text


def test_cloudwatch_takes_them(
    made: Resources, s3_endpoint: str, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the API's own shapes, which boto3 checks, and what moto checks behind it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    cloudwatch, logs = boto3.client("cloudwatch"), boto3.client("logs")
    alarms = of_type(made, "AWS::CloudWatch::Alarm")
    for name, alarm in alarms.items():
        cloudwatch.put_metric_alarm(AlarmName=name, **plain(alarm))
    assert len(cloudwatch.describe_alarms()["MetricAlarms"]) == len(alarms)
    dashboard = plain(only(made, "AWS::CloudWatch::Dashboard"))
    assert dashboard["DashboardName"] == STACK
    cloudwatch.put_dashboard(**dashboard)
    found = plain(only(made, "AWS::Logs::MetricFilter"))
    logs.create_log_group(logGroupName=found["LogGroupName"])
    logs.put_metric_filter(
        logGroupName=found["LogGroupName"],
        filterName="RecordsNotStored",
        filterPattern=found["FilterPattern"],
        metricTransformations=[
            {name[0].lower() + name[1:]: value for name, value in each.items()}
            for each in found["MetricTransformations"]
        ],
    )
    cloudwatch.delete_alarms(AlarmNames=list(alarms))
    cloudwatch.delete_dashboards(DashboardNames=[STACK])
    logs.delete_log_group(logGroupName=found["LogGroupName"])


def plain(value: Any) -> Any:
    """As CloudFormation hands it on: texts put in place, a parameter's number as one."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if (
        isinstance(value, dict)
        and len(value) == 1
        and next(iter(value)).startswith(("Fn::", "Ref"))
    ):
        return text_of(value)
    if isinstance(value, dict):
        return {name: float(each) if name == "Threshold" else plain(each)
                for name, each in value.items()}  # fmt: skip
    return value
