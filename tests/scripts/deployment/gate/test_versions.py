"""One version means one model: a taken one is passed over, and never given to another file."""

from __future__ import annotations

from pathlib import Path

import pytest

from handler.bundle.files import load_bundle
from handler.bundle.manifest import Manifest
from scripts.deployment.gate.comparison import ModelId
from scripts.deployment.gate.versions import (
    KnownModel,
    choose_version,
    is_same_model,
    next_version,
)
from scripts.tool import ToolError

OTHER = "0" * 64


@pytest.fixture
def new(made_new: Path) -> Manifest:
    """squares 1.0.0"""
    return load_bundle(made_new).manifest


def known(version: str, sha256: str = OTHER, number: int = 7, name: str = "squares") -> KnownModel:
    return KnownModel(ModelId(name, version, sha256), f"release {number}")


def test_a_free_version_stays(new: Manifest) -> None:
    for others in ([], [known("0.9.0")], [known("1.0.0", name="circles")]):
        chosen = choose_version(new, others)
        assert (chosen.version, chosen.reason) == ("1.0.0", None)


def test_the_same_file_keeps_its_version(new: Manifest) -> None:
    assert choose_version(new, [known("1.0.0", new.sha256)]).version == "1.0.0"


def test_a_version_of_another_file_is_passed_over(new: Manifest) -> None:
    chosen = choose_version(new, [known("1.0.0"), known("1.0.4", number=8), known("1.1.0")])
    assert chosen.version == "1.0.5"
    assert chosen.reason == "1.0.0 is release 7's, another file (000000000000)"


def test_the_wanted_version_is_taken_if_it_is_free(new: Manifest) -> None:
    chosen = choose_version(new, [known("1.0.0")], wanted="2.0.0")
    assert chosen.version == "2.0.0" and chosen.reason == "--version; the bundle's own is 1.0.0"


def test_a_wanted_version_of_another_file_is_refused(new: Manifest) -> None:
    with pytest.raises(ToolError, match=r"--version 1\.2\.0: .*release 7's.*1\.2\.1 is free"):
        choose_version(new, [known("1.2.0")], wanted="1.2.0")
    with pytest.raises(ToolError, match="three numbers"):
        choose_version(new, [], wanted="v2")


def test_a_taken_version_that_is_no_number_asks_for_one(new: Manifest) -> None:
    dated = new._replace(version="2026-11-29")
    with pytest.raises(ToolError, match="--version"):
        choose_version(dated, [known("2026-11-29")])


@pytest.mark.parametrize(
    ("version", "taken", "following"),
    [
        ("1.0.0", [], "1.0.1"),
        ("1.0.0", ["1.0.9", "1.0.10"], "1.0.11"),
        ("1.0.3-int8", ["1.0.3"], "1.0.4"),
        ("1.2.3", ["1.3.9", "nightly"], "1.2.4"),
    ],
)
def test_the_next_version(version: str, taken: list[str], following: str) -> None:
    assert next_version(version, taken) == following


def test_other_settings_of_the_live_file_are_another_model(new: Manifest) -> None:
    """A moved threshold answers otherwise: records of both must not have one version."""
    thresholds = new.thresholds._replace(score=0.6)
    moved = new._replace(thresholds=thresholds)
    assert is_same_model(new, new) and not is_same_model(new, moved)
    chosen = choose_version(moved, [known("1.0.0", new.sha256)], live=new)
    assert chosen.version == "1.0.1" and "other settings" in (chosen.reason or "")


def test_a_new_version_or_new_figures_alone_are_no_other_model(new: Manifest) -> None:
    assert is_same_model(new, new._replace(version="1.5.0", evaluation=()))


def test_what_dev_has_under_a_new_version_is_that_version_on_prod(new: Manifest) -> None:
    in_place = new._replace(version="1.0.1")
    others = [known("1.0.0"), known("1.0.1", new.sha256, number=0)]
    chosen = choose_version(new, others, in_place=in_place)
    assert chosen.version == "1.0.1" and (chosen.reason or "").startswith("as in handler/model")
    taken = [*others, known("1.0.1", number=9)]
    assert choose_version(new, taken, in_place=in_place).version == "1.0.2"
