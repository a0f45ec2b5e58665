"""A setting's URL names a folder or a bucket, or is refused by the setting's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from handler.storage.location import S3Location, parse_location, write_atomically


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("", None),
        ("file:///a/b%20c", Path("/a/b c")),
        ("file://localhost/a", Path("/a")),
        ("s3://bucket", S3Location("bucket", "")),
        ("s3://bucket/", S3Location("bucket", "")),
        ("s3://bucket/a/b/", S3Location("bucket", "a/b")),
    ],
)
def test_a_url_names_a_folder_or_a_bucket(url: str, location: Path | S3Location | None) -> None:
    assert parse_location("SETTING", url) == location


@pytest.mark.parametrize(
    "url", ["a", "/a", "s3://", "s3://b?x=1", "file://host/x", "file:a", "http://x/y"]
)
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"SETTING=.*expected s3://bucket"):
        parse_location("SETTING", url)


def test_a_key_lies_below_the_prefix() -> None:
    assert S3Location("bucket", "").key("a/b") == "a/b"
    assert S3Location("bucket", "p/q").key("a/b") == "p/q/a/b"


def test_a_write_replaces_the_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    for body in (b"one", b""):
        write_atomically(path, body)
        assert path.read_bytes() == body
    assert list(path.parent.iterdir()) == [path]
