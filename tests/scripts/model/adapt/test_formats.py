"""Every format's golden boxes: a tiny graph in that form against its own published decoding.

The references below are written from the formats' own post-processing (named at each), in numpy and
apart from the code under test. Boxes must be within 0.01 px, with the same labels.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from handler.bundle.files import load_bundle
from handler.bundle.manifest import Resize
from handler.detection.detector import Detector, Thresholds
from handler.images.decode import Picture
from scripts.model.adapt.adapter import AdaptResult, adapt
from scripts.model.adapt.class_ids import COCO_IDS, assign_class_ids
from scripts.model.adapt.options import AdaptOptions
from scripts.model.evaluate import accuracy
from tests.scripts.model.adapt.foreign_graphs import (
    CLASSES,
    HEIGHT,
    OBJECTS,
    WIDTH,
    cxcywh,
    decoded_table,
    graph,
    grid,
    save,
)

PICTURES = [(499, 666), (1000, 333), (64, 50), (301, 207), (WIDTH, HEIGHT)]


def gain(w: int, h: int) -> float:
    return min(WIDTH / w, HEIGHT / h)


def back_yolox(box: Any, w: int, h: int) -> np.ndarray:
    """YOLOX, demo/ONNXRuntime: boxes /= ratio."""
    return np.asarray(box) / gain(w, h)


def back_ultralytics(box: Any, w: int, h: int) -> np.ndarray:
    """ultralytics 8.4, utils/ops.scale_boxes: a gain for each axis, of the rounded sides."""
    g = gain(w, h)
    wide, high = max(round(w * g), 1), max(round(h * g), 1)
    pad = round((WIDTH - wide) / 2 - 0.1), round((HEIGHT - high) / 2 - 0.1)
    return (np.asarray(box) - np.array(pad * 2)) / np.array([wide / w, high / h] * 2)


def back_yolov5(box: Any, w: int, h: int) -> np.ndarray:
    """YOLOv5, utils/general.scale_boxes."""
    g = gain(w, h)
    return (np.asarray(box) - np.array([(WIDTH - w * g) / 2, (HEIGHT - h * g) / 2] * 2)) / g


def back_mmdet(box: Any, w: int, h: int) -> np.ndarray:
    """mmcv.imrescale and mmdet's rescale by scale_factor (w_scale, h_scale)."""
    g = gain(w, h)
    scales = int(w * g + 0.5) / w, int(h * g + 0.5) / h
    return np.asarray(box) / np.array(scales * 2)


def back_stretch(box: Any, w: int, h: int) -> np.ndarray:
    return np.asarray(box) * np.array([w / WIDTH, h / HEIGHT] * 2)


def nms(objects: Any, iou: float, *, agnostic: bool = False) -> list[Any]:
    """Greedy, best first."""
    kept: list[Any] = []
    for label, score, box in sorted(objects, key=lambda o: -o[1]):
        rivals = [k[2] for k in kept if agnostic or k[0] == label]
        overlaps = accuracy.iou(np.array([box], float), np.array(rivals, float).reshape(-1, 4))
        if not (overlaps > iou).any():
            kept.append((label, score, box))
    return kept


def by_one(table: np.ndarray, objectness: bool) -> list[Any]:
    """YOLO's: a box has its best class, score = objectness × class; cxcywh to xyxy."""
    found = []
    for row in table:
        scores = row[4 + objectness :] * (row[4] if objectness else 1)
        x, y, w, h = row[:4]
        found.append(
            (int(scores.argmax()), scores.max(), (x - w / 2, y - h / 2, x + w / 2, y + h / 2))
        )
    return [o for o in found if o[1] > 0.3]


def by_all(table: np.ndarray, score: float) -> list[Any]:
    """Every class of a box counts that is above the score."""
    return [
        (label, row[4 + label], (x - w / 2, y - h / 2, x + w / 2, y + h / 2))
        for row in table
        for x, y, w, h in [row[:4]]
        for label in range(len(CLASSES))
        if row[4 + label] > score
    ]


