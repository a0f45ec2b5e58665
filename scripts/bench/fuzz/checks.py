"""Puts one case to the handler and says which of its promises do not hold.

`FunctionChecks` calls the function as Lambda's runtime does. For every answer it checks: no
exception, no 5xx but 502 and 503, a result that the runtime can send (strict JSON, UTF-8, no
control characters in headers, within Lambda's size), one log line, a prediction record for each
picture. `check_picture` decodes. Both say what they took.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import os
import re
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from handler.images.decode import decode
from handler.images.picture import Picture
from handler.problems import Problem
from handler.records.record import PredictionRecord
from scripts.bench.fuzz.answers import (
    DOCUMENTED_ERRORS,
    check_log,
    check_problem,
    check_result,
    failure_of,
    is_http,
    path_of,
    read_lines,
    refuse_constant,
)
from scripts.bench.fuzz.cases import Case, Failure, Limits, Outcome
from scripts.bench.fuzz.meter import Meter
from scripts.bench.fuzz.stand_in_s3 import BROKEN, DENIED
from scripts.local.http_event import to_response
from scripts.local.invoke import MAX_PAYLOAD_BYTES, Context, load_function

MAX_STDERR = 65_536  # bytes that decoders may print of one picture
PLACEHOLDER = re.compile(r"\$(upload|event|file|prediction)")


def run_case(case: Case, function: FunctionChecks, limits: Limits) -> Outcome:
    """Raises nothing that the case is to blame for."""
    before = Meter.read()
    stderr_before = os.fstat(2).st_size
    if case.kind == "pictures":
        label, failures = check_picture(case, limits)
    else:
        label, failures = function.check(case.events)
    sys.stderr.flush()
    taken = before.taken_since()
    failures += _check_stderr(stderr_before)
    if taken[0] > limits.cpu_s:
        failures.append(Failure("CPU time", label, f"{taken[0]:.1f} s of CPU"))
    if taken[1] > limits.memory_mb:
        failures.append(Failure("memory", label, f"{taken[1]:.0f} MB above what was taken before"))
    return Outcome(label, failures, *taken, Meter.resident_mb())


def check_picture(case: Case, limits: Limits) -> tuple[str, list[Failure]]:
    """Decode: a Problem, or an RGB picture of the size it claims, the same each time."""
    options = {"max_pixels": limits.max_pixels, "min_frame": case.min_frame}
    try:
        picture = decode(case.image_bytes, **options)  # type: ignore[arg-type]
    except Problem as problem:
        label = f"{problem.status} {problem.kind}"
        return label, list(check_problem(problem))
    except Exception as error:
        return "exception", [failure_of("exception of decode", error)]
    failures = list(_check_claims(picture, case, limits))
    again = decode(case.image_bytes, **options)  # type: ignore[arg-type]
    if not np.array_equal(picture.rgb, again.rgb):
        failures.append(Failure("pixels differ", picture.format, "each time that it is decoded"))
    return f"{picture.format} decoded", failures


class FunctionChecks:
    """The function in this process, with a log and stores in a folder.

    Its environment is what os.environ says by then, but for these places.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._log = folder / "log"
        os.environ |= {
            "PREDICTION_LOG": self._log.as_uri(),
            "GRADIO_STORE": (folder / "gradio").as_uri(),
            "MAX_IMAGE_PIXELS": str(limits.max_pixels),
            "ORT_THREADS": "1",
        }
        self._lines = io.BytesIO()
        # strict, as the runtime's: a text that is no UTF-8 shows
        sys.stdout = io.TextIOWrapper(self._lines, "utf-8", write_through=True)
        self._handler: Callable[[Any, Any], Any] = load_function().handler

    def check(self, events: tuple[Any, ...]) -> tuple[str, list[Failure]]:
        """The last answer's label, and the failures of all."""
        known: dict[str, str] = {}
        label, failures = "", []
        for event in events:
            try:
                payload = _fill_in(json.dumps(event), known)
            except (ValueError, RecursionError):
                return "no event", []  # the fuzzer's own making, nothing that Lambda would send
            if len(payload) > MAX_PAYLOAD_BYTES:
                return "too large for Lambda", failures
            label, more = self._check_event(payload, known)
            failures += more
        return label, failures

    def _check_event(self, payload: str, known: dict[str, str]) -> tuple[str, list[Failure]]:
        event = json.loads(payload)
        self._lines.seek(0)
        self._lines.truncate()
        context = Context()
        is_alive = weakref.ref(context)
        try:
            result = self._handler(event, context)
        except Exception as error:
            self._take_records()
            if isinstance(error, ValueError) and not is_http(event):
                return "no HTTP event", []
            return "exception", [failure_of("exception of the handler", error)]
        failures = list(check_result(result, event))
        is_storage_fault = (
            isinstance(result, dict) and result.get("statusCode") in DOCUMENTED_ERRORS
        )
        if is_storage_fault and not _names_what_is_refused(event, payload):
            failures.append(Failure("storage's fault", path_of(event), str(result)[:500]))
        del context
        if is_alive():  # a cycle keeps it, and with it all that the frames of the answer hold
            failures.append(Failure("the context lives on", path_of(event), str(result)[:300]))
        lines, more = read_lines(self._lines.getvalue())
        failures += more
        records, more = self._take_records()
        failures += more
        records += sum("prediction_record" in line for line in lines)
        status = result.get("statusCode") if isinstance(result, dict) else None
        if status is not None:
            failures += check_log(lines, records, result)
        with contextlib.suppress(Exception):
            _learn(result, known)
        return str(status or "direct"), failures

    def _take_records(self) -> tuple[int, list[Failure]]:
        """The number of records that are stored; they are deleted."""
        failures = []
        paths = list(self._log.glob("predictions/**/*.json.gz"))
        for path in paths:
            try:
                record = PredictionRecord.from_json(gzip.decompress(path.read_bytes()))
                json.loads(record.to_json(), parse_constant=refuse_constant)
            except Exception as error:
                failures.append(failure_of("record", error))
            path.unlink()
        return len(paths), failures


