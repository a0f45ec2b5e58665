"""PREDICTION_LOG names a store, a store of batches or a stream, or is refused by its name."""

from __future__ import annotations

import pytest

from handler.records.destination import Batching, Destination, parse_destination


@pytest.mark.parametrize(
    ("url", "destination"),
    [
        ("", Destination()),
        ("s3://bucket/a/b", Destination("s3://bucket/a/b")),
        ("file:///a", Destination("file:///a")),
        ("firehose://My.stream_1-x", Destination(stream="My.stream_1-x")),
        ("s3://b?batch=100", Destination("s3://b", batching=Batching(100, 60, True))),
        (
            "s3://b/p?seconds=5&batch=1000&journal=no",
            Destination("s3://b/p", batching=Batching(1000, 5, False)),
        ),
        (
            "file:///a?batch=1&seconds=86400&journal=yes",
            Destination("file:///a", batching=Batching(1, 86400, True)),
        ),
    ],
)
def test_a_url_names_a_destination(url: str, destination: Destination) -> None:
    assert parse_destination("SETTING", url) == destination


@pytest.mark.parametrize(
    "url",
    [
        "s3://b?",
        "s3://b?seconds=5",
        "s3://b?batch=0",
        "s3://b?batch=1001",
        "s3://b?batch=+5",
        "s3://b?batch=٣",
        "s3://b?batch=5&batch=6",
        "s3://b?batch=5&seconds=",
        "s3://b?batch=5&seconds=86401",
        "s3://b?batch=5&seconds=0.5",
        "s3://b?batch=5&journal=maybe",
        "s3://b?batch=5&x=1",
        "s3://?batch=5",
        "?batch=5",
        "firehose://",
        "firehose://a/b",
        "firehose://a?batch=5",
        "firehose://a:b@c",
        "firehose://" + "a" * 65,
    ],
)
def test_any_other_url_is_refused_by_the_settings_name(url: str) -> None:
    with pytest.raises(ValueError, match=r"^SETTING='.*expected ") as told:
        parse_destination("SETTING", url)
    assert repr(url) in str(told.value)


@pytest.mark.parametrize(
    ("url", "finds"),
    [("s3://b", True), ("s3://b?batch=9", False), ("firehose://a", False), ("", False)],
)
def test_a_record_is_found_by_its_id_where_it_has_an_object(url: str, finds: bool) -> None:
    assert parse_destination("SETTING", url).finds_records is finds
