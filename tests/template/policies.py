"""What a role of the template allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def statements(role: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All statements of its policies."""
    return [item for policy in role["Policies"] for item in policy["PolicyDocument"]["Statement"]]


def allowed(role: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Resources by action; nothing but Allow."""
    assert "ManagedPolicyArns" not in role
    found: dict[str, list[Any]] = {}
    for statement in statements(role):
        assert statement["Effect"] == "Allow"
        for action in _listed(statement["Action"]):
            found.setdefault(action, []).extend(_listed(statement["Resource"]))
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
