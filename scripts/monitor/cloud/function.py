"""The entry point of the scheduled monitor in Lambda, `lambda_handler`; it only wires."""

from __future__ import annotations

import logging
import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scripts.monitor.cloud.aws import AwsPost
from scripts.monitor.cloud.references import find_reference
from scripts.monitor.cloud.reports import open_reports
from scripts.monitor.cloud.run import Monitor, Progress
from scripts.monitor.cloud.settings import MonitorSettings
from scripts.records.partitions import Stream
from scripts.records.source import open_source
from scripts.records.window import Window, parse_window

if TYPE_CHECKING:
    from scripts.monitor.report.make import Report

settings = MonitorSettings.from_env(os.environ)
logging.getLogger().setLevel(logging.WARNING)  # of libraries, which at DEBUG log signed links
logger = logging.getLogger("scripts.monitor")
logger.setLevel(settings.log_level)
store = open_reports(settings.source)
source = open_source(settings.source)
post = AwsPost(settings.topic, settings.source, settings.aws_region)


class MonitorError(Exception):
    """Something that should have been done is not. Lambda counts it, and the alarm tells of it."""


def lambda_handler(event: object, context: Any) -> dict[str, list[str]]:
    """One run, of whatever event. Returns its summary; raises MonitorError where a part failed,
    when all others are done."""
    now = datetime.now(UTC)
    monitor = Monitor(
        source,
        store,
        _make_report,
        post,
        settings.stack,
        left_s=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    summary = monitor.run(now, parse_window(settings.window, now))
    logger.info("run: %s", summary)
    if summary.failed:
        raise MonitorError("; ".join(summary.failed))
    return asdict(summary)


def _make_report(stream: Stream, window: Window, on_progress: Progress) -> Report:
    # SciPy is large: an INIT of more than 10 s is begun anew.
    from scripts.monitor.report.make import make_report

    reference = find_reference(source, stream, settings.reference)
    # Lambda has no /dev/shm, which processes of Python need to talk to each other.
    return make_report(source, reference, window, processes=1, on_progress=on_progress)
