"""Tries a new version before it gets any request: sample events, and pictures that were kept.

A version that fails at INIT, crashes, answers with a wrong status or not at all is found here, and
so is one that counts something else on the same pictures.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.monitor.canary.calls import Answer, Caller
from scripts.monitor.canary.samples import PICTURE, Sample

# Counts of all pictures together may differ by this factor, and by so many objects besides: the
# pictures are few, and a new model may well count better.
COUNT_FACTOR, COUNT_SLACK = 1.5, 5
MAX_DEAD = 3  # calls without an answer, after which a version is not called any more
RESERVE_S = 60.0  # a call may take so long


@dataclass(frozen=True)
class Counted:
    """A picture's objects by both versions, None where one has no answer."""

    name: str
    live: int | None
    new: int | None


@dataclass
class Rehearsal:
    """failures: sentences. counted: pictures that both versions were asked for. calls: how many
    calls the new version had."""

    calls: int = 0
    failures: list[str] = field(default_factory=list)
    counted: list[Counted] = field(default_factory=list)

    @property
    def both(self) -> list[tuple[int, int]]:
        """Counts of pictures that both versions answered."""
        return [
            (each.live, each.new)
            for each in self.counted
            if each.live is not None and each.new is not None
        ]

    @property
    def difference(self) -> str:
        """How the versions count differently, as a sentence; empty where they do not."""
        live, new = (
            (sum(column) for column in zip(*self.both, strict=True)) if self.both else (0, 0)
        )
        if max(live, new) > COUNT_FACTOR * min(live, new) + COUNT_SLACK:
            return (
                f"on the same {len(self.both)} pictures the new version counts {new} objects, the "
                f"old one {live}"
            )
        return ""


def rehearse(
    caller: Caller,
    new_version: str,
    live_version: str,
    samples: Iterable[Sample],
    captures: Iterable[tuple[str, bytes]],
    left_s: Callable[[], float],
) -> Rehearsal:
    """Call the new version with everything, and the old one with the pictures.

    captures: names and bytes. left_s: seconds until this must be done.
    """
    result = Rehearsal()
    dead = 0

    def call(name: str, event: Mapping[str, Any]) -> Answer | None:
        nonlocal dead
        if dead == MAX_DEAD:
            return None
        if left_s() < RESERVE_S:
            result.failures.append(f"{name}: not tried, since the time is up")
            dead = MAX_DEAD
            return None
        answer = caller.call(new_version, event)
        result.calls += 1
        if answer.error:
            result.failures.append(f"{name}: {answer.error}")
            dead += 1
            if dead == MAX_DEAD:
                result.failures.append("the new version is not called any more")
        return answer

    for sample in samples:
        answer = call(sample.name, sample.event)
        if answer is None:
            return result
        if not answer.error:
            if problem := check_answer(sample, answer):
                result.failures.append(f"{sample.name}: {problem}")
            if sample.name == PICTURE:
                live = caller.call(live_version, sample.event)
                result.counted.append(Counted(sample.name, _count(live), _count(answer)))
    for name, image_bytes in captures:
        event = {"image": base64.b64encode(image_bytes).decode()}
        answer = call(name, event)
        if answer is None:
            return result
        live = caller.call(live_version, event)
        result.counted.append(Counted(name, _count(live), _count(answer)))
        # What the old version refuses, too, was kept by one before it.
        problem = "" if answer.error else check_answer(Sample(name, event, 200), answer)
        if problem and _count(live) is not None:
            result.failures.append(f"{name}: {problem}")
    return result


def check_answer(sample: Sample, answer: Answer) -> str:
    """What is wrong with an answer, empty if nothing is."""
    try:
        return _check(sample, answer)
    except (AttributeError, TypeError) as error:  # a member is of another kind
        return f"a malformed answer: {error}"


def _check(sample: Sample, answer: Answer) -> str:
    if not isinstance(answer.body, dict):
        return f"the answer is no object: {str(answer.body)[:100]!r}"
    if not sample.is_direct and "statusCode" not in answer.body:
        return "the answer is no response of HTTP"
    if answer.status != sample.status:
        if sample.status in (401, 403) and answer.status is not None and answer.status < 400:
            return f"status {answer.status}: an open door, {sample.status} is expected"
        return f"status {answer.status}, {sample.status} is expected{_detail(answer)}"
    if not sample.is_direct:
        return _check_http(answer.body)
    if sample.status == 200:
        return _check_picture(answer)
    return "" if answer.body.get("type") and answer.body.get("detail") else "it says no problem"


def _detail(answer: Answer) -> str:
    text = answer.body.get("detail") or answer.body.get("body") or ""
    return f": {str(text)[:200]}" if text else ""


def _check_http(result: Any) -> str:
    body = result.get("body")
    if not isinstance(body, str) or not body:
        return "it has no body"
    headers = {name.lower(): value for name, value in (result.get("headers") or {}).items()}
    for name, values in (result.get("multiValueHeaders") or {}).items():
        headers[name.lower()] = values[0] if values else ""
    if "json" in str(headers.get("content-type")) and not result.get("isBase64Encoded"):
        try:
            json.loads(body)
        except ValueError:
            return "its body is no JSON, although it says so"
    return ""


def _check_picture(answer: Answer) -> str:
    body = answer.body
    detections = body.get("detections")
    if not isinstance(detections, list) or body.get("count") != len(detections):
        return f"it counts {body.get('count')!r} and does not list as many"
    if not body.get("prediction_id") or not (body.get("model") or {}).get("version"):
        return "it names no prediction or no model"
    return "" if all(map(_is_detection, detections)) else "one of its detections is none"


def _is_detection(detection: Any) -> bool:
    try:
        box = [float(detection["box"][name]) for name in ("xmin", "ymin", "xmax", "ymax")]
        is_box = all(map(math.isfinite, box)) and box[0] <= box[2] and box[1] <= box[3]
        return is_box and 0 <= detection["score"] <= 1 and isinstance(detection["label"], str)
    except (KeyError, TypeError, ValueError):
        return False


def _count(answer: Answer) -> int | None:
    if answer.error or answer.status != 200 or not isinstance(answer.body, dict):
        return None
    count = answer.body.get("count")
    return count if isinstance(count, int) else None
