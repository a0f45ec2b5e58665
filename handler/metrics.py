"""Metrics of an invocation as lines in CloudWatch's embedded metric format, which the log carries.

Each name with each combination of dimensions is a custom metric, which CloudWatch bills ($0.30 for
a month in which it is written throughout). So all are of the stage and the function: dashboards and
alarms outlive a release. Three are of the versions as well, by which a release is told from the one
before. The time of a prediction is also of the function's version alone, for the alarm that stops a
release: a template does not know the model's version.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

NAMESPACE = "Icebox"
OF_FUNCTION = ("stage", "function_name")
OF_RELEASE = (*OF_FUNCTION, "function_version")
OF_VERSION = (*OF_RELEASE, "model_version")
STOPPING = ("TotalTime",)
COMPARED = ("Rejected", "Detections", "TotalTime")  # those that a release is judged by
MOST_VALUES = 100  # of a metric in one line


class Dimensions(NamedTuple):
    """What metrics are of. CloudWatch takes no empty ones."""

    stage: str
    function_name: str
    function_version: str
    model_version: str


def metric_lines(values: Mapping[str, Sequence[float]], of: Dimensions) -> Iterator[str]:
    """Lines of JSON, one unless a metric has more than MOST_VALUES values.

    values: by metric. One whose name ends in Time is in milliseconds, any other a count.
    """
    longest = max(map(len, values.values()), default=0)
    for start in range(0, longest, MOST_VALUES):
        some = {name: each[start : start + MOST_VALUES] for name, each in values.items()}
        some = {name: each for name, each in some.items() if each}
        line = {
            "_aws": {
                "Timestamp": int(time.time() * 1000),
                "CloudWatchMetrics": [
                    _directive(dimensions, names)
                    for dimensions, written in (
                        (OF_FUNCTION, some),
                        (OF_VERSION, COMPARED),
                        (OF_RELEASE, STOPPING),
                    )
                    if (names := [name for name in written if name in some])
                ],
            },
            **of._asdict(),
            **some,
        }
        yield json.dumps(line, separators=(",", ":"))


def _directive(dimensions: Sequence[str], metrics: Sequence[str]) -> dict[str, object]:
    return {
        "Namespace": NAMESPACE,
        "Dimensions": [dimensions],
        "Metrics": [
            {"Name": name, "Unit": "Milliseconds" if name.endswith("Time") else "Count"}
            for name in metrics
        ],
    }
