#!/usr/bin/env python3
"""Count objects on pictures with an Icebox API. One file to copy, for Python 3.10 and later.

    from icebox import Icebox
    prediction = Icebox("https://…").detect("photo.jpg")
    print(prediction.count, prediction.count_interval)

It is a command as well: python icebox.py URL photo.jpg …
"""

from __future__ import annotations

import argparse
import csv
import http.client
import io
import json
import os
import random
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TextIO

MAX_BODY_BYTES = 4_400_000  # API Gateway and Lambda accept so many, since they pass them as base64
TRIES = 4
RETRIED_STATUSES = (429, 502, 503, 504)
MAX_WAIT_S = 30.0
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG": "image/png",
    b"RIFF": "image/webp",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
    b"BM": "image/bmp",
}

Picture = str | os.PathLike[str] | bytes | BinaryIO


class IceboxError(Exception):
    """The API, or a gateway or proxy before it, did not return a prediction.

    status: of the HTTP response, 0 without a response. title, detail: the problem in words.
    """

    def __init__(self, status: int, title: str, detail: str = "") -> None:
        super().__init__(": ".join(part for part in (str(status or ""), title, detail) if part))
        self.status, self.title, self.detail = status, title, detail


@dataclass(frozen=True)
class Box:
    """Corners in pixels of the upright original."""

    xmin: float
    ymin: float
    xmax: float
    ymax: float


@dataclass(frozen=True)
class Detection:
    label: str
    score: float
    box: Box


@dataclass(frozen=True)
class Interval:
    """A range that holds the true count for the fraction `coverage` of calibration pictures."""

    low: int
    high: int
    coverage: float


@dataclass(frozen=True)
class Prediction:
    """The detections on one picture.

    raw: the API's JSON, with all its fields. warnings: sentences on what is odd about the picture
    or the model's output. no_interval: why there is no count_interval, where the API says it.
    """

    prediction_id: str
    count: int
    counts: dict[str, int]
    count_interval: Interval | None
    detections: tuple[Detection, ...]
    raw: dict[str, Any]
    warnings: tuple[str, ...] = ()
    no_interval: str | None = None


