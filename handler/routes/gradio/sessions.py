"""What one request of Gradio's clients leaves in the store for the next.

A client uploads a picture, joins the queue and reads a stream of events: three requests, which
three execution environments may answer. Everything lies under ids that cannot be guessed, and each
caller's apart.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from contextlib import suppress
from typing import Any

from handler.http.auth import ANYONE
from handler.problems import NotFound, StorageFault
from handler.storage.store import Store

STREAM_S = 15.0  # a stream waits so long for the events that its session has begun
POLL_S = 0.1
ID = re.compile(r"[0-9a-f]{32}")
_PENDING = b""


class Sessions:
    """Uploads, annotated pictures, and the outcomes of events by session: those of one caller.

    folder: of the caller in the store, empty for anyone.
    """

    def __init__(self, store: Store, folder: str = "") -> None:
        self._store, self._folder = store, folder

    def of(self, caller: str) -> Sessions:
        """Those of a caller as `auth` says it: what one key left is not there for another."""
        return Sessions(self._store, "" if caller in ("", ANYONE) else f"callers/{caller}/")

    def save_upload(self, image_bytes: bytes) -> str:
        """The new upload's id."""
        upload_id = uuid.uuid4().hex
        self._store.put(f"{self._folder}files/{upload_id}", image_bytes)
        return upload_id

    def read_upload(self, upload_id: str) -> bytes:
        """Raises NotFound."""
        image_bytes = self._store.get(f"{self._folder}files/{upload_id}")
        if image_bytes is None:
            raise NotFound("there is no such upload; they are kept for a day")
        return image_bytes

    def delete_upload(self, upload_id: str) -> None:
        with suppress(StorageFault):  # it is deleted within a day or two anyway
            self._store.delete(f"{self._folder}files/{upload_id}")

    def save_annotated(self, image_bytes: bytes) -> str:
        """The new file's id."""
        file_id = uuid.uuid4().hex
        self._store.put(f"{self._folder}annotated/{file_id}", image_bytes)
        return file_id

    def read_annotated(self, file_id: str) -> bytes | None:
        return self._store.get(f"{self._folder}annotated/{file_id}")

    def begin_event(self, session: str) -> str:
        """The new event's id. A marker lets a stream that is opened meanwhile wait for it."""
        event_id = uuid.uuid4().hex
        self._store.put(self._event_key(session, event_id), _PENDING)
        return event_id

    def finish_event(self, session: str, event_id: str, outcome: dict[str, Any]) -> None:
        self._store.put(self._event_key(session, event_id), json.dumps(outcome).encode())

    def drop_event(self, session: str, event_id: str) -> None:
        self._store.delete(self._event_key(session, event_id))

    def take_outcomes(self, session: str) -> list[tuple[str, dict[str, Any]]]:
        """Event id and outcome of all that a session has waiting; then it has nothing.

        Waits for events that another environment is working on: a client ends its stream with this
        response, and would give up what it has joined by then and was not told of.
        """
        deadline = time.monotonic() + STREAM_S
        outcomes: dict[str, dict[str, Any]] = {}  # by key
        while True:
            is_late, is_pending = time.monotonic() > deadline, False
            for key in self._store.list(f"{self._folder}sessions/{session}/"):
                outcome = None if key in outcomes else self._store.get(key)
                if outcome == _PENDING and not is_late:
                    is_pending = True
                elif outcome is not None:
                    outcomes[key] = (
                        json.loads(outcome)
                        if outcome
                        else failure("Too slow", f"no result within {STREAM_S:g} s; try again")
                    )
            if not is_pending:
                # Only now: where the store fails before, all of them are there for the next try.
                with suppress(StorageFault):
                    for key in outcomes:
                        self._store.delete(key)
                return [(key.rpartition("/")[2], outcome) for key, outcome in outcomes.items()]
            time.sleep(POLL_S)

    def _event_key(self, session: str, event_id: str) -> str:
        return f"{self._folder}sessions/{session}/{event_id}"


def failure(title: str, detail: str) -> dict[str, Any]:
    """An outcome that gradio_client raises as AppError: that class's parameters, and no other."""
    error = {"error": detail, "title": title, "visible": True, "duration": 10}
    return {"output": {**error, "print_exception": False}, "success": False}
