"""The sample events that a new version is tried with, and what it should answer to each."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.paths import ROOT

EVENTS = ROOT / "events"
# By file of events/: the status that the function answers where no key is asked for.
STATUSES: Mapping[str, int] = {
    "health": 200,
    "openapi": 200,
    "raw": 200,
    "json": 200,
    "multipart": 200,
    "several": 200,
    "huggingface": 200,
    "gradio-app": 200,
    "roboflow": 200,
    "annotated": 200,
    "thresholds": 200,
    "tiles": 200,
    "function-url": 200,
    "rest": 200,
    "alb": 200,
    "bad-empty": 400,
    "bad-text": 415,
    "bad-truncated": 422,
    "bad-base64": 400,
    "bad-parameter": 400,
}
OPEN = ("health", "openapi")  # paths that ask for no key
WRONG_KEY = ("roboflow",)  # its event has a key, which is none
PICTURE = "direct picture"  # the sample that has objects


@dataclass(frozen=True)
class Sample:
    """A call and the status of its answer."""

    name: str
    event: Mapping[str, Any]
    status: int

    @property
    def is_direct(self) -> bool:
        """Whether the event is no HTTP request, which IAM lets in without a key."""
        return "requestContext" not in self.event


def make_samples(folder: Path = EVENTS, *, is_keyed: bool) -> Iterator[Sample]:
    """Every sample event, and pictures without HTTP around them: these reach the model where a key
    is asked for. Raises OSError where a file of STATUSES is not there."""
    for name, status in STATUSES.items():
        if is_keyed and name not in OPEN:
            status = 403 if name in WRONG_KEY else 401
        yield Sample(name, json.loads((folder / f"{name}.json").read_text()), status)
    body = json.loads((folder / "raw.json").read_text())["body"]
    text = base64.b64encode(b"this is no picture").decode()
    yield Sample(PICTURE, {"image": body}, 200)
    yield Sample("direct, other thresholds", {"image": body, "score_threshold": 0.5}, 200)
    yield Sample("direct, in tiles", {"image": body, "tiles": "2x2"}, 200)
    yield Sample("direct, no base64", {"image": "@@@@"}, 400)
    yield Sample("direct, empty", {"image": ""}, 400)
    yield Sample("direct, text", {"image": text}, 415)
    yield Sample("direct, cut off", {"image": body[: len(body) // 12 * 4]}, 422)
    yield Sample("direct, unknown parameter", {"image": body, "treshold": 0.5}, 400)
