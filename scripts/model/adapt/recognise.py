"""A tried foreign graph in; how it is to be read out, with the reasons.

Each rule looks at names, shapes and the values seen on noise, and yields plans, the likelier first.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from scripts.model.adapt.errors import AdaptError
from scripts.model.adapt.foreign import Foreign, Output
from scripts.model.adapt.plan import Centre, Part, Plan, Preprocessing

_ZEROS, _ONES = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_MMDET_BGR = ((103.53, 116.28, 123.675), (57.375, 57.12, 58.395))
_GREY, _BLACK = (114, 114, 114), (0, 0, 0)

_ULTRALYTICS = Preprocessing("rgb", 1, _ZEROS, _ONES, "centre", _GREY, "opencv-linear")
_YOLOV5 = dataclasses.replace(_ULTRALYTICS, fit="yolov5")
_YOLOX = Preprocessing("bgr", 255, _ZEROS, _ONES, "yolox", _GREY, "opencv-linear")
_MMDET = Preprocessing("bgr", 255, _ZEROS, _ONES, "mmdet", _GREY, "opencv-linear")
_RTMDET = Preprocessing("bgr", 255, *_MMDET_BGR, "mmdet", _GREY, "opencv-linear")
_PLAIN = Preprocessing("rgb", 1, _ZEROS, _ONES, "stretch", _BLACK, "antialias")
_PIXELS = Preprocessing("rgb", 255, _ZEROS, _ONES, "stretch", _BLACK, "opencv-linear")
_DETR = Preprocessing("rgb", 1, *_IMAGENET, "stretch", _BLACK, "antialias")
_PADDLE = Preprocessing("rgb", 1, *_IMAGENET, "stretch", _BLACK, "opencv-linear")
_ULTRAFACE = Preprocessing(
    "rgb", 255, (127.0,) * 3, (128.0,) * 3, "stretch", _BLACK, "opencv-linear"
)
_NANODET = Preprocessing("bgr", 255, *_MMDET_BGR, "stretch", _BLACK, "opencv-linear")

FORMATS = {
    "yolox": "[1, A, 5 + C] with objectness, raw or decoded; BGR 0..255, top left",
    "yolov5": "YOLOv5, YOLOv7: [1, A, 5 + C] with objectness, decoded; RGB 0..1, letterbox",
    "yolov6": "[1, A, 5 + C], objectness always 1; RGB 0..1, letterbox",
    "yolov8": "YOLOv8 to 11: [1, 4 + C, A] (or its transpose), decoded; RGB 0..1, letterbox",
    "end2end": "YOLOv10 and exports with NMS: [1, N, 6], xyxy, score, label",
    "yolov7-end2end": "[N, 7]: picture, xyxy, label, score",
    "yolo-nas": "[N, 7]: picture, xyxy, score, label",
    "boxes-scores": "boxes [1, A, 4] and scores [1, A, C] or [1, C, A], no background (YOLO-NAS, "
    "DAMO-YOLO, YOLOv4, YOLOv3 with NMS outputs)",
    "torchvision": "boxes [N, 4], labels [N], scores [N], NMS inside, labels from 1",
    "mmdeploy": "dets [1, N, 5], labels [1, N], NMS inside; BGR 0..255, top left",
    "rtmdet": "mmdeploy with RTMDet's normalisation",
    "tf-ssd": "TensorFlow: detection_boxes yxyx 0..1, _scores, _classes from 1; NHWC 0..255",
    "tf-efficientdet": "TensorFlow: detections [1, N, 7]: picture, yxyx px, score, label from 1",
    "efficientnms": "num_dets, det_boxes, det_scores, det_classes: NMS inside, labels from 0",
    "onnx-ssd": "bboxes xyxy 0..1, labels from 1, scores (SSD-ResNet34)",
    "detr": "logits [1, N, C + 1] with no-object (softmax), pred_boxes cxcywh 0..1; ImageNet",
    "deformable-detr": "the same with C columns (sigmoid): Deformable DETR, RT-DETR of Hugging "
    "Face, RF-DETR",
    "rt-detr": "labels, boxes, scores and orig_target_sizes (RT-DETR, D-FINE); 0..1, stretched",
    "rt-detr-ultralytics": "[1, N, 4 + C], cxcywh 0..1; RGB 0..1, stretched",
    "ssd": "boxes xyxy 0..1 [1, A, 4] and scores [1, A, 1 + C] with background (UltraFace)",
    "nanodet": "class scores and distributions over bins, joined or an output a stride",
    "paddle": "PaddleDetection: [N, 6] label, score, xyxy and a count; im_shape, scale_factor",
}

_STRIDES = [(8, 16, 32), (8, 16, 32, 64), (16, 32), (4, 8, 16, 32), (16, 32, 64)]


def recognise(foreign: Foreign, wanted: str | None = None, names: int | None = None) -> Plan:
    """The likeliest plan, or the likeliest of the format `wanted`. names: how many class names are
    given, if any. Raises AdaptError that lists what was seen."""
    seen = Seen(foreign, names)
    for rule in _RULES:
        for plan in rule(seen):
            if plan.format == wanted or (wanted is None and plan.sure):
                return plan
    outputs = "; ".join(str(output) for output in foreign.outputs) or "none"
    size = f"{foreign.image.width} x {foreign.image.height}"
    heads = [o for o in foreign.outputs if len(o.shape) in (4, 5) and o.shape[-1] > 1]
    hint = ""
    if len(heads) > 1 and len(heads) == len(foreign.outputs):
        hint = " These look like heads before decoding: export with decoding (YOLOv5 export.py, "
        hint += "YOLOv7 --grid)."
    if wanted:
        raise AdaptError(
            f"the outputs at {size} px do not read as {wanted}, which is {FORMATS[wanted]}; "
            f"seen: {outputs}.{hint}"
        )
    known = "\n".join(f"  {name:20} {text}" for name, text in FORMATS.items())
    raise AdaptError(
        f"no known format fits the outputs at {size} px: {outputs}.{hint} "
        f"Name one with --format if you know better:\n{known}"
    )


class Seen:
    """A foreign graph's outputs, sorted by what they can be."""

    def __init__(self, foreign: Foreign, names: int | None) -> None:
        self.foreign, self.names = foreign, names
        self.width, self.height = foreign.image.width, foreign.image.height
        self.outputs = foreign.outputs
        self.inputs = {name.lower() for name in foreign.extra}

    def named(self, pattern: str) -> Output | None:
        return next((o for o in self.outputs if re.search(pattern, o.name.lower())), None)

    def cells(self, rows: int) -> tuple[tuple[int, ...], int, str] | None:
        """Strides, boxes a cell and the sum in words, where `rows` is a whole grid's."""
        for boxes in (1, 3):
            for strides in _STRIDES:
                levels = self.levels(strides)
                if boxes * sum(columns * lines for _, columns, lines in levels) == rows:
                    words = " + ".join(f"{lines}×{columns}" for _, columns, lines in levels)
                    times = f"{boxes} × ({words})" if boxes > 1 else words
                    return strides, boxes, f"{rows} = {times} cells (strides {_list(strides)})"
        return None

    def levels(self, strides: Sequence[int]) -> tuple[tuple[int, int, int], ...]:
        return tuple((s, -(-self.width // s), -(-self.height // s)) for s in strides)


def _list(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))


def _table(output: Output) -> tuple[int, int] | None:
    """(rows, columns) of a table that may have a batch of 1 around it."""
    shape = output.shape
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) == 3 and shape[0] == 1:
        return shape[1], shape[2]
    if len(shape) == 4 and shape[0] == 1 and 1 in shape[1:3]:
        rows = shape[2] if shape[1] == 1 else shape[1]
        return rows, shape[3]
    return None


def _vector(output: Output) -> int | None:
    """The length of a vector that may have a batch of 1 around it."""
    shape = output.shape
    if len(shape) == 1:
        return shape[0]
    if len(shape) == 2 and shape[0] == 1:
        return shape[1]
    if len(shape) == 3 and shape[0] == 1 and shape[2] == 1:
        return shape[1]
    if len(shape) == 2 and shape[1] == 1:
        return shape[0]
    return None


def _within_one(output: Output, first: int = 0, last: int | None = None) -> bool:
    values = _columns(output, first, last)
    return bool(values.size) and bool(np.all(values >= -1e-3) and np.all(values <= 1 + 1e-3))


def _columns(output: Output, first: int, last: int | None) -> np.ndarray:
    parts = [np.asarray(array, np.float64)[..., first:last].ravel() for array in output.seen]
    values = np.concatenate(parts)
    return values[np.isfinite(values)]


def _whole(output: Output, column: int) -> bool:
    """Whether a column holds labels: whole numbers, or no row at all."""
    values = _columns(output, column, column + 1)
    return bool(np.all(values == np.round(values)))


def _ordered(boxes: Output) -> bool:
    """Whether nearly all rows have x0 <= x1 and y0 <= y1, as xyxy has."""
    rows = np.concatenate([np.asarray(a, np.float64).reshape(-1, 4) for a in boxes.seen])
    right = (rows[:, 0] <= rows[:, 2]) & (rows[:, 1] <= rows[:, 3])
    return bool(np.mean(right) > 0.95) if len(rows) else True


def _normalised(output: Output, first: int = 0, last: int | None = 4) -> bool:
    """Whether boxes are in 0..1 rather than px: none reaches beyond the picture by its own size."""
    values = _columns(output, first, last)
    return bool(values.size) and float(np.quantile(np.abs(values), 0.99)) <= 2.0


def _nanodet(seen: Seen) -> Iterator[Plan]:
    """An output of classes and one of distributions for each stride."""
    tables = {o.name: t for o in seen.outputs if (t := _table(o)) is not None}
    if len(tables) < 4 or len(tables) % 2:
        return
    rows: dict[int, list[str]] = {}
    for name, (count, _) in tables.items():
        rows.setdefault(count, []).append(name)
    pairs = sorted(rows.items(), reverse=True)
    if any(len(names) != 2 for _, names in pairs):
        return
    classes, bins = [], []
    for _, pair in pairs:
        first, second = sorted(pair, key=lambda name: bool(re.search(r"dis|reg|box|bbox", name)))
        if not re.search(r"dis|reg|box|bbox", second.lower()):
            by_values = {o.name: o for o in seen.outputs}
            first, second = sorted(pair, key=lambda name: not _within_one(by_values[name]))
        classes.append(first)
        bins.append(second)
    width, columns = tables[bins[0]][1], tables[classes[0]][1]
    if width % 4 or any(tables[name][1] != width for name in bins):
        return
    strides = tuple(round((seen.width * seen.height / count) ** 0.5) for count, _ in pairs)
    levels = tuple((s, -(-seen.width // s), -(-seen.height // s)) for s in strides)
    if any(w * h != count for (_, w, h), (count, _) in zip(levels, pairs, strict=True)):
        return
    official = all("stride" in name for name in classes)
    by_name = {o.name: o for o in seen.outputs}
    centre: Centre = "middle" if official or len(levels) < 4 else "opencv"
    yield Plan(
        format="nanodet",
        reasons=(
            f"outputs in pairs of {columns} and {width} = 4 × {width // 4} columns at strides "
            f"{_list(strides)}: classes and distributions, NanoDet",
        ),
        preprocessing=_NANODET,
        boxes=Part(tuple(bins), width),
        coding="distribution",
        scores=Part(tuple(classes), columns),
        activation="none" if all(_within_one(by_name[name]) for name in classes) else "sigmoid",
        cells=levels,
        centre=centre,
        score_threshold=0.35,
        iou_threshold=0.6,
        notes=(f"cell centres: {centre} (--cell-centre)",),
    )


def _detr(seen: Seen) -> Iterator[Plan]:
    """Queries: class logits beside boxes cxcywh in 0..1, no NMS."""
    boxes = seen.named(r"pred_boxes") or seen.named(r"boxes|dets|bbox")
    logits = seen.named(r"logits") or seen.named(r"^labels$|scores|cls|class")
    if boxes is None or logits is None or boxes is logits:
        return
    box_table, table = _table(boxes), _table(logits)
    if box_table is None or table is None or box_table[1] != 4 or table[0] != box_table[0]:
        return
    if table[1] < 2 or len(logits.shape) < 3 or not _normalised(boxes):
        return
    named = "logits" in logits.name.lower()
    if _within_one(logits) and not named:
        return
    sure = named or not _ordered(boxes)  # cxcywh is out of order as xyxy
    classes = table[1]
    # DETR has a column for no object; 300 queries and up are of its sigmoid descendants.
    few = table[0] <= 200
    softmax = Plan(
        format="detr",
        reasons=(
            f"{logits.name} [1, {table[0]}, {classes}] and {boxes.name} in 0..1, "
            f"{table[0]} queries: DETR, softmax over {classes - 1} classes and no-object",
        ),
        preprocessing=_DETR,
        boxes=Part((boxes.name,), 4),
        coding="cxcywh",
        units="normalised",
        scores=Part((logits.name,), classes),
        activation="softmax",
        background="last",
        coco_gaps=True,
        one_label=True,
        nms="none",
        score_threshold=0.5,
        iou_threshold=0.5,
        sure=sure,
    )
    sigmoid = dataclasses.replace(
        softmax,
        format="deformable-detr",
        reasons=(
            f"{logits.name} [1, {table[0]}, {classes}] and {boxes.name} in 0..1, {table[0]} "
            f"queries: a DETR with sigmoid scores over {classes} classes",
        ),
        preprocessing=_PLAIN if classes == 80 else _DETR,
        activation="none" if _within_one(logits) else "sigmoid",
        background="none",
        one_label=False,
        notes=(
            "normalised as "
            + ("RT-DETR (0..1)" if classes == 80 else "ImageNet")
            + "; --mean and --std say otherwise",
        ),
    )
    yield from (softmax, sigmoid) if few else (sigmoid, softmax)


def _vectors(seen: Seen) -> Iterator[Plan]:
    """NMS inside: boxes, scores and labels, each of N rows."""
    all_boxes = [o for o in seen.outputs if (t := _table(o)) is not None and t[1] == 4]
    count = next(
        (
            o
            for o in seen.outputs
            if re.search(r"num|count|valid", o.name.lower())
            and "box" not in o.name.lower()
            and o.seen[0].size == 1
        ),
        None,
    )
    for boxes in sorted(all_boxes, key=lambda o: "raw" in o.name.lower()):
        table = _table(boxes)
        assert table is not None
        rest = [
            o for o in seen.outputs if o is not boxes and o is not count and _vector(o) == table[0]
        ]
        labels = next(
            (o for o in rest if re.search(r"label|class|cls|categor", o.name.lower())), None
        )
        scores = next((o for o in rest if re.search(r"score|conf|prob", o.name.lower())), None)
        labels = labels or next((o for o in rest if o.whole_numbers and o is not scores), None)
        scores = scores or next((o for o in rest if not o.whole_numbers and o is not labels), None)
        if labels is None or scores is None:
            continue
        plain = Plan(
            format="torchvision",
            reasons=(
                f"{boxes.name}, {labels.name} and {scores.name} have a row a detection: "
                "NMS inside, torchvision style, labels from 1",
            ),
            preprocessing=_PLAIN,
            boxes=Part((boxes.name,), 4),
            coding="xyxy",
            scores=Part((scores.name,), 1),
            labels=Part((labels.name,), 1),
            count=count.name if count else None,
            offset=1,
            coco_gaps=True,
            nms="none",
            score_threshold=0.5,
            iou_threshold=0.5,
            baked=True,
        )
        tensorflow = dataclasses.replace(
            plain,
            format="tf-ssd",
            reasons=(
                f"{boxes.name}, {scores.name}, {labels.name}: TensorFlow's object detection, "
                "yxyx in 0..1, labels from 1",
            ),
            preprocessing=_PIXELS,
            coding="yxyx",
            units="normalised",
            sure="detection_" in boxes.name.lower() or "detection_" in scores.name.lower(),
        )
        queries = dataclasses.replace(
            plain,
            format="rt-detr",
            reasons=(
                f"inputs picture and {_list(sorted(seen.foreign.extra))}, outputs {labels.name}, "
                f"{boxes.name}, {scores.name}: RT-DETR or D-FINE, labels from 0",
            ),
            offset=0,
            coco_gaps=False,
            baked=False,
            score_threshold=0.5,
            sure=any(re.search(r"size", name) for name in seen.inputs),
        )
        trt = dataclasses.replace(
            plain,
            format="efficientnms",
            reasons=(
                f"{boxes.name}, {scores.name}, {labels.name} and a count: an exported NMS, "
                "labels from 0",
            ),
            preprocessing=_ULTRALYTICS,
            offset=0,
            coco_gaps=False,
            sure=count is not None,
        )
        zoo = dataclasses.replace(
            plain,
            format="onnx-ssd",
            reasons=(
                f"{boxes.name} in 0..1, {labels.name}, {scores.name}: the ONNX zoo's SSD, "
                "labels from 1",
            ),
            preprocessing=_PADDLE,
            units="normalised",
            coco_gaps=False,
            sure=_normalised(boxes) or boxes.name.lower() == "bboxes",
        )
        yield from (tensorflow, queries, trt, zoo, plain)
        return


def _mmdeploy(seen: Seen) -> Iterator[Plan]:
    """dets with the score as a fifth column, and labels."""
    for dets in seen.outputs:
        table = _table(dets)
        if table is None or table[1] != 5:
            continue
        labels = next(
            (
                o
                for o in seen.outputs
                if o is not dets
                and _vector(o) == table[0]
                and (o.whole_numbers or "label" in o.name.lower())
            ),
            None,
        )
        if labels is None:
            continue
        # A graph that names YOLOX itself was made with its own code, not with mmdet's.
        own = "yolox" in f"{seen.foreign.producer} {seen.foreign.model.graph.name}".lower()
        plan = Plan(
            format="mmdeploy",
            reasons=(
                f"{dets.name} has 5 columns (xyxy, score), {labels.name} a label a row: mmdeploy, "
                "NMS inside, labels from 0",
            ),
            preprocessing=_YOLOX if own else _MMDET,
            boxes=Part((dets.name,), 5, first=0, last=4),
            coding="xyxy",
            scores=Part((dets.name,), 5, first=4, last=5),
            labels=Part((labels.name,), 1),
            nms="none",
            score_threshold=0.3,
            iou_threshold=0.5,
            baked=True,
            notes=(
                "an mmdeploy file does not say how pictures are normalised; here BGR 0..255 as "
                "for YOLOX (RTMDet: --format rtmdet; others: --order, --mean, --std, --fill)",
                *(("the file says it was made of YOLOX: placed as by its code",) if own else ()),
            ),
        )
        yield plan
        yield dataclasses.replace(
            plan, format="rtmdet", preprocessing=_RTMDET, notes=(), sure=False
        )
        return


def _boxes_and_scores(seen: Seen) -> Iterator[Plan]:
    """A table of boxes and a table of class scores, before NMS."""
    for boxes in seen.outputs:
        table = _table(boxes)
        if table is None or table[1] != 4:
            continue
        for scores in seen.outputs:
            other = _table(scores)
            if scores is boxes or other is None or len(scores.shape) < 2:
                continue
            if other[0] == table[0]:
                part = Part((scores.name,), other[1])
            elif other[1] == table[0]:
                part = Part((scores.name,), other[0], "columns")
            else:
                continue
            columns, rows = part.width, table[0]
            if rows < 2 or (columns == 4 and "score" not in scores.name.lower()):
                continue
            normalised = _normalised(boxes)
            stacked = np.concatenate(
                [np.asarray(a, np.float64).reshape(other) for a in scores.seen],
                0 if part.layout == "rows" else 1,
            )
            sums = stacked.sum(1 if part.layout == "rows" else 0)
            probable = _within_one(scores)
            softmaxed = probable and columns > 1 and bool(np.allclose(sums, 1, atol=1e-2))
            grid = seen.cells(rows)
            yolov3 = "yolonms" in boxes.name.lower() or "image_shape" in seen.inputs
            common = Plan(
                format="boxes-scores",
                reasons=(
                    f"{boxes.name} {list(boxes.shape)} in {'0..1' if normalised else 'px'} and "
                    f"{scores.name} {list(scores.shape)}"
                    + (f", {grid[2]}" if grid else "")
                    + ": boxes and class scores before NMS, no background",
                ),
                preprocessing=_YOLOV5
                if not yolov3
                else dataclasses.replace(_ULTRALYTICS, fill=(128, 128, 128)),
                boxes=Part((boxes.name,), 4),
                coding="yxyx" if yolov3 else "xyxy",
                units="normalised" if normalised else "px",
                scores=part,
                activation="none" if probable else "sigmoid",
                score_threshold=0.3,
                iou_threshold=0.5,
                sure=not softmaxed,
            )
            if not yolov3 and not _ordered(boxes):
                common = dataclasses.replace(common, coding="cxcywh")
            if normalised:  # YOLOv4 of PyTorch, its tool/utils.py
                common = dataclasses.replace(
                    common,
                    preprocessing=dataclasses.replace(_PLAIN, rule="opencv-linear"),
                    one_label=True,
                    score_threshold=0.4,
                    iou_threshold=0.6,
                )
            ssd = dataclasses.replace(
                common,
                one_label=False,
                format="ssd",
                reasons=(
                    f"{boxes.name} {list(boxes.shape)} in {'0..1' if normalised else 'px'} and "
                    f"{scores.name} {list(scores.shape)}, "
                    + ("rows that add up to 1" if softmaxed else "logits")
                    + f": SSD style, column 0 is background, {columns - 1} classes",
                ),
                preprocessing=_ULTRAFACE,
                activation="none" if probable else "softmax",
                background="first",
                score_threshold=0.5,
                iou_threshold=0.45,
                sure=normalised and columns > 1,
            )
            ssd_first = softmaxed or (normalised and not grid and (not probable or columns == 2))
            if seen.names is not None and columns in (seen.names, seen.names + 1):
                ssd_first = columns == seen.names + 1
            if columns < 2:
                yield common
            else:
                ordered = (ssd, common) if ssd_first else (common, ssd)
                yield dataclasses.replace(ordered[0], sure=True)
                yield ordered[1]
            return


def _rows_of_detections(seen: Seen) -> Iterator[Plan]:
    """One table of a detection a row, NMS inside."""
    for output in seen.outputs:
        table = _table(output)
        if table is None or table[1] not in (6, 7) or seen.cells(table[0]):
            continue
        name = output.name

        def columns(first: int, width: int, whole: int = table[1], name: str = name) -> Part:
            return Part((name,), whole, first=first, last=first + width)

        count = next(
            (o.name for o in seen.outputs if o is not output and o.seen[0].size == 1), None
        )
        base = Plan(
            format="end2end",
            reasons=(
                f"{name} {list(output.shape)}: a detection a row (xyxy, score, label), "
                "as YOLOv10 and exports with NMS give",
            ),
            preprocessing=_ULTRALYTICS,
            boxes=columns(0, 4),
            coding="xyxy",
            scores=columns(4, 1),
            labels=columns(5, 1),
            nms="none",
            score_threshold=0.25,
            iou_threshold=0.5,
            baked=True,
            sure=_whole(output, 5),
        )
        if table[1] == 6:
            paddle = dataclasses.replace(
                base,
                format="paddle",
                reasons=(
                    f"{name} {list(output.shape)} and inputs {_list(sorted(seen.foreign.extra))}: "
                    "PaddleDetection (label, score, xyxy), NMS inside",
                ),
                preprocessing=_PADDLE,
                boxes=columns(2, 4),
                scores=columns(1, 1),
                labels=columns(0, 1),
                count=count,
                score_threshold=0.5,
                sure=bool(seen.inputs & {"scale_factor", "im_shape"}),
                notes=(
                    "normalised as ImageNet (PicoDet, PP-YOLOE); PP-YOLOE+ wants "
                    "--mean 0,0,0 --std 1,1,1",
                ),
            )
            queries = dataclasses.replace(
                base,
                format="rt-detr-ultralytics",
                reasons=(
                    f"{name} {list(output.shape)}: a detection a row (cxcywh in 0..1, score, "
                    "label), RT-DETR as ultralytics exports it",
                ),
                preprocessing=dataclasses.replace(_PLAIN, rule="opencv-linear"),
                coding="cxcywh",
                units="normalised",
                baked=False,
                sure=base.sure and _normalised(output),
            )
            yield from (paddle, queries, base)
            return
        nas = "flat" in name.lower() or "graph2" in name.lower()
        yolov7 = dataclasses.replace(
            base,
            format="yolov7-end2end",
            reasons=(f"{name} {list(output.shape)}: picture, xyxy, label, score (YOLOv7)",),
            preprocessing=_YOLOV5,
            boxes=columns(1, 4),
            scores=columns(6, 1),
            labels=columns(5, 1),
            sure=_whole(output, 0) and _whole(output, 5),
        )
        if "batchno_classid" in name.lower():  # PINTO's model zoo says the order in the name
            score_last = name.lower().endswith("score")
            yolov7 = dataclasses.replace(
                yolov7,
                reasons=(f"{name} {list(output.shape)}: columns as its name has them",),
                boxes=columns(2 if score_last else 3, 4),
                coding="yxyx" if "y1x1" in name.lower() else "xyxy",
                scores=columns(6 if score_last else 2, 1),
                labels=columns(1, 1),
                sure=True,
            )
        other = dataclasses.replace(
            yolov7,
            format="yolo-nas",
            reasons=(f"{name} {list(output.shape)}: picture, xyxy, score, label (YOLO-NAS)",),
            scores=columns(5, 1),
            labels=columns(6, 1),
            sure=_whole(output, 0) and _whole(output, 6),
        )
        tensorflow = dataclasses.replace(
            other,
            format="tf-efficientdet",
            reasons=(
                f"{name} {list(output.shape)} of an NHWC picture: picture, yxyx, score, label: "
                "TensorFlow's EfficientDet, labels from 1",
            ),
            preprocessing=_PIXELS,
            coding="yxyx",
            offset=1,
            coco_gaps=True,
            score_threshold=0.5,
            sure=other.sure and seen.foreign.image.layout == "nhwc",
        )
        yield from (tensorflow, other, yolov7) if nas else (tensorflow, yolov7, other)
        return


def _single_table(seen: Seen) -> Iterator[Plan]:
    """Boxes and scores in the columns of one table, before NMS."""
    tables = [(o, t) for o in seen.outputs if (t := _table(o)) is not None and min(t) >= 5]
    for output, (lines, width) in sorted(tables, key=lambda pair: -pair[0].seen[0].size):
        grid = seen.cells(lines)
        if grid and width >= 5:
            yield from _by_row(seen, output, width, *grid)
            return
        grid = seen.cells(width)
        if grid:
            plan = _yolov8(output, lines, Part((output.name,), lines, "columns"), grid[2])
            yield _boxes_only(seen, plan)
            return
    for output, (lines, width) in tables:  # no grid: queries, or a size that is not the strides'
        if lines <= 1000 and width > 5 and _within_one(output, 4) and _normalised(output):
            yield Plan(
                format="rt-detr-ultralytics",
                reasons=(
                    f"{output.name} {list(output.shape)}: {lines} queries × (4 + {width - 4}), "
                    "boxes in 0..1: RT-DETR as ultralytics exports it",
                ),
                preprocessing=dataclasses.replace(_PLAIN, rule="opencv-linear"),
                boxes=Part((output.name,), width, first=0, last=4),
                coding="cxcywh",
                units="normalised",
                scores=Part((output.name,), width, first=4),
                nms="none",
                one_label=True,
                score_threshold=0.25,
                iou_threshold=0.5,
            )
            return
        if width > lines:
            plan = _yolov8(output, lines, Part((output.name,), lines, "columns"), f"{width} boxes")
            yield dataclasses.replace(plan, sure=width > 10 * lines)
            return
        part = Part((output.name,), width)
        words = f"{lines} boxes of no grid that is known at this size"
        yield dataclasses.replace(_yolov5(output, width, words), sure=False)
        yield dataclasses.replace(_yolov8(output, width, part, words), sure=False)
        return


def _boxes_only(seen: Seen, plan: Plan) -> Plan:
    """YOLOv8's segmentation and pose graphs have mask or point columns behind the classes."""
    names = seen.foreign.names
    task = seen.foreign.metadata.get("task")
    if task not in ("segment", "pose") or not names or 4 + len(names) >= plan.scores.width:
        return plan
    return dataclasses.replace(
        plan,
        scores=dataclasses.replace(plan.scores, last=4 + len(names)),
        notes=(*plan.notes, f"the file's task is {task}: only its boxes are taken"),
    )


def _by_row(
    seen: Seen, output: Output, width: int, strides: tuple[int, ...], boxes: int, words: str
) -> Iterator[Plan]:
    """[1, A, width] with A a whole grid's: YOLOX, v5, v6, v8 transposed or NanoDet."""
    levels = seen.levels(strides)
    v5 = _yolov5(output, width, words)
    if boxes == 3:
        yield v5
        return
    # Offsets and logarithms are about 1, px about half the input; zeros say nothing.
    box_values = np.abs(_columns(output, 0, 4))
    box_values = box_values[box_values > 0]
    raw = bool(box_values.size) and float(np.median(box_values)) <= 5
    decoded = "no (values are small: offsets and logarithms)" if raw else "yes"
    yolox = Plan(
        format="yolox",
        reasons=(
            f"{output.name} {list(output.shape)}: {words} × (4 + 1 + {width - 5}): YOLOX; "
            f"decoded: {decoded}",
        ),
        preprocessing=_YOLOX,
        boxes=Part((output.name,), width, first=0, last=4),
        coding="grid" if raw else "cxcywh",
        scores=Part((output.name,), width, first=5),
        objectness=Part((output.name,), width, first=4, last=5),
        cells=levels,
        nms="class-agnostic",
        score_threshold=0.3,
        iou_threshold=0.45,
    )
    nanodet = Plan(
        format="nanodet",
        reasons=(
            f"{output.name} {list(output.shape)}: {words} × ({width - 32} classes + 4 × 8 bins): "
            "NanoDet",
        ),
        preprocessing=_NANODET,
        boxes=Part((output.name,), width, first=width - 32, last=width),
        coding="distribution",
        scores=Part((output.name,), width, first=0, last=width - 32),
        activation="none" if _within_one(output, 0, max(1, width - 32)) else "sigmoid",
        cells=levels,
        centre="corner" if len(levels) == 4 else "middle",
        score_threshold=0.35,
        iou_threshold=0.6,
    )
    v8 = _yolov8(output, width, Part((output.name,), width), words)
    v6 = dataclasses.replace(
        v5,
        format="yolov6",
        reasons=(f"{output.name} {list(output.shape)}: {words}, objectness is 1: YOLOv6",),
    )
    objectness = _columns(output, 4, 5)
    ones = bool(objectness.size) and bool(np.all(np.abs(objectness - 1) < 1e-4))
    plans = [yolox, v8, v5, v6]
    if width > 32:
        plans.append(nanodet)
        distribution = not _within_one(output, width - 32, width) and _within_one(
            output, 0, width - 32
        )
        if distribution or seen.names == width - 32:
            plans.insert(0, plans.pop())
    if ones:
        plans.insert(0, plans.pop(plans.index(v6)))
    if seen.names == width - 4 or seen.foreign.metadata.get("stride"):
        plans.insert(0, plans.pop(plans.index(v8)))
    yield from plans


def _yolov5(output: Output, width: int, words: str) -> Plan:
    normalised = _normalised(output)
    return Plan(
        format="yolov5",
        reasons=(
            f"{output.name} {list(output.shape)}: {words} × (4 + 1 + {width - 5}): YOLOv5 or v7",
        ),
        preprocessing=_YOLOV5,
        boxes=Part((output.name,), width, first=0, last=4),
        coding="cxcywh",
        units="normalised" if normalised else "px",
        scores=Part((output.name,), width, first=5),
        objectness=Part((output.name,), width, first=4, last=5),
        one_label=True,
        score_threshold=0.25,
        iou_threshold=0.45,
    )


def _yolov8(output: Output, width: int, part: Part, words: str) -> Plan:
    return Plan(
        format="yolov8",
        reasons=(f"{output.name} {list(output.shape)}: (4 + {width - 4}) × {words}: YOLOv8 to 11",),
        preprocessing=_ULTRALYTICS,
        boxes=dataclasses.replace(part, first=0, last=4),
        coding="cxcywh",
        scores=dataclasses.replace(part, first=4),
        one_label=True,
        score_threshold=0.25,
        iou_threshold=0.7,
    )


_RULES: tuple[Callable[[Seen], Iterator[Plan]], ...] = (
    _nanodet,
    _detr,
    _vectors,
    _mmdeploy,
    _boxes_and_scores,
    _rows_of_detections,
    _single_table,
)
