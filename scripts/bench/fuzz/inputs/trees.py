"""Mutates JSON documents: what is missing, null, of another type, huge, deep or odd text."""

from __future__ import annotations

import copy
import json
import random
import sys
from collections.abc import Callable, Sequence
from typing import Any

MAX_TEXT = 100_000
MAX_RECURSION = 10_000
TEXTS = (
    "", " ", "0", "-1", "null", "true", "nan", "Infinity", "é", "日本語", "\u202e", "\0",
    "\ud800", "\udfff", "a\ud83d", "\r\nX-Injected: 1", "../../etc/passwd", "%00", "%ED%A0%80", "%",
    "{}", "[]", "<script>", "'\"", "${x}", "2.0", "1.0", "\ufeff", "\u2028", "a" * 300, "٣", "²",
    "s3://bucket/key", "http://127.0.0.1/", "data:image/png;base64,", "Bearer x", "base64",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 2, 255, 65536, 2**31, 2**63, -(2**63), 10**30, 10**400, 0.5, -0.0, 1e-320, 1e308,
    float("inf"),
)  # fmt: skip
NAMES = (
    "version", "httpMethod", "path", "rawPath", "rawQueryString", "headers", "multiValueHeaders",
    "queryStringParameters", "multiValueQueryStringParameters", "requestContext", "body",
    "isBase64Encoded", "cookies", "http", "method", "stage", "elb", "authorizer", "identity",
    "image", "images", "inputs", "parameters", "data", "upload_id", "s3_uri", "count", "box",
    "__proto__", "", "\ud800", "content-type", "Content-Type", "CONTENT-TYPE", "accept", "host",
    "x-forwarded-proto", "authorization", "domainName", "jwt", "iam", "claims", "Records", "source",
)  # fmt: skip

Parent = dict[Any, Any] | list[Any]


def mutate(document: Any, rng: random.Random, steps: int) -> Any:
    """A copy of a document with some of its parts changed."""
    sys.setrecursionlimit(max(MAX_RECURSION, sys.getrecursionlimit()))  # copies of deep documents
    root = [copy.deepcopy(document)]
    for _ in range(steps):
        parent, key = rng.choice(_places(root))
        rng.choice(_STEPS)(parent, key, rng)
    return root[0]


def odd_value(rng: random.Random) -> Any:
    choice = rng.randrange(8)
    if choice == 0:
        return None
    if choice == 1:
        return rng.choice((True, False))
    if choice == 2:
        return rng.choice([number for number in NUMBERS if number != float("inf")])
    if choice == 3:
        return rng.choice(([], {}, [[]], [None], {"": None}, [{}], {"a": {"b": []}}))
    if choice == 4:
        return nested(rng.choice((2, 20, 200, 900)), rng.choice(("list", "dict")))
    if choice == 5:
        return rng.choice(TEXTS) * rng.choice((1, 1, 1, 50, 2000))
    return odd_text(rng)


def odd_text(rng: random.Random) -> str:
    return "".join(rng.choice(TEXTS) for _ in range(rng.randrange(4)))[:MAX_TEXT]


def nested(depth: int, kind: str) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value] if kind == "list" else {"a": value}
    return value


def shrink(document: Any, still_fails: Callable[[Any], bool]) -> Any:
    """A smaller document that still fails: parts are dropped and texts are cut while it does."""
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(document):
            if still_fails(smaller):
                document, progress = smaller, True
                break
    return document


def _places(root: Parent) -> list[tuple[Parent, Any]]:
    """Every member of the document, as its container and its name in it."""
    found: list[tuple[Parent, Any]] = []
    waiting: list[Any] = [root]
    while waiting and len(found) < 2000:
        parent = waiting.pop()
        pairs = parent.items() if isinstance(parent, dict) else enumerate(parent)
        for key, value in list(pairs):
            found.append((parent, key))
            if isinstance(value, dict | list):
                waiting.append(value)
    return found


def _replace(parent: Parent, key: Any, rng: random.Random) -> None:
    parent[key] = odd_value(rng)


def _drop(parent: Parent, key: Any, rng: random.Random) -> None:
    if isinstance(parent, dict):
        del parent[key]
    else:
        parent[key] = None


def _rename(parent: Parent, key: Any, rng: random.Random) -> None:
    if isinstance(parent, dict):
        value = parent.pop(key)
        of_key = rng.choice((str(key).upper(), str(key).title(), f"{key} ", f"{key}\0", ""))
        parent[rng.choice((of_key, rng.choice(NAMES), odd_text(rng)))] = value


def _add(parent: Parent, key: Any, rng: random.Random) -> None:
    value = parent[key]
    value = copy.deepcopy(value) if rng.random() < 0.5 else odd_value(rng)
    if isinstance(parent, dict):
        parent[rng.choice((*NAMES, odd_text(rng)))] = value
    else:
        parent.extend([value] * rng.choice((1, 1, 40)))


def _swap(parent: Parent, key: Any, rng: random.Random) -> None:
    other = rng.choice(list(parent) if isinstance(parent, dict) else range(len(parent)))
    parent[key], parent[other] = parent[other], parent[key]


def _wrap(parent: Parent, key: Any, rng: random.Random) -> None:
    value = parent[key]
    parent[key] = rng.choice(
        ([value], {"a": value}, [value, value], str(value)[:MAX_TEXT], {str(value)[:80]: value})
    )


def _edit_text(parent: Parent, key: Any, rng: random.Random) -> None:
    text = parent[key]
    if not isinstance(text, str):
        return _replace(parent, key, rng)
    at = rng.randrange(len(text) + 1)
    parent[key] = rng.choice(
        (
            text[:at], text[at:], text[:at] + rng.choice(TEXTS) + text[at:], text.upper(),
            text + text[:at], text[::-1], text[:at] + text[at + 1 :], f" {text}\t",
            text.replace("/", "//"), text.replace("=", ""), text[:at] + text[at : at + 20] * 30,
        )
    )[:MAX_TEXT]  # fmt: skip
    return None


_STEPS = (_replace, _replace, _replace, _drop, _rename, _add, _swap, _wrap, _edit_text, _edit_text)


def _smaller(document: Any) -> Sequence[Any]:
    """Documents with one part less, the largest cuts first."""
    made: list[Any] = []
    root = [document]
    sizes = [(len(json.dumps(parent[key])), i) for i, (parent, key) in enumerate(_places(root))]
    for _, i in sorted(sizes, reverse=True)[:120]:
        for cut in (_cut_out, _cut_short, _cut_half):
            copied = copy.deepcopy(root)
            parent, key = _places(copied)[i]
            if (parent is not copied or cut is _cut_half) and cut(parent, key):
                made.append(copied[0])
    return made


def _cut_out(parent: Parent, key: Any) -> bool:
    del parent[key]
    return True


def _cut_short(parent: Parent, key: Any) -> bool:
    short: Any = {dict: {}, list: [], str: ""}.get(type(parent[key]))
    changed = short is not None and parent[key] != short
    if changed:
        parent[key] = short
    return changed


def _cut_half(parent: Parent, key: Any) -> bool:
    text = parent[key]
    if not isinstance(text, str | list) or len(text) < 2:
        return False
    parent[key] = text[: len(text) // 2]
    return True
