"""Tiny graphs of other tasks than detection, in the shapes and values that their code gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx
from onnx import TensorProto

from tests.scripts.model.adapt.foreign_graphs import HEIGHT, WIDTH, decoded_table, make_model

Maker = Callable[[], onnx.ModelProto]
RNG = np.random.default_rng


def of(outputs: Mapping[str, np.ndarray], **options: object) -> Maker:
    return lambda: make_model(outputs, **options)  # type: ignore[arg-type]


def floats(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, np.float32)


def smooth(channels: int, height: int, width: int, low: float, high: float) -> np.ndarray:
    return floats(RNG(0).uniform(low, high, (1, channels, height, width)))


def softmax(logits: np.ndarray, axis: int = -1) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis, keepdims=True))
    return floats(powers / powers.sum(axis, keepdims=True))


def unit(length: int) -> np.ndarray:
    vector = RNG(0).normal(size=(1, length))
    return floats(vector / np.linalg.norm(vector))


def keypoints(rows: int, count: int) -> np.ndarray:
    """[rows, 3 · count] as ultralytics decodes them: x and y in px, visibility in 0..1."""
    rng = RNG(1)
    points = np.stack(
        [
            rng.uniform(0, WIDTH, (rows, count)),
            rng.uniform(0, HEIGHT, (rows, count)),
            rng.uniform(0, 1, (rows, count)),
        ],
        2,
    )
    return points.reshape(rows, -1)


def pose_before_nms(classes: int = 1, points: int = 17) -> np.ndarray:
    """[1, 4 + classes + 3 · points, A], as ultralytics' Pose head exports it."""
    table = decoded_table(objectness=False)[:, : 4 + classes]
    return floats(np.concatenate([table, keypoints(len(table), points)], 1).T[None])


def pose_of_yolov7() -> np.ndarray:
    """[1, 3 · cells, 4 + 1 + 1 + 3 · 17]."""
    table = np.repeat(decoded_table(objectness=True), 3, 0)[:, :6]
    return floats(np.concatenate([table, keypoints(len(table), 17)], 1)[None])


def pose_after_nms() -> np.ndarray:
    """[1, 300, 6 + 3 · 17], padded with zeros."""
    rows = np.zeros((300, 57))
    rows[:2, :4] = [(10, 12, 50, 40), (60, 30, 110, 90)]
    rows[:2, 4] = 0.9, 0.6
    rows[:2, 6:] = keypoints(2, 17)
    return floats(rows[None])


def turned_before_nms(low: float = -np.pi / 4) -> np.ndarray:
    """[1, 4 + C + 1, A]: the angle is the last row."""
    table = decoded_table(objectness=False)
    angle = RNG(2).uniform(low, 1.0 if low > 0 else 3 * np.pi / 4, (len(table), 1))
    return floats(np.concatenate([table, angle], 1).T[None])


def turned_after_nms() -> np.ndarray:
    """[1, 300, 7] of ultralytics' NMS for oriented boxes: xywh, score, class, angle."""
    rows = np.zeros((300, 7))
    rows[:2] = [(30.5, 26, 40, 28, 0.9, 0, 0.3), (85.25, 60, 50, 60, 0.7, 2, 1.1)]
    return floats(rows[None])