class Icebox:
    """An Icebox API.

    url: as `sam deploy` prints it. key: an API key, if the deployment requires one. timeout_s: of
    one attempt. tries: attempts for a request that is throttled, loses its connection, or gets a
    gateway's 502, 503 or 504. Every method raises IceboxError, and OSError if it cannot read a
    picture's file.
    """

    def __init__(
        self, url: str, key: str | None = None, *, timeout_s: float = 30.0, tries: int = TRIES
    ) -> None:
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"{url!r} is no URL; expected one like https://…")
        self.url, self.key, self.timeout_s, self.tries = url.rstrip("/"), key, timeout_s, tries
        self._opener = urllib.request.build_opener(_NoRedirect)

    def detect(
        self,
        picture: Picture,
        *,
        score_threshold: float | None = None,
        iou_threshold: float | None = None,
        max_detections: int | None = None,
        labels: Sequence[str] = (),
        tiles: str | None = None,
    ) -> Prediction:
        """Find and count objects on a picture. A large picture is uploaded through S3.

        picture: a path, bytes, or an open binary file. tiles: "none", "auto", or columns x rows
        such as "3x2"; None for the deployment's default, which is "auto" unless it says otherwise.
        Other parameters that are None have the model's default.
        """
        parameters = {
            "score_threshold": score_threshold,
            "iou_threshold": iou_threshold,
            "max_detections": max_detections,
            "labels": ",".join(labels) or None,
            "tiles": tiles,
        }
        response = self._detect(_read(picture), parameters, "application/json")
        return _parse_prediction(json.loads(response))

    def detect_many(
        self,
        pictures: Iterable[Picture],
        *,
        at_once: int = 4,
        score_threshold: float | None = None,
        tiles: str | None = None,
    ) -> Iterator[Prediction | IceboxError | OSError]:
        """Yield the prediction, or the error, of each picture in order."""

        def detect_one(picture: Picture) -> Prediction | IceboxError | OSError:
            try:
                return self.detect(picture, score_threshold=score_threshold, tiles=tiles)
            except (IceboxError, OSError) as error:
                return error

        with ThreadPoolExecutor(at_once) as pool:
            yield from pool.map(detect_one, pictures)

    def annotated(
        self, picture: Picture, *, score_threshold: float | None = None, tiles: str | None = None
    ) -> bytes:
        """The picture with boxes drawn on it: a JPEG of at most 1280 px."""
        parameters = {"score_threshold": score_threshold, "tiles": tiles}
        return self._detect(_read(picture), parameters, "image/jpeg")

    def feedback(
        self,
        prediction_id: str,
        *,
        count: int | None = None,
        detections: Sequence[Detection] | None = None,
        comment: str | None = None,
    ) -> str:
        """Correct a prediction by a count or by boxes. Returns the feedback's id."""
        fields: dict[str, Any] = {"count": count, "comment": comment}
        if detections is not None:
            fields["detections"] = [{"label": d.label, "box": vars(d.box)} for d in detections]
        correction = {name: value for name, value in fields.items() if value is not None}
        quoted_id = urllib.parse.quote(prediction_id, safe="")
        stored = self._post_json(f"/v1/predictions/{quoted_id}/feedback", correction)
        return str(stored["feedback_id"])

    def model(self) -> dict[str, Any]:
        """The manifest of the model that the API serves."""
        return dict(json.loads(self._send("GET", "/v1/model")))

    def health(self) -> dict[str, Any]:
        return dict(json.loads(self._send("GET", "/health")))

    def _detect(self, image_bytes: bytes, parameters: dict[str, Any], accept: str) -> bytes:
        query = urllib.parse.urlencode({k: v for k, v in parameters.items() if v is not None})
        path = f"/v1/detect?{query}" if query else "/v1/detect"
        body, content_type = image_bytes, "application/octet-stream"
        if len(image_bytes) > MAX_BODY_BYTES:
            body = json.dumps({"upload_id": self._upload(image_bytes)}).encode()
            content_type = "application/json"
        return self._send("POST", path, body, {"Content-Type": content_type, "Accept": accept})

    def _upload(self, image_bytes: bytes) -> str:
        """Put a picture into the API's upload bucket. Returns the upload's id."""
        # HEIC starts with a length, so it has no signature here; the API rejects other files later
        content_type = next(
            (name for start, name in SIGNATURES.items() if image_bytes.startswith(start)),
            "image/heic",
        )
        try:
            upload = self._post_json(
                "/v1/uploads", {"content_type": content_type, "bytes": len(image_bytes)}
            )
        except IceboxError as error:
            if error.status != 404:
                raise
            raise IceboxError(
                413,
                "Picture too large",
                f"it has {len(image_bytes):,} bytes, about {MAX_BODY_BYTES:,} go through, and this "
                "API takes no uploads; save it smaller, or set UPLOAD_STORE there",
            ) from None
        self._send("PUT", upload["url"], image_bytes, upload["headers"], with_key=False)
        return str(upload["upload_id"])

    def _post_json(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        return dict(json.loads(self._send("POST", path, json.dumps(document).encode(), headers)))

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        with_key: bool = True,
    ) -> bytes:
        url = path if urllib.parse.urlsplit(path).scheme else self.url + path
        headers = {"User-Agent": "icebox-client/1", **(headers or {})}
        if with_key and self.key:
            headers["x-api-key"] = self.key
        for attempt in range(self.tries):
            is_last = attempt == self.tries - 1
            wait_s = random.uniform(0.5, 1) * 2**attempt / 2
            try:
                request = urllib.request.Request(url, body, headers, method=method)
                with self._opener.open(request, timeout=self.timeout_s) as response:
                    return bytes(response.read())
            except urllib.error.HTTPError as error:
                with error:
                    icebox_error = _parse_problem(error)
                    wait_s = _retry_after_s(error) or wait_s
                if error.code not in RETRIED_STATUSES or is_last:
                    raise icebox_error from None
            except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
                reason = getattr(error, "reason", error)
                if isinstance(reason, TimeoutError):
                    detail = f"within {self.timeout_s:g} s from {url}"
                    raise IceboxError(0, "No answer", detail) from None
                if is_last:
                    raise IceboxError(0, "No connection", f"to {url} ({reason})") from None
            time.sleep(min(wait_s, MAX_WAIT_S))
        raise AssertionError("the last attempt returns or raises")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are errors: key and picture go to no other host."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _read(picture: Picture) -> bytes:
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, (str, os.PathLike)):
        return Path(picture).read_bytes()
    return picture.read()