Case = tuple[onnx.ModelProto, list[Any], Callable[..., np.ndarray]]


def yolox_decoded() -> Case:
    table = decoded_table(objectness=True)
    found = nms(by_one(table, True), 0.45, agnostic=True)
    return graph({"output": table[None].astype(np.float32)}), found, back_yolox


def yolox_raw() -> Case:
    """demo_postprocess: (xy + grid) * stride, exp(wh) * stride."""
    table = decoded_table(objectness=True)
    cells = grid()
    raw = table.copy()
    raw[:, :2] = table[:, :2] / cells[:, 2:] - cells[:, :2]
    raw[:, 2:4] = np.log(table[:, 2:4] / cells[:, 2:])
    found = nms(by_one(table, True), 0.45, agnostic=True)
    return graph({"output": raw[None].astype(np.float32)}, opset=11), found, back_yolox


def yolov5() -> Case:
    table = decoded_table(objectness=True, anchors=3)
    made = graph({"output0": table[None].astype(np.float32)}, opset=17)
    return made, nms(by_one(table, True), 0.45), back_yolov5


def yolov5_half() -> Case:
    table = decoded_table(objectness=True, anchors=3).astype(np.float16)
    made = graph({"output0": table[None]}, dtype=TensorProto.FLOAT16)
    return made, nms(by_one(table.astype(float), True), 0.45), back_yolov5


def yolov6() -> Case:
    table = decoded_table(objectness=True)
    plain = decoded_table(objectness=False)
    table[:, 4], table[:, 5:] = 1, plain[:, 4:]
    made = graph({"outputs": table[None].astype(np.float32)})
    return made, nms(by_one(table, True), 0.45), back_yolov5


def yolov8() -> Case:
    table = decoded_table(objectness=False)
    made = graph(
        {"output0": table.T[None].astype(np.float32)},
        shape=("batch", 3, "height", "width"),
        shapes={"output0": ("batch", 7, "anchors")},
        opset=19,
        metadata={"names": "{0: 'ant', 1: 'bee', 2: 'cat'}", "imgsz": f"[{HEIGHT}, {WIDTH}]"},
    )
    return made, nms(by_one(table, False), 0.7), back_ultralytics


def yolov8_transposed() -> Case:
    table = decoded_table(objectness=False)
    made = graph({"output0": table[None].astype(np.float32)})
    return made, nms(by_one(table, False), 0.7), back_ultralytics


def end2end() -> Case:
    rows = [(*box, score, label) for label, score, box in OBJECTS] + [(0.0,) * 6] * 5
    made = graph({"output0": np.array([rows], np.float32)})
    return made, [o for o in OBJECTS if o[1] > 0.25], back_ultralytics


def yolov7_end2end() -> Case:
    rows = [(0, *box, label, score) for label, score, box in OBJECTS]
    made = graph({"output": np.array(rows, np.float32)}, shapes={"output": ("N", 7)})
    return made, [o for o in OBJECTS if o[1] > 0.25], back_yolov5


def torchvision() -> Case:
    boxes = np.array([o[2] for o in OBJECTS], np.float32)
    labels = np.array([o[0] + 1 for o in OBJECTS], np.int64)
    scores = np.array([o[1] for o in OBJECTS], np.float32)
    made = graph(
        {"boxes": boxes, "labels": labels, "scores": scores},
        image="image",
        shape=(3, HEIGHT, WIDTH),
    )
    return made, [o for o in OBJECTS if o[1] > 0.5], back_stretch


def torchvision_unnamed() -> Case:
    made, found, back = torchvision()
    for node in made.graph.node:
        node.output[:] = [
            {"boxes": "6379", "labels": "6381", "scores": "6383"}.get(n, n) for n in node.output
        ]
    for output, name in zip(made.graph.output, ("6379", "6381", "6383"), strict=True):
        output.name = name
    return made, found, back


def mmdeploy() -> Case:
    dets = np.array([[(*o[2], o[1]) for o in OBJECTS]], np.float32)
    labels = np.array([[o[0] for o in OBJECTS]], np.int64)
    made = graph({"dets": dets, "labels": labels}, image="input")
    return made, [o for o in OBJECTS if o[1] > 0.3], back_mmdet


