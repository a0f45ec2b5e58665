"""CBOR and JSON, for services whose newest clients send CBOR (Smithy RPC v2) where moto reads JSON.

Both say the same in other bytes: a timestamp is tagged in the one and a number in the other, bytes
are bytes in the one and base64 in the other. Encoding after RFC 8949, decoding by botocore.
"""

from __future__ import annotations

import base64
import struct
from datetime import datetime
from typing import Any

from botocore.parsers import RpcV2CBORParser

MEDIA_TYPE = "application/cbor"


def decode(data: bytes) -> Any:
    """A value of JSON's kinds; timestamps are seconds since 1970, bytes are base64."""
    if not data:
        return {}
    parser = RpcV2CBORParser()
    return _plain(parser.parse_data_item(parser.get_peekable_stream_from_bytes(data)))


def encode(value: Any, shape: Any = None) -> bytes:
    """shape: of botocore; says which numbers are timestamps and which texts are bytes."""
    if value is None:
        return b"\xf6"
    kind = shape.type_name if shape is not None else None
    if kind == "timestamp":
        return b"\xc1" + _float(value.timestamp() if isinstance(value, datetime) else float(value))
    if kind == "blob" and isinstance(value, str):
        value = base64.b64decode(value)
    if kind in ("float", "double"):
        return _float(float(value))
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return _head(3, len(text)) + text
    if isinstance(value, (list, tuple)):
        member = shape.member if kind == "list" else None
        return _head(4, len(value)) + b"".join(encode(each, member) for each in value)
    if isinstance(value, dict):
        pairs = b"".join(
            encode(str(name)) + encode(each, _member(shape, kind, name))
            for name, each in value.items()
        )
        return _head(5, len(value)) + pairs
    raise TypeError(f"no CBOR for {type(value).__name__}")


def _member(shape: Any, kind: str | None, name: str) -> Any:
    if kind == "map":
        return shape.value
    return shape.members.get(name) if kind == "structure" else None


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | code]) + number.to_bytes(size, "big")
    raise ValueError("a number above 64 bits")


def _float(value: float) -> bytes:
    return b"\xfb" + struct.pack(">d", value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.timestamp()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
