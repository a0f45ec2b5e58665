"""The verdict is one sentence, and never surer than what it is made of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.monitor.result import Cause, ChangePoint, Estimate, Finding, Quality
from scripts.monitor.verdict import choose_status, say_what_to_do, write_verdict
from tests.support.monitor_results import CORRECTED, DECISION, QUALITY, refuse

SINCE = ChangePoint(
    "2026-11-21T14:00:00Z", "2026-11-21T11:20:00Z", "2026-11-21T16:00:00Z", 0.9, 900, 300
)
CAUSE = Cause("defocused", 0.93, "rescaled", ())
ALARM = Finding("stuck camera", True, "One picture came 212 times since 27 Nov.")
QUIET = replace(DECISION, is_changed=False)


def verdict(
    cause: Cause | None = CAUSE,
    since: ChangePoint | None = SINCE,
    quality: tuple[Quality, ...] = (QUALITY,),
) -> str:
    return write_verdict("changed", 1200, 20, (), since, cause, DECISION, quality)


def test_a_change_is_told_with_its_cause_time_and_counts() -> None:
    assert verdict() == (
        "Something changed: pictures are out of focus since 21 Nov 14:00 (± 3 h); counts are "
        "probably 18 % too low (−25 % to −10 %)."
    )


def test_what_people_corrected_comes_before_what_scores_say() -> None:
    assert verdict(quality=(QUALITY, CORRECTED)).endswith(
        "; counts are 20 % too low (−26 % to −15 %)."
    )


def test_a_refusal_is_said() -> None:
    assert verdict(quality=(refuse(),)).endswith(
        "; how good the counts still are cannot be said without labels."
    )
    assert verdict(quality=(refuse(), CORRECTED)).endswith("(−26 % to −15 %).")


def test_an_interval_over_zero_claims_no_error() -> None:
    unsure = replace(QUALITY, count_bias=Estimate(-0.04, -0.12, 0.05, 0.9))
    assert "; no error of the counts is shown (−12 % to +5 %)." in verdict(quality=(unsure,))
    wide = replace(QUALITY, count_bias=Estimate(-0.12, -0.27, 0.05, 0.9))
    assert "; whether the counts are off is not clear (−27 % to +5 %)." in verdict(quality=(wide,))


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (replace(CAUSE, confidence=0.6), "probably, pictures are out of focus since"),
        (
            replace(CAUSE, confidence=0.3),
            "perhaps pictures are out of focus, or objects appear at another size since",
        ),
        (replace(CAUSE, confidence=0.3, runner_up=None), "probably, pictures are out of focus"),
        (Cause("unknown", 0.2, None, ()), "focus and sharpness moved most since 21 Nov 14:00"),
        (None, "focus and sharpness moved most since"),
    ],
)
def test_an_unsure_cause_is_told_as_such(cause: Cause | None, said: str) -> None:
    assert f"Something changed: {said}" in verdict(cause)


def test_a_time_that_is_not_known_is_not_told() -> None:
    assert verdict(since=None).startswith("Something changed: pictures are out of focus; counts")


def test_a_window_that_is_changed_from_its_start_is_told_as_such() -> None:
    said = write_verdict(
        "changed", 1200, 20, (), None, CAUSE, DECISION, (QUALITY,),
        changed_from="2026-11-01T00:00:00Z",
    )  # fmt: skip
    assert "out of focus since the window's start (1 Nov 00:00) or before; counts are" in said


def test_a_stuck_camera_tells_what_to_do() -> None:
    steps = say_what_to_do("attention", [ALARM], None, (), has_captures=False)
    assert steps == ("Restart the camera: its counts since then are one count repeated.",)


def test_uneven_ends_of_the_time_are_both_told() -> None:
    uneven = replace(SINCE, earliest="2026-11-19T00:00:00Z")
    assert "since 21 Nov 14:00 (between 19 Nov and 21 Nov 16:00)" in verdict(since=uneven)
    short = replace(SINCE, latest=SINCE.time)
    assert "since 21 Nov 14:00 (± 3 h)" in verdict(since=short)


def test_a_change_comes_before_an_alarm_before_too_few() -> None:
    assert choose_status((ALARM,), DECISION, is_decidable=True) == "changed"
    assert choose_status((ALARM,), QUIET, is_decidable=True) == "attention"
    assert choose_status((ALARM,), QUIET, is_decidable=False) == "attention"
    assert choose_status((), QUIET, is_decidable=False) == "too few"
    harmless = replace(ALARM, is_alarm=False)
    assert choose_status((harmless,), QUIET, is_decidable=True) == "ok"


def test_other_statuses_have_their_sentence() -> None:
    few = write_verdict("too few", 12, 20, (), None, None, QUIET, ())
    assert few == "Too few predictions (12 of 20) to say whether something changed."
    noted = replace(QUIET, notes=("Too few to decide: 5 different pictures.",))
    assert write_verdict("too few", 900, 20, (), None, None, noted, ()) == noted.notes[0]
    ok = write_verdict("ok", 1200, 20, (), None, None, QUIET, (QUALITY,))
    assert ok == "Nothing changed: the 1,200 predictions of this window look like the reference."
    attention = write_verdict("attention", 9, 20, (ALARM, ALARM), None, None, QUIET, ())
    assert attention == ("Attention: one picture came 212 times since 27 Nov. And 1 other finding.")


def test_what_to_do_follows_from_the_cause() -> None:
    steps = say_what_to_do("changed", (), CAUSE, (refuse(),), has_captures=False)
    assert steps[0] == "Focus the camera, and clean its lens."
    assert any("CAPTURE_RATE" in step for step in steps)
    assert QUALITY.sentence not in steps
    assert CORRECTED.sentence in say_what_to_do(
        "changed", (), CAUSE, (CORRECTED,), has_captures=True
    )
    assert say_what_to_do("ok", (), None, (QUALITY,), has_captures=False) == ()
