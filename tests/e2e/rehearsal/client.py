"""A client that calls the API all the while, and remembers every answer."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.container.calls import post

PAUSE_S = 0.2  # between calls


@dataclass(frozen=True)
class Answered:
    status: int
    prediction_id: str | None
    count: int | None


@dataclass
class Client:
    """Calls POST /v1/detect at a port and path with a key."""

    port: int
    path: str
    picture: bytes
    key: str
    answers: list[Answered] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def call(self, key: str | None = None) -> Answered:
        """key: another one than its own; "" for none."""
        given = self.key if key is None else key
        headers = {"content-type": "image/jpeg"} | ({"x-api-key": given} if given else {})
        status, body = post(self.port, f"{self.path}/v1/detect", self.picture, headers)
        answer = json.loads(body)
        made = Answered(status, answer.get("prediction_id"), answer.get("count"))
        self.answers.append(made)
        return made

    def __enter__(self) -> Client:
        self._stopped.clear()
        self._thread = threading.Thread(target=self._loop)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        assert self._thread
        self._thread.join()

    def statuses(self) -> Counter[int]:
        return Counter(each.status for each in self.answers)

    def ids(self) -> set[str]:
        return {each.prediction_id for each in self.answers if each.prediction_id}

    def _loop(self) -> None:
        while not self._stopped.is_set():
            self.call()
            time.sleep(PAUSE_S)


def sample(checkout: Path) -> bytes:
    return (checkout / "events" / "sample.jpg").read_bytes()
