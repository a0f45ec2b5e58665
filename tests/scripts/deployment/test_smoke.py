"""The first call of a deployed function, of the handler itself behind Lambda's invoke."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from handler.invocation import is_rehearsal
from scripts.deployment import smoke as tool
from scripts.deployment.smoke import SmokeError, smoke, wake
from scripts.local.invoke import Context
from tests.support.app import App, make_app

KEY_SHA256 = "ab" * 32
MODEL = "squares 1.0.0"  # of tiny_bundle


@dataclass(frozen=True)
class _Context(Context):
    client_context: SimpleNamespace | None = None


class LambdaClient:
    """Lambda's Invoke, of the function in this process. answer: instead of what it answers."""

    def __init__(self, app: App, **answer: Any) -> None:
        self.app = app
        self.answer = answer
        self.states = ["Active"]
        self.qualifiers: list[str] = []

    def invoke(self, *, Qualifier: str, Payload: str, **given: Any) -> dict[str, Any]:  # noqa: N803
        self.qualifiers.append(Qualifier)
        context = _Context()
        if "ClientContext" in given:
            custom = json.loads(base64.b64decode(given["ClientContext"]))
            context = _Context(client_context=SimpleNamespace(**custom))
        result = self.app.module.lambda_handler(json.loads(Payload), context)
        assert is_rehearsal(context) or "ClientContext" not in given
        payload = io.BytesIO(json.dumps(result).encode())
        return {"ExecutedVersion": "7", "Payload": payload, **self.answer}

    def get_function_configuration(self, **given: Any) -> dict[str, str]:
        return {"State": self.states.pop(0) if len(self.states) > 1 else self.states[0]}


@pytest.fixture
def client(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LambdaClient]:
    with make_app(tiny_bundle, tmp_path / "log", API_KEY_SHA256=KEY_SHA256) as app:
        made = LambdaClient(app)
        monkeypatch.setattr(tool, "_client", lambda: made)
        monkeypatch.setattr(tool.boto3, "client", lambda name: made)
        monkeypatch.setattr(tool, "POLL_S", 0)
        yield made


def test_a_function_that_works_answers_and_keeps_nothing(client: LambdaClient) -> None:
    result = smoke("f", "3", model=MODEL, is_keyed=True)
    assert (result.version, result.is_keyed) == ("7", True) and result.count >= 0
    assert set(client.qualifiers) == {"3"} and len(client.qualifiers) == 3
    assert client.app.records() == []
    assert "401 without a key" in str(result)


def test_an_open_door_is_told(tiny_bundle: Path, tmp_path: Path, client: LambdaClient) -> None:
    with make_app(tiny_bundle, tmp_path / "other", API_KEY_SHA256="") as app:
        client.app = app
        with pytest.raises(SmokeError, match=r"must be refused by 401, and answers 200(.|\n)*open"):
            smoke("f", model=MODEL, is_keyed=True)
        assert not smoke("f", model=MODEL, is_keyed=False).is_keyed
        assert app.records() == []


def test_another_model_than_the_one_deployed_is_told(client: LambdaClient) -> None:
    with pytest.raises(SmokeError, match=f"answers is {MODEL}, not mine 2.0.0: the image has"):
        smoke("f", model="mine 2.0.0", is_keyed=True)


def test_what_fails_is_told_with_the_end_of_the_log(client: LambdaClient) -> None:
    log = base64.b64encode(b"[ERROR] Runtime.ImportModuleError\nREPORT").decode()
    error = {"errorType": "Runtime.ImportModuleError", "errorMessage": "No module named 'onnx'"}
    client.answer = {
        "FunctionError": "Unhandled", "LogResult": log,
        "Payload": io.BytesIO(json.dumps(error).encode()),
    }  # fmt: skip
    with pytest.raises(SmokeError) as raised:
        smoke("f", model=MODEL, is_keyed=True)
    said = str(raised.value)
    assert "Runtime.ImportModuleError: No module named 'onnx'" in said and "    REPORT" in said


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"no JSON", "got no JSON but no JSON"),
        (b'{"status": 503, "detail": "no bucket"}', "got no prediction but .*no bucket"),
        (b"[]", "got no prediction"),
    ],
)
def test_an_answer_that_is_no_prediction_is_told(
    client: LambdaClient, payload: bytes, message: str
) -> None:
    client.answer = {"Payload": io.BytesIO(payload)}
    with pytest.raises(SmokeError, match=message):
        smoke("f", model=MODEL, is_keyed=True)


def test_a_version_that_was_idle_is_woken_first(client: LambdaClient) -> None:
    client.states = ["Inactive", "Pending", "Active"]
    said: list[str] = []
    wake("f", "3", said.append)
    assert client.qualifiers == ["3"] and len(said) == 1 and "idle for weeks" in said[0]
    wake("f", "3", said.append)
    assert client.qualifiers == ["3"]
