"""Write events/*.json: sample events of API Gateway and others, valid and invalid.

    scripts/run events

The files are the same every time, so that a test can tell when they are out of date.
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
FORM_HEADERS = [("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")]
JPEG_HEADERS = [("Content-Type", "image/jpeg"), ("User-Agent", "curl/8.14.1")]
JSON_HEADERS = [("Content-Type", "application/json")]


def make_events(image_bytes: bytes) -> dict[str, Event]:
    """Events by file name. image_bytes: a JPEG, small enough for base64 in a file."""
    raw = _detect_request(image_bytes)
    image = base64.b64encode(image_bytes).decode()
    requests = {
        "raw.json": raw,
        "json.json": _detect_request(json.dumps({"image": image}).encode(), JSON_HEADERS),
        "multipart.json": _detect_request(make_form(image_bytes), FORM_HEADERS),
        "several.json": _detect_request(make_form(image_bytes, image_bytes[:999]), FORM_HEADERS),
        "huggingface.json": HttpRequest("POST", "/hf", JPEG_HEADERS, image_bytes),
        "gradio-app.json": HttpRequest(
            "POST",
            "/+/api/predict/",
            [("Content-Type", "application/json; charset=UTF-8")],
            json.dumps({"data": [f"data:image/png;base64,{image}"]}).encode(),
        ),
        "roboflow.json": HttpRequest(
            "POST",
            "/my-cells/3?api_key=KEY&confidence=40&overlap=30",
            [("Content-Type", "application/x-www-form-urlencoded")],
            image.encode(),
        ),
        "annotated.json": _detect_request(image_bytes, [*JPEG_HEADERS, ("Accept", "image/jpeg")]),
        "thresholds.json": _detect_request(
            image_bytes, query="?score_threshold=0.3&max_detections=20"
        ),
        "tiles.json": _detect_request(image_bytes, query="?tiles=2x2"),
        "openapi.json": HttpRequest("GET", "/openapi.json"),
        "health.json": HttpRequest("GET", "/health"),
        "bad-empty.json": _detect_request(b""),
        "bad-text.json": _detect_request(b"this is no picture", [("Content-Type", "text/plain")]),
        "bad-truncated.json": _detect_request(image_bytes[: len(image_bytes) // 3]),
        "bad-base64.json": _detect_request(b'{"image": "@@@@"}', JSON_HEADERS),
        "bad-parameter.json": _detect_request(image_bytes[:2000], query="?treshold=0.5"),
    }
    return {
        **{name: to_http_api(request) for name, request in requests.items()},
        "function-url.json": to_function_url(raw),
        "rest.json": to_rest_api(raw),
        "alb.json": to_alb(raw),
    }


def _detect_request(
    body: bytes, headers: list[tuple[str, str]] | None = None, query: str = ""
) -> HttpRequest:
    if headers is None:
        headers = JPEG_HEADERS
    return HttpRequest("POST", f"/v1/detect{query}", headers, body)


def make_form(*pictures: bytes) -> bytes:
    """A form's body as browsers and `curl -F` send it: a parameter, then the encoded pictures."""
    parameter = 'Content-Disposition: form-data; name="max_detections"\r\n\r\n100\r\n'
    body = f"--{BOUNDARY}\r\n{parameter}".encode()
    for image_bytes in pictures:
        part_headers = (
            f"--{BOUNDARY}\r\n"
            'Content-Disposition: form-data; name="image"; filename="small.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        )
        body += part_headers.encode() + image_bytes + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def format_event(event: Event) -> str:
    return json.dumps(event, indent=2) + "\n"


def shrink(image_bytes: bytes) -> bytes:
    """The picture at 960 px. The bytes depend on Pillow's version, so the file is committed."""
    from PIL import Image

    picture = Image.open(io.BytesIO(image_bytes))
    picture.thumbnail((960, 960))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=80)
    return stream.getvalue()


def main(argv: list[str] | None = None, folder: Path = EVENTS) -> int:
    parser = argparse.ArgumentParser(prog="scripts/run events", description="Write events/*.json.")
    parser.add_argument("--small", action="store_true", help=f"make {SMALL} from {SAMPLE} again")
    if parser.parse_args(argv).small or not (folder / SMALL).exists():
        (folder / SMALL).write_bytes(shrink((folder / SAMPLE).read_bytes()))
    events = make_events((folder / SMALL).read_bytes())
    for name, event in events.items():
        (folder / name).write_text(format_event(event), encoding="utf-8")
    print(f"{len(events)} events written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
