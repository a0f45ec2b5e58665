"""handler.app made anew in this process, with a bundle and a file:// log: one cold environment."""

from __future__ import annotations

import gc
import gzip
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from handler.records.record import PredictionRecord
from scripts.local.http_event import FORMS, Event, Headers, HttpRequest, HttpResponse, to_response
from scripts.local.invoke import Context, Function


@dataclass(frozen=True)
class App:
    """One environment."""

    module: ModuleType
    log_root: Path

    def event(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Headers = (),
        form: str = "http-api",
    ) -> Event:
        return FORMS[form](HttpRequest(method, target, headers, body))

    def context(self) -> Context:
        return Context()

    def invoke(self, event: Event) -> Any:
        """As the runtime does: both ways through JSON, within Lambda's limits."""
        return Function(self.module.lambda_handler)(event)

    def send(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Headers = (),
        form: str = "http-api",
    ) -> HttpResponse:
        return to_response(self.invoke(self.event(method, target, body, headers, form)))

    def post(
        self, body: bytes, *, query: str = "", headers: Headers = (), form: str = "http-api"
    ) -> HttpResponse:
        return self.send("POST", f"/v1/detect{query}", body, headers, form)

    def records(self) -> list[PredictionRecord]:
        files = self.log_root.glob("predictions/**/*.json.gz")
        return [PredictionRecord.from_json(gzip.decompress(path.read_bytes())) for path in files]


@contextmanager
def make_app(bundle: Path, log_root: Path, **env: str) -> Iterator[App]:
    """Import handler.app under an environment; forget it afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_DIR", str(bundle))
        patch.setenv("PREDICTION_LOG", log_root.as_uri())
        patch.setenv("ORT_THREADS", "1")
        for name, value in env.items():
            patch.setenv(name, value)
        sys.modules.pop("handler.app", None)
        try:
            yield App(importlib.import_module("handler.app"), log_root)
        finally:
            sys.modules.pop("handler.app", None)
            gc.unfreeze()  # or the environment, which ends here, would never be collected
            gc.enable()  # an INIT that fails leaves it off