def _parse_prediction(raw: dict[str, Any]) -> Prediction:
    interval = raw["count_interval"]
    return Prediction(
        prediction_id=raw["prediction_id"],
        count=raw["count"],
        counts=raw["counts"],
        count_interval=Interval(**interval) if interval else None,
        detections=tuple(
            Detection(item["label"], item["score"], Box(**item["box"]))
            for item in raw["detections"]
        ),
        raw=raw,
        warnings=tuple(raw.get("warnings", ())),  # deployments from before have none
        no_interval=raw.get("no_interval"),
    )


def _parse_problem(error: urllib.error.HTTPError) -> IceboxError:
    """The error in problem+json, or in the words of the proxy that sent another response."""
    if 300 <= error.code < 400:
        location = error.headers.get("Location", "elsewhere")
        return IceboxError(error.code, "Redirected", f"to {location}; use the API's own URL")
    text = error.read(4096).decode(errors="replace")
    try:
        problem = json.loads(text)
        return IceboxError(error.code, problem["title"], problem["detail"])
    except (ValueError, TypeError, KeyError):
        return IceboxError(error.code, str(error.reason), " ".join(text.split())[:200])


def _retry_after_s(error: urllib.error.HTTPError) -> float:
    text = error.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0


# The command line


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Count what an Icebox API finds on pictures.",
        epilog="Exit code 1 if a picture failed; stderr says which and why.",
    )
    parser.add_argument("url", help="the API, as sam deploy printed it")
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--key", default=os.environ.get("ICEBOX_KEY"), help="or $ICEBOX_KEY")
    parser.add_argument("--score-threshold", type=float)
    parser.add_argument("--tiles", help="none, auto, or columns x rows such as 3x2")
    parser.add_argument(
        "--annotated", type=Path, metavar="FOLDER", help="write the pictures with boxes there"
    )
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="print one prediction a line")
    formats.add_argument(
        "--csv",
        choices=TABLES,
        help="print a CSV table with a row a picture, or a row a cell; --csv alone: a row a cell",
    )
    options = parser.parse_args(_spell_out(sys.argv[1:] if argv is None else argv))
    try:
        api = Icebox(options.url, options.key)
    except ValueError as error:
        parser.error(str(error))
    parameters = {"score_threshold": options.score_threshold, "tiles": options.tiles}
    failed = 0
    table = _Table(options.csv, sys.stdout) if options.csv else None
    total, width = len(options.pictures), max(len(str(path)) for path in options.pictures)
    results = api.detect_many(options.pictures, **parameters)
    for done, (path, result) in enumerate(zip(options.pictures, results, strict=True), 1):
        try:
            if isinstance(result, Exception):
                raise result
            if options.annotated:
                options.annotated.mkdir(parents=True, exist_ok=True)
                annotated = api.annotated(path, **parameters)
                (options.annotated / f"{path.stem}.jpg").write_bytes(annotated)
        except (IceboxError, OSError) as error:
            failed += 1
            _print_line(f"{path}: {error}", done, total, sys.stderr)
            if table:
                table.write_failed(path, error)
            continue
        for warning in result.warnings:
            print(f"{path}: {warning}", file=sys.stderr)
        if options.json:
            print(json.dumps({"picture": str(path), **result.raw}, ensure_ascii=False))
        elif table:
            table.write(path, result)
        else:
            line = f"{path!s:{width}}  {result.count:6}"
            if interval := result.count_interval:
                line += f"  {interval.coverage:.0%}: {interval.low}–{interval.high}"
            _print_line(line, done, total, sys.stdout)
    if failed:
        print(f"{failed} of {total} pictures failed", file=sys.stderr)
    return 1 if failed else 0


