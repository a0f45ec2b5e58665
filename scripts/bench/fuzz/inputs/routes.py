"""Makes requests for every route: bodies of each dialect whole and damaged, queries, headers.

Some cases are several requests in turn. A later one names what an earlier one was answered by
placeholders, as `$upload`, which `checks` fills in.
"""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import quote

from scripts.bench.fuzz.cases import Case
from scripts.bench.fuzz.inputs import trees
from scripts.bench.fuzz.inputs.bodies import (
    DETECT,
    FEEDBACK,
    GRADIO,
    MEDIA_TYPES,
    feedback_document,
    gradio_document,
    json_body,
    make_body,
    picture,
)
from scripts.bench.fuzz.inputs.seeds import seed_pictures
from scripts.local.http_event import FORMS, Event, HttpRequest

# Whether a request that is let in leaves a prediction record, by the path's template.
RECORDED = {
    DETECT: True,
    "/v1/uploads": False,
    FEEDBACK: False,
    "/health": False,
    "/v1/model": False,
    "/": False,
    "/docs": False,
    "/openapi.json": False,
    "/manifest.webmanifest": False,
    "/icon-192.png": False,
    "/icon-512.png": False,
    "/sample.jpg": False,
    "/hf": True,
    "/models/{name}": True,
    "/models/{owner}/{name}": True,
    "/hf/health": False,
    "/models/{name}/health": False,
    "/models/{owner}/{name}/health": False,
    "/api/predict": True,
    "/+/api/predict": True,
    "/config": False,
    f"{GRADIO}/info": False,
    f"{GRADIO}/upload": False,
    f"{GRADIO}/queue/join": True,
    f"{GRADIO}/queue/data": False,
    f"{GRADIO}/run/predict": True,
    f"{GRADIO}/call/predict": True,
    f"{GRADIO}/call/predict/{{event_id}}": False,
    f"{GRADIO}/file={{file_id}}/{{name}}": False,
    "/{project}/{version:int}": True,
}
_GET = {path for path, recorded in RECORDED.items() if not recorded} - {
    "/v1/uploads", FEEDBACK, f"{GRADIO}/upload",
}  # fmt: skip
_QUERY = (
    "score_threshold", "iou_threshold", "max_detections", "labels", "tiles", "session_hash",
    "confidence", "overlap", "classes", "format", "stroke", "api_key", "image", "x",
)  # fmt: skip
_VALUES = (
    "0.5", "40", "nan", "", "inf", "1e400", "1_0", "٣", "red", "image", "json", "2x2", "auto",
    "none", "9x9", "0x1", "true", "abc", "%", "%ff", "+", ",", "red,green", "-1",
)  # fmt: skip
_GOOD_QUERIES = (
    "", "?tiles=auto", "?tiles=3x2", "?tiles=8x8&score_threshold=0", "?score_threshold=0",
    "?score_threshold=1&iou_threshold=0", "?max_detections=1", "?confidence=0&overlap=100",
    "?format=image&labels=on&stroke=20", "?format=image&confidence=1", "?session_hash=abc",
)  # fmt: skip
_ACCEPTS = (
    "*/*", "application/json", "image/jpeg", "image/jpeg", "image/png", "text/html", "image/*",
    "image/png;q=0.9, */*;q=0.1", "application/json;q=0, */*", ",,;q=;", "*/*;q=1e9",
    "text/event-stream",
)  # fmt: skip
_HEADERS = (
    "host", "x-forwarded-proto", "x-forwarded-host", "authorization", "x-api-key", "origin",
    "accept-encoding", "if-none-match", "x-hf-authorization", "x-amz-date", "cookie",
)  # fmt: skip
_TEXT_FORMS = ("http-api", "function-url", "alb")  # JSON is a text there; placeholders are filled


def make_case(rng: random.Random) -> Case:
    if rng.random() < 0.2:
        return Case("routes", tuple(rng.choice(_CHAINS)(rng)))
    events = (_event(_request(rng), rng),)
    if rng.random() < 0.15:
        events = (trees.mutate(events[0], rng, 1),)
    return Case("routes", events)


def _event(request: HttpRequest, rng: random.Random, forms: tuple[str, ...] = ()) -> Event:
    return FORMS[rng.choice(forms or tuple(FORMS))](request)


