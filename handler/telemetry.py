"""What an invocation leaves in CloudWatch: one log line; metrics where its route is recorded."""

from __future__ import annotations

import json
import logging

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from handler.invocation import Invocation
from handler.problems import well_formed

SERVICE = "icebox"
DETAIL_CHARACTERS = 500  # of a log line; a detail quotes its client, and lists what is expected
# At DEBUG botocore and urllib3 write keys, session tokens and signed URLs, and Pillow and multipart
# what is in a file; at INFO botocore says where it has its credentials from.
QUIET_LIBRARIES = ("boto3", "botocore", "multipart", "PIL", "s3transfer", "urllib3")


def quieten_libraries() -> None:
    """Whatever level the runtime gives the root logger, libraries log from WARNING up."""
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    root = logging.getLogger()
    root.setLevel(max(root.level, logging.WARNING))


class Telemetry:
    """log_level: a level's name. score_threshold: the model's own."""

    def __init__(self, *, log_level: str, score_threshold: float) -> None:
        quieten_libraries()
        self.logger = Logger(service=SERVICE, level=log_level, json_serializer=_to_json)
        self.metrics = Metrics(namespace="Icebox", service=SERVICE)
        self._score_threshold = score_threshold

    def report(self, invocation: Invocation, status: int) -> None:
        """Log the answered invocation; where its route is recorded, write its metrics."""
        self.logger.info(
            "answered",
            extra={
                "prediction_id": invocation.id,
                "route": invocation.route or None,
                "status": status,
                "timing_ms": invocation.timing_ms(),
                **_outcome(invocation),
            },
        )
        if invocation.route:
            self._report_dropped(invocation)
            self._write_metrics(invocation)

    def _report_dropped(self, invocation: Invocation) -> None:
        """Log detections that the model should not have given: its fault, no client's."""
        for each in invocation.recorded():
            if each.prediction and (dropped := each.prediction.output.dropped):
                self.logger.error(
                    "the model gave impossible detections, which were dropped: "
                    "NaN, infinite, inverted, off the picture or of no class",
                    extra={"prediction_id": each.id, "dropped": dropped},
                )

    def _write_metrics(self, invocation: Invocation) -> None:
        add = self.metrics.add_metric
        for each in invocation.recorded():
            add("Rejected", MetricUnit.Count, int(each.problem is not None))
            if each.prediction:
                # By the model's own threshold: clients of any threshold are one measure.
                detections = each.prediction.output.above(self._score_threshold)
                add("Detections", MetricUnit.Count, len(detections))
                if dropped := each.prediction.output.dropped:
                    add("DroppedDetections", MetricUnit.Count, dropped)
                for name, milliseconds in each.timing_ms().items():
                    add(f"{name.capitalize()}Time", MetricUnit.Milliseconds, milliseconds)
        if invocation.cold_start:
            add("ColdStart", MetricUnit.Count, 1)
        self.metrics.flush_metrics()


def _outcome(invocation: Invocation) -> dict[str, object]:
    """The count of all pictures, or what was wrong."""
    if invocation.problem:
        kind, detail = invocation.problem
        return {"problem": kind, "detail": _shorten(detail)}
    predictions = [each.prediction for each in invocation.recorded() if each.prediction]
    return {"count": sum(len(each.detections) for each in predictions)} if predictions else {}


def _shorten(text: str) -> str:
    return text if len(text) <= DETAIL_CHARACTERS else f"{text[:DETAIL_CHARACTERS]}…"


def _to_json(line: dict[str, object]) -> str:
    """A log line as powertools writes it, of which stdout can take every character."""
    text = json.dumps(line, default=str, separators=(",", ":"), ensure_ascii=False)
    return well_formed(text)
