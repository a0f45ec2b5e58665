"""The sample picture in; events/*.json out: what API Gateway and others send, good and bad.

The same bytes every time, so that a test can tell when the files are stale. `python -m
scripts.generate.events`.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
from pathlib import Path

from scripts.local.http_event import (
    Event,
    HttpRequest,
    to_alb,
    to_function_url,
    to_http_api,
    to_rest_api,
)
from scripts.paths import ROOT

EVENTS = ROOT / "events"
SAMPLE, SMALL = "sample.jpg", "small.jpg"
BOUNDARY = "----icebox-9b1c5d3e"
JPEG = [("Content-Type", "image/jpeg"), ("User-Agent", "curl/8.14.1")]


def make_events(picture: bytes) -> dict[str, Event]:
    """File name → event. picture: a JPEG's bytes, few enough for base64 in a file."""
    raw = detect(picture)
    image = base64.b64encode(picture).decode()
    as_json = detect(json.dumps({"image": image}).encode(), [("Content-Type", "application/json")])
    return {
        "raw.json": to_http_api(raw),
        "json.json": to_http_api(as_json),
        "multipart.json": to_http_api(detect(form(picture), [("Content-Type", FORM)])),
        "several.json": to_http_api(detect(form(picture, picture[:999]), [("Content-Type", FORM)])),
        "huggingface.json": to_http_api(HttpRequest("POST", "/hf", JPEG, picture)),
        "gradio-app.json": to_http_api(
            HttpRequest(
                "POST",
                "/+/api/predict/",
                [("Content-Type", "application/json; charset=UTF-8")],
                json.dumps({"data": [f"data:image/png;base64,{image}"]}).encode(),
            )
        ),
        "roboflow.json": to_http_api(
            HttpRequest(
                "POST",
                "/my-cells/3?api_key=KEY&confidence=40&overlap=30",
                [("Content-Type", "application/x-www-form-urlencoded")],
                image.encode(),
            )
        ),
        "annotated.json": to_http_api(detect(picture, [*JPEG, ("Accept", "image/jpeg")])),
        "thresholds.json": to_http_api(
            detect(picture, query="?score_threshold=0.3&max_detections=20")
        ),
        "tiles.json": to_http_api(detect(picture, query="?tiles=2x2")),
        "openapi.json": to_http_api(HttpRequest("GET", "/openapi.json")),
        "function-url.json": to_function_url(raw),
        "rest.json": to_rest_api(raw),
        "alb.json": to_alb(raw),
        "health.json": to_http_api(HttpRequest("GET", "/health")),
        "bad-empty.json": to_http_api(detect(b"")),
        "bad-text.json": to_http_api(
            detect(b"this is no picture", [("Content-Type", "text/plain")])
        ),
        "bad-truncated.json": to_http_api(detect(picture[: len(picture) // 3])),
        "bad-base64.json": to_http_api(
            detect(b'{"image": "@@@@"}', [("Content-Type", "application/json")])
        ),
        "bad-parameter.json": to_http_api(detect(picture[:2000], query="?treshold=0.5")),
    }


def detect(
    body: bytes, headers: list[tuple[str, str]] | None = None, query: str = ""
) -> HttpRequest:
    return HttpRequest("POST", f"/v1/detect{query}", JPEG if headers is None else headers, body)


FORM = f"multipart/form-data; boundary={BOUNDARY}"


def form(*pictures: bytes) -> bytes:
    """A form as browsers and `curl -F` send it: a text field, then the files."""
    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="note"\r\n\r\nslide 7\r\n'.encode()
    )
    for picture in pictures:
        head = (
            f"--{BOUNDARY}\r\n"
            'Content-Disposition: form-data; name="image"; filename="small.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        )
        body += head.encode() + picture + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def as_text(event: Event) -> str:
    return json.dumps(event, indent=2) + "\n"


def make_small(sample: bytes) -> bytes:
    """The sample at 960 px. Its bytes depend on Pillow's version, so it is committed."""
    from PIL import Image

    picture = Image.open(io.BytesIO(sample))
    picture.thumbnail((960, 960))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=80)
    return stream.getvalue()


def main(arguments: list[str] | None = None, folder: Path = EVENTS) -> int:
    parser = argparse.ArgumentParser(description="Write events/*.json.")
    parser.add_argument("--small", action="store_true", help=f"make {SMALL} from {SAMPLE} again")
    if parser.parse_args(arguments).small or not (folder / SMALL).exists():
        (folder / SMALL).write_bytes(make_small((folder / SAMPLE).read_bytes()))
    events = make_events((folder / SMALL).read_bytes())
    for name, event in events.items():
        (folder / name).write_text(as_text(event), encoding="utf-8")
    print(f"{len(events)} events written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
