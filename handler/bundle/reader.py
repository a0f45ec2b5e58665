"""Read JSON strictly into dataclasses: an unknown or missing field or a wrong type is an error."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from typing import Any, Literal

SCHEMA = "bundle/1"
MANIFEST_FILE = "model.json"


class BundleError(Exception):
    """A bundle that cannot be served; the text names the file, the field, what is expected and what
    is there."""


def read_manifest(kind: Any, text: str) -> Any:
    """The text of model.json as a value of the dataclass `kind`. Raises BundleError.

    A field whose metadata has `may_be_missing` may be missing; every other one must be there.
    """
    try:
        raw = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise BundleError(f"{MANIFEST_FILE} is not JSON: {error}") from None
    if isinstance(raw, dict) and raw.get("schema") != SCHEMA:
        raise BundleError(
            f"{MANIFEST_FILE}: schema is {raw.get('schema')!r}, this handler reads {SCHEMA!r}; "
            "export it again"
        )
    return _read(kind, raw, "")


def _read(kind: Any, raw: Any, where: str) -> Any:
    """JSON `raw`, at the path `where`, as a value of the annotation `kind`. Raises BundleError."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _read_fields(kind, raw, where)
    if origin is types.UnionType:  # X | None
        return None if raw is None else _read(inner[0], raw, where)
    if origin is Literal and raw not in inner:
        raise wrong_value(where, f"one of {list(inner)}", raw)
    if origin is Literal or kind is Any:
        return raw
    if origin is tuple:
        count = None if inner[-1] is ... else len(inner)
        if not isinstance(raw, list) or count not in (None, len(raw)):
            raise wrong_value(where, "a list" if count is None else f"a list of {count}", raw)
        return tuple(_read(inner[0], item, f"{where}[{at}]") for at, item in enumerate(raw))
    if origin is not None:  # Mapping[str, X]
        if not isinstance(raw, dict):
            raise wrong_value(where, "an object", raw)
        return {key: _read(inner[1], item, f"{where}.{key}") for key, item in raw.items()}
    if kind is float and type(raw) in (int, float) and -1e300 < raw < 1e300:
        return float(raw)
    if kind is float or type(raw) is not kind:
        names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
        raise wrong_value(where, names[kind], raw)
    return raw


def _read_fields(kind: Any, raw: Any, where: str) -> Any:
    if not isinstance(raw, dict):
        raise wrong_value(where or "the whole file", "an object", raw)
    fields = typing.get_type_hints(kind)
    inside = f"{where}." if where else ""
    late = {each.name for each in dataclasses.fields(kind) if "may_be_missing" in each.metadata}
    for name in fields:
        if name not in raw and name not in late:
            raise BundleError(f"{MANIFEST_FILE}: {inside}{name} is missing; export the model again")
    for name in raw:
        if name not in fields:
            raise BundleError(
                f"{MANIFEST_FILE}: {inside}{name} is not known to {SCHEMA}; "
                "is the handler older than the export?"
            )
    return kind(**{name: _read(fields[name], raw[name], inside + name) for name in raw})


def wrong_value(where: str, expected: str, raw: Any) -> BundleError:
    return BundleError(f"{MANIFEST_FILE}: {where} must be {expected}, not {json.dumps(raw)[:80]}")


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no number")
