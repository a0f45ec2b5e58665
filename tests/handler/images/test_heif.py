"""HEIC is decoded in a process of its own, which may crash or hang."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handler.images import heif
from handler.problems import Problem, Undecodable
from tests.support.image_files import CRASHING_HEIC, HEIC, picture_or_problem, read


def test_heic_is_turned_once_as_its_container_says() -> None:
    picture = read(HEIC)
    assert (picture.format, picture.width, picture.height) == ("HEIF", 48, 64)
    assert (picture.rgb.shape, picture.orientation) == ((64, 48, 3), 6)
    assert picture.rgb[5, 24].tolist() == pytest.approx([220, 30, 30], abs=12)  # left is on top
    assert picture.rgb[58, 24].tolist() == pytest.approx([30, 30, 220], abs=12)


def test_a_decoder_that_crashes_does_not_bring_the_function_down() -> None:
    with pytest.raises(Undecodable, match="HEIF picture is damaged: its decoder crashed"):
        read(CRASHING_HEIC)


def test_a_decoder_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heif, "TIMEOUT_S", 0.001)
    with pytest.raises(Undecodable, match="took more than"):
        read(HEIC)


@pytest.mark.needs_linux
def test_a_decoder_that_computes_for_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = "def HeifFile(*_, **__):\n    while True:\n        pass\n"
    (tmp_path / "pi_heif.py").write_text(endless)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(heif, "CPU_S", 1)
    with pytest.raises(Undecodable, match="takes too long to decode for its size"):
        read(HEIC)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, len(HEIC) - 1), st.integers(0, 255))
@example(CRASHING_HEIC.index(b"\xdaxif"), 0xDA)
def test_a_damaged_heic_is_a_picture_or_a_problem(at: int, value: int) -> None:
    outcome = picture_or_problem(HEIC[:at] + bytes([value]) + HEIC[at + 1 :])
    assert isinstance(outcome, Problem) or outcome.format == "HEIF"
