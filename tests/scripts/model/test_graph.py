"""The bundle's graph: its NMS is the textbook's, and an empty answer keeps its shapes."""

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from scripts.accuracy.matching import box_iou_batch
from scripts.model import graph

BOXES, CLASSES = 24, 3


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    """A wrapped network whose boxes and scores are planes of its picture: a test sets both."""
    nodes = [
        helper.make_node("Slice", ["image", "from_box", "to_box", "axis"], ["box_plane"]),
        helper.make_node("Squeeze", ["box_plane", "axis"], ["boxes"]),
        helper.make_node("Slice", ["image", "from_score", "to_score", "axis"], ["score_plane"]),
        helper.make_node("Squeeze", ["score_plane", "axis"], ["score_rows"]),
        helper.make_node("Slice", ["score_rows", "zero", "classes", "last"], ["box_by_class"]),
        helper.make_node("Transpose", ["box_by_class"], ["class_by_box"], perm=[0, 2, 1]),
        helper.make_node("Div", ["class_by_box", "hundred"], ["scores"]),
    ]
    values = {
        "from_box": [0],
        "to_box": [1],
        "from_score": [1],
        "to_score": [2],
        "axis": [1],
        "zero": [0],
    }
    values |= {"classes": [CLASSES], "last": [2]}
    constants = [
        onnx.numpy_helper.from_array(np.array(value, np.int64), name)
        for name, value in values.items()
    ]
    constants.append(onnx.numpy_helper.from_array(np.float32(100), "hundred"))
    echo = helper.make_graph(
        nodes,
        "echo",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, BOXES, 4])],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, BOXES, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, CLASSES, BOXES]),
        ],
        constants,
    )
    network = helper.make_model(
        echo, opset_imports=[helper.make_opsetid("", graph.OPSET)], ir_version=graph.IR_VERSION
    )
    std = (1 / 255, 1 / 255, 1 / 255)  # so that the normalised picture is the picture
    model = graph.wrap(network, width=4, height=BOXES, mean=(0, 0, 0), std=std)
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


def run(
    session: onnxruntime.InferenceSession,
    boxes,
    scores,
    score: float,
    iou: float,
    max_detections: int,
):
    image = np.zeros((1, BOXES, 4, 3), np.uint8)
    image[0, :, :, 0] = boxes
    image[0, :, :CLASSES, 1] = scores
    return session.run(
        ["boxes", "scores", "labels"],
        {
            "image": image,
            "score_threshold": np.array(score, np.float32),
            "iou_threshold": np.array(iou, np.float32),
            "max_detections": np.array(max_detections, np.int64),
        },
    )


def textbook(boxes, scores, score: float, iou: float, max_detections: int) -> list[tuple]:
    """Greedy NMS, a class at a time, as (score, class, box) best first."""
    detections = []
    for class_id in range(CLASSES):
        order = [
            i
            for i in np.argsort(-scores[:, class_id], kind="stable")
            if scores[i, class_id] / 100 > score
        ]
        kept: list[int] = []
        for i in order:
            overlaps = box_iou_batch(
                boxes[i : i + 1].astype(float), boxes[kept].astype(float).reshape(-1, 4)
            )
            if not (overlaps > iou).any():
                kept.append(i)
        detections += [
            (int(scores[i, class_id]), class_id, tuple(int(v) for v in boxes[i]))
            for i in kept[:max_detections]
        ]
    return sorted(detections, reverse=True)[:max_detections]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    score=st.sampled_from([0.105, 0.305, 0.605]),
    iou=st.sampled_from([0.21, 0.51, 0.83]),
)
def test_nms_is_the_textbooks(session, seed: int, score: float, iou: float) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 60, (BOXES, 2))
    boxes = np.concatenate([corner, corner + rng.integers(5, 60, (BOXES, 2))], 1)
    scores = rng.permutation(np.arange(1, 100))[: BOXES * CLASSES].reshape(
        BOXES, CLASSES
    )  # no ties
    nms_boxes, nms_scores, labels = run(session, boxes, scores, score, iou, 300)
    detections = [
        (round(float(s) * 100), int(c), tuple(round(float(v)) for v in b))
        for b, s, c in zip(nms_boxes, nms_scores, labels, strict=True)
    ]
    assert detections == textbook(boxes, scores, score, iou, 300)


def test_no_detections_have_a_shape(session) -> None:
    boxes, scores, labels = run(
        session, np.zeros((BOXES, 4)), np.zeros((BOXES, CLASSES)), 0.5, 0.5, 300
    )
    assert boxes.shape == (0, 4) and scores.shape == (0,) and labels.shape == (0,)
    assert (boxes.dtype, scores.dtype, labels.dtype) == (np.float32, np.float32, np.int64)


def test_at_most_max_detections(session) -> None:
    corner = np.stack([np.arange(BOXES) * 10, np.arange(BOXES)], 1)
    boxes = np.concatenate([corner, corner + 5], 1)
    scores = np.zeros((BOXES, CLASSES))
    scores[:, 1] = 50 + np.arange(BOXES)
    _, best_scores, labels = run(session, boxes, scores, 0.1, 0.5, 3)
    assert np.allclose(best_scores, [0.73, 0.72, 0.71]) and set(labels) == {1}


