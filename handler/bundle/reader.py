"""Read JSON strictly into NamedTuples: an unknown or missing field or a wrong type is an error."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal

SCHEMA = "bundle/1"
MANIFEST_FILE = "model.json"
MAY_BE_MISSING = "may be missing"  # in a field's Annotated: bundles of before have none


class BundleError(Exception):
    """A bundle that cannot be served.

    The text names the file, the field, what is expected and what it holds.
    """


def read_manifest(manifest_type: Any, text: str) -> Any:
    """Read the text of model.json as a value of a NamedTuple. Raises BundleError.

    All fields must be present, except those annotated with MAY_BE_MISSING.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise BundleError(f"{MANIFEST_FILE} is not JSON: {error}") from None
    if isinstance(document, dict) and document.get("schema") != SCHEMA:
        raise BundleError(
            f"{MANIFEST_FILE}: schema is {document.get('schema')!r}, this handler reads "
            f"{SCHEMA!r}; export it again"
        )
    return _read(manifest_type, document, "")


def _read(annotation: Any, value: Any, path: str) -> Any:
    """The JSON `value` of the field at `path` as a value of its annotation. Raises BundleError."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _read(arguments[0], value, path)
    if hasattr(annotation, "_fields"):
        return _read_fields(annotation, value, path)
    if origin is types.UnionType:  # X | None
        return None if value is None else _read(arguments[0], value, path)
    if origin is Literal and value not in arguments:
        raise wrong_value(path, f"one of {list(arguments)}", value)
    if origin is Literal or annotation is Any:
        return value
    if origin is tuple:
        length = None if arguments[-1] is ... else len(arguments)
        if not isinstance(value, list) or length not in (None, len(value)):
            raise wrong_value(path, "a list" if length is None else f"a list of {length}", value)
        return tuple(_read(arguments[0], item, f"{path}[{i}]") for i, item in enumerate(value))
    if origin is not None:  # Mapping[str, X]
        if not isinstance(value, dict):
            raise wrong_value(path, "an object", value)
        return {key: _read(arguments[1], item, f"{path}.{key}") for key, item in value.items()}
    if annotation is float and type(value) in (int, float) and -1e300 < value < 1e300:
        return float(value)
    if annotation is float or type(value) is not annotation:
        names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
        raise wrong_value(path, names[annotation], value)
    return value


def _read_fields(annotation: Any, value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise wrong_value(path or "the whole file", "an object", value)
    annotations = typing.get_type_hints(annotation, include_extras=True)
    prefix = f"{path}." if path else ""
    optional = [name for name, each in annotations.items() if typing.get_origin(each) is Annotated]
    for name in annotations:
        if name not in value and name not in optional:
            raise BundleError(f"{MANIFEST_FILE}: {prefix}{name} is missing; export the model again")
    for name in value:
        if name not in annotations:
            raise BundleError(
                f"{MANIFEST_FILE}: {prefix}{name} is not known to {SCHEMA}; "
                "is the handler older than the export?"
            )
    return annotation(
        **{name: _read(annotations[name], item, prefix + name) for name, item in value.items()}
    )


def as_json(value: Any) -> Any:
    """What `read_manifest` reads, as JSON's own types: a NamedTuple as an object by its fields."""
    if hasattr(value, "_fields"):
        return {name: as_json(getattr(value, name)) for name in value._fields}
    if isinstance(value, Mapping):
        return {name: as_json(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [as_json(each) for each in value]
    return value


def wrong_value(path: str, expected: str, value: Any) -> BundleError:
    """The error for a field with a wrong value."""
    return BundleError(f"{MANIFEST_FILE}: {path} must be {expected}, not {json.dumps(value)[:80]}")


def _refuse_constant(constant: str) -> None:
    """NaN and Infinity are not JSON."""
    raise ValueError(f"{constant} is no number")
