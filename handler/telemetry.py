"""What an invocation leaves in CloudWatch: one log line; metrics where its route is recorded."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections import defaultdict

from aws_lambda_powertools.logging import Logger

from handler.invocation import Invocation
from handler.metrics import Dimensions, metric_lines
from handler.problems import well_formed

SERVICE = "icebox"
DETAIL_CHARACTERS = 500  # of a log line; a detail lists what is expected
# As repr quotes texts and bytes, also one that is cut off; no apostrophe within or behind a word.
_QUOTED = re.compile(r"(?<!\w)b?(['\"])(?:\\.|(?!\1)[^\\])*(?:\1|$)", re.S)
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
    """log_level: a level's name, of log lines; metrics are written at every level. dimensions: of
    the metrics. score_threshold: the model's own."""

    def __init__(self, *, log_level: str, dimensions: Dimensions, score_threshold: float) -> None:
        quieten_libraries()
        self.logger = Logger(service=SERVICE, level=log_level, json_serializer=_to_json)
        # Powertools ranks AWS_LAMBDA_LOG_LEVEL above the level that it is given. That is INFO even
        # where errors alone are wanted, or Lambda might drop metrics and records (template.yaml).
        logging.getLogger(SERVICE).setLevel(log_level)
        self._dimensions = dimensions
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
                **({"rehearsal": True} if invocation.is_rehearsal else {}),
                **_outcome(invocation),
            },
        )
        if invocation.route:
            self._report_dropped(invocation)
            if not invocation.is_rehearsal:
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
        values: defaultdict[str, list[float]] = defaultdict(list)
        for each in invocation.recorded():
            values["Rejected"].append(int(each.problem is not None))
            if each.prediction:
                # By the model's own threshold: clients of any threshold are one measure.
                detections = each.prediction.output.above(self._score_threshold)
                values["Detections"].append(len(detections))
                if dropped := each.prediction.output.dropped:
                    values["DroppedDetections"].append(dropped)
                for name, milliseconds in each.timing_ms().items():
                    values[f"{name.capitalize()}Time"].append(milliseconds)
        if invocation.cold_start:
            values["ColdStart"].append(1)
        for line in metric_lines(values, self._dimensions):
            sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _outcome(invocation: Invocation) -> dict[str, object]:
    """The count of all pictures, or what was wrong."""
    if invocation.problem:
        kind, detail = invocation.problem
        return {"problem": kind, "detail": _shorten(_without_quotes(detail))}
    predictions = [each.prediction for each in invocation.recorded() if each.prediction]
    return {"count": sum(len(each.detections) for each in predictions)} if predictions else {}


def _without_quotes(detail: str) -> str:
    """A detail without what it quotes: that is a client's text, such as the name of a file."""
    return _QUOTED.sub("'…'", detail)


def _shorten(text: str) -> str:
    return text if len(text) <= DETAIL_CHARACTERS else f"{text[:DETAIL_CHARACTERS]}…"


def _to_json(line: dict[str, object]) -> str:
    """A log line as powertools writes it, of which stdout can take every character."""
    text = json.dumps(line, default=str, separators=(",", ":"), ensure_ascii=False)
    return well_formed(text)
