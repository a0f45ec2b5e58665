"""Every problem is RFC 9457's."""

from __future__ import annotations

import json

import pytest

from handler import problems
from handler.problems import Problem, StorageFault, quote, well_formed


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
    assert 400 <= kind.status < 500 or issubclass(kind, StorageFault)


def test_only_a_fault_that_passes_is_worth_another_try() -> None:
    worth = {kind for kind in every() if "Retry-After" in kind("why").headers}
    assert {kind.status for kind in worth} == {503}
    assert {kind.status for kind in every() if issubclass(kind, StorageFault)} == {500, 502, 503}


def test_a_detail_is_text_that_utf_8_can_carry() -> None:
    """U+FFFD stands for what is no character: Unicode 16, section 5.22."""
    assert problems.BadRequest("\ud800 \udfff ä \U0001f600").detail == "\ufffd \ufffd ä \U0001f600"
    assert well_formed("") == ""


@pytest.mark.parametrize("text", ["", "a", "x" * 80, "x" * 81, "\n" * 10**6, None, ["a"] * 10**5])
def test_a_quote_is_no_longer_than_a_line(text: object) -> None:
    assert len(quote(text)) <= 330  # eighty characters, each as long as an escape
    assert quote(text).endswith("…") == (len(str(text)) > 80)


def test_kinds_are_told_apart() -> None:
    assert len({kind.kind for kind in every()}) == len(every())


def test_the_tree_at_the_top_of_the_file_is_the_tree() -> None:
    assert problems.__doc__
    for kind in every():
        assert kind.__name__ in problems.__doc__