def tf_ssd() -> Case:
    size = np.array([HEIGHT, WIDTH, HEIGHT, WIDTH])
    boxes = np.array([[np.array(o[2])[[1, 0, 3, 2]] / size for o in OBJECTS] + [[0] * 4] * 2])
    labels = np.array([[o[0] + 1 for o in OBJECTS] + [1, 1]])
    scores = np.array([[o[1] for o in OBJECTS] + [0.99, 0.99]])  # beyond the count: padding
    made = graph(
        {
            "detection_boxes:0": boxes.astype(np.float32),
            "detection_classes:0": labels.astype(np.float32),
            "detection_scores:0": scores.astype(np.float32),
            "num_detections:0": np.array([len(OBJECTS)], np.float32),
        },
        image="inputs",
        shape=("unk__1", "unk__2", "unk__3", 3),
        dtype=TensorProto.UINT8,
        opset=11,
    )
    return made, [o for o in OBJECTS if o[1] > 0.5], back_stretch


def efficientnms() -> Case:
    made = graph(
        {
            "num_dets": np.array([[len(OBJECTS)]], np.int32),
            "det_boxes": np.array([[o[2] for o in OBJECTS]], np.float32),
            "det_scores": np.array([[o[1] for o in OBJECTS]], np.float32),
            "det_classes": np.array([[o[0] for o in OBJECTS]], np.int32),
        }
    )
    return made, [o for o in OBJECTS if o[1] > 0.5], back_ultralytics


def _queries(count: int = 100) -> tuple[np.ndarray, np.ndarray]:
    size = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
    boxes = np.array([[cxcywh(o[2]) / size for o in OBJECTS] + [[0.5, 0.5, 0.1, 0.1]] * count])
    boxes, logits = boxes[:, :count], np.full((1, count, len(CLASSES) + 1), -6.0)
    logits[0, :, -1] = 0
    for row, (label, score, _) in enumerate(OBJECTS):
        logits[0, row, label] = np.log(score / (1 - score))
    return boxes, logits


def detr() -> Case:
    """DETR's PostProcess: softmax, without the last column; boxes cxcywh × the picture's size."""
    boxes, logits = _queries()
    likely = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    found = [(o[0], likely[0, row, o[0]], o[2]) for row, o in enumerate(OBJECTS)]
    made = graph(
        {"logits": logits.astype(np.float32), "pred_boxes": boxes.astype(np.float32)},
        image="pixel_values",
        shape=("batch", 3, "height", "width"),
        inputs=[("pixel_mask", TensorProto.INT64, ("batch", 64, 64))],
    )
    return made, [o for o in found if o[1] > 0.5], back_stretch


def deformable_detr() -> Case:
    boxes, logits = _queries(300)
    made = graph(
        {"logits": logits[..., :3].astype(np.float32), "pred_boxes": boxes.astype(np.float32)},
        image="pixel_values",
    )
    return made, [o for o in OBJECTS if o[1] > 0.5], back_stretch


def rt_detr() -> Case:
    size = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
    made = graph(
        {
            "labels": np.array([[o[0] for o in OBJECTS]], np.int64),
            "boxes": np.array([[np.array(o[2]) / size for o in OBJECTS]], np.float32),
            "scores": np.array([[o[1] for o in OBJECTS]], np.float32),
        },
        opset=16,
        inputs=[("orig_target_sizes", TensorProto.INT64, ("N", 2))],
        times_input={"boxes": "orig_target_sizes"},
    )
    return made, [o for o in OBJECTS if o[1] > 0.5], back_stretch


def rt_detr_ultralytics() -> Case:
    boxes, _ = _queries(300)
    scores = np.full((1, 300, 3), 0.01)
    for row, (label, score, _) in enumerate(OBJECTS):
        scores[0, row, label] = score
    made = graph({"output0": np.concatenate([boxes, scores], 2).astype(np.float32)})
    return made, [o for o in OBJECTS if o[1] > 0.25], back_stretch


