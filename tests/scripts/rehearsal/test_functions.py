"""The stand-in's Lambda: versions, aliases and permissions, with environments that only echo."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from scripts.rehearsal import lambda_api
from scripts.rehearsal.account import AwsError
from scripts.rehearsal.containers import Outcome, is_error
from scripts.rehearsal.functions import Alias, Functions

DIGEST = "sha256:" + "1" * 64
PROPERTIES: dict[str, Any] = {
    "PackageType": "Image",
    "Code": {"ImageUri": "127.0.0.1:1/images:1"},
    "Environment": {"Variables": {"A": "1"}},
    "MemorySize": "1769",  # as a parameter gives it
}


class Registry:
    address = "127.0.0.1:1"

    def digest(self, _: str, reference: str) -> str | None:
        return DIGEST if reference == "1" else None


class Echo:
    def __init__(self, version: str) -> None:
        self._version = version

    def invoke(self, payload: bytes, client_context: str | None) -> Outcome:
        return Outcome(json.dumps([self._version, client_context]).encode(), None, 0.1)

    def stop(self) -> None:
        pass


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> Functions:
    made = Functions("eu-central-1", Registry(), lambda: "", lambda *_: None, lambda *_: None)  # type: ignore[arg-type]
    monkeypatch.setattr(made, "_environment", lambda _, number: Echo(number))
    made.put("detect", PROPERTIES, is_new=True)
    return made


def test_what_has_not_changed_is_published_once(functions: Functions) -> None:
    assert functions.publish("detect").number == "1"
    assert functions.publish("detect").number == "1"
    functions.put("detect", PROPERTIES | {"Timeout": 20}, is_new=False)
    assert functions.publish("detect").number == "2"


def test_a_version_keeps_its_image_and_settings(functions: Functions) -> None:
    functions.publish("detect")
    changed = PROPERTIES | {"Environment": {"Variables": {"A": "2"}}}
    functions.put("detect", changed, is_new=False)
    api = lambda_api.operations(functions, 1000)
    said = [
        api["GetFunctionConfiguration"]({"FunctionName": "detect", "Qualifier": number})
        for number in ("1", "$LATEST")
    ]
    assert [each["Environment"]["Variables"]["A"] for each in said] == ["1", "2"]
    code = api["GetFunction"]({"FunctionName": "detect:1"})["Code"]
    assert code["ResolvedImageUri"] == f"127.0.0.1:1/images@{DIGEST}"


def test_an_image_that_is_not_there_is_refused(functions: Functions) -> None:
    for uri in ("127.0.0.1:1/images:2", "elsewhere/images:1"):
        with pytest.raises(AwsError, match="Source image"):
            functions.put("detect", PROPERTIES | {"Code": {"ImageUri": uri}}, is_new=False)


def test_an_alias_shares_requests_by_its_weights(functions: Functions) -> None:
    functions.publish("detect")
    functions.put("detect", PROPERTIES | {"Timeout": 20}, is_new=False)
    functions.publish("detect")
    functions.find("detect").aliases["live"] = Alias("1", {"2": 0.1})
    ran = Counter(functions.invoke("detect", "live", b"{}")[0] for _ in range(2000))
    assert 150 < ran["2"] < 250 and ran["1"] + ran["2"] == 2000


def test_a_version_that_an_alias_has_cannot_be_deleted(functions: Functions) -> None:
    functions.publish("detect")
    functions.find("detect").aliases["live"] = Alias("1")
    delete = lambda_api.operations(functions, 1000)["DeleteFunction"]
    with pytest.raises(AwsError, match="used by the alias live"):
        delete({"FunctionName": "detect", "Qualifier": "1"})


def test_a_client_context_reaches_the_function_and_must_be_base64(functions: Functions) -> None:
    invoke = lambda_api.operations(functions, 1000)["Invoke"]
    answer = invoke({"FunctionName": "detect", "ClientContext": "e30=", "Payload": b"{}"})
    assert json.loads(answer["Payload"]) == ["$LATEST", "e30="]
    with pytest.raises(AwsError, match="base64"):
        invoke({"FunctionName": "detect", "ClientContext": "{}", "Payload": b"{}"})


def test_a_permission_is_for_just_its_qualifier(functions: Functions) -> None:
    given = {"Principal": "apigateway.amazonaws.com", "Qualifier": "live"}
    functions.find("detect").permissions["p"] = given
    assert functions.may_invoke("detect", "live", "apigateway.amazonaws.com")
    assert not functions.may_invoke("detect", None, "apigateway.amazonaws.com")
    assert not functions.may_invoke("detect", "live", "events.amazonaws.com")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b'{"errorMessage": "bad", "errorType": "ValueError", "stackTrace": []}', True),
        (b"Task timed out after 3.00 seconds", True),
        (b'{"statusCode": 200, "body": "errorType"}', False),
        (b'{"errorType": "a client\'s word", "count": 1}', False),
        (b'"errorType"', False),
    ],
)
def test_what_the_emulator_says_of_a_function_that_failed(answer: bytes, expected: bool) -> None:
    assert is_error(answer) == expected
