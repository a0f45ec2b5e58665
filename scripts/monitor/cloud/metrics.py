"""Metrics of a window as lines of CloudWatch's Embedded Metric Format (EMF), which logs carry."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime

from scripts.monitor.result import MonitorResult

NAMESPACE = "Icebox"
MOST = 1e15  # a martingale grows beyond what CloudWatch takes

STACK, VERSION = ["stack"], ["stack", "model", "version"]  # dimensions
FOR_ALARMS = ("Drift",)  # metrics with a series of the stack as well, since each series costs


def result_metrics(result: MonitorResult, stack: str, now: datetime) -> str:
    """The line of one model version's window."""
    read, decision = result.read, result.decision
    values: dict[str, float | None] = {
        "Records": read.records,
        "RejectedShare": read.rejected / read.records if read.records else None,
        "CorruptObjects": read.corrupt_count,
        "AlarmingFindings": sum(finding.is_alarm for finding in result.findings),
    }
    if decision is not None:
        values |= {
            "Drift": int(decision.is_changed),
            "WindowPValue": decision.window_p_value,
            "Martingale": min(decision.martingale, MOST),
        }
    # What people have corrected tells more than what scores say of themselves.
    for quality in sorted(result.quality, key=lambda each: each.source == "corrected"):
        estimates = {
            "Ap50": quality.ap50.value,
            "Precision": quality.precision.value,
            "Recall": quality.recall.value,
            "CountBias": quality.count_bias.value,
        }
        values |= {name: value for name, value in estimates.items() if value is not None}
        values["Corrections"] = quality.corrections
    names = {"stack": stack, "model": result.model_name, "version": result.model_version}
    return metric_line(values, names, [(VERSION, tuple(values)), (STACK, FOR_ALARMS)], now)


def run_metrics(stack: str, versions: int, undone: int, now: datetime) -> str:
    """The line of a completed run: its heartbeat. undone: parts of its work that are left."""
    values = {"MonitorRun": 1, "MonitoredVersions": versions, "MonitorUndone": undone}
    return metric_line(values, {"stack": stack}, [(STACK, tuple(values))], now)


def metric_line(
    values: Mapping[str, float | None],
    names: Mapping[str, str],
    series: Sequence[tuple[list[str], tuple[str, ...]]],
    now: datetime,
) -> str:
    """One line. names: the dimensions' values. series: dimensions, and the metrics that they are
    of. What is not known is left out."""
    known = {
        name: value for name, value in values.items() if value is not None and math.isfinite(value)
    }
    metrics = [
        {
            "Namespace": NAMESPACE,
            "Dimensions": [dimensions],
            "Metrics": [{"Name": name, "Unit": "None"} for name in written if name in known],
        }
        for dimensions, written in series
    ]
    line = {
        "_aws": {
            "Timestamp": int(now.timestamp() * 1000),
            "CloudWatchMetrics": [each for each in metrics if each["Metrics"]],
        },
        **names,
        **known,
    }
    return json.dumps(line, separators=(",", ":"))
