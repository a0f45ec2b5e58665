"""Which reading --check takes, from what each has found."""

from __future__ import annotations

import dataclasses

import pytest

from scripts.model.adapt.check.decision import decide
from scripts.model.adapt.check.trial import PictureTrial, VariantTrial
from tests.scripts.model.adapt.check.trials import detections, picture, trial


def several(*scores: float) -> list[PictureTrial]:
    """Three pictures with these scores, the boxes elsewhere in each."""
    return [picture(scores, first=10 * number) for number in range(3)]


NOTHING = several()


def test_the_default_stays_where_nothing_is_better() -> None:
    default, other = trial(several(0.9, 0.8)), trial(several(0.9, 0.7), order="bgr")
    decision = decide([default, other], 0)
    assert (decision.outcome, decision.chosen, decision.rival) == ("default", default, other)
    assert decision.alike == (other,)  # 4.8 against 5.1


def test_twice_the_mass_decides() -> None:
    default, better = trial(several(0.4)), trial(several(0.9), scale=255.0)
    decision = decide([default, better], 0)
    assert (decision.outcome, decision.chosen) == ("decided", better)


def test_less_than_twice_is_proposed() -> None:
    default, better = trial(several(0.5)), trial(several(0.9), scale=255.0)
    decision = decide([default, better], 0)
    assert (decision.outcome, decision.chosen, decision.rival) == ("proposed", default, better)


def test_it_must_win_in_most_pictures() -> None:
    default = trial([picture([0.4]), picture([0.4], first=10), picture([0.4], first=20)])
    better = trial(
        [picture([0.9] * 4), picture([0.4], first=10), picture([0.4], first=20)], scale=255.0
    )
    assert decide([default, better], 0).outcome == "proposed"


def test_one_picture_must_say_more() -> None:
    default = trial([picture([0.4, 0.4, 0.4])])
    twice = trial([picture([0.9, 0.9, 0.9])], scale=255.0)
    thrice = trial([picture([0.9, 0.9, 0.9, 0.95])], scale=255.0)
    assert decide([default, twice], 0).outcome == "proposed"
    assert decide([default, thrice], 0).outcome == "decided"


def test_two_boxes_tell_nothing() -> None:
    default, other = (
        trial(NOTHING),
        trial([picture([0.9]), picture([0.9]), picture([])], scale=255.0),
    )
    assert decide([default, other], 0).outcome == "default"


def test_an_order_takes_more_boxes_than_a_scale() -> None:
    def better(count: int) -> list[VariantTrial]:
        pictures = several(*[0.9] * count)
        return [trial(NOTHING), trial(pictures, order="bgr"), trial(NOTHING, scale=255.0)]

    assert decide(better(1), 0).outcome == "proposed"
    assert decide(better(2), 0).outcome == "decided"


def test_nothing_found_at_all() -> None:
    assert decide([trial(NOTHING), trial(NOTHING, order="bgr")], 0).outcome == "nothing"


def test_of_equals_the_least_different_is_taken() -> None:
    default = trial(NOTHING)
    both = trial(several(0.9, 0.8), order="bgr", scale=255.0)
    one = trial(several(0.8, 0.8), scale=255.0)
    decision = decide([default, both, one], 0)
    assert (decision.outcome, decision.chosen) == ("decided", one)


def test_where_the_picture_lies_in_the_input_is_no_evidence() -> None:
    def placed(scores: tuple[float, ...], fit: str) -> VariantTrial:
        return trial(several(*scores), fit=fit)

    assert decide([placed((0.4,), "centre"), placed((0.9,), "yolox")], 0).outcome == "default"
    better = placed((0.9, 0.9), "yolox")
    assert decide([placed((0.4,), "stretch"), better], 0).outcome == "decided"


@pytest.mark.parametrize(
    ("junk", "reason"),
    [
        ([picture([0.99] * 90, is_found_again=False)] * 3, "come back in the mirrored picture"),
        ([picture([0.99] * 4, side=1)] * 3, "have no size or are the whole picture"),
        ([picture([0.99] * 300)] * 3, "as many as there may be"),
        (
            [
                dataclasses.replace(picture([]), detections=crowd, candidates=crowd, mirrored=crowd)
                for crowd in [
                    detections([(i, i, i + 90, i + 90) for i in range(0, 60, 2)], [1] * 30)
                ]
            ]
            * 3,
            "lie on each other",
        ),
    ],
)
def test_junk_decides_nothing_and_falls_to_what_is_none(
    junk: list[PictureTrial], reason: str
) -> None:
    right, wrong = trial(several(0.9, 0.8)), trial(junk, scale=255.0)
    assert wrong.junk is not None and reason in wrong.junk
    assert decide([right, wrong], 0).outcome == "default"
    default, better = trial(junk), trial(several(0.9, 0.8), scale=255.0)
    decision = decide([default, better], 0)
    assert (decision.outcome, decision.chosen) == ("decided", better)


def test_other_finds_than_the_defaults_are_no_improvement() -> None:
    default = trial(several(0.9, 0.9))
    elsewhere = trial([picture([0.9] * 9, first=50 + 10 * n) for n in range(3)], scale=255.0)
    assert decide([default, elsewhere], 0).outcome == "default"


def test_the_same_boxes_in_every_picture_decide_nothing() -> None:
    default, fixed = trial(NOTHING), trial([picture([0.9] * 4)] * 3, scale=255.0)
    assert decide([default, fixed], 0).outcome == "default"


@pytest.mark.parametrize(
    ("ap50", "objects", "outcome"),
    [
        ((0.5, 0.9), 25, "decided"),  # the margin is 1 / √25
        ((0.7, 0.85), 25, "proposed"),
        ((0.80, 0.85), 25, "default"),
        ((0.80, 0.86), 400, "decided"),  # 0.05 at least
        ((0.80, 0.84), 400, "proposed"),
        ((0.0, 0.9), 9, "default"),  # too few labels: the mass decides
    ],
)
def test_labels_decide_by_ap50(ap50: tuple[float, float], objects: int, outcome: str) -> None:
    default = trial(several(0.9, 0.8), ap50[0])
    other = trial(several(0.8, 0.8), ap50[1], order="bgr")
    assert decide([default, other], objects).outcome == outcome


def test_a_reading_that_cannot_be_run_is_out() -> None:
    default = dataclasses.replace(trial([]), failure="the graph fails")
    better = trial(several(0.9), scale=255.0)
    assert decide([default, better], 0).chosen is better
