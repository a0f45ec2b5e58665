"""Networks that say something of the whole picture: classes, embeddings, landmarks, a text."""

from __future__ import annotations

import re

import numpy as np

from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.other_tasks.task import (
    POINTS_INSTEAD,
    WHOLE_PICTURE_INSTEAD,
    OtherTask,
)
from scripts.model.adapt.recognition.observed_output import ObservedOutput

_BOX_WIDTHS = (4, 5, 6, 7)  # one row of a table of boxes has as many values
_EMBEDDING_LENGTHS = {64, 128, 192, 256, 320, 384, 512, 640, 768, 960, 1024, 1280, 1536, 2048}
# 68, 98 and 106 points of a face, and 468 or 478 with a depth; 21 of a hand
_LANDMARK_LENGTHS = {136, 196, 212, 1404, 1434, 63}
_YOLOV1_LENGTHS = {1470, 539}  # 7 x 7 cells x 30 or 11: boxes, after all
_PATCH_SIDES = (8, 14, 16, 32)
_MAX_TEXT_LENGTH = 400  # steps of a text recogniser


def find_task_of_vectors(foreign: ForeignModel) -> OtherTask | None:
    return (
        _find_simcc(foreign)
        or _find_text_recogniser(foreign)
        or _find_point_tables(foreign)
        or _find_whole_picture(foreign)
    )


def _vector_length(output: ObservedOutput) -> int | None:
    """The length of [K], [1, K], [1, K, 1, 1], [1, 1, 1, K]; None where it changes or differs."""
    lengths = {array.size for array in output.samples}
    if len(lengths) > 1 or not lengths or len({array.shape for array in output.samples}) > 1:
        return None
    length = lengths.pop()
    return length if length > 0 and length == max(output.shape, default=1) else None


def _find_whole_picture(foreign: ForeignModel) -> OtherTask | None:
    lengths = [_vector_length(output) for output in foreign.outputs]
    vectors = [
        (output, length)
        for output, length in zip(foreign.outputs, lengths, strict=True)
        if length is not None and length > 1
    ]
    for output, length in zip(foreign.outputs, lengths, strict=True):
        if length is None and not _holds_patches(output, foreign):
            return None
    if not vectors:
        return _describe_patches(foreign)
    output, length = max(vectors, key=lambda pair: pair[1])
    sums_to_one = _sums_to_one(output)
    is_one_row = len(vectors) == 1 and length in _BOX_WIDTHS and not sums_to_one
    has_box = len(vectors) > 1 and any(count == 4 for _, count in vectors)
    if is_one_row or has_box or length in _YOLOV1_LENGTHS:
        return None
    return _describe_vector(output, length, sums_to_one, foreign)


def _describe_vector(
    output: ObservedOutput, length: int, sums_to_one: bool, foreign: ForeignModel
) -> OtherTask:
    name = output.lower_name
    shape = f"{output.name} {list(output.shape)}"
    evidence = f"{shape} has {length} values for the whole picture"
    names = foreign.class_names
    if sums_to_one:
        return OtherTask("a classifier", f"{evidence}, which add up to 1", WHOLE_PICTURE_INSTEAD)
    if names is not None and len(names) == length:
        return OtherTask(
            "a classifier", f"{evidence}, and the file {length} names", WHOLE_PICTURE_INSTEAD
        )
    if re.search(r"landmark|kpt|keypoint|pts", name) or length in _LANDMARK_LENGTHS:
        return OtherTask("a network of landmarks", evidence, POINTS_INSTEAD)
    if _has_unit_length(output):
        return OtherTask(
            "a network of embeddings", f"{evidence}, a vector of length 1", WHOLE_PICTURE_INSTEAD
        )
    if re.search(r"embed|feat|reid", name) or length in _EMBEDDING_LENGTHS:
        return OtherTask(
            "a network of embeddings (ReID, faces, search)", evidence, WHOLE_PICTURE_INSTEAD
        )
    return OtherTask("a classifier", evidence, WHOLE_PICTURE_INSTEAD)


