"""What one request of Gradio's clients leaves in the store for the next.

A client uploads a picture, joins the queue and reads a stream of events: three requests, which
three execution environments may answer. Everything lies under ids that cannot be guessed.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from typing import Any

from handler.problems import NotFound
from handler.storage.store import Store

STREAM_S = 15.0  # a stream waits so long for the events that its session has begun
POLL_S = 0.1
ID = re.compile(r"[0-9a-f]{32}")
_PENDING = b""


class Sessions:
    """Uploads, annotated pictures, and the outcomes of events by session."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save_upload(self, image_bytes: bytes) -> str:
        """The new upload's id."""
        upload_id = uuid.uuid4().hex
        self._store.put(f"files/{upload_id}", image_bytes)
        return upload_id

    def read_upload(self, upload_id: str) -> bytes:
        """Raises NotFound."""
        image_bytes = self._store.get(f"files/{upload_id}")
        if image_bytes is None:
            raise NotFound("there is no such upload; they are kept for a day")
        return image_bytes

    def delete_upload(self, upload_id: str) -> None:
        self._store.delete(f"files/{upload_id}")

    def save_annotated(self, image_bytes: bytes) -> str:
        """The new file's id."""
        file_id = uuid.uuid4().hex
        self._store.put(f"annotated/{file_id}", image_bytes)
        return file_id

    def read_annotated(self, file_id: str) -> bytes | None:
        return self._store.get(f"annotated/{file_id}")

    def begin_event(self, session: str) -> str:
        """The new event's id. A marker lets a stream that is opened meanwhile wait for it."""
        event_id = uuid.uuid4().hex
        self._store.put(_event_key(session, event_id), _PENDING)
        return event_id

    def finish_event(self, session: str, event_id: str, outcome: dict[str, Any]) -> None:
        self._store.put(_event_key(session, event_id), json.dumps(outcome).encode())

    def drop_event(self, session: str, event_id: str) -> None:
        self._store.delete(_event_key(session, event_id))

    def take_outcomes(self, session: str) -> list[tuple[str, dict[str, Any]]]:
        """Event id and outcome of all that a session has waiting; then it has nothing.

        Waits for events that another environment is working on: a client ends its stream with this
        response, and would give up what it has joined by then and was not told of.
        """
        deadline = time.monotonic() + STREAM_S
        outcomes: dict[str, dict[str, Any]] = {}
        while True:
            is_late, is_pending = time.monotonic() > deadline, False
            for key in self._store.list(f"sessions/{session}/"):
                outcome = self._store.get(key)
                if outcome == _PENDING and not is_late:
                    is_pending = True
                elif outcome is not None:
                    outcomes[key.rpartition("/")[2]] = (
                        json.loads(outcome)
                        if outcome
                        else failure("Too slow", f"no result within {STREAM_S:g} s; try again")
                    )
                    self._store.delete(key)
            if not is_pending:
                return list(outcomes.items())
            time.sleep(POLL_S)


def failure(title: str, detail: str) -> dict[str, Any]:
    """An outcome that gradio_client raises as AppError: that class's parameters, and no other."""
    error = {"error": detail, "title": title, "visible": True, "duration": 10}
    return {"output": {**error, "print_exception": False}, "success": False}


def _event_key(session: str, event_id: str) -> str:
    return f"sessions/{session}/{event_id}"
