"""A picture in; its count, its best boxes, the annotated picture and the prediction record out."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from scripts.local import invoke
from scripts.local.http_event import HttpRequest, HttpResponse, to_http_api, to_response
from scripts.paths import ROOT, SAMPLE

OUT = ROOT / "out"
BEST = 8
TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".tif": "image/tiff",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="Count the cells on one picture."
    )
    parser.add_argument("picture", type=Path, nargs="?", default=SAMPLE)
    parser.add_argument("--out", type=Path, default=OUT, help="folder for what it writes")
    given = parser.parse_args(arguments)
    path, out = Path(given.picture), Path(given.out)
    try:
        data = path.read_bytes()
    except OSError as error:
        return _fail(f"{path}: {error.strerror}. Name a picture: scripts/demo my.jpg")
    invoke.log_to_folder(out)
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    os.environ.setdefault(
        "POWERTOOLS_METRICS_DISABLED", "true"
    )  # they would be printed between the lines
    function = invoke.load()
    headers = [("content-type", TYPES.get(path.suffix.lower(), "application/octet-stream"))]
    try:
        answer = _send(function, HttpRequest("POST", "/v1/detect", headers, data))
        if answer.status != 200:
            problem = json.loads(answer.body)
            return _fail(f"{path}: {problem['title']} ({answer.status}): {problem['detail']}")
        annotated = _send(
            function, HttpRequest("POST", "/v1/detect", [*headers, ("accept", "image/jpeg")], data)
        )
    except invoke.EventTooLargeError:
        return _fail(
            f"{path} has {len(data):,} bytes; about 4,700,000 go through Lambda. Save it smaller."
        )
    out.mkdir(parents=True, exist_ok=True)
    (out / "annotated.jpg").write_bytes(annotated.body)
    result = json.loads(answer.body)
    print("\n".join(report(path, result)))
    print(f"annotated  {_short(out / 'annotated.jpg')}")
    print(f"record     {_record_of(result['prediction_id'], out)}")
    return 0


def report(path: Path, result: dict[str, Any]) -> list[str]:
    """An answer of the native API, for people."""
    image, model, limits, times = (
        result[name] for name in ("image", "model", "thresholds", "timing_ms")
    )
    counts = ", ".join(f"{count} {label}" for label, count in result["counts"].items())
    span = result["count_interval"]
    likely = f", {span['coverage']:.0%}: {span['low']}–{span['high']}" if span else ""
    lines = [
        f"{_short(path)}  {image['width']} x {image['height']} px {image['format']}",
        f"count      {result['count']}{likely}  ({counts})",
        f"model      {model['name']} {model['version']}",
        "thresholds " + ", ".join(f"{name} {value:g}" for name, value in limits.items()),
        "time       " + ", ".join(f"{name} {time} ms" for name, time in times.items()),
    ]
    best = result["detections"][:BEST]
    if best:
        width = max(len("label"), *(len(found["label"]) for found in best))
        heads = "".join(f"{head:>9}" for head in ("score", "xmin", "ymin", "xmax", "ymax"))
        lines += ["", f"{'label':<{width}}{heads}"]
        for found in best:
            box = "".join(f"{value:9.1f}" for value in found["box"].values())
            lines.append(f"{found['label']:<{width}}{found['score']:9.3f}{box}")
        if result["count"] > len(best):
            lines.append(f"… and {result['count'] - len(best)} more")
        lines.append("")
    return lines


def _send(function: invoke.Function, request: HttpRequest) -> HttpResponse:
    return to_response(function(to_http_api(request)))


def _record_of(prediction_id: str, out: Path) -> str:
    found = sorted((out / "predictions").rglob(f"{prediction_id}.json.gz"))
    return (
        _short(found[0])
        if found
        else os.environ["PREDICTION_LOG"] or "none: PREDICTION_LOG is empty"
    )


def _short(path: Path) -> str:
    path = path.resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _fail(text: str) -> int:
    print(text, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