def _request(rng: random.Random, template: str = "") -> HttpRequest:
    template = template or rng.choice((*RECORDED, DETECT, DETECT, DETECT))
    method = "GET" if template in _GET else "POST"
    if rng.random() < 0.05:
        method = rng.choice(("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "get", "", "É"))
    body, media_type = make_body(template, rng) if method != "GET" else (b"", "")
    return HttpRequest(method, _path(template, rng) + _query(rng), _headers(media_type, rng), body)


def _path(template: str, rng: random.Random) -> str:
    parts = {
        "{name}": rng.choice(("microalgae", "squares")), "{owner}": "any", "{project}": "cells",
        "{version:int}": "3", "{prediction_id}": "$prediction", "{event_id}": "0" * 32,
        "{file_id}": "0" * 32,
    }  # fmt: skip
    for part, value in parts.items():
        if rng.random() < 0.15:
            value = quote(rng.choice((*trees.TEXTS[:20], "0" * 200)), safe="/$", errors="ignore")
        template = template.replace(part, value)
    return rng.choice((template,) * 8 + (f"{template}/", f"/prod{template}", template.upper()))


def _query(rng: random.Random) -> str:
    if rng.random() < 0.4:
        return rng.choice(_GOOD_QUERIES)
    pairs = [
        f"{rng.choice(_QUERY)}={quote(rng.choice((*_VALUES, *trees.TEXTS)), errors='ignore')}"
        for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 5)))
    ]
    return "?" + rng.choice(("&", "&", ";")).join(pairs) if pairs else ""


def _headers(media_type: str, rng: random.Random) -> list[tuple[str, str]]:
    if rng.random() < 0.15:
        media_type = rng.choice((*MEDIA_TYPES, *trees.TEXTS))
    headers = [("Content-Type", media_type)] if media_type else []
    if rng.random() < 0.4:
        headers.append(("Accept", rng.choice((*_ACCEPTS, *trees.TEXTS))))
    for _ in range(rng.choice((0, 0, 1, 3))):
        headers.append((rng.choice(_HEADERS), rng.choice((*trees.TEXTS, "gzip", "https", '"a"'))))
    return headers


def _post(target: str, body: bytes, media_type: str, rng: random.Random) -> Event:
    return _event(
        HttpRequest("POST", target, [("Content-Type", media_type)], body), rng, _TEXT_FORMS
    )


def _get(target: str, rng: random.Random) -> Event:
    return _event(HttpRequest("GET", target), rng, _TEXT_FORMS)


def _chain_gradio(rng: random.Random) -> list[Event]:
    """Upload, join, stream and file, as gradio_client sends them."""
    head = b'--XX\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    form = head + picture(rng) + b"\r\n--XX--\r\n"
    document: Any = {"data": [{"path": "$upload"}, None, None, None], "session_hash": "abc"}
    if rng.random() < 0.3:
        document = trees.mutate(document, rng, 1)
    join = rng.choice((f"{GRADIO}/queue/join", f"{GRADIO}/run/predict"))
    return [
        _post(f"{GRADIO}/upload", form, "multipart/form-data; boundary=XX", rng),
        _post(join, json.dumps(document).encode(), "application/json", rng),
        _get(f"{GRADIO}/queue/data?session_hash={rng.choice(('abc', 'abc', 'b', ''))}", rng),
        _get(f"{GRADIO}/file=$file/annotated.jpg", rng),
    ]


def _chain_call(rng: random.Random) -> list[Event]:
    body = json_body(gradio_document(rng), rng)[0]
    return [
        _post(f"{GRADIO}/call/predict", body, "application/json", rng),
        _get(f"{GRADIO}/call/predict/$event", rng),
        _get(f"{GRADIO}/call/predict/$event", rng),
    ]


def _chain_feedback(rng: random.Random) -> list[Event]:
    body = json_body(feedback_document(rng), rng)[0]
    target = FEEDBACK.replace("{prediction_id}", rng.choice(("$prediction", "$prediction-1", "x")))
    return [
        _post(DETECT, seed_pictures()["png-rgb"], "image/png", rng),
        _post(target, body, "application/json", rng),
    ]


_CHAINS = (_chain_gradio, _chain_call, _chain_feedback)