def rt_detr_ultralytics_rows() -> Case:
    """ultralytics 8.4, models/rtdetr/predict.py: rows of cxcywh in 0..1, score, label."""
    boxes, _ = _queries(len(OBJECTS))
    rows = [(*box, o[1], o[0]) for box, o in zip(boxes[0], OBJECTS, strict=True)]
    made = graph({"output0": np.array([rows], np.float32)}, opset=20)
    return made, [o for o in OBJECTS if o[1] > 0.25], back_stretch


def ssd() -> Case:
    """UltraFace and pytorch-ssd: background in column 0, NMS by class on boxes in 0..1."""
    size = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
    boxes = np.array([[np.array(o[2]) / size for o in OBJECTS]])
    scores = np.zeros((1, len(OBJECTS), 4))
    for row, (label, score, _) in enumerate(OBJECTS):
        scores[0, row, [0, label + 1]] = 1 - score, score
    made = graph(
        {"scores": scores.astype(np.float32), "boxes": boxes.astype(np.float32)}, image="input"
    )
    return made, nms([o for o in OBJECTS if o[1] > 0.5], 0.45), back_stretch


def boxes_scores() -> Case:
    """YOLO-NAS and DAMO-YOLO: xyxy in px, scores without background, every class counts."""
    table = decoded_table(objectness=False)
    x, y, w, h = table[:, :4].T
    boxes = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1)
    made = graph(
        {"boxes": boxes[None].astype(np.float32), "scores": table[None, :, 4:].astype(np.float32)}
    )
    return made, nms(by_all(table, 0.3), 0.5), back_yolov5


def yolov4() -> Case:
    """pytorch-YOLOv4: boxes [1, A, 1, 4] xyxy in 0..1, confs [1, A, C], the best class counts."""
    table = decoded_table(objectness=False, anchors=3)
    x, y, w, h = table[:, :4].T
    boxes = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1)
    boxes = boxes / [WIDTH, HEIGHT, WIDTH, HEIGHT]
    outputs = {"boxes": boxes[None, :, None], "confs": table[None, :, 4:]}
    made = graph({name: array.astype(np.float32) for name, array in outputs.items()})
    return made, nms([o for o in by_one(table, False) if o[1] > 0.4], 0.6), back_stretch


def tf_efficientdet() -> Case:
    rows = [(0, *np.array(box)[[1, 0, 3, 2]], score, label + 1) for label, score, box in OBJECTS]
    made = graph(
        {"detections:0": np.array([rows], np.float32)},
        image="image_arrays:0",
        shape=(1, HEIGHT, WIDTH, 3),
        dtype=TensorProto.UINT8,
    )
    return made, [o for o in OBJECTS if o[1] > 0.5], back_stretch


def yolov3_keras() -> Case:
    """The ONNX zoo's YOLOv3: yxyx in px, scores by class, its own NMS's indices unused."""
    table = decoded_table(objectness=False, anchors=3)
    x, y, w, h = table[:, :4].T
    boxes = np.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], 1)
    made = graph(
        {
            "yolonms_layer_1": boxes[None].astype(np.float32),
            "yolonms_layer_1:1": table[None, :, 4:].transpose(0, 2, 1).astype(np.float32),
            "yolonms_layer_1:2": np.zeros((1, 2, 3), np.int32),
        },
        image="input_1",
        inputs=[("image_shape", TensorProto.FLOAT, ("N", 2))],
        opset=10,
    )
    return made, nms(by_all(table, 0.3), 0.5), back_ultralytics


def pinto() -> Case:
    rows = [(0, label, *box, score) for label, score, box in OBJECTS]
    made = graph({"batchno_classid_x1y1x2y2_score": np.array(rows, np.float32)})
    return made, [o for o in OBJECTS if o[1] > 0.25], back_yolov5


