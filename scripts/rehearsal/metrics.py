"""Metrics and alarms: what invocations and log lines measured, and whether an alarm rings on it.

Metrics come as they do in AWS: AWS/Lambda's of each invocation, by function, alias and version;
and those that a function prints as lines in the embedded metric format (EMF). A minute is as long
as the stand-in's clock says.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.rehearsal.containers import Outcome

Dimensions = frozenset[tuple[str, str]]
COMPARISONS = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


@dataclass(frozen=True)
class Clock:
    """Compressed time. speed: seconds of AWS that pass in one second here."""

    speed: float

    def now(self) -> float:
        """Seconds of AWS."""
        return time.monotonic() * self.speed

    def sleep(self, seconds: float) -> None:
        """seconds: of AWS."""
        time.sleep(seconds / self.speed)


@dataclass(frozen=True)
class Point:
    time: float
    value: float


class Metrics:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._points: dict[tuple[str, str, Dimensions], list[Point]] = {}
        self._lock = threading.Lock()

    def put(self, namespace: str, name: str, dimensions: Mapping[str, str], value: float) -> None:
        key = (namespace, name, frozenset(dimensions.items()))
        with self._lock:
            self._points.setdefault(key, []).append(Point(self._clock.now(), value))

    def invoked(self, function: str, version: str, alias: str | None, outcome: Outcome) -> None:
        """AWS/Lambda's metrics of an invocation, in the dimensions that Lambda has them in."""
        combinations: list[dict[str, str]] = [{"FunctionName": function}, {}]
        resource = f"{function}:{alias or version}"
        if alias or version != "$LATEST":
            combinations.append({"FunctionName": function, "Resource": resource})
        if alias:
            combinations.append(
                {"FunctionName": function, "Resource": resource, "ExecutedVersion": version}
            )
        for dimensions in combinations:
            self.put("AWS/Lambda", "Invocations", dimensions, 1)
            self.put("AWS/Lambda", "Errors", dimensions, 1 if outcome.function_error else 0)
            self.put("AWS/Lambda", "Duration", dimensions, outcome.seconds * 1000)

    def logged(self, line: str) -> None:
        """The metrics of a line, where it is in the embedded metric format."""
        start = line.find("{")
        if start < 0 or '"_aws"' not in line:
            return
        try:
            said = json.loads(line[start:])
        except ValueError:
            return
        for directive in said.get("_aws", {}).get("CloudWatchMetrics", ()):
            for names in directive.get("Dimensions") or [[]]:
                dimensions = {name: str(said[name]) for name in names if name in said}
                for metric in directive["Metrics"]:
                    values = said.get(metric["Name"], [])
                    for value in values if isinstance(values, list) else [values]:
                        self.put(directive["Namespace"], metric["Name"], dimensions, float(value))

    def statistic(
        self,
        namespace: str,
        name: str,
        dimensions: Dimensions,
        statistic: str,
        begin: float,
        end: float,
    ) -> float | None:
        """Of the points from begin (not included) to end (included); None where there are none."""
        with self._lock:
            points = self._points.get((namespace, name, dimensions), [])
            values = sorted(point.value for point in points if begin < point.time <= end)
        if not values:
            return None
        if statistic in _STATISTICS:
            return float(_STATISTICS[statistic](values))
        if statistic.startswith("p"):
            return values[math.ceil(float(statistic[1:]) / 100 * len(values)) - 1]
        raise ValueError(f"the stand-in does not know the statistic {statistic}")

    def is_ringing(self, alarm: Mapping[str, Any]) -> bool:
        """Whether an alarm, as DescribeAlarms gives it, is in ALARM now. Raises ValueError for one
        that the stand-in cannot judge."""
        periods = int(alarm["EvaluationPeriods"])
        needed = int(alarm.get("DatapointsToAlarm") or periods)
        now, period = self._clock.now(), float(_period(alarm))
        compare = COMPARISONS.get(alarm["ComparisonOperator"])
        if compare is None:
            raise ValueError(f"the stand-in does not know {alarm['ComparisonOperator']}")
        breaching = 0
        for index in range(periods):
            end = now - index * period
            value = self._value(alarm, end - period, end)
            if value is None:
                breaching += alarm.get("TreatMissingData") == "breaching"
            else:
                breaching += compare(value, float(alarm["Threshold"]))
        return breaching >= needed

    def _value(self, alarm: Mapping[str, Any], begin: float, end: float) -> float | None:
        if not alarm.get("Metrics"):
            return self._metric(alarm, alarm.get("Statistic") or "", begin, end, alarm)
        found: dict[str, float | None] = {}
        expressions = []
        for each in alarm["Metrics"]:
            if "Expression" in each:
                expressions.append(each)
                continue
            stat = each["MetricStat"]
            found[each["Id"]] = self._metric(stat["Metric"], stat["Stat"], begin, end, alarm)
        if expressions:
            raise ValueError(f"the stand-in reckons no expressions: {alarm['AlarmName']}")
        return next(iter(found.values()))

    def _metric(
        self,
        metric: Mapping[str, Any],
        statistic: str,
        begin: float,
        end: float,
        alarm: Mapping[str, Any],
    ) -> float | None:
        dimensions = frozenset((each["Name"], each["Value"]) for each in metric["Dimensions"])
        statistic = statistic or alarm.get("ExtendedStatistic") or "Sum"
        namespace, name = metric["Namespace"], metric["MetricName"]
        return self.statistic(namespace, name, dimensions, statistic, begin, end)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


_STATISTICS: Mapping[str, Any] = {
    "Sum": sum,
    "Average": _mean,
    "Maximum": max,
    "Minimum": min,
    "SampleCount": len,
}


def _period(alarm: Mapping[str, Any]) -> int:
    if alarm.get("Period"):
        return int(alarm["Period"])
    for each in alarm.get("Metrics") or ():
        if "MetricStat" in each:
            return int(each["MetricStat"]["Period"])
    return 60
