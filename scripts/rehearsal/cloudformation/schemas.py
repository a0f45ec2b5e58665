"""Which properties a type of resource has, and which cannot be changed, by AWS's own schemas.

They come with cfn-lint, whose data is read without importing it: that would take four seconds.
"""

from __future__ import annotations

import functools
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.rehearsal.account import AwsError
from scripts.tool import ToolError


@functools.cache
def schema(kind: str, region: str) -> Mapping[str, Any]:
    """Raises AwsError for a type that AWS does not have in the region."""
    folder = _folder()
    types = _types(folder / "providers" / f"{region}.json")
    if kind not in types:
        raise AwsError(
            "ValidationError", f"Template format error: Unrecognized resource types: [{kind}]"
        )
    found: Mapping[str, Any] = json.loads(
        (folder / "resources" / f"{types[kind]}.json").read_text()
    )
    return found


@functools.cache
def _types(path: Path) -> Mapping[str, str]:
    """The name of each type's schema."""
    if not path.exists():
        raise ToolError(f"cfn-lint has no schemas for the region {path.stem}")
    types: Mapping[str, str] = json.loads(path.read_text())
    return types


@functools.cache
def _folder() -> Path:
    found = importlib.util.find_spec("cfnlint")
    if not found or not found.origin:
        raise ToolError("cfn-lint is missing in this environment: scripts/test makes .venv")
    return Path(found.origin).parent / "data" / "schemas"


def check(kind: str, properties: Mapping[str, Any], region: str) -> None:
    """Raises AwsError for properties that the type lacks, or that it needs and are missing."""
    found = schema(kind, region)
    if extra := properties.keys() - found["properties"].keys():
        raise AwsError(
            "ValidationError", f"Encountered unsupported property {', '.join(sorted(extra))}"
        )
    if missing := [name for name in found.get("required", ()) if name not in properties]:
        raise AwsError("ValidationError", f"Property {', '.join(missing)} is required")


def needs_replacement(
    kind: str, old: Mapping[str, Any], new: Mapping[str, Any], region: str
) -> bool:
    """Whether a property changes that can be set at creation only."""
    fixed = {
        path.removeprefix("/properties/").split("/")[0]
        for path in schema(kind, region).get("createOnlyProperties", ())
    }
    return any(old.get(name) != new.get(name) for name in fixed)
