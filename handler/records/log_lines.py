"""Records as lines of the function's log: the last resort, and a journal of those that wait.

Both are one line of JSON, so that a reader of the log finds each record again.
"""

from __future__ import annotations

import base64
import contextlib
import json
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from handler.records.record import PredictionRecord


class Entry:
    """A record, and where it is kept by now. is_journaled: the journal has it."""

    def __init__(self, record: PredictionRecord) -> None:
        self.record = record
        self.is_stored = self.is_printed = self.is_journaled = False


class LogLines:
    """Prints records and never raises. out: default stdout."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out
        # Held while a record is printed or marked: who ends the process waits for a line in
        # progress.
        self.lock = threading.RLock()

    def print(self, entry: Entry, error: Exception) -> None:
        """Print a record that is neither stored nor printed, and why; once in the journal, only
        its id."""
        record, line = entry.record, dict[str, Any](level="ERROR")
        with self.lock:
            if entry.is_stored or entry.is_printed:
                return
            try:
                # A metric filter in template.yaml knows these words.
                line["message"] = "the prediction log did not take this record; "
                line["reason"] = f"{type(error).__name__}: {error}"[:500]
                if entry.is_journaled:
                    line["message"] += "the journal above keeps it"
                    line["prediction_id"] = record.prediction_id
                else:
                    line["message"] += "it is kept here"
                    line["prediction_record"] = json.loads(record.to_json())
                self._write(line)
            except Exception:  # the records behind it must not be lost with it
                sys.stderr.write(f"{record.prediction_id} is lost: {traceback.format_exc()}\n")
            entry.is_printed = True

    def journal(self, entry: Entry) -> None:
        """Print a record that waits, in few bytes: a log is paid by the byte."""
        with (
            self.lock,
            contextlib.suppress(Exception),
        ):  # it is printed or stored later all the same
            if not (entry.is_stored or entry.is_printed or entry.is_journaled):
                text = base64.b64encode(entry.record.to_bytes()).decode()
                message = "this prediction record waits for its batch"
                self._write({"level": "INFO", "message": message, "prediction_record_gzip": text})
                entry.is_journaled = True

    def _write(self, line: dict[str, Any]) -> None:
        out = self.out or sys.stdout
        out.write(json.dumps(line) + "\n")  # one write: another thread's could part two
        out.flush()
