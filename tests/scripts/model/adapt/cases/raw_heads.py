"""What heads before decoding share in the tests: objects in rows of noise, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.scripts.model.adapt.cases.golden import Object

MapBack = Callable[[Any, int, int], np.ndarray]


def choose_rows(boxes: np.ndarray, size: tuple[int, int], count: int = 5) -> list[int]:
    """Rows, spread over all, whose box has its centre in the input and at least 8 px a side."""
    centres, extents = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    inside = ((centres > 0) & (centres < size)).all(1)
    fitting = np.flatnonzero(inside & (extents >= 8).all(1) & (extents < size).all(1))
    return fitting[np.linspace(0, len(fitting) - 1, count).astype(int)].tolist()


def class_logits(
    row_count: int, columns: int, chosen: list[int], first_class: int
) -> tuple[np.ndarray, list[int]]:
    """Logits [row_count, columns] of a trained network, faint but in the chosen rows, and the class
    of each of these. Column 0 is background where first_class is 1."""
    logits = np.random.default_rng(5).normal(-6, 0.5, (row_count, columns))
    if first_class:
        logits[:, 0] = 4
    classes = [index % (columns - first_class) for index in range(len(chosen))]
    for rank, (row, label) in enumerate(zip(chosen, classes, strict=True)):
        if first_class:
            logits[row, 0] = -3
        logits[row, first_class + label] = 4 - 0.4 * rank
    return logits, classes


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def objects_of_all_classes(scores: np.ndarray, boxes: np.ndarray, threshold: float) -> list[Object]:
    """Every class [A, C] of every box [A, 4] above the threshold."""
    return [
        (int(label), float(scores[row, label]), tuple(boxes[row]))
        for row, label in np.argwhere(scores > threshold)
    ]


def map_back_stretched(size: tuple[int, int]) -> MapBack:
    return lambda box, w, h: np.asarray(box) * np.array([w / size[0], h / size[1]] * 2)


def map_back_top_left(size: tuple[int, int]) -> MapBack:
    return lambda box, w, h: np.asarray(box) / min(size[0] / w, size[1] / h)


def map_back_centred(size: tuple[int, int]) -> MapBack:
    """The picture in the middle, to fractions of a px."""

    def map_back(box: Any, w: int, h: int) -> np.ndarray:
        gain = min(size[0] / w, size[1] / h)
        offset = np.array([(size[0] - w * gain) / 2, (size[1] - h * gain) / 2] * 2)
        return (np.asarray(box) - offset) / gain

    return map_back


def map_back_rounded(size: tuple[int, int]) -> MapBack:
    """The picture in the middle, in whole px, as darknet's letterbox_image has it."""

    def map_back(box: Any, w: int, h: int) -> np.ndarray:
        gain = min(size[0] / w, size[1] / h)
        width, height = round(w * gain), round(h * gain)
        left, top = (size[0] - width) // 2, (size[1] - height) // 2
        offset = np.array([left, top, left, top])
        return (np.asarray(box) - offset) / np.array([width / w, height / h] * 2)

    return map_back
