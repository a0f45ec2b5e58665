"""Which reference a model version is compared with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scripts.monitor.cloud.references import find_reference, reference_key
from scripts.records.partitions import Stream
from scripts.records.reference import read_reference, write_reference
from scripts.records.source import open_source
from scripts.tool import ToolError
from tests.support.paths import ROOT

SHIPPED = ROOT / "handler" / "model" / "reference.parquet"


@pytest.fixture(scope="module")
def streams() -> tuple[Stream, Stream]:
    """The shipped model version, and another."""
    reference = read_reference(SHIPPED)
    return Stream(reference.model_name, reference.model_version), Stream(
        reference.model_name, "9.9.9"
    )


def put(root: Path, stream: Stream, version: str, origin: str) -> None:
    """A reference of a version at a stream's place."""
    path = root / reference_key(stream)
    reference = replace(read_reference(SHIPPED), model_version=version, origin=origin)
    write_reference(reference, path)


def test_the_buckets_own_comes_before_the_shipped_one(
    tmp_path: Path, streams: tuple[Stream, Stream]
) -> None:
    shipped, other = streams
    source = open_source(str(tmp_path))
    assert find_reference(source, shipped, SHIPPED).origin == read_reference(SHIPPED).origin
    put(tmp_path, shipped, shipped.version, "live")
    put(tmp_path, other, other.version, "older")
    assert find_reference(source, shipped, SHIPPED).origin == "live"
    assert find_reference(source, other, SHIPPED).origin == "older"


def test_one_of_another_version_is_none(tmp_path: Path, streams: tuple[Stream, Stream]) -> None:
    shipped, other = streams
    source = open_source(str(tmp_path))
    for stream, version in ((other, None), (shipped, "0.0.1")):
        if version:
            put(tmp_path, stream, version, "wrong")
        with pytest.raises(ToolError, match=r"has no reference in .* as references/") as raised:
            find_reference(source, stream, SHIPPED)
        assert "scripts/run monitor baseline" in str(raised.value)  # what to do


def test_a_missing_or_broken_file_is_told(tmp_path: Path, streams: tuple[Stream, Stream]) -> None:
    shipped, _ = streams
    source = open_source(str(tmp_path))
    with pytest.raises(ToolError, match="no such file"):
        find_reference(source, shipped, tmp_path / "none.parquet")
    path = tmp_path / reference_key(shipped)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"broken")
    with pytest.raises(ToolError, match="not a reference"):
        find_reference(source, shipped, SHIPPED)
