#!/usr/bin/env python3
"""Pictures in, counts and boxes out, by an Icebox API: one file to copy, for Python 3.10 and later.

    from icebox import Icebox
    found = Icebox("https://…").detect("photo.jpg")
    print(found.count, found.count_interval)

As a command: python icebox.py URL photo.jpg …
"""

from __future__ import annotations

import argparse
import csv
import http.client
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
from pathlib import Path
from typing import Any, BinaryIO

BODY_BYTES = 4_400_000  # of picture that API Gateway and Lambda let through, in base64 on the way
TRIES = 4
RETRIED = (429, 502, 503, 504)
LONGEST_WAIT_S = 30.0
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
    """What the API, or something on the way to it, said in place of an answer.

    status: HTTP's, 0 where none came. title, detail: of the problem.
    """

    def __init__(self, status: int, title: str, detail: str = "") -> None:
        super().__init__(": ".join(part for part in (str(status or ""), title, detail) if part))
        self.status, self.title, self.detail = status, title, detail


@dataclass(frozen=True)
class Box:
    """Px of the upright original."""

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
    """Where the true count lies, in `coverage` of pictures like those it was calibrated on."""

    low: int
    high: int
    coverage: float


@dataclass(frozen=True)
class Prediction:
    """One picture's answer. raw: the JSON, with all else that it has."""

    prediction_id: str
    count: int
    counts: dict[str, int]
    count_interval: Interval | None
    detections: tuple[Detection, ...]
    raw: dict[str, Any]


class Icebox:
    """An Icebox API.

    url: as `sam deploy` prints it. key: where the deployment asks for one. timeout_s: of one
    attempt. tries: of a request that is throttled, or that meets a broken connection or a gateway's
    502, 503 or 504. Every method raises IceboxError; those that take a picture's path, OSError.
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
        """Find and count. picture: a path, bytes, or an open file; large ones go by S3.

        What is None is the model's own. tiles: "auto", or columns x rows such as "3x2".
        """
        asked = {
            "score_threshold": score_threshold,
            "iou_threshold": iou_threshold,
            "max_detections": max_detections,
            "labels": ",".join(labels) or None,
            "tiles": tiles,
        }
        return _prediction(json.loads(self._detect(_read(picture), asked, "application/json")))

    def detect_many(
        self,
        pictures: Iterable[Picture],
        *,
        at_once: int = 4,
        score_threshold: float | None = None,
        tiles: str | None = None,
    ) -> Iterator[Prediction | IceboxError | OSError]:
        """Of each picture, in their order, what was found or what went wrong."""

        def one(picture: Picture) -> Prediction | IceboxError | OSError:
            try:
                return self.detect(picture, score_threshold=score_threshold, tiles=tiles)
            except (IceboxError, OSError) as error:
                return error

        with ThreadPoolExecutor(at_once) as pool:
            yield from pool.map(one, pictures)

    def annotated(
        self, picture: Picture, *, score_threshold: float | None = None, tiles: str | None = None
    ) -> bytes:
        """The picture with the boxes on it, as JPEG of at most 1280 px."""
        asked = {"score_threshold": score_threshold, "tiles": tiles}
        return self._detect(_read(picture), asked, "image/jpeg")

    def feedback(
        self,
        prediction_id: str,
        *,
        count: int | None = None,
        detections: Sequence[Detection] | None = None,
        comment: str | None = None,
    ) -> str:
        """Say what was really there, as a count or as boxes; the feedback's id."""
        said: dict[str, Any] = {"count": count, "comment": comment}
        if detections is not None:
            said["detections"] = [{"label": e.label, "box": vars(e.box)} for e in detections]
        told = {name: value for name, value in said.items() if value is not None}
        name = urllib.parse.quote(prediction_id, safe="")
        answer = self._post_json(f"/v1/predictions/{name}/feedback", told)
        return str(answer["feedback_id"])

    def model(self) -> dict[str, Any]:
        """The manifest of what is served."""
        return dict(json.loads(self._send("GET", "/v1/model")))

    def health(self) -> dict[str, Any]:
        return dict(json.loads(self._send("GET", "/health")))

    def _detect(self, data: bytes, asked: dict[str, Any], accept: str) -> bytes:
        query = urllib.parse.urlencode({k: v for k, v in asked.items() if v is not None})
        path = f"/v1/detect?{query}" if query else "/v1/detect"
        media = "application/octet-stream"
        if len(data) > BODY_BYTES:
            data, media = json.dumps({"upload_id": self._upload(data)}).encode(), "application/json"
        return self._send("POST", path, data, {"Content-Type": media, "Accept": accept})

    def _upload(self, data: bytes) -> str:
        kind = next((kind for start, kind in SIGNATURES.items() if data.startswith(start)), "")
        # HEIC starts with a length; what is no picture at all, the function will say
        asked = {"content_type": kind or "image/heic", "bytes": len(data)}
        try:
            place = self._post_json("/v1/uploads", asked)
        except IceboxError as error:
            if error.status != 404:
                raise
            raise IceboxError(
                413,
                "Picture too large",
                f"it has {len(data):,} bytes, about {BODY_BYTES:,} go through, and this API takes "
                "no uploads; save it smaller, or set UPLOAD_STORE there",
            ) from None
        self._send("PUT", place["url"], data, place["headers"], with_key=False)
        return str(place["upload_id"])

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
        sent = {"User-Agent": "icebox-client/1", **(headers or {})}
        if with_key and self.key:
            sent["x-api-key"] = self.key
        for left in reversed(range(self.tries)):
            wait_s = random.uniform(0.5, 1) * 2 ** (self.tries - left - 1) / 2
            try:
                request = urllib.request.Request(url, body, sent, method=method)
                with self._opener.open(request, timeout=self.timeout_s) as answer:
                    return bytes(answer.read())
            except urllib.error.HTTPError as error:
                with error:
                    problem = _problem(error)
                    wait_s = _retry_after_s(error) or wait_s
                if error.code not in RETRIED or not left:
                    raise problem from None
            except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
                reason = getattr(error, "reason", error)
                if isinstance(reason, TimeoutError):
                    problem = IceboxError(0, "No answer", f"within {self.timeout_s:g} s from {url}")
                    raise problem from None
                if not left:
                    raise IceboxError(0, "No connection", f"to {url} ({reason})") from None
            time.sleep(min(wait_s, LONGEST_WAIT_S))
        raise AssertionError("the last try returns or raises")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A key and a picture go to the host that they were meant for, and no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _read(picture: Picture) -> bytes:
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, (str, os.PathLike)):
        return Path(picture).read_bytes()
    return picture.read()


