"""What must hold of every answer of the function, and of its log.

A result is one that the runtime can send: strict JSON in UTF-8, headers without control characters,
within Lambda's size; no 5xx but 502 and 503; small where it is a refusal.
"""

from __future__ import annotations

import gzip
import json
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from handler.problems import Problem
from scripts.bench.fuzz.cases import Failure
from scripts.bench.fuzz.inputs.bodies import DETECT
from scripts.local.http_event import HttpResponse, to_response
from scripts.local.invoke import MAX_PAYLOAD_BYTES

FIRST_STATUS_OF_ERRORS, DOCUMENTED_ERRORS = 500, (502, 503)
MAX_LOG_LINE, MAX_REFUSAL = 8192, 16_384  # bytes; clients' texts are repeated only in part
_OURS = re.compile(r"/(handler|PIL|multipart|aws_lambda_powertools|awslambdaric)/")


def is_http(event: Any) -> bool:
    """Whether an event of this shape may be one of HTTP, so that it must be answered."""
    if not isinstance(event, dict) or event.get("detail-type") == "Scheduled Event":
        return False
    context = event.get("requestContext")
    http = context.get("http") if isinstance(context, dict) else None
    method = http.get("method") if isinstance(http, dict) else None
    if event.get("version") == "2.0":
        return isinstance(method, str)
    return isinstance(event.get("httpMethod"), str)


def check_result(result: Any, event: Any) -> Iterator[Failure]:
    try:
        # as awslambdaric does it
        text = json.dumps(result, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
        json.dumps(result).encode()
    except (TypeError, ValueError) as error:
        yield Failure("result's JSON", path_of(event), f"{type(error).__name__}: {error}"[:500])
        return
    if size > MAX_PAYLOAD_BYTES:
        yield Failure("result's size", path_of(event), f"{size:,} bytes")
    if not isinstance(result, dict) or "statusCode" not in result:
        if is_http(event):
            yield Failure("result", path_of(event), text[:300])
        return
    try:
        response = to_response(result)
    except (TypeError, ValueError, AttributeError) as error:
        yield Failure("result", path_of(event), f"{type(error).__name__}: {error}"[:500])
        return
    if response.status >= FIRST_STATUS_OF_ERRORS and response.status not in DOCUMENTED_ERRORS:
        yield Failure("status", f"{response.status} {path_of(event)}", text[:500])
    for name, value in response.headers:
        if not (isinstance(name, str) and re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name)):
            yield Failure("header's name", path_of(event), repr(name)[:200])
        if not re.fullmatch(r"[\t\x20-\x7e\xa0-\xff]*", value):
            yield Failure("header's value", name, repr(value)[:200])
    media_type = (response.header("content-type") or "").partition(";")[0]
    if response.status >= 400 and len(response.body) > MAX_REFUSAL:
        yield Failure("size of a refusal", path_of(event), f"{len(response.body):,} bytes")
    if media_type.endswith("json") and response.body:
        try:
            json.loads(_unpacked(response), parse_constant=refuse_constant)
        except ValueError as error:
            yield Failure("body's JSON", path_of(event), str(error)[:300])


def read_lines(output: bytes) -> tuple[list[dict[str, Any]], list[Failure]]:
    lines, failures = [], []
    for line in output.splitlines():
        try:
            document = json.loads(line, parse_constant=refuse_constant)
        except (ValueError, RecursionError) as error:
            failures.append(Failure("log line's JSON", type(error).__name__, str(line[:500])))
            continue
        if not isinstance(document, dict):
            failures.append(Failure("log line", "no object", str(line[:500])))
            continue
        if len(line) > MAX_LOG_LINE and "prediction_record" not in document:
            where = str(document.get("message"))[:80]
            failures.append(Failure("log line's size", where, f"{len(line):,} bytes"))
        lines.append(document)
    return lines, failures


def check_log(
    lines: list[dict[str, Any]], records: int, result: dict[str, Any]
) -> Iterator[Failure]:
    """One line says how the request was answered; a recorded route leaves its records."""
    answered = [line for line in lines if line.get("message") == "answered"]
    status = result["statusCode"]
    if len(answered) != 1 or answered[0].get("status") != status:
        shown = json.dumps(lines)[:500]
        yield Failure("log line", f"{len(answered)} of status {status}", shown)
        return
    route = answered[0].get("route")
    expected = 0 if route is None else _pictures_of(route, result)
    if records != expected:
        yield Failure("records", f"{route} {status}", f"{records}, expected {expected}")


def _pictures_of(route: str, result: dict[str, Any]) -> int:
    """The number of records of an answer: of a list, one for each picture."""
    if route != DETECT or result["statusCode"] != 200 or result["isBase64Encoded"]:
        return 1
    document = json.loads(result["body"])
    return len(document) if isinstance(document, list) else 1


def check_problem(problem: Problem) -> Iterator[Failure]:
    try:
        text = json.dumps(problem.body("id"), allow_nan=False)
    except ValueError as error:
        yield failure_of("problem's JSON", error)
        return
    if problem.status >= FIRST_STATUS_OF_ERRORS or not problem.detail.strip():
        yield Failure("problem", problem.kind, text[:500])
    if len(text) > MAX_REFUSAL:
        yield Failure("size of a refusal", problem.kind, f"{len(text):,} bytes")


def failure_of(check: str, error: BaseException) -> Failure:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _OURS.search(frame.filename)] or frames
    place = f"{'/'.join(Path(ours[-1].filename).parts[-2:])} {ours[-1].name}" if ours else ""
    text = "".join(traceback.format_exception_only(error))
    lines = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-6:]]
    return Failure(check, f"{type(error).__name__} {place}", "\n".join([text[:1000], *lines]))


def _unpacked(response: HttpResponse) -> bytes:
    is_packed = response.header("content-encoding") == "gzip"
    return gzip.decompress(response.body) if is_packed else response.body


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def path_of(event: Any) -> str:
    """The path of an event, in short, for telling faults apart."""
    path = event.get("rawPath") or event.get("path") if isinstance(event, dict) else None
    return re.sub(r"[^a-z/]+", "*", str(path))[:40]