def onnx_ssd() -> Case:
    size = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
    made = graph(
        {
            "bboxes": np.array([[np.array(o[2]) / size for o in OBJECTS]], np.float32),
            "labels": np.array([[o[0] + 1 for o in OBJECTS]], np.int64),
            "scores": np.array([[o[1] for o in OBJECTS]], np.float32),
        },
        image="image",
    )
    return made, [o for o in OBJECTS if o[1] > 0.5], back_stretch


def rf_detr() -> Case:
    boxes, logits = _queries(300)
    made = graph(
        {"dets": boxes.astype(np.float32), "labels": logits[..., :3].astype(np.float32)},
        image="input",
    )
    return made, [o for o in OBJECTS if o[1] > 0.5], back_stretch


def _nanodet(strides: tuple[int, ...], shift: float) -> tuple[np.ndarray, np.ndarray, list[Any]]:
    """Scores (A, 3), bins (A, 32) and the objects decoded as NanoDet does: distance2bbox of the
    mean of softmax over 8 bins, from the cell's place."""
    cells, rng = grid(strides), np.random.default_rng(3)
    scores, bins = np.full((len(cells), 3), 0.01), rng.normal(0, 1, (len(cells), 32))
    bins -= np.tile(np.arange(8) * 1.2, 4)  # near ones are likelier: boxes within the picture
    coarse = np.flatnonzero(cells[:, 2] == 32)[: len(OBJECTS)]
    found = []
    for row, (label, score, _) in zip(coarse, OBJECTS, strict=True):
        scores[row, label] = score
        likely = np.exp(bins[row].reshape(4, 8))
        away = (likely / likely.sum(1, keepdims=True)) @ np.arange(8) * 32
        x, y = cells[row, :2] * 32 + shift * 32
        box = np.array([x - away[0], y - away[1], x + away[2], y + away[3]])
        found.append((label, score, tuple(np.clip(box, 0, [WIDTH, HEIGHT, WIDTH, HEIGHT]))))
    return scores, bins, nms([o for o in found if o[1] > 0.35], 0.6)


def nanodet_plus() -> Case:
    scores, bins, found = _nanodet((8, 16, 32, 64), 0)
    made = graph(
        {"output": np.concatenate([scores, bins], 1)[None].astype(np.float32)}, image="data"
    )
    return made, found, back_stretch


def nanodet_by_stride() -> Case:
    scores, bins, found = _nanodet((8, 16, 32), 0.5)
    outputs, strides = {}, grid()[:, 2]
    for kind, values in (("cls", scores), ("dis", bins)):
        for stride in (8, 16, 32):
            outputs[f"{kind}_pred_stride_{stride}"] = values[strides == stride][None].astype("f4")
    return graph(outputs, image="input.1"), found, back_stretch


def paddle() -> Case:
    rows = [(label, score, *box) for label, score, box in OBJECTS]
    made = graph(
        {
            "multiclass_nms3_0.tmp_0": np.array(rows, np.float32),
            "multiclass_nms3_0.tmp_2": np.array([len(rows)], np.int32),
        },
        image="image",
        inputs=[
            ("im_shape", TensorProto.FLOAT, (1, 2)),
            ("scale_factor", TensorProto.FLOAT, (1, 2)),
        ],
    )
    return made, [o for o in OBJECTS if o[1] > 0.5], back_stretch


