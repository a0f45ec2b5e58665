"""Every problem is RFC 9457's."""

from __future__ import annotations

import json

import pytest

from handler import problems
from handler.problems import Problem


def every(kind: type[Problem] = Problem) -> list[type[Problem]]:
    return [one for sub in kind.__subclasses__() for one in (sub, *every(sub))]


@pytest.mark.parametrize("kind", every())
def test_the_body_is_a_problem(kind: type[Problem]) -> None:
    body = json.loads(json.dumps(kind("too long", {"allow": ["POST"]}).body("r-1")))
    assert body == {
        "type": f"urn:icebox:problem:{kind.kind}",
        "title": kind.title,
        "status": kind.status,
        "detail": "too long",
        "instance": "urn:icebox:request:r-1",
        "allow": ["POST"],
    }
    assert 400 <= kind.status < 500


def test_kinds_are_told_apart() -> None:
    assert len({kind.kind for kind in every()}) == len(every())


def test_the_tree_at_the_top_of_the_file_is_the_tree() -> None:
    assert problems.__doc__
    for kind in every():
        assert kind.__name__ in problems.__doc__
