"""Golden cases of heads before decoding with an output or more for each stride.

Each reference is the formula of the format's own code, named at the function, in numpy for the few
cells that have an object. All other cells have faint scores and random boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.scripts.model.adapt.cases.golden import GoldenCase, Object
from tests.scripts.model.adapt.cases.references import (
    map_back_mmdet,
    map_back_stretch,
    map_back_ultralytics,
    map_back_yolov5,
    map_back_yolox,
    nms,
)
from tests.scripts.model.adapt.foreign_graphs import CLASSES, HEIGHT, WIDTH, make_model

Size = tuple[int, int]  # width, height in px
INPUT_SIZE = (WIDTH, HEIGHT)
_HOT_SCORES = (0.97, 0.93, 0.95, 0.91, 0.92, 0.96)


@dataclass(frozen=True)
class HotCell:
    """A cell with an object. row: of its level's rows, counting every box of a cell."""

    level: int
    stride: int
    row: int
    x: int
    y: int
    label: int
    score: float


def level_shape(size: Size, stride: int) -> tuple[int, int]:
    """(rows, columns) of cells: every stride-2 convolution rounds up."""
    return -(-size[1] // stride), -(-size[0] // stride)


def row_counts(size: Size, strides: Sequence[int], anchors: int = 1) -> list[int]:
    return [int(np.prod(level_shape(size, stride))) * anchors for stride in strides]


def hot_cells(
    size: Size, strides: Sequence[int], class_count: int, anchors: int = 1
) -> list[HotCell]:
    """Two cells of each of the first three levels, with scores of their own."""
    cells = []
    for level, stride in enumerate(strides[:3]):
        rows, columns = level_shape(size, stride)
        for x, y in ((columns // 3, rows // 2), (columns * 2 // 3, rows // 3)):
            number = len(cells)
            row = (y * columns + x) * anchors + number % anchors
            score = _HOT_SCORES[number]
            cells.append(HotCell(level, stride, row, x, y, number % class_count, score))
    return cells


def score_tables(counts: Sequence[int], cells: Sequence[HotCell], columns: int) -> list[np.ndarray]:
    """For each level (rows, columns): faint but for the hot cells."""
    rng = np.random.default_rng(5)
    tables = [rng.uniform(0.005, 0.04, (count, columns)) for count in counts]
    for cell in cells:
        tables[cell.level][cell.row, cell.label] = cell.score
    return tables


def uniform_tables(
    counts: Sequence[int], columns: int, low: float, high: float, seed: int = 7
) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.uniform(low, high, (count, columns)) for count in counts]


def bin_tables(counts: Sequence[int], bins: int) -> list[np.ndarray]:
    """Logits of bins, the likelier the shorter the distance is."""
    rng = np.random.default_rng(9)
    slope = np.tile(np.arange(bins) * 0.8, 4)
    return [rng.normal(0, 1, (count, 4 * bins)) - slope for count in counts]


def logit(scores: np.ndarray) -> np.ndarray:
    return np.log(scores / (1 - scores))


def expected_distances(logits: np.ndarray, bins: int) -> np.ndarray:
    """Generalized Focal Loss's integral: the mean of each side's softmax over 0 to bins - 1."""
    exponentials = np.exp(logits.reshape(4, bins))
    return exponentials / exponentials.sum(1, keepdims=True) @ np.arange(bins)


def around(x: float, y: float, distances: np.ndarray) -> tuple[float, ...]:
    """distance2bbox: left, top, right and bottom from a point, in px."""
    left, top, right, bottom = distances
    return x - left, y - top, x + right, y + bottom


def detected(
    cells: Sequence[HotCell], decode: Callable[[HotCell], Any], iou: float
) -> list[Object]:
    return nms([(cell.label, cell.score, tuple(decode(cell))) for cell in cells], iou)


def as_maps(tables: Sequence[np.ndarray], size: Size, strides: Sequence[int]) -> list[np.ndarray]:
    """(rows, columns) of each level to [1, columns, H, W]."""
    return [
        table.reshape(*level_shape(size, stride), -1).transpose(2, 0, 1)[np.newaxis]
        for table, stride in zip(tables, strides, strict=True)
    ]


def as_rows(tables: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [table[np.newaxis] for table in tables]


def name_outputs(
    kinds: Mapping[str, Sequence[np.ndarray]], *, level_by_level: bool = False
) -> dict[str, np.ndarray]:
    """Outputs as float32, all of a kind together, or all of a level."""
    named = [
        (level, f"{kind}_{level}", array.astype(np.float32))
        for kind, arrays in kinds.items()
        for level, array in enumerate(arrays)
    ]
    if level_by_level:
        named.sort(key=lambda item: item[0])
    return {name: array for _, name, array in named}


def head_case(
    outputs: Mapping[str, np.ndarray], size: Size, objects: list[Object], map_back: Any
) -> GoldenCase:
    model = make_model(outputs, image="x", shape=(1, 3, size[1], size[0]))
    return GoldenCase(model, objects, map_back)


def scrfd(
    size: Size = INPUT_SIZE,
    *,
    levels: int = 3,
    landmarks: bool = True,
    batched: bool = True,
    maps: bool = False,
) -> GoldenCase:
    """InsightFace's detection/scrfd/tools/scrfd.py: distances · stride from cell · stride; two
    anchors a cell at three levels, one at five; threshold 0.5, NMS at 0.4."""
    strides = (8, 16, 32, 64, 128)[:levels]
    anchors = 2 if levels == 3 else 1
    counts = row_counts(size, strides, anchors)
    cells = hot_cells(size, strides, 1, anchors)
    scores, boxes = score_tables(counts, cells, 1), uniform_tables(counts, 4, 0.5, 2)
    kinds = {"score": scores, "bbox": boxes}
    if landmarks:
        kinds["kps"] = uniform_tables(counts, 10, -1, 1)
    if maps:  # the anchors of a cell lie side by side in a map's columns
        side_by_side = {k: [t.reshape(len(t) // anchors, -1) for t in v] for k, v in kinds.items()}
        kinds = {kind: as_maps(v, size, strides) for kind, v in side_by_side.items()}
    elif batched:
        kinds = {kind: as_rows(tables) for kind, tables in kinds.items()}

    def decode(cell: HotCell) -> Any:
        distances = boxes[cell.level][cell.row] * cell.stride
        return around(cell.x * cell.stride, cell.y * cell.stride, distances)

    objects = detected(cells, decode, 0.4)
    return head_case(name_outputs(kinds), size, objects, map_back_yolox)


def yunet(size: Size = INPUT_SIZE) -> GoldenCase:
    """OpenCV's objdetect/src/face_detect.cpp: √(cls · obj), centre (cell + d) · stride, size
    exp(d) · stride; threshold 0.9, NMS at 0.3."""
    strides = (8, 16, 32)
    counts = row_counts(size, strides)
    cells = hot_cells(size, strides, 1)
    classes, objectness = score_tables(counts, cells, 1), uniform_tables(counts, 1, 0.01, 0.05)
    for cell in cells:
        objectness[cell.level][cell.row] = 0.98
    boxes = uniform_tables(counts, 4, -0.3, 0.9)
    kinds = {"cls": classes, "obj": objectness, "bbox": boxes}
    kinds |= {"kps": uniform_tables(counts, 10, -1, 1)}

    def decode(cell: HotCell) -> Any:
        dx, dy, w, h = boxes[cell.level][cell.row]
        centre_x, centre_y = (cell.x + dx) * cell.stride, (cell.y + dy) * cell.stride
        width, height = np.exp(w) * cell.stride, np.exp(h) * cell.stride
        left, top = centre_x - width / 2, centre_y - height / 2
        return left, top, left + width, top + height

    found = [(cell.label, np.sqrt(cell.score * 0.98), tuple(decode(cell))) for cell in cells]
    objects = nms([o for o in found if o[1] > 0.9], 0.3)
    outputs = name_outputs({kind: as_rows(tables) for kind, tables in kinds.items()})
    return head_case(outputs, size, objects, map_back_mmdet)


def yunet_of_2022(size: Size = (160, 120)) -> GoldenCase:
    """OpenCV 4.7's objdetect/src/face_detect.cpp: priors of two or three sides a cell, variances
    0.1 and 0.2, √(probability of face · overlap)."""
    width, height = size
    columns, rows = (width + 1) // 2 // 2, (height + 1) // 2 // 2
    priors = []
    for stride, sides in ((8, (10, 16, 24)), (16, (32, 48)), (32, (64, 96)), (64, (128, 192, 256))):
        columns, rows = columns // 2, rows // 2
        for y in range(rows):
            for x in range(columns):
                priors += [((x + 0.5) * stride, (y + 0.5) * stride, side) for side in sides]
    rng = np.random.default_rng(4)
    loc = rng.normal(0, 1, (len(priors), 14))
    face, iou = rng.uniform(0.001, 0.05, len(priors)), rng.uniform(-0.1, 0.3, len(priors))
    objects = []
    for rank, row in enumerate((40, 333, len(priors) // 2, len(priors) * 7 // 8)):
        face[row], iou[row] = 0.99 - 0.01 * rank, 0.97
        (centre_x, centre_y, side), (dx, dy, w, h) = priors[row], loc[row, :4]
        x, y = centre_x + dx * 0.1 * side, centre_y + dy * 0.1 * side
        half_w, half_h = side * np.exp(w * 0.2) / 2, side * np.exp(h * 0.2) / 2
        box = (x - half_w, y - half_h, x + half_w, y + half_h)
        objects.append((0, float(np.sqrt(face[row] * iou[row])), box))
    outputs = {"loc": loc, "conf": np.stack([1 - face, face], 1), "iou": iou[:, np.newaxis]}
    named = {name: array.astype(np.float32) for name, array in outputs.items()}
    return head_case(named, size, nms(objects, 0.3), map_back_mmdet)


def _bins_case(
    size: Size,
    strides: Sequence[int],
    bins: int,
    shift: float,
    iou: float,
    map_back: Any,
    *,
    columns: int = len(CLASSES),
    clips: bool = False,
    with_logits: bool = False,
    arrange: Callable[[dict[str, list[np.ndarray]]], dict[str, np.ndarray]],
) -> GoldenCase:
    """Distances · stride from (cell + shift) · stride. arrange: scores and bins, each a table a
    level, to outputs."""
    counts = row_counts(size, strides)
    cells = hot_cells(size, strides, len(CLASSES))
    scores, logits = score_tables(counts, cells, columns), bin_tables(counts, bins)

    def decode(cell: HotCell) -> Any:
        distances = expected_distances(logits[cell.level][cell.row], bins) * cell.stride
        x, y = (cell.x + shift) * cell.stride, (cell.y + shift) * cell.stride
        box = around(x, y, distances)
        return np.clip(box, 0, [*size, *size]) if clips else box

    objects = detected(cells, decode, iou)
    given = [logit(table) for table in scores] if with_logits else scores
    return head_case(arrange({"cls": given, "box": logits}), size, objects, map_back)


def picodet(size: Size = INPUT_SIZE, *, level_by_level: bool = False) -> GoldenCase:
    """PaddleDetection's ppdet/modeling/heads/pico_head.py and its PicoDetPostProcess: centres at
    (cell + 0.5) · stride, cut at the input; threshold 0.4, NMS at 0.5."""

    def arrange(kinds: dict[str, list[np.ndarray]]) -> dict[str, np.ndarray]:
        rows = {kind: as_rows(tables) for kind, tables in kinds.items()}
        return name_outputs(rows, level_by_level=level_by_level)

    strides = (8, 16, 32, 64)
    return _bins_case(size, strides, 8, 0.5, 0.5, map_back_stretch, clips=True, arrange=arrange)


def damo_yolo(size: Size = INPUT_SIZE, *, nano: bool = False) -> GoldenCase:
    """DAMO-YOLO's zero_head.py with export_with_post=False: sigmoid scores, the last column spare
    unless `nano`, and bins; centres at cell · stride; threshold 0.6, NMS at 0.7."""
    strides = (8, 16, 32)

    def arrange(kinds: dict[str, list[np.ndarray]]) -> dict[str, np.ndarray]:
        return name_outputs({kind: as_maps(t, size, strides) for kind, t in kinds.items()})

    return _bins_case(
        size,
        strides,
        8 if nano else 17,
        0,
        0.7,
        map_back_stretch,
        columns=len(CLASSES) + (not nano),
        arrange=arrange,
    )


def yolov8_heads(size: Size = INPUT_SIZE) -> GoldenCase:
    """ultralytics' Detect before decoding: [1, 64 + C, H, W]; dist2bbox around cell + 0.5."""
    strides = (8, 16, 32)

    def arrange(kinds: dict[str, list[np.ndarray]]) -> dict[str, np.ndarray]:
        joined = [np.concatenate(pair, 1) for pair in zip(kinds["box"], kinds["cls"], strict=True)]
        return name_outputs({"out": as_maps(joined, size, strides)})

    return _bins_case(
        size, strides, 16, 0.5, 0.7, map_back_ultralytics, with_logits=True, arrange=arrange
    )


def _rockchip(
    kinds: dict[str, list[np.ndarray]], size: Size, strides: Sequence[int], with_sum: bool
) -> dict[str, np.ndarray]:
    """Box, scores in 0..1 and their sum cut at 1, a stride after the other, as rknn_model_zoo."""
    scores = kinds["cls"]
    ordered = {"box": kinds["box"], "cls": scores}
    if with_sum:
        ordered["sum"] = [np.clip(table.sum(1, keepdims=True), 0, 1) for table in scores]
    maps = {kind: as_maps(tables, size, strides) for kind, tables in ordered.items()}
    return name_outputs(maps, level_by_level=True)


def yolov8_rockchip(size: Size = INPUT_SIZE, *, with_sum: bool = True) -> GoldenCase:
    """rknn_model_zoo's yolov8.py: dfl, then around cell + 0.5."""
    strides = (8, 16, 32)
    return _bins_case(
        size,
        strides,
        16,
        0.5,
        0.7,
        map_back_ultralytics,
        arrange=lambda kinds: _rockchip(kinds, size, strides, with_sum),
    )


def yolov6_rockchip(size: Size = INPUT_SIZE, *, with_sum: bool = True) -> GoldenCase:
    """rknn_model_zoo's yolov6.py: distances in strides around cell + 0.5."""
    strides = (8, 16, 32)
    counts = row_counts(size, strides)
    cells = hot_cells(size, strides, len(CLASSES))
    scores = score_tables(counts, cells, len(CLASSES))
    boxes = uniform_tables(counts, 4, 0.5, 3)

    def decode(cell: HotCell) -> Any:
        distances = boxes[cell.level][cell.row] * cell.stride
        return around((cell.x + 0.5) * cell.stride, (cell.y + 0.5) * cell.stride, distances)

    outputs = _rockchip({"cls": scores, "box": boxes}, size, strides, with_sum)
    return head_case(outputs, size, detected(cells, decode, 0.45), map_back_yolov5)


def yolov6_bins(size: Size = INPUT_SIZE) -> GoldenCase:
    """rknn_model_zoo's yolov6.py with dfl of 17 bins, as YOLOv6-M and -L have it."""
    strides = (8, 16, 32)
    return _bins_case(
        size,
        strides,
        17,
        0.5,
        0.45,
        map_back_yolov5,
        arrange=lambda kinds: _rockchip(kinds, size, strides, True),
    )


def rtmdet_heads(
    size: Size = INPUT_SIZE, *, in_strides: bool = False, columns: int = len(CLASSES)
) -> GoldenCase:
    """mmdetection's rtmdet_head.py: logits, and distances in px around cell · stride; NMS at
    0.65. in_strides: exports that leave out the head's last factor."""
    strides = (8, 16, 32)
    counts = row_counts(size, strides)
    cells = hot_cells(size, strides, len(CLASSES))
    scores = score_tables(counts, cells, columns)
    boxes = uniform_tables(counts, 4, 0.4, 3)
    in_px = [table * stride for table, stride in zip(boxes, strides, strict=True)]

    def decode(cell: HotCell) -> Any:
        return around(cell.x * cell.stride, cell.y * cell.stride, in_px[cell.level][cell.row])

    kinds = {"cls": [logit(t) for t in scores], "bbox": boxes if in_strides else in_px}
    outputs = name_outputs({kind: as_maps(t, size, strides) for kind, t in kinds.items()})
    return head_case(outputs, size, detected(cells, decode, 0.65), map_back_mmdet)


def yolox_heads(size: Size = INPUT_SIZE, *, mmdet: bool = False) -> GoldenCase:
    """YOLOX's demo_postprocess: (xy + cell) · stride, exp(wh) · stride, objectness · score; joined
    with sigmoids inside, or mmdetection's three kinds of output, as logits."""
    strides = (8, 16, 32)
    counts = row_counts(size, strides)
    cells = hot_cells(size, strides, len(CLASSES))
    scores = score_tables(counts, cells, len(CLASSES))
    objectness = uniform_tables(counts, 1, 0.01, 0.05)
    for cell in cells:
        objectness[cell.level][cell.row] = 0.96
    boxes = uniform_tables(counts, 4, -0.5, 0.9)

    def decode(cell: HotCell) -> Any:
        dx, dy, w, h = boxes[cell.level][cell.row]
        x, y = (cell.x + dx) * cell.stride, (cell.y + dy) * cell.stride
        half_w, half_h = np.exp(w) * cell.stride / 2, np.exp(h) * cell.stride / 2
        return x - half_w, y - half_h, x + half_w, y + half_h

    found = [(cell.label, cell.score * 0.96, tuple(decode(cell))) for cell in cells]
    if mmdet:
        kinds = {"cls": [logit(t) for t in scores], "bbox": boxes}
        kinds["obj"] = [logit(t) for t in objectness]
        outputs = name_outputs({kind: as_maps(t, size, strides) for kind, t in kinds.items()})
        return head_case(outputs, size, nms(found, 0.65, agnostic=True), map_back_mmdet)
    joined = [np.concatenate(t, 1) for t in zip(boxes, objectness, scores, strict=True)]
    outputs = name_outputs({"output": as_maps(joined, size, strides)})
    return head_case(outputs, size, nms(found, 0.45, agnostic=True), map_back_yolox)