def _prediction(raw: dict[str, Any]) -> Prediction:
    interval = raw["count_interval"]
    return Prediction(
        prediction_id=raw["prediction_id"],
        count=raw["count"],
        counts=raw["counts"],
        count_interval=Interval(**interval) if interval else None,
        detections=tuple(
            Detection(each["label"], each["score"], Box(**each["box"]))
            for each in raw["detections"]
        ),
        raw=raw,
    )


def _problem(error: urllib.error.HTTPError) -> IceboxError:
    """From problem+json, or from whatever else answered in between."""
    if 300 <= error.code < 400:
        where = error.headers.get("Location", "elsewhere")
        return IceboxError(error.code, "Redirected", f"to {where}; use the API's own URL")
    text = error.read(4096).decode(errors="replace")
    try:
        told = json.loads(text)
        return IceboxError(error.code, told["title"], told["detail"])
    except (ValueError, TypeError, KeyError):
        return IceboxError(error.code, str(error.reason), " ".join(text.split())[:200])


def _retry_after_s(error: urllib.error.HTTPError) -> float:
    text = error.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0


# The command


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Count what an Icebox API finds on pictures.",
        epilog="Exit code 1 where a picture failed; which and why stands on stderr.",
    )
    parser.add_argument("url", help="the API, as sam deploy printed it")
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--key", default=os.environ.get("ICEBOX_KEY"), help="or $ICEBOX_KEY")
    parser.add_argument("--score-threshold", type=float)
    parser.add_argument("--tiles", help="auto, or columns x rows such as 3x2")
    parser.add_argument("--annotated", type=Path, metavar="FOLDER", help="keep them, with boxes")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one answer a line")
    form.add_argument("--csv", action="store_true", help="one detection a line")
    asked = parser.parse_args(argv)
    try:
        api = Icebox(asked.url, asked.key)
    except ValueError as error:
        parser.error(str(error))
    how = {"score_threshold": asked.score_threshold, "tiles": asked.tiles}
    failed = 0
    rows = csv.writer(sys.stdout)
    if asked.csv:
        rows.writerow(["picture", "label", "score", "xmin", "ymin", "xmax", "ymax"])
    width = max(len(str(path)) for path in asked.pictures)
    answers = api.detect_many(asked.pictures, **how)
    for done, (path, found) in enumerate(zip(asked.pictures, answers, strict=True), 1):
        try:
            if isinstance(found, Exception):
                raise found
            if asked.annotated:
                asked.annotated.mkdir(parents=True, exist_ok=True)
                drawn = api.annotated(path, **how)
                (asked.annotated / f"{path.stem}.jpg").write_bytes(drawn)
        except (IceboxError, OSError) as error:
            failed += 1
            _show(f"{path}: {error}", asked.pictures, done, sys.stderr)
            continue
        if asked.json:
            print(json.dumps({"picture": str(path), **found.raw}, ensure_ascii=False))
        elif asked.csv:
            for each in found.detections:
                rows.writerow([path, each.label, each.score, *vars(each.box).values()])
        else:
            between = found.count_interval
            told = f"  {between.coverage:.0%}: {between.low}–{between.high}" if between else ""
            _show(f"{path!s:{width}}  {found.count:6}{told}", asked.pictures, done, sys.stdout)
    if failed:
        print(f"{failed} of {len(asked.pictures)} pictures failed", file=sys.stderr)
    return 1 if failed else 0


def _show(line: str, pictures: Sequence[Path], done: int, where: Any) -> None:
    """A line, and below it, on a terminal only, how far we are."""
    is_terminal = sys.stderr.isatty()
    print(f"\r\033[K{line}" if is_terminal else line, file=where, flush=True)
    if is_terminal and done < len(pictures):
        print(f"{done} of {len(pictures)} …", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