CASES: dict[str, tuple[str, Callable[[], Case], dict[str, Any]]] = {
    "yolox decoded": ("yolox", yolox_decoded, {}),
    "yolox raw": ("yolox", yolox_raw, {}),
    "yolov5": ("yolov5", yolov5, {}),
    "yolov5 half": ("yolov5", yolov5_half, {}),
    "yolov6": ("yolov6", yolov6, {}),
    "yolov8": ("yolov8", yolov8, {"classes": None}),
    "yolov8 transposed": ("yolov8", yolov8_transposed, {}),
    "end2end": ("end2end", end2end, {}),
    "yolov7 end2end": ("yolov7-end2end", yolov7_end2end, {}),
    "torchvision": ("torchvision", torchvision, {}),
    "torchvision, no names": ("torchvision", torchvision_unnamed, {}),
    "mmdeploy": ("mmdeploy", mmdeploy, {}),
    "tf-ssd": ("tf-ssd", tf_ssd, {"size": (WIDTH, HEIGHT)}),
    "efficientnms": ("efficientnms", efficientnms, {}),
    "detr": ("detr", detr, {"size": (WIDTH, HEIGHT)}),
    "deformable-detr": ("deformable-detr", deformable_detr, {}),
    "rt-detr": ("rt-detr", rt_detr, {}),
    "rt-detr of ultralytics": ("rt-detr-ultralytics", rt_detr_ultralytics, {}),
    "rt-detr of ultralytics 8.4": ("rt-detr-ultralytics", rt_detr_ultralytics_rows, {}),
    "ssd": ("ssd", ssd, {}),
    "boxes-scores": ("boxes-scores", boxes_scores, {}),
    "nanodet plus": ("nanodet", nanodet_plus, {}),
    "nanodet by stride": ("nanodet", nanodet_by_stride, {}),
    "paddle": ("paddle", paddle, {}),
    "yolov4": ("boxes-scores", yolov4, {}),
    "yolov3 of keras": ("boxes-scores", yolov3_keras, {}),
    "pinto": ("yolov7-end2end", pinto, {}),
    "onnx-ssd": ("onnx-ssd", onnx_ssd, {}),
    "tf-efficientdet": ("tf-efficientdet", tf_efficientdet, {}),
    "rf-detr": ("deformable-detr", rf_detr, {}),
}


def adapted(folder: Path, model: onnx.ModelProto, **options: Any) -> AdaptResult:
    options = {"classes": ",".join(CLASSES)} | options
    return adapt(
        save(model, folder),
        folder / "bundle",
        name="tiny",
        version="1",
        options=AdaptOptions(**options),
    )