TABLES = ("pictures", "cells")
PICTURE_COLUMNS = (
    *("count", "interval_low", "interval_high", "interval_coverage"),
    *("score_threshold", "iou_threshold", "mode", "tiles", "width_px", "height_px"),
    *("counted_at", "model", "model_version", "prediction_id", "warnings"),
)
CELL_COLUMNS = (
    *("cell", "label", "score", "xmin_px", "ymin_px", "xmax_px", "ymax_px"),
    *("width_px", "height_px"),
)


class _Table:
    """A CSV table as the page saves it, with a row for every picture: without cells or failed, too.

    It has no byte order mark, unlike the page's files: what reads a command's output in a pipe
    would take the mark for a part of the first heading.
    """

    def __init__(self, kind: str, stream: TextIO) -> None:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", newline="")  # the writer ends its lines itself
        self.columns = PICTURE_COLUMNS if kind == "pictures" else CELL_COLUMNS
        self._write = csv.writer(stream).writerow
        self._write(["file", "state", "error", *self.columns])

    def write(self, path: Path, prediction: Prediction) -> None:
        if self.columns is PICTURE_COLUMNS:
            rows = [_picture_cells(prediction)]
        else:
            rows = [_cell_cells(i, each) for i, each in enumerate(prediction.detections, 1)]
        for row in rows or [{}]:
            self._write_row(path, "done", "", row)

    def write_failed(self, path: Path, error: Exception) -> None:
        self._write_row(path, "failed", str(error), {})

    def _write_row(self, path: Path, state: str, error: str, row: dict[str, Any]) -> None:
        cells = [str(path), state, error, *(row.get(name) for name in self.columns)]
        self._write([_no_formula(cell) for cell in cells])


def _spell_out(arguments: Sequence[str]) -> list[str]:
    """`--csv` alone as `--csv=cells`; argparse would take the picture after it for its value."""
    following = [*arguments[1:], ""]
    return [
        "--csv=cells" if each == "--csv" and after not in TABLES else each
        for each, after in zip(arguments, following, strict=True)
    ]


def _picture_cells(prediction: Prediction) -> dict[str, Any]:
    raw, interval, tiles = prediction.raw, prediction.count_interval, prediction.raw.get("tiles")
    return {
        "count": prediction.count,
        "interval_low": interval and interval.low,
        "interval_high": interval and interval.high,
        "interval_coverage": interval and interval.coverage,
        "score_threshold": raw["thresholds"]["score"],
        "iou_threshold": raw["thresholds"]["iou"],
        "mode": "tiles" if tiles else "whole",
        "tiles": tiles and f"{tiles['columns']}x{tiles['rows']}",
        "width_px": raw["image"]["width"],
        "height_px": raw["image"]["height"],
        "counted_at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "model": raw["model"]["name"],
        "model_version": raw["model"]["version"],
        "prediction_id": prediction.prediction_id,
        "warnings": "; ".join(prediction.warnings),
    }


def _cell_cells(number: int, detection: Detection) -> dict[str, Any]:
    box = detection.box
    return {
        "cell": number,
        "label": detection.label,
        "score": detection.score,
        **{f"{side}_px": px for side, px in vars(box).items()},
        "width_px": round(box.xmax - box.xmin, 2),
        "height_px": round(box.ymax - box.ymin, 2),
    }


def _no_formula(cell: object) -> object:
    """A text that a spreadsheet would calculate, with an apostrophe in front, as OWASP advises."""
    is_formula = isinstance(cell, str) and cell.startswith(FORMULA_STARTS)
    return f"'{cell}" if is_formula else cell


def _print_line(line: str, done: int, total: int, stream: TextIO) -> None:
    """Print a line and, if stderr is a terminal, the progress below it."""
    is_terminal = sys.stderr.isatty()
    print(f"\r\033[K{line}" if is_terminal else line, file=stream, flush=True)
    if is_terminal and done < total:
        print(f"{done} of {total} …", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
