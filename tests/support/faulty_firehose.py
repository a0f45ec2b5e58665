"""An Amazon Data Firehose on loopback that takes PutRecordBatch, and fails as it is told.

It checks the limits of the real service's API reference, and keeps the records in memory.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.faulty_http import FaultyHandler, served

# What happens to a request. partial: about half of the records are not taken. lost-ack: taken, but
# the connection ends before the answer.
Fault = Literal["none", "503", "400", "403", "reset", "hang", "slow", "lost-ack", "partial"]
FAULTS: tuple[Fault, ...] = ("503", "400", "403", "reset", "hang", "slow", "lost-ack", "partial")
SLOW_S = 0.3
CODES = {
    "503": "ServiceUnavailableException",
    "400": "ThrottlingException",
    "403": "AccessDeniedException",
}
TARGET = "Firehose_20150804.PutRecordBatch"
MOST_RECORDS, MOST_RECORD_BYTES, MOST_BYTES = 500, 1000 * 1024, 4 * 1024 * 1024


@dataclass
class FaultyFirehose:
    """The data of each record that was taken, by stream, and how many requests met each fault."""

    port: int
    choose: Callable[[], Fault]
    records: dict[str, list[bytes]] = field(default_factory=dict)
    puts: dict[str, int] = field(default_factory=dict)
    requests: list[list[bytes]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ids(self) -> list[str]:
        """The prediction ids of the records that were taken, in their order."""
        return [
            json.loads(line)["prediction_id"]
            for stream in list(self.records.values())
            for data in list(stream)
            for line in data.splitlines()
        ]


@contextmanager
def faulty_firehose(choose: Callable[[], Fault] = lambda: "none") -> Iterator[FaultyFirehose]:
    """Serve until the block ends. choose: the fault of each request, asked when it comes."""

    class Handler(FaultyHandler):
        content_type = "application/x-amz-json-1.1"

        def do_POST(self) -> None:  # noqa: N802
            body = self.read_body()
            if body is None:
                return self.cut()
            if self.headers.get("X-Amz-Target") != TARGET:
                return self._refuse(400, "UnknownOperationException")
            asked = json.loads(body)
            records = [base64.b64decode(each["Data"], validate=True) for each in asked["Records"]]
            fault = firehose.choose()
            firehose.puts[fault] = firehose.puts.get(fault, 0) + 1
            firehose.requests.append(records)
            if fault == "hang":
                firehose.released.wait(30)
                return self.cut()
            if fault == "reset":
                return self.cut()
            if fault in CODES:
                return self._refuse(int(fault), CODES[fault])
            encoded = sum(len(each["Data"]) for each in asked["Records"])
            if len(records) > MOST_RECORDS or encoded > MOST_BYTES:
                return self._refuse(400, "InvalidArgumentException")
            if any(len(record) > MOST_RECORD_BYTES for record in records):
                return self._refuse(400, "InvalidArgumentException")
            if fault == "slow":
                time.sleep(SLOW_S)
            told: list[dict[str, Any]] = []
            for index, record in enumerate(records):
                if fault == "partial" and index % 2 == 0:
                    code = CODES["503"]
                    told.append({"ErrorCode": code, "ErrorMessage": "Slow down."})
                    continue
                firehose.records.setdefault(asked["DeliveryStreamName"], []).append(record)
                told.append({"RecordId": str(index)})
            if fault == "lost-ack":
                return self.cut()
            failed = sum("ErrorCode" in each for each in told)
            return self._tell(200, {"FailedPutCount": failed, "RequestResponses": told})

        def _refuse(self, status: int, code: str) -> None:
            self._tell(status, {"__type": code, "message": "no"})

        def _tell(self, status: int, document: Any) -> None:
            self.answer(status, json.dumps(document).encode())

    with served(Handler) as port:
        firehose = FaultyFirehose(port, choose)
        try:
            yield firehose
        finally:
            firehose.released.set()