def wrap_echo(**options) -> onnxruntime.InferenceSession:
    """A wrapped network that returns its input of 12 values as three boxes."""
    dtype, layout = options.get("dtype", "float32"), options.get("layout", "nchw")
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["float", "by_four"], ["boxes"]),
        helper.make_node("Identity", ["fixed"], ["scores"]),
    ]
    echo = helper.make_graph(
        nodes,
        "echo",
        [
            helper.make_tensor_value_info(
                "image",
                {
                    "float32": TensorProto.FLOAT,
                    "float16": TensorProto.FLOAT16,
                    "uint8": TensorProto.UINT8,
                }[dtype],
                [1, 3, 2, 2] if layout == "nchw" else [1, 2, 2, 3],
            )
        ],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 3, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1, 3]),
        ],
        [
            onnx.numpy_helper.from_array(np.array([1, 3, 4], np.int64), "by_four"),
            onnx.numpy_helper.from_array(np.array([[[0.9, 0.8, 0.7]]], np.float32), "fixed"),
        ],
    )
    network = helper.make_model(
        echo, opset_imports=[helper.make_opsetid("", graph.OPSET)], ir_version=graph.IR_VERSION
    )
    model = graph.wrap(network, width=2, height=2, nms="none", **options)
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_the_network_gets_the_pixels_it_was_made_for(order, layout, dtype) -> None:
    plain = dtype == "uint8"
    mean, std = ((0.0,) * 3, (1 / 255,) * 3) if plain else ((0.1, 0.2, 0.3), (0.5, 0.25, 0.125))
    session = wrap_echo(order=order, layout=layout, dtype=dtype, mean=mean, std=std)
    image = np.random.default_rng(1).integers(0, 256, (1, 2, 2, 3), np.uint8)
    expected = (image - 255 * np.array(mean)) / (255 * np.array(std))
    expected = expected[..., ::-1] if order == "bgr" else expected
    expected = expected.transpose(0, 3, 1, 2) if layout == "nchw" else expected
    boxes, scores, labels = session.run(
        ["boxes", "scores", "labels"],
        {
            "image": image,
            "score_threshold": np.array(0.1, np.float32),
            "iou_threshold": np.array(0.5, np.float32),
            "max_detections": np.array(9, np.int64),
        },
    )
    assert np.allclose(boxes.ravel(), expected.ravel(), atol=0.02 if dtype == "float16" else 1e-4)
    assert np.allclose(scores, [0.9, 0.8, 0.7]) and labels.tolist() == [0, 0, 0]


def test_a_uint8_network_cannot_be_normalised() -> None:
    with pytest.raises(ValueError, match="as they are"):
        wrap_echo(dtype="uint8", mean=(0.5, 0.5, 0.5), std=(1, 1, 1))


def wrap_fixed(boxes, scores, nms: graph.Nms):
    """Wrap a network of fixed boxes [B, A, 4] and scores [B, C, A]; return its detections as
    (label, score, xmin)."""
    values = {"boxes": np.asarray(boxes, np.float32), "scores": np.asarray(scores, np.float32)}
    echo = helper.make_graph(
        [
            helper.make_node("Identity", ["fixed_boxes"], ["boxes"]),
            helper.make_node("Identity", ["fixed_scores"], ["scores"]),
        ],
        "fixed",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 2, 2])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape)
            for name, value in values.items()
        ],
        [onnx.numpy_helper.from_array(value, f"fixed_{name}") for name, value in values.items()],
    )
    network = helper.make_model(
        echo, opset_imports=[helper.make_opsetid("", graph.OPSET)], ir_version=graph.IR_VERSION
    )
    model = graph.wrap(network, width=2, height=2, mean=(0,) * 3, std=(1,) * 3, nms=nms)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    detections = session.run(
        ["boxes", "scores", "labels"],
        {
            "image": np.zeros((1, 2, 2, 3), np.uint8),
            "score_threshold": np.array(0.25, np.float32),
            "iou_threshold": np.array(0.5, np.float32),
            "max_detections": np.array(100, np.int64),
        },
    )
    return [
        (label, round(float(score), 2), int(box[0]))
        for box, score, label in zip(*detections[:2], detections[2].tolist(), strict=True)
    ]


# The second box covers the first but for a pixel; the third overlaps none.
NEAR = [[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]]


@pytest.mark.parametrize(
    ("nms", "expected"),
    [
        ("per-class", [(0, 0.9, 0), (1, 0.8, 1), (1, 0.7, 50), (0, 0.3, 50)]),
        ("best-class", [(0, 0.9, 0), (1, 0.8, 1), (1, 0.7, 50)]),
        ("class-agnostic", [(0, 0.9, 0), (1, 0.7, 50)]),
        ("none", [(0, 0.9, 0), (1, 0.8, 1), (1, 0.7, 50), (0, 0.6, 1), (1, 0.5, 0), (0, 0.3, 50)]),
    ],
)
def test_which_boxes_compete(nms, expected) -> None:
    assert wrap_fixed([NEAR], [[[0.9, 0.6, 0.3], [0.5, 0.8, 0.7]]], nms) == expected


def test_classes_may_have_boxes_of_their_own() -> None:
    own = [NEAR, [[20, 0, 30, 10], [21, 0, 31, 10], [70, 70, 80, 80]]]
    scores = [[[0.9, 0.6, 0.3]], [[0.5, 0.8, 0.7]]]
    expected = [(0, 0.9, 0), (1, 0.8, 21), (1, 0.7, 70), (0, 0.3, 50)]
    assert wrap_fixed(own, scores, "per-class") == expected
