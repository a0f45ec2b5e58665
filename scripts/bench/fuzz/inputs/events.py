"""Makes odd events: those of events/ and of the four forms, with parts missing, huge or of another
type, and events that are none of HTTP."""

from __future__ import annotations

import base64
import copy
import functools
import json
import random
from typing import Any

from scripts.bench.fuzz.cases import Case
from scripts.bench.fuzz.inputs import trees
from scripts.bench.fuzz.inputs.seeds import seed_pictures
from scripts.local.http_event import FORMS, HttpRequest
from scripts.paths import ROOT

LONG_BODY = 2000  # characters; longer ones of events/ are replaced, so that an input takes 1 ms


def make_case(rng: random.Random) -> Case:
    document = rng.choice(_seed_events())
    if isinstance(document, dict) and rng.random() < 0.3:
        document = _with_odd_headers(document, rng)
    return Case("events", (trees.mutate(document, rng, rng.choice((0, 1, 1, 1, 2, 3, 6))),))


@functools.cache
def _seed_events() -> tuple[Any, ...]:
    picture = base64.b64encode(seed_pictures()["jpeg"]).decode()
    kept = [json.loads(path.read_text()) for path in sorted((ROOT / "events").glob("*.json"))]
    for event in kept:
        if event.get("isBase64Encoded") and len(event["body"]) > LONG_BODY:
            event["body"] = picture
        elif len(event.get("body") or "") > LONG_BODY:
            event["body"] = json.dumps({"image": picture})
    headers = [("Content-Type", "image/jpeg"), ("Accept", "*/*"), ("Host", "a.example"),
               ("X-Forwarded-Proto", "https"), ("Authorization", "Bearer key"),
               ("Cookie", "a=b; c=d")]  # fmt: skip
    requests = [
        HttpRequest("POST", "/v1/detect?score_threshold=0.4", headers, seed_pictures()["jpeg"]),
        HttpRequest("GET", "/config", headers),
        HttpRequest("GET", "/health?a=1&a=2", headers),
        HttpRequest("POST", "/project/1?api_key=x&confidence=40", headers, picture.encode()),
    ]
    made = [to_event(request) for to_event in FORMS.values() for request in requests]
    return (*kept, *made, *made, *_identified(made), *_not_http(picture))


def _identified(events: list[Any]) -> list[Any]:
    """Events behind an authorizer."""
    authorizers: list[dict[str, Any]] = [
        {"jwt": {"claims": {"iss": "https://a", "sub": "b"}, "scopes": None}},
        {"iam": {"userArn": "arn:aws:iam::1:user/a", "accountId": "1"}},
        {"lambda": {"a": 1}, "principalId": "me"},
    ]
    made = copy.deepcopy(events[::4])
    for i, event in enumerate(made):
        event["requestContext"]["authorizer"] = authorizers[i % len(authorizers)]
    return made


def _not_http(picture: str) -> tuple[Any, ...]:
    """Direct invokes, a scheduled event, events of other services, and what is no object."""
    return (
        {"image": picture},
        {"image": picture, "score_threshold": 0.5, "max_detections": 5},
        {"s3_uri": "s3://fuzz-bucket/png-rgb", "labels": None},
        {"images": [picture, "x"], "tiles": "2x2"},
        {"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}},
        {"source": "aws.scheduler"},
        {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}}}]},
        {"tasks": [{"taskId": "1", "s3Key": "a"}], "invocationSchemaVersion": "1.0"},
        {},
        [],
        None,
        "text",
        7,
    )


def _with_odd_headers(event: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Headers twice in different cases, and with values that few clients send."""
    changed = copy.deepcopy(event)
    for field in ("headers", "multiValueHeaders"):
        headers = changed.get(field)
        if not isinstance(headers, dict):
            continue
        for name in rng.sample(sorted(headers), k=min(2, len(headers))):
            headers[rng.choice((name.upper(), name.title(), name.lower()))] = headers[name]
        name = rng.choice([name for name in trees.NAMES if name])
        text = trees.odd_text(rng)
        headers[name] = [text, text] if field == "multiValueHeaders" else text
    return changed