def found_by(folder: Path, width: int, height: int) -> list[tuple[int, float, np.ndarray]]:
    detector = Detector.load(load_bundle(folder / "bundle"), threads=1)
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    own = detector.manifest.thresholds
    result = detector.detect(
        Picture(rgb, width, height, "PNG", 1), Thresholds(own.score, own.iou, 100)
    ).detections
    return list(zip(result.class_ids.tolist(), result.scores.tolist(), result.boxes, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_a_format_is_recognised_and_its_boxes_are_its_own_codes(case: str, tmp_path: Path) -> None:
    name, make, options = CASES[case]
    model, expected, back = make()
    result = adapted(tmp_path, model, **options)
    assert result.reading.format == name
    assert result.manifest.classes == CLASSES
    assert len(expected) >= 2
    half = 0.5 if case == "yolov5 half" else 0.0
    for width, height in PICTURES:
        found = found_by(tmp_path, width, height)
        scale = 1 / min(WIDTH / width, HEIGHT / height, 1)
        ordered = sorted(expected, key=lambda o: -o[1])
        assert [label for label, _, _ in found] == [o[0] for o in ordered], (width, height)
        for (_, score, box), (_, want, place) in zip(found, ordered, strict=True):
            wanted = np.clip(back(place, width, height), 0, [width, height, width, height])
            assert score == pytest.approx(want, abs=1e-3)
            assert np.abs(box - wanted).max() <= (0.01 + half) * scale


@pytest.mark.parametrize(
    ("case", "order", "scale", "mean", "std"),
    [
        ("yolox raw", "bgr", 255, 0, 1),
        ("yolov5", "rgb", 1, 0, 1),
        ("detr", "rgb", 1, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("ssd", "rgb", 255, 127, 128),
        ("nanodet plus", "bgr", 255, (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)),
        ("tf-ssd", "rgb", 255, 0, 1),
        ("torchvision", "rgb", 1, 0, 1),
        ("yolov5 half", "rgb", 1, 0, 1),
    ],
)
def test_the_network_gets_what_its_own_code_gives_it(
    case: str, order: str, scale: float, mean: Any, std: Any, tmp_path: Path
) -> None:
    _, make, options = CASES[case]
    result = adapted(tmp_path, make()[0], **options)
    made = onnx.load(tmp_path / "bundle" / "model.onnx")
    name = f"network/foreign/{result.foreign.image.name}"
    made.graph.output.append(onnx.ValueInfoProto(name=name))
    session = onnxruntime.InferenceSession(made.SerializeToString())
    rgb = np.random.default_rng(0).integers(0, 256, (1, HEIGHT, WIDTH, 3), np.uint8)
    got = session.run(
        [name],
        {
            "image": rgb,
            "score_threshold": np.array(0.5, np.float32),
            "iou_threshold": np.array(0.5, np.float32),
            "max_detections": np.array(9),
        },
    )[0]
    wanted = rgb[..., ::-1] if order == "bgr" else rgb
    wanted = (wanted / 255 * scale - np.array(mean)) / np.array(std)
    if result.foreign.image.layout == "nchw":
        wanted = wanted.transpose(0, 3, 1, 2)
    wanted = wanted.reshape(got.shape)
    assert np.abs(got - wanted).max() <= (1e-3 if got.dtype == np.float16 else 1e-4 * scale)


def test_options_take_the_place_of_what_is_recognised(tmp_path: Path) -> None:
    model, _, _ = yolox_decoded()
    result = adapted(
        tmp_path,
        model,
        order="rgb",
        scale=1.0,
        mean=(0.1, 0.2, 0.3),
        std=(0.5, 0.5, 0.5),
        fit="stretch",
        fill=(1, 2, 3),
        nms="per-class",
        score_threshold=0.2,
        iou_threshold=0.6,
        resize="antialias",
    )
    picture = result.reading.preprocessing
    assert (picture.order, picture.scale, picture.mean) == ("rgb", 1.0, (0.1, 0.2, 0.3))
    assert result.manifest.resize == Resize("antialias", (1, 2, 3), "stretch")
    assert (result.manifest.thresholds.score, result.manifest.thresholds.iou) == (0.2, 0.6)
    labels = {label for label, _, _ in found_by(tmp_path, WIDTH, HEIGHT)}
    assert labels == {0, 1, 2}  # the bee on the ant, which class-agnostic NMS took away


def test_a_forced_format_reads_the_same_shape_another_way(tmp_path: Path) -> None:
    table = decoded_table(objectness=True)  # 8 columns: 5 + 3 as YOLOX, 4 + 4 as YOLOv8
    model = graph({"output": table[None].astype(np.float32)})
    as_yolox = adapted(tmp_path, model)
    assert as_yolox.reading.format == "yolox"
    as_yolov8 = adapted(tmp_path, model, format="yolov8", classes="a,b,c,d")
    assert as_yolov8.reading.format == "yolov8"
    assert adapted(tmp_path, model, classes="a,b,c,d").reading.format == "yolov8"  # by the names


def test_the_reasons_show_the_arithmetic(tmp_path: Path) -> None:
    reasons = adapted(tmp_path, yolox_raw()[0]).reading.reasons[0]
    assert "252 = 12×16 + 6×8 + 3×4 cells (strides 8, 16, 32) × (4 + 1 + 3): YOLOX" in reasons
    assert "decoded: no" in reasons
    assert "decoded: yes" in adapted(tmp_path, yolox_decoded()[0]).reading.reasons[0]
    assert "756 = 3 × (12×16" in adapted(tmp_path, yolov5()[0]).reading.reasons[0]


def test_thresholds_inside_the_graph_are_told(tmp_path: Path) -> None:
    assert any("inside the graph" in text for text in adapted(tmp_path, mmdeploy()[0]).warnings)
    assert not adapted(tmp_path, yolov5()[0]).warnings


def test_a_label_without_a_name_is_told(tmp_path: Path) -> None:
    warnings = adapted(tmp_path, torchvision()[0], class_offset=0).warnings
    assert any("label 3, which has no name" in text for text in warnings)


def test_coco_names_get_cocos_numbers(tmp_path: Path) -> None:
    names = ["person", *(f"thing {n}" for n in range(78)), "toothbrush"]
    reading = adapted(tmp_path, torchvision()[0]).reading
    assert assign_class_ids(names, reading, "auto").ids == COCO_IDS
    assert assign_class_ids(names, reading, "contiguous").ids == tuple(range(1, 81))
    assert (COCO_IDS[0], COCO_IDS[11], COCO_IDS[-1]) == (1, 13, 90)  # stop sign is 13
    numbered = assign_class_ids(["7: train", "3: car"], reading, "auto")
    assert (numbered.names, numbered.ids) == (("train", "car"), (7, 3))
    with_background = assign_class_ids(["__background__", "a", "N/A", "b"], reading, "auto")
    assert (with_background.names, with_background.ids) == (("a", "b"), (1, 3))


def test_weights_in_a_file_beside_are_taken_in(tmp_path: Path) -> None:
    model, expected, _ = yolov5()
    path = tmp_path / "split.onnx"
    onnx.save_model(
        model, str(path), save_as_external_data=True, location="split.onnx_data", size_threshold=0
    )
    options = AdaptOptions(classes=",".join(CLASSES))
    adapt(path, tmp_path / "bundle", name="x", version="1", options=options)
    (tmp_path / "split.onnx_data").unlink()
    assert len(found_by(tmp_path, WIDTH, HEIGHT)) == len(expected)


def test_bodies_that_use_what_is_outside_them_are_kept(tmp_path: Path) -> None:
    model, expected, _ = yolov5()
    model.opset_import[0].version = 11
    last = next(node for node in model.graph.node if node.output[0] == "output0")
    last.output[0] = "plain"
    info = [helper.make_tensor_value_info("chosen", TensorProto.FLOAT, None)]
    body = helper.make_graph(
        [
            helper.make_node("Squeeze", ["plain"], ["flat"], axes=[0]),
            helper.make_node("Unsqueeze", ["flat"], ["chosen"], axes=[0]),
        ],
        "body",
        [],
        info,
    )
    model.graph.node.extend(
        [
            helper.make_node("Greater", ["mean", "nothing"], ["yes"]),
            helper.make_node("If", ["yes"], ["output0"], then_branch=body, else_branch=body),
        ]
    )
    adapted(tmp_path, model)
    assert len(found_by(tmp_path, WIDTH, HEIGHT)) == len(expected)


def test_of_a_segmentation_graph_the_boxes_are_taken(tmp_path: Path) -> None:
    table = decoded_table(objectness=False)
    masks = np.random.default_rng(0).normal(0, 3, (len(table), 32))
    outputs = {
        "output0": np.concatenate([table, masks], 1).T[None].astype(np.float32),
        "output1": np.zeros((1, 32, 24, 32), np.float32),
    }
    metadata = {"names": "{0: 'ant', 1: 'bee', 2: 'cat'}", "task": "segment"}
    adapted(tmp_path, graph(outputs, metadata=metadata), classes=None)
    assert len(found_by(tmp_path, WIDTH, HEIGHT)) == len(yolov8()[1])


def test_mean_and_std_follow_the_order_and_the_scale(tmp_path: Path) -> None:
    model, _, _ = nanodet_plus()
    turned = adapted(tmp_path, model, order="rgb", scale=1.0).reading.preprocessing
    assert turned.mean == pytest.approx(np.array([123.675, 116.28, 103.53]) / 255)
    assert turned.std == pytest.approx(np.array([58.395, 57.12, 57.375]) / 255)


def test_operators_of_other_domains_are_kept(tmp_path: Path) -> None:
    model, expected, _ = yolov5()
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    last = next(node for node in model.graph.node if node.output[0] == "output0")
    last.output[0] = "plain"
    # FusedMatMul of (…, 8) by the identity
    eye = numpy_helper.from_array(np.eye(8, dtype=np.float32), "eye")
    model.graph.initializer.append(eye)
    model.graph.node.append(
        helper.make_node("FusedMatMul", ["plain", "eye"], ["output0"], domain="com.microsoft")
    )
    adapted(tmp_path, model)
    assert len(found_by(tmp_path, WIDTH, HEIGHT)) == len(expected)
