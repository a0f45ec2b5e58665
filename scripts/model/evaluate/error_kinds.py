"""The kinds of errors that a detector makes when it counts, with what each means.

They are TIDE's (Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors",
ECCV 2020, arXiv:2008.08115), with its IoUs: 0.5 for a match, 0.1 for a try at an object. TIDE sums
up average precision over all scores; here they are of one score threshold, as counts are. A false
find adds one to a count, a miss takes one, and a loose box on a missed object is one error that
leaves the count as it is. Boxes over several objects, parts of objects, objects that score too low
and those at the picture's edge, which TIDE leaves in other kinds, have their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from scripts.accuracy.matching import MATCH_IOU

TRY_IOU = 0.1  # less is no try at the object
COVERED_SHARE = 0.6  # of a label's area, from which a box covers it
INSIDE_SHARE = 0.5  # of a box's area, from which it is a part of the label that it lies in
EDGE_SHARE = 0.005  # of the picture's longer side: people draw labels a little off the edge
_LOOSELY = f"by IoU {TRY_IOU:g} to {MATCH_IOU:g}"


@dataclass(frozen=True)
class ErrorKind:
    """key: in --json. name: in tables. meaning: a sentence."""

    key: str
    name: str
    meaning: str


KINDS = (
    LOOSE := ErrorKind(
        "loose",
        "loose box",
        f"The object has a box that fits only {_LOOSELY}: it, or the label, is loose or shifted.",
    ),
    OTHER_CLASS := ErrorKind(
        "other_class", "another class", "The object has a box that fits, of another class."
    ),
    LOOSE_OTHER_CLASS := ErrorKind(
        "loose_other_class",
        "loose box of another class",
        f"The object has a box of another class, which fits only {_LOOSELY}.",
    ),
    SECOND_BOX := ErrorKind(
        "second_box",
        "second box",
        f"The object has a box already; this one, too, fits it, by IoU {MATCH_IOU:g} or more.",
    ),
    OVER_SEVERAL := ErrorKind(
        "over_several",
        "one box over several",
        f"The box covers two labelled objects or more, {COVERED_SHARE:.0%} of each at the least, "
        "and fits none.",
    ),
    PART := ErrorKind(
        "part",
        "part of an object",
        "Most of the box lies in a labelled object, of which it has only a part.",
    ),
    BESIDE := ErrorKind(
        "beside",
        "beside a found object",
        f"The box overlaps an object that has one already, {_LOOSELY}: a second try at it, or at "
        "a neighbour that nobody labelled.",
    ),
    UNLABELLED := ErrorKind(
        "unlabelled",
        "nothing labelled there",
        "No labelled object is there: the model took something else for one, or a label is "
        "missing.",
    ),
    COVERED := ErrorKind(
        "covered",
        "under a box over several",
        f"No box is the object's own; {COVERED_SHARE:.0%} of it or more lies in one that covers "
        "another object, too.",
    ),
    LOW_SCORE := ErrorKind(
        "low_score",
        "scored too low",
        "The object has a box that fits, but its score is not above the threshold.",
    ),
    AT_EDGE := ErrorKind(
        "at_edge",
        "cut by the edge",
        "The object lies at the picture's edge, and no box is its own, whatever the score.",
    ),
    NOT_FOUND := ErrorKind(
        "not_found", "nothing found there", "No box is the object's own, whatever the score."
    ),
)
