"""The handler gets and gives what passes through Lambda's JSON, within Lambda's limits."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from scripts.local.http_event import HttpRequest, to_http_api
from scripts.local.invoke import (
    MAX_PAYLOAD_BYTES,
    EventTooLargeError,
    Function,
    ResponseTooLargeError,
)


def echo(event: dict[str, Any], _: Any) -> Any:
    return event


@pytest.mark.parametrize("content_type", ["image/jpeg", "text/plain"])
def test_an_event_comes_out_of_json_as_it_went_in(content_type: str) -> None:
    request = HttpRequest("POST", "/é?a=%20", [("content-type", content_type)], b'"\\\n\x00')
    event = to_http_api(request)
    result = Function(echo)(event)
    assert result == json.loads(json.dumps(event))
    assert result["headers"] is not event["headers"]
    assert list(result) == list(event)


def test_a_result_that_json_does_not_know_raises() -> None:
    for body in (b"bytes", object()):
        with pytest.raises(TypeError, match="not JSON serializable"):
            Function(lambda *_, body=body: {"isBase64Encoded": True, "body": body})({})
    assert Function(lambda *_: {1: (2, 3)})({}) == {"1": [2, 3]}


@pytest.mark.parametrize("encoded", [True, False])
def test_the_largest_payload_passes_and_one_byte_more_does_not(encoded: bool) -> None:
    bare = len(json.dumps({"isBase64Encoded": encoded, "body": ""}))
    body = base64.b64encode(bytes(MAX_PAYLOAD_BYTES)).decode()[: MAX_PAYLOAD_BYTES - bare]
    largest = {"isBase64Encoded": encoded, "body": body}
    larger = {"isBase64Encoded": encoded, "body": body + "A"}
    assert Function(echo)(largest) == largest
    with pytest.raises(EventTooLargeError, match=f"{MAX_PAYLOAD_BYTES + 1:,} bytes"):
        Function(echo)(larger)
    with pytest.raises(ResponseTooLargeError, match=f"{MAX_PAYLOAD_BYTES + 1:,} bytes"):
        Function(lambda *_: larger)({})
