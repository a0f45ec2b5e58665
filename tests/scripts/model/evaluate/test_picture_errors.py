"""Each kind of error by a drawn example, and every false find and miss in exactly one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.model.evaluate import error_kinds as kinds
from scripts.model.evaluate.error_kinds import ErrorKind
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture
from scripts.model.evaluate.outcomes import find_outcome
from scripts.model.evaluate.picture_errors import PictureError, count_errors, find_errors
from tests.scripts.model.evaluate.evaluated_pictures import evaluated_picture

TWO = ("cell", "grain")
LEFT, MIDDLE, RIGHT = [10.0, 10.0, 30.0, 30.0], [40.0, 40.0, 60.0, 60.0], [70.0, 10.0, 90.0, 30.0]
LOOSE_LEFT = [10.0, 10.0, 30.0, 60.0]  # IoU 0.4

Errors = list[tuple[ErrorKind, int | None, int | None]]


def found_errors(picture: EvaluatedPicture) -> list[PictureError]:
    return find_errors(find_outcome(picture, TWO, 0.5), TWO)


def in_short(picture: EvaluatedPicture) -> Errors:
    """Kind, false find and miss of each error."""
    return [(each.kind, each.found, each.missed) for each in found_errors(picture)]


def test_nothing_wrong_is_no_error() -> None:
    assert in_short(evaluated_picture([], [], [])) == []
    assert in_short(evaluated_picture([LEFT], [LEFT], [0.9])) == []


def test_a_loose_box_and_its_object_are_one_error() -> None:
    (error,) = found_errors(evaluated_picture([LEFT], [LOOSE_LEFT], [0.9]))
    assert (error.kind, error.found, error.missed) == (kinds.LOOSE, 0, 0)
    assert error.iou == pytest.approx(0.4) and error.score == pytest.approx(0.9)


def test_an_object_has_one_loose_box() -> None:
    picture = evaluated_picture([LEFT], [[10, 10, 30, 19], [10, 21, 30, 30]], [0.9, 0.8])
    assert in_short(picture) == [(kinds.LOOSE, 0, 0), (kinds.PART, 1, None)]


def test_found_as_another_class_well_or_loosely() -> None:
    well = evaluated_picture([LEFT], [LEFT], [0.9], class_ids=[1])
    assert in_short(well) == [(kinds.OTHER_CLASS, 0, 0)]
    loosely = evaluated_picture([LEFT], [LOOSE_LEFT], [0.9], class_ids=[1])
    assert in_short(loosely) == [(kinds.LOOSE_OTHER_CLASS, 0, 0)]


def test_a_loose_box_goes_to_an_object_of_its_class_first() -> None:
    labels = [[10.0, 10.0, 20.0, 30.0], [24.0, 10.0, 44.0, 30.0]]
    picture = evaluated_picture(labels, [[12, 10, 34, 30]], [0.9], labels=["grain", "cell"])
    assert in_short(picture) == [(kinds.LOOSE, 0, 1), (kinds.NOT_FOUND, None, 0)]


@pytest.mark.parametrize("class_id", [0, 1])
def test_a_second_box_on_an_object(class_id: int) -> None:
    picture = evaluated_picture(
        [LEFT], [LEFT, [11, 10, 31, 30]], [0.9, 0.8], class_ids=[0, class_id]
    )
    assert in_short(picture) == [(kinds.SECOND_BOX, 1, None)]


def test_one_box_over_two_objects() -> None:
    picture = evaluated_picture([[10, 10, 30, 30], [30, 10, 50, 30]], [[10, 9, 50, 34]], [0.9])
    assert in_short(picture) == [
        (kinds.OVER_SEVERAL, 0, None),
        (kinds.COVERED, None, 0),
        (kinds.COVERED, None, 1),
    ]


def test_a_box_that_fits_one_object_covers_the_other() -> None:
    picture = evaluated_picture([[10, 10, 40, 30], [32, 10, 42, 30]], [[10, 10, 41, 30]], [0.9])
    assert in_short(picture) == [(kinds.COVERED, None, 1)]


def test_a_part_of_a_found_object_and_a_box_beside_one() -> None:
    boxes = [LEFT, [10, 10, 20, 18], [26, 10, 40, 30], [34, 70, 44, 80]]
    picture = evaluated_picture([LEFT], boxes, [0.9, 0.8, 0.7, 0.6])
    assert in_short(picture) == [
        (kinds.PART, 1, None),
        (kinds.BESIDE, 2, None),
        (kinds.UNLABELLED, 3, None),
    ]


def test_a_part_of_a_found_object_is_no_loose_box_of_its_neighbour() -> None:
    """It overlaps the neighbour by more than 0.1, the found object by more than that."""
    picture = evaluated_picture([LEFT, [26, 10, 40, 30]], [LEFT, [18, 10, 30, 26]], [0.9, 0.8])
    assert in_short(picture) == [(kinds.PART, 1, None), (kinds.NOT_FOUND, None, 1)]


def test_an_object_that_scores_too_low_tells_its_score() -> None:
    (error,) = found_errors(evaluated_picture([LEFT, RIGHT], [LEFT, RIGHT], [0.9, 0.3]))
    assert (error.kind, error.found, error.missed) == (kinds.LOW_SCORE, None, 1)
    assert error.score == pytest.approx(0.3)


def test_a_low_score_of_another_class_or_on_a_found_object_finds_nothing() -> None:
    boxes = [LEFT, LEFT, RIGHT]
    picture = evaluated_picture([LEFT, RIGHT], boxes, [0.9, 0.4, 0.3], class_ids=[0, 0, 1])
    assert in_short(picture) == [(kinds.NOT_FOUND, None, 1)]


@pytest.mark.parametrize("box", [[0, 40, 10, 60], [40, 0, 60, 9], [85, 40, 99.6, 60]])
def test_an_object_at_the_edge(box: list[float]) -> None:
    assert in_short(evaluated_picture([box], [], [])) == [(kinds.AT_EDGE, None, 0)]
    assert in_short(evaluated_picture([MIDDLE], [], [])) == [(kinds.NOT_FOUND, None, 0)]


def test_counts_of_a_dataset_and_what_mending_gains() -> None:
    """Of 4 labels 2 are found by 4 boxes: F1 is 2 * 2 / 8."""
    pictures = [
        evaluated_picture([LEFT, RIGHT], [LEFT, [11, 10, 31, 30]], [0.9, 0.8]),
        evaluated_picture([LEFT, MIDDLE], [MIDDLE, LOOSE_LEFT], [0.9, 0.8]),
    ]
    counts = count_errors([find_outcome(each, TWO, 0.5) for each in pictures], TWO)
    assert counts.f1 == pytest.approx(0.5)
    assert (counts.labelled, counts.false_finds, counts.misses, counts.errors) == (4, 2, 2, 3)
    rows = [(each.kind, each.false_finds, each.misses, each.f1_mended) for each in counts.kinds]
    assert rows == [
        (kinds.LOOSE, 1, 1, pytest.approx(6 / 8)),
        (kinds.NOT_FOUND, 0, 1, pytest.approx(6 / 9)),
        (kinds.SECOND_BOX, 1, 0, pytest.approx(4 / 7)),
    ]


# Few places, so that boxes meet, nest, cross and coincide.
boxes = st.tuples(*[st.integers(0, 8)] * 2, *[st.integers(1, 6)] * 2).map(
    lambda box: [10.0 * box[0], 10.0 * box[1], 10.0 * (box[0] + box[2]), 10.0 * (box[1] + box[3])]
)


@settings(deadline=None)
@given(
    labelled=st.lists(st.tuples(boxes, st.sampled_from(TWO)), max_size=8),
    predicted=st.lists(
        st.tuples(st.sampled_from([0.9, 0.6, 0.5, 0.2]), boxes, st.integers(0, 1)), max_size=10
    ),
)
def test_every_error_is_counted_once(
    labelled: list[tuple[list[float], str]], predicted: list[tuple[float, list[float], int]]
) -> None:
    predicted = sorted(predicted, key=lambda each: -each[0])
    outcome = find_outcome(
        evaluated_picture(
            [box for box, _ in labelled],
            [box for _, box, _ in predicted],
            [score for score, _, _ in predicted],
            labels=[label for _, label in labelled],
            class_ids=[class_id for *_, class_id in predicted],
        ),
        TWO,
        0.5,
    )
    errors = find_errors(outcome, TWO)
    found = [each.found for each in errors if each.found is not None]
    missed = [each.missed for each in errors if each.missed is not None]
    assert sorted(found) == [at for at, match in enumerate(outcome.matches) if match < 0]
    assert sorted(missed) == sorted(set(range(len(labelled))) - set(outcome.matches.tolist()))
    counts = count_errors([outcome], TWO)
    assert counts.false_finds == outcome.false_positives
    assert counts.misses == outcome.false_negatives
    assert counts.errors == len(errors)
    assert all(each.f1_mended >= counts.f1 for each in counts.kinds)
