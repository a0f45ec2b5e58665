"""Finds the reference of a model version: in the bucket, or beside the model that is shipped."""

from __future__ import annotations

from pathlib import Path

from scripts.records.partitions import Stream
from scripts.records.reference import REFERENCE_FILE, Reference, check_model, read_reference
from scripts.records.source import Source
from scripts.tool import ToolError

REFERENCES = "references"


def reference_key(stream: Stream) -> str:
    """Where a model version's reference is looked for in the bucket."""
    return f"{REFERENCES}/{stream.folder}/{REFERENCE_FILE}"


def find_reference(source: Source, stream: Stream, shipped: Path) -> Reference:
    """The bucket's own, made of live records for example, before the shipped one.

    Raises ToolError, which says how to make one, where neither is of this model version.
    """
    key = reference_key(stream)
    body = source.get(key)
    try:
        reference = read_reference(shipped if body is None else body)
        check_model(reference, name=stream.model, version=stream.version)
    except ToolError as error:
        raise ToolError(
            f"{stream.model} {stream.version} has no reference in {source.url} as {key}: {error}"
        ) from None
    return reference
