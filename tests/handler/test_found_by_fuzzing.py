"""Inputs that scripts.bench.fuzz found to fail, made small; each is answered or refused now."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.bench.fuzz.cases import Case
from scripts.bench.fuzz.worker import Worker

# What was wrong, the event, and its answer's status.
EVENTS: dict[str, tuple[Any, str]] = {
    "KeyError: payload 2.0 without a context": ({"version": "2.0"}, "no HTTP event"),
    "AttributeError: a context that is a text": (
        {"version": "2.0", "requestContext": "x", "httpMethod": "GET"}, "no HTTP event",
    ),
    "AttributeError: a method that is a number": ({"httpMethod": 7}, "no HTTP event"),
    "AttributeError: a path that is a list": ({"httpMethod": "GET", "path": ["/health"]}, "200"),
    "AttributeError: headers that are a list": (
        {"httpMethod": "GET", "path": "/health", "headers": ["a"]}, "200",
    ),
    "TypeError: a header's values that are a number": (
        {"httpMethod": "GET", "path": "/health", "multiValueHeaders": {"a": 65536}}, "200",
    ),
    "TypeError: a header's values that are numbers": (
        {"httpMethod": "GET", "path": "/health", "multiValueHeaders": {"a": [1, None]}}, "200",
    ),
    "TypeError: a parameter's values that are a number": (
        {"httpMethod": "GET", "path": "/health", "multiValueQueryStringParameters": {"a": 7}},
        "200",
    ),
    "AttributeError: a parameter of a load balancer that is a number": (
        {
            "httpMethod": "GET", "path": "/health", "requestContext": {"elb": {}},
            "queryStringParameters": {"a": 7},
        },
        "200",
    ),
    "AttributeError: a body that is an object": (
        {"httpMethod": "POST", "path": "/v1/detect", "body": {"image": "x"}}, "400",
    ),
    "AttributeError: a type that is null": (
        {"httpMethod": "POST", "path": "/v1/detect", "headers": {"content-type": None},
         "body": "x"},
        "415",
    ),
    "AttributeError: an authorizer that is a list": (
        {"httpMethod": "GET", "path": "/v1/model", "requestContext": {"authorizer": []}}, "200",
    ),
    "AttributeError: an ARN that is a number": (
        {"httpMethod": "GET", "path": "/v1/model",
         "requestContext": {"identity": {"userArn": 7}}},
        "200",
    ),
    "UnicodeEncodeError: half a surrogate pair in a resource": (
        {"httpMethod": "GET", "path": "/health", "resource": "/\ud800"}, "200",
    ),
    "a log line as long as the client's method": (
        {"httpMethod": "A" * 9000, "path": "/health"}, "405",
    ),
}  # fmt: skip


@pytest.mark.needs_linux
@pytest.mark.parametrize("name", EVENTS)
def test_an_event_that_failed_does_so_no_more(worker: Worker, name: str) -> None:
    event, label = EVENTS[name]
    outcome = worker.run(Case("events", (event,)))
    assert (outcome.failures, outcome.label) == ([], label)
