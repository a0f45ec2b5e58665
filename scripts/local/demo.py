"""Run the function on one picture and print its count, its best boxes and where the files are.

    scripts/demo my.jpg

It writes the annotated picture and the prediction record to out/.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

from scripts.local import invoke
from scripts.local.http_event import HttpRequest, HttpResponse, to_http_api, to_response
from scripts.paths import ROOT, SAMPLE

OUT = ROOT / "out"
MAX_ROWS = 3  # detections in the printed table
CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".tif": "image/tiff",
}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="Count the cells on one picture."
    )
    parser.add_argument("picture", type=Path, nargs="?", default=SAMPLE)
    parser.add_argument("--out", type=Path, default=OUT, help="folder for what it writes")
    options = parser.parse_args(argv)
    image_path, out = options.picture, options.out
    try:
        image_bytes = image_path.read_bytes()
    except OSError as error:
        return _fail(f"{image_path}: {error.strerror}. Name a picture: scripts/demo my.jpg")
    invoke.set_default_prediction_log(out)
    os.environ.setdefault("LOG_LEVEL", "ERROR")  # or log lines stand between those of the report
    function = invoke.load_function()
    content_type = CONTENT_TYPES.get(image_path.suffix.lower(), "application/octet-stream")
    try:
        response = _detect(function, image_bytes, content_type, accept="application/json")
        if response.status != 200:
            problem = json.loads(response.body)
            return _fail(
                f"{image_path}: {problem['title']} ({response.status}): {problem['detail']}"
            )
        annotated = _detect(function, image_bytes, content_type, accept="image/jpeg")
    except invoke.EventTooLargeError:
        return _fail(
            f"{image_path} has {len(image_bytes):,} bytes; about 4,700,000 go through Lambda. "
            "Save it smaller."
        )
    out.mkdir(parents=True, exist_ok=True)
    (out / "annotated.jpg").write_bytes(annotated.body)
    prediction = json.loads(response.body)
    print("\n".join(format_report(image_path, prediction)))
    print(f"annotated  {_shorten(out / 'annotated.jpg')}")
    print(f"record     {_find_record(prediction['prediction_id'], out)}")
    return 0


def format_report(image_path: Path, prediction: dict[str, Any]) -> list[str]:
    """The native API's JSON as lines for people."""
    image, model, thresholds, timing_ms = (
        prediction[name] for name in ("image", "model", "thresholds", "timing_ms")
    )
    found = {label: count for label, count in prediction["counts"].items() if count}
    counts = ", ".join(f"{count} {label}" for label, count in found.items())
    interval = prediction["count_interval"]
    likely = (
        f", {interval['coverage']:.0%}: {interval['low']}–{interval['high']}" if interval else ""
    )
    lines = [
        f"{_shorten(image_path)}  {image['width']} x {image['height']} px {image['format']}",
        f"count      {prediction['count']}{likely}  ({counts or 'nothing found'})",
        f"model      {model['name']} {model['version']}",
        "thresholds " + ", ".join(f"{name} {value:g}" for name, value in thresholds.items()),
        "time       " + ", ".join(f"{name} {time} ms" for name, time in timing_ms.items()),
    ]
    best = prediction["detections"][:MAX_ROWS]
    if best:
        width = max(len("label"), *(len(detection["label"]) for detection in best))
        titles = "".join(f"{title:>9}" for title in ("score", "xmin", "ymin", "xmax", "ymax"))
        lines += ["", f"{'label':<{width}}{titles}"]
        for detection in best:
            box = "".join(f"{value:9.1f}" for value in detection["box"].values())
            lines.append(f"{detection['label']:<{width}}{detection['score']:9.3f}{box}")
        if prediction["count"] > len(best):
            lines.append(f"… and {prediction['count'] - len(best)} more")
        lines.append("")
    return lines


def _detect(
    function: invoke.Function, image_bytes: bytes, content_type: str, accept: str
) -> HttpResponse:
    headers = [("content-type", content_type), ("accept", accept)]
    request = HttpRequest("POST", "/v1/detect", headers, image_bytes)
    written = io.StringIO()
    try:
        with contextlib.redirect_stdout(written):
            return to_response(function(to_http_api(request)))
    finally:
        for line in written.getvalue().splitlines(keepends=True):
            if not line.startswith('{"_aws":'):  # metrics, which the log level does not stop
                sys.stdout.write(line)


def _find_record(prediction_id: str, out: Path) -> str:
    paths = sorted((out / "predictions").rglob(f"{prediction_id}.json.gz"))
    if paths:
        return _shorten(paths[0])
    return os.environ["PREDICTION_LOG"] or "none: PREDICTION_LOG is empty"


def _shorten(path: Path) -> str:
    """The path relative to the working directory, where it lies below it."""
    path = path.absolute()  # a link keeps its name
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _fail(text: str) -> int:
    print(text, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