def _check_claims(picture: Picture, case: Case, limits: Limits) -> Iterator[Failure]:
    rgb, size = picture.rgb, (picture.height, picture.width)
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.flags.c_contiguous:
        yield Failure("pixels", picture.format, f"{rgb.dtype} {rgb.shape}")
    reductions = (1, 2, 4, 8) if case.min_frame and picture.format == "JPEG" else (1,)
    shapes = [tuple(-(-side // step) for side in size) for step in reductions]
    if rgb.shape[:2] not in shapes:
        yield Failure("size", picture.format, f"claims {size}, has {rgb.shape}")
    if picture.width * picture.height > limits.max_pixels or not 1 <= picture.orientation <= 8:
        yield Failure("claims", picture.format, f"{size}, orientation {picture.orientation}")


def _check_stderr(size_before: int) -> Iterator[Failure]:
    """Nothing on stderr but what decoders print of damaged files, and of that not too much.

    stderr is a file here, as `worker` says.
    """
    size = os.fstat(2).st_size
    if size <= size_before:
        return
    with Path("/proc/self/fd/2").open("rb") as file:
        file.seek(size_before)
        text = file.read(MAX_STDERR).decode(errors="replace")
    if size - size_before > MAX_STDERR:
        yield Failure("stderr", "too much", f"{size - size_before:,} bytes, {text[:300]}")
    if found := re.search(r"Traceback|Logging error", text):
        last = text.strip().splitlines()[-1]
        yield Failure("stderr", re.sub(r"\d+", "N", last)[:100], text[found.start() :][-1500:])


def _names_what_is_refused(event: Any, payload: str) -> bool:
    """Whether an event asks for an object that the stand-in S3 refuses."""
    if isinstance(event, dict) and event.get("isBase64Encoded"):
        with contextlib.suppress(TypeError, ValueError):
            payload += base64.b64decode(event["body"]).decode(errors="replace")
    return BROKEN in payload or DENIED in payload


def _fill_in(payload: str, known: dict[str, str]) -> str:
    return PLACEHOLDER.sub(lambda match: known.get(match[1], "0" * 32), payload)


def _learn(result: dict[str, Any], known: dict[str, str]) -> None:
    """Notes what the next requests of a case may name."""
    response = to_response(result)
    if prediction := response.header("x-prediction-id"):
        known["prediction"] = prediction
    text = response.body.decode()
    if file := re.search(r"([0-9a-f]{32})/annotated\.jpg", text):
        known["file"] = file[1]
    document = json.loads(text)
    if isinstance(document, list):
        known["upload"] = document[0]
    else:
        known["event"] = document["event_id"]