def segmentation(prototypes: int = 32) -> dict[str, np.ndarray]:
    table = decoded_table(objectness=False)
    coefficients = RNG(0).normal(0, 1, (len(table), prototypes))
    return {
        "output0": floats(np.concatenate([table, coefficients], 1).T[None]),
        "output1": smooth(prototypes, HEIGHT // 4, WIDTH // 4, -2, 2),
    }


def segmentation_of_yolov5() -> dict[str, np.ndarray]:
    table = np.repeat(decoded_table(objectness=True), 3, 0)
    coefficients = RNG(0).normal(0, 1, (len(table), 32))
    return {
        "output0": floats(np.concatenate([table, coefficients], 1)[None]),
        "output1": smooth(32, HEIGHT // 4, WIDTH // 4, -2, 2),
    }


def segmentation_after_nms() -> dict[str, np.ndarray]:
    rows = np.zeros((300, 38))
    rows[0, :6] = 10, 12, 50, 40, 0.9, 1
    rows[0, 6:] = RNG(0).normal(0, 1, 32)
    return {
        "output0": floats(rows[None]),
        "output1": smooth(32, HEIGHT // 4, WIDTH // 4, -2, 2),
    }


def yolact() -> dict[str, np.ndarray]:
    return {
        "boxes": floats(RNG(0).uniform(0, 1, (1, 500, 4))),
        "conf": softmax(RNG(0).normal(size=(1, 500, 4))),
        "mask": floats(RNG(0).normal(size=(1, 500, 32))),
        "proto": floats(RNG(0).uniform(0, 2, (1, HEIGHT // 4, WIDTH // 4, 32))),
    }


def detections(count: int = 3) -> dict[str, np.ndarray]:
    boxes = np.array([(10, 12, 50, 40), (60, 30, 110, 90), (5, 5, 20, 30)][:count], np.float32)
    return {
        "boxes": boxes.reshape(-1, 4),
        "labels": np.arange(1, count + 1),
        "scores": floats(np.linspace(0.9, 0.7, count)),
    }


def maskformer() -> dict[str, np.ndarray]:
    return {
        "class_queries_logits": floats(RNG(0).normal(size=(1, 100, 5))),
        "masks_queries_logits": smooth(100, HEIGHT // 4, WIDTH // 4, -5, 5),
    }


def named(task: str, outputs: Mapping[str, np.ndarray], names: int = 3) -> Maker:
    listed = str(dict(enumerate(["ant", "bee", "cat", "dog"][:names])))
    return of(outputs, metadata={"task": task, "names": listed, "stride": "32"})


# Each network, and what the refusal calls it.
OTHERS: dict[str, tuple[Maker, str]] = {
    "saliency": (of({"out": smooth(1, HEIGHT, WIDTH, 0, 1)}), "saliency maps or masks"),
    "u2net": (
        of({f"d{n}": smooth(1, HEIGHT, WIDTH, 0, 1) for n in range(7)}),
        "saliency maps or masks",
    ),
    "saliency, channels last": (
        of(
            {"out": floats(RNG(0).uniform(0, 1, (1, HEIGHT, WIDTH, 1)))},
            shape=(1, HEIGHT, WIDTH, 3),
        ),
        "saliency maps or masks",
    ),
    "depth": (of({"predicted_depth": smooth(1, HEIGHT, WIDTH, 0, 20)[0]}), "depth maps"),
    "depth, no name": (of({"out": smooth(1, HEIGHT, WIDTH, -3, 20)}), "depth maps, or of masks"),
    "semantic": (of({"logits": smooth(21, HEIGHT, WIDTH, -9, 9)}), "semantic segmentation"),
    "segformer": (
        of({"logits": smooth(150, HEIGHT // 4, WIDTH // 4, -9, 9)}),
        "semantic segmentation",
    ),
    "semantic, numbers": (
        of({"out": RNG(0).integers(0, 19, (1, HEIGHT, WIDTH)).astype(np.int64)}),
        "semantic segmentation",
    ),
    "heatmaps": (
        of({"heatmaps": smooth(17, HEIGHT // 4, WIDTH // 4, 0, 1)}),
        "or of a pose's heatmaps",
    ),
    "super-resolution": (of({"y": smooth(3, 2 * HEIGHT, 2 * WIDTH, 0, 1)}), "super-resolution"),
    "style": (of({"y": smooth(3, HEIGHT, WIDTH, 0, 255)}), "makes a picture of a picture"),
    "anomaly": (
        of({"map": smooth(1, HEIGHT, WIDTH, 0, 1), "score": floats(np.array([0.3]))}),
        "saliency maps or masks",
    ),
    "matting": (
        of({"fgr": smooth(3, HEIGHT, WIDTH, 0, 1), "pha": smooth(1, HEIGHT, WIDTH, 0, 1)}),
        "saliency maps or masks",
    ),
    "maskformer": (of(maskformer()), "a segmentation network"),
    "classifier, softmax": (of({"y": softmax(RNG(0).normal(size=(1, 10)))}), "a classifier"),
    "classifier, logits": (of({"logits": floats(RNG(0).normal(size=(1, 1000)))}), "a classifier"),
    "classifier, pooled": (
        of({"y": floats(RNG(0).normal(size=(1, 1000, 1, 1)))}),
        "a classifier",
    ),
    "two heads": (
        of(
            {
                "gender": softmax(RNG(0).normal(size=(1, 2))),
                "age": softmax(RNG(1).normal(size=(1, 101))),
            }
        ),
        "a classifier",
    ),
    "face embedding": (of({"683": unit(512)}), "embeddings"),
    "embedding": (of({"out": floats(RNG(0).normal(0, 3, (1, 512)))}), "embeddings"),
    "vit": (
        of({"last_hidden_state": floats(RNG(0).normal(size=(1, 48 + 1, 384)))}),
        "embeddings",
    ),
    "face landmarks": (of({"fc": floats(RNG(0).uniform(0, 1, (1, 212)))}), "landmarks"),
    "landmark points": (
        of({"points": floats(RNG(0).uniform(0, 96, (1, 68, 2))), "score": floats(np.ones((1, 1)))}),
        "landmarks or of one pose",
    ),
    "simcc": (
        of(
            {
                "simcc_x": floats(RNG(0).normal(size=(1, 17, 2 * WIDTH))),
                "simcc_y": floats(RNG(0).normal(size=(1, 17, 2 * HEIGHT))),
            }
        ),
        "a pose network",
    ),
    "text recogniser": (
        of({"softmax_0.tmp_0": softmax(RNG(0).normal(0, 3, (1, 40, 97)))}),
        "the text recogniser of an OCR system",
    ),
    "segment": (named("segment", segmentation()), "a segmentation network"),
    "segment, no metadata": (of(segmentation()), "a segmentation network"),
    "segment, quiet": (
        of({**segmentation(), "output0": floats(np.zeros((1, 39, 252)))}),
        "a segmentation network",
    ),
    "segment of yolov5": (of(segmentation_of_yolov5()), "a segmentation network"),
    "segment after nms": (of(segmentation_after_nms()), "a segmentation network"),
    "yolact": (of(yolact()), "a segmentation network"),
    "mask r-cnn": (
        of({**detections(), "masks": smooth(3, 28, 28, 0, 1).transpose(1, 0, 2, 3)}),
        "a segmentation network",
    ),
    "mask r-cnn, quiet": (
        of({**detections(0), "masks": np.zeros((0, 1, 28, 28), np.float32)}),
        "a segmentation network",
    ),
    "mmdeploy masks": (
        of(
            {
                "dets": floats(np.array([[(10, 12, 50, 40, 0.9), (60, 30, 110, 90, 0.8)]])),
                "labels": np.array([[0, 1]]),
                "masks": smooth(2, HEIGHT, WIDTH, 0, 1),
            }
        ),
        "a segmentation network",
    ),
    "pose": (named("pose", {"output0": pose_before_nms()}, names=1), "a pose network"),
    "pose, no metadata": (of({"output0": pose_before_nms()}), "17 points in px"),
    "pose of two classes": (of({"output0": pose_before_nms(classes=2)}), "17 points in px"),
    "pose of 5 points": (of({"output0": pose_before_nms(points=5)}), "5 points in px"),
    "pose of yolov7": (of({"output": pose_of_yolov7()}), "17 points in px"),
    "pose after nms": (of({"output0": pose_after_nms()}), "17 points in px"),
    "pose after nms, quiet": (
        of({"output0": np.zeros((1, 300, 57), np.float32)}),
        "17 times 3 columns behind box, score and label",
    ),
    "keypoint r-cnn": (
        of({**detections(), "keypoints": floats(RNG(0).uniform(0, 90, (3, 17, 3)))}),
        "17 points for each box",
    ),
    "rtmo": (
        of(
            {
                "dets": floats(np.array([[(10, 12, 50, 40, 0.9), (60, 30, 110, 90, 0.8)]])),
                "keypoints": floats(RNG(0).uniform(0, 90, (1, 2, 17, 3))),
            }
        ),
        "17 points for each box",
    ),
    "obb": (named("obb", {"output0": turned_before_nms()}), "a network of oriented boxes"),
    "obb, no metadata": (of({"output0": turned_before_nms()}), "a network of oriented boxes"),
    "obb, angles near π/4": (
        of({"output0": turned_before_nms(low=0.6)}),
        "a network of oriented boxes",
    ),
    "obb after nms": (of({"output0": turned_after_nms()}), "a network of oriented boxes"),
    "obb after nms, no score": (
        of({"output0": turned_after_nms() * floats(np.array([1, 1, 1, 1, 0, 1, 1]))}),
        "a network of oriented boxes",
    ),
    "mmrotate": (
        of(
            {
                "dets": floats(
                    np.array([[(30, 26, 40, 28, -0.4, 0.9), (85, 60, 50, 60, 1.2, 0.8)]])
                ),
                "labels": np.array([[0, 1]]),
            }
        ),
        "a network of oriented boxes",
    ),
    "task segment, nms inside": (
        named("segment", segmentation_after_nms()),
        "a segmentation network",
    ),
    "task classify": (
        named("classify", {"output0": softmax(RNG(0).normal(size=(1, 3)))}),
        "a classifier",
    ),
    "task semantic": (
        named("semantic", {"output0": smooth(3, HEIGHT, WIDTH, -9, 9)}),
        "a network of semantic segmentation",
    ),
    "ocr detection": (
        lambda: by_paddle({"sigmoid_0.tmp_0": smooth(1, HEIGHT, WIDTH, 0, 1)}),
        "the text detector of an OCR system",
    ),
}


def by_paddle(outputs: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    model = make_model(outputs, dtype=TensorProto.FLOAT)
    model.producer_name = "PaddlePaddle"
    return model
