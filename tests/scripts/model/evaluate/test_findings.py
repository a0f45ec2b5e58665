"""What became of each box, and which labels look missing, worked by hand."""

from __future__ import annotations

from scripts.model.evaluate.findings import find_findings, format_findings
from scripts.model.evaluate.missing_labels import find_missing_labels
from scripts.model.evaluate.outcomes import count_confusions, find_outcome
from tests.scripts.model.evaluate.evaluated_pictures import evaluated_picture

TWO = ("cell", "grain")
LEFT, MIDDLE, RIGHT = [0.0, 0.0, 20.0, 20.0], [40.0, 0.0, 60.0, 20.0], [80.0, 0.0, 99.0, 20.0]


def test_each_box_is_right_confused_wrong_or_missed() -> None:
    picture = evaluated_picture(
        [LEFT, MIDDLE, RIGHT],
        [LEFT, [41, 1, 60, 20], [40, 60, 60, 80]],
        [0.9, 0.8, 0.7],
        labels=["cell", "grain", "cell"],
        class_ids=[0, 0, 1],
    )
    outcome = find_outcome(picture, TWO, 0.5)
    assert outcome.matches.tolist() == [0, -1, -1]
    assert outcome.confused_with.tolist() == [-1, 1, -1]
    counts = (outcome.true_positives, outcome.false_positives, outcome.false_negatives)
    assert counts == (1, 2, 2) and outcome.confusions == 1
    assert count_confusions([outcome, outcome], TWO) == [("grain", "cell", 2)]


def test_a_label_that_was_found_right_is_confused_with_nothing() -> None:
    picture = evaluated_picture([LEFT], [LEFT, LEFT], [0.8, 0.9], class_ids=[0, 1])
    outcome = find_outcome(picture, TWO, 0.5)
    assert (outcome.true_positives, outcome.false_positives, outcome.confusions) == (1, 1, 0)


def test_only_sure_boxes_where_nothing_is_labelled_look_like_missing_labels() -> None:
    picture = evaluated_picture(
        [LEFT, [0, 50, 50, 99]],
        [
            MIDDLE,  # nothing there
            MIDDLE,  # the same, as another class
            RIGHT,  # nothing there, but not sure
            [0, 0, 20, 30],  # a label is there, if a tighter one
            [10, 60, 30, 80],  # a part of what is labelled
            [15, 0, 35, 20],  # a neighbour of a label
        ],
        [0.95, 0.9, 0.79, 0.88, 0.87, 0.86],
        labels=["cell", "grain"],
        class_ids=[0, 1, 0, 1, 0, 0],
    )
    missing = find_missing_labels([picture], 0.3)
    assert (missing.score, missing.sure, missing.boxes) == (0.8, 5, 2)
    (unlabelled,) = missing.pictures
    assert unlabelled.detections.boxes.tolist() == [MIDDLE, [15, 0, 35, 20]]
    assert find_missing_labels([picture], 0.9).boxes == 1  # a threshold above 0.8 counts


def test_pictures_with_most_missing_labels_come_first_and_long_lists_are_cut() -> None:
    pictures = [
        evaluated_picture([], [MIDDLE], [0.9], name=f"{number}.png") for number in range(11)
    ]
    boxes = [[20.0 * at, 50.0, 20.0 * at + 15, 60.0] for at in range(5)]
    pictures.append(evaluated_picture([], boxes, [0.9] * 5, name="most.png"))
    findings = find_findings(pictures, ("cell",), 0.5)
    errors, *lines = format_findings("cells", findings, ("cell",)).splitlines()
    assert errors == "cells: 16 false finds: nothing labelled there 16"
    heading, first, *others, last = lines
    assert heading.startswith("cells: labels that look missing: 16 boxes scoring above 0.8")
    assert first.startswith("  most.png: cell 0.90 at (0, 50)–(15, 60), ")
    assert first.endswith(", and 1 more")
    assert others[0] == "  0.png: cell 0.90 at (40, 0)–(60, 20)"
    assert len(others) == 9 and last.startswith("  … and 2 pictures more")


def test_nothing_to_find_is_nothing_to_say() -> None:
    picture = evaluated_picture([LEFT], [LEFT], [0.9])
    assert format_findings("cells", find_findings([picture], ("cell",), 0.5), ("cell",)) == ""


def test_errors_are_told_by_kind_those_of_a_loose_box_twice() -> None:
    loose = [80.0, 0.0, 99.0, 50.0]
    picture = evaluated_picture(
        [LEFT, MIDDLE, RIGHT],
        [LEFT, loose, [0, 60, 20, 80], [30, 60, 50, 80]],
        [0.9, 0.8, 0.7, 0.6],
    )
    text = format_findings("cells", find_findings([picture], ("cell",), 0.5), ("cell",))
    assert "cells: 3 false finds: nothing labelled there 2, loose box 1\n" in text + "\n"
    assert "cells: 2 missed: " in text and "loose box 1" in text.split("2 missed: ")[1]
    assert "cut by the edge 1" in text  # MIDDLE, at the top


def test_a_reason_not_to_count_is_a_warning() -> None:
    pictures = [evaluated_picture([LEFT] * 3, [LEFT], [0.9]) for _ in range(2)]
    text = format_findings("cells", find_findings(pictures, ("cell",), 0.5), ("cell",))
    assert text.startswith("warning: cells: it finds 67% fewer objects than are labelled")
