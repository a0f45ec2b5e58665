"""Keeps pictures that were predicted on, beside the prediction log: off unless CAPTURE_RATE asks.

A share of the pictures, chosen by the hash of the prediction's id, lies under

    captures/model=NAME/version=V/dt=YYYY-MM-DD/hour=HH/PREDICTION_ID.EXT

as the bytes that came. They are for labelling and for trying the next model on. All of it happens
after the response and before the record is built, which names the picture only once it is stored;
storage that is slow or fails costs a bounded time, and no record.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from handler.bundle.manifest import Manifest
from handler.detection.prediction import Prediction
from handler.invocation import Invocation
from handler.records.delivery import CONNECT_S, READ_S
from handler.records.record import partition
from handler.storage.store import Store, open_store

KEEP_S = 2.0  # for all pictures of an invocation; those not stored by then go without
RECORD_S = 8.0  # of an invocation stay for its records, whose tries take 7.5 s at most
MAX_PAUSE_S = 300.0  # after failures in a row

# A candidate is near the threshold whose odds, score / (1 - score), are those of the threshold
# within this factor: 0.40 to 0.64 for 0.52.
NEAR_ODDS = 1.65
# An uncertain picture has so many of them, which are such a share of all above the lower bound. Of
# rendered pictures 5 % are. To model 1.0.0 17 % were, 82 % once blurred by 6 px of 1,400, 55 % as
# JPEGs of quality 10.
MIN_NEAR, MIN_NEAR_SHARE = 2, 1 / 3

_FILES = {  # by format: extension and media type
    "JPEG": ("jpg", "image/jpeg"),
    "PNG": ("png", "image/png"),
    "WEBP": ("webp", "image/webp"),
    "TIFF": ("tif", "image/tiff"),
    "BMP": ("bmp", "image/bmp"),
    "HEIF": ("heic", "image/heic"),
}

Write = Callable[[float], None]  # of records; called with the seconds left in the invocation


@dataclass(frozen=True)
class _Kept:
    """A picture to keep: the invocation that it belongs to, and where it goes."""

    invocation: Invocation
    key: str
    body: bytes
    media_type: str


class Captures:
    """Keeps pictures in a store.

    rate: the share, above 0. only_uncertain: whether of uncertain pictures only. max_bytes: of a
    picture; a larger one is not kept.
    """

    def __init__(
        self, store: Store, manifest: Manifest, *, rate: float, only_uncertain: bool, max_bytes: int
    ) -> None:
        self._store = store
        self._manifest = manifest
        self._rate = rate
        self._only_uncertain = only_uncertain
        self._max_bytes = max_bytes
        self._thread: threading.Thread | None = None
        self._failures = 0  # in a row
        self._paused_until = 0.0  # by the monotonic clock

    def before(self, write: Write, invocation: Invocation) -> Write:
        """The work of keeping an answered invocation's pictures, then writing its records."""
        chosen = [part for part in invocation.recorded() if self._is_chosen(part)]
        if not chosen:
            return write

        def work(within_s: float) -> None:
            started = time.monotonic()
            try:
                self._keep(chosen, min(KEEP_S, within_s - RECORD_S))
            finally:
                write(within_s - (time.monotonic() - started))

        return work

    def _is_chosen(self, part: Invocation) -> bool:
        request, prediction = part.request, part.prediction
        return (
            request is not None
            and prediction is not None
            and is_chosen(part.id, self._rate)
            and len(request.image_bytes) <= self._max_bytes
            and (
                not self._only_uncertain
                or is_uncertain(prediction, self._manifest.thresholds.score)
            )
        )

    def _keep(self, chosen: Sequence[Invocation], within_s: float) -> None:
        """Store pictures for so many seconds, and mark the invocations whose picture is stored."""
        is_busy = self._thread is not None and self._thread.is_alive()
        if within_s <= 0 or is_busy or time.monotonic() < self._paused_until:
            return
        kept = [self._kept(part) for part in chosen]
        # A thread, since no timeout of a client bounds the whole of an upload. One that is late
        # ends on its own; nothing is kept until then.
        self._thread = threading.Thread(
            target=self._store_all, args=(kept, time.monotonic() + within_s), daemon=True
        )
        self._thread.start()
        self._thread.join(within_s)

    def _store_all(self, kept: Sequence[_Kept], deadline: float) -> None:
        for each in kept:
            if time.monotonic() >= deadline:
                return
            try:
                self._store.put(each.key, each.body, each.media_type)
            except Exception as error:  # whatever a store raises: the record goes on without
                self._failures += 1
                self._paused_until = time.monotonic() + min(2.0**self._failures, MAX_PAUSE_S)
                _warn(each.invocation.id, error)
                return
            each.invocation.capture = each.key
            self._failures = 0

    def _kept(self, part: Invocation) -> _Kept:
        assert part.request and part.prediction
        extension, media_type = _FILES[part.prediction.picture.format]
        received = datetime.fromtimestamp(part.received_s, UTC).isoformat()
        where = partition(self._manifest.name, self._manifest.version, received)
        key = f"captures/{where}/{part.id}.{extension}"
        return _Kept(part, key, part.request.image_bytes, media_type)


def open_captures(
    setting: str,
    url: str,
    manifest: Manifest,
    *,
    rate: float,
    only_uncertain: bool,
    max_bytes: int,
) -> Captures | None:
    """What the settings ask for, None for a rate of 0. Raises ValueError where there is no store.

    setting, url: of the store.
    """
    if not rate:
        return None
    # No retries: a picture that is not kept is no loss.
    store = open_store(setting, url, connect_s=CONNECT_S, read_s=READ_S, tries=1)
    if store is None:
        raise ValueError(
            f"CAPTURE_RATE={rate:g}: {setting} names no bucket or folder to keep pictures in; set "
            "it, or CAPTURE_RATE=0"
        )
    return Captures(store, manifest, rate=rate, only_uncertain=only_uncertain, max_bytes=max_bytes)


def is_chosen(prediction_id: str, rate: float) -> bool:
    """Whether a prediction is of the share; those of a smaller share are of every larger one."""
    number = int.from_bytes(hashlib.sha256(prediction_id.encode()).digest()[:8])
    return number < rate * 2.0**64


def is_uncertain(prediction: Prediction, score_threshold: float) -> bool:
    """Whether many of the candidates that the model has for a picture lie near its own threshold,
    so that a little more or less light would change the count."""
    scores = prediction.output.all.scores
    if not 0 < score_threshold < 1:
        return False
    odds = score_threshold / (1 - score_threshold)
    low, high = (each / (1 + each) for each in (odds / NEAR_ODDS, odds * NEAR_ODDS))
    above_low = scores[scores > low]
    near = int(np.count_nonzero(above_low < high))
    return near >= MIN_NEAR and near >= MIN_NEAR_SHARE * len(above_low)


def _warn(prediction_id: str, error: Exception) -> None:
    line = {
        "level": "WARNING",
        "message": "a picture is not kept",
        "prediction_id": prediction_id,
        "reason": f"{type(error).__name__}: {error}"[:500],
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