def _sums_to_one(output: ObservedOutput) -> bool:
    rows = [np.asarray(array, np.float64).ravel() for array in output.samples]
    return all(bool(np.all(row >= -1e-6)) and abs(row.sum() - 1) < 1e-2 for row in rows)


def _has_unit_length(output: ObservedOutput) -> bool:
    rows = [np.asarray(array, np.float64).ravel() for array in output.samples]
    return all(abs(float(np.linalg.norm(row)) - 1) < 1e-3 for row in rows)


def _patch_counts(foreign: ForeignModel) -> set[int]:
    """How many tokens a transformer of this input has, with those of no patch."""
    image = foreign.image
    patches = {(image.width // side) * (image.height // side) for side in _PATCH_SIDES}
    return {count + extra for count in patches for extra in (1, 2, 5)}


def _holds_patches(output: ObservedOutput, foreign: ForeignModel) -> bool:
    """Whether an output is a transformer's last layer: a vector for each patch, and more."""
    table = output.table_shape
    return (
        table is not None
        and table[0] in _patch_counts(foreign)
        and table[1] >= 192
        and table[1] % 64 == 0
    )


def _describe_patches(foreign: ForeignModel) -> OtherTask | None:
    for output in foreign.outputs:
        if _holds_patches(output, foreign):
            return OtherTask(
                "a network of embeddings",
                f"{output.name} {list(output.shape)} is a transformer's last layer, a vector for "
                "each patch of the picture",
                WHOLE_PICTURE_INSTEAD,
            )
    return None


def _find_text_recogniser(foreign: ForeignModel) -> OtherTask | None:
    """CRNN and its kin: for each step from left to right the probabilities of all characters."""
    if len(foreign.outputs) != 1:
        return None
    output = foreign.outputs[0]
    shape = tuple(side for side in output.shape if side != 1)
    if len(output.shape) != 3 or len(shape) != 2:
        return None
    steps, characters = shape
    if not 4 <= steps <= _MAX_TEXT_LENGTH or characters < 11:
        return None
    tables = [np.asarray(array, np.float64).reshape(-1, characters) for array in output.samples]
    rows = np.concatenate(tables)
    if not (np.all(rows >= -1e-6) and np.allclose(rows.sum(1), 1, atol=1e-2)):
        return None
    return OtherTask(
        "the text recogniser of an OCR system",
        f"{output.name} {list(output.shape)} has {steps} steps of probabilities for {characters} "
        "characters, which add up to 1",
        WHOLE_PICTURE_INSTEAD,
    )


def _find_simcc(foreign: ForeignModel) -> OtherTask | None:
    """RTMPose: for each point its column and its row, as two distributions."""
    if len(foreign.outputs) != 2:
        return None
    tables = [output.table_shape for output in foreign.outputs]
    if tables[0] is None or tables[1] is None or tables[0][0] != tables[1][0]:
        return None
    points = tables[0][0]
    sides = {tables[0][1], tables[1][1]}
    image = foreign.image
    if points > 500 or sides not in ({image.width * k, image.height * k} for k in (1, 2, 3)):
        return None
    names = f"{foreign.outputs[0].name} and {foreign.outputs[1].name}"
    return OtherTask(
        "a pose network",
        f"{names} are the columns and rows of {points} points, as SimCC gives them",
        POINTS_INSTEAD,
    )


def _find_point_tables(foreign: ForeignModel) -> OtherTask | None:
    """Landmarks of one face, hand or body: [1, K, 2] or [1, K, 3], and scores at most."""
    found = None
    for output in foreign.outputs:
        if _vector_length(output) is not None:
            continue
        table = output.table_shape
        is_table = table is not None and len(output.shape) >= 3 and table[0] >= 5
        if not is_table or table is None or table[1] not in (2, 3):
            return None
        found = output
    if found is None or found.table_shape is None:
        return None
    return OtherTask(
        "a network of landmarks or of one pose",
        f"{found.name} {list(found.shape)} has {found.table_shape[0]} points for the whole picture",
        POINTS_INSTEAD,
    )
