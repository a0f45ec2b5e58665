"""Makes the two parts of a bundle, graph and manifest, from a reading of a foreign graph."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Sequence

import numpy as np
import onnx

from handler.bundle.manifest import DefaultThresholds, Input, Manifest, Provenance, Resize
from handler.bundle.reader import SCHEMA
from scripts.model import graph
from scripts.model.adapt.class_ids import ClassAssignment
from scripts.model.adapt.decoding.network import build_network
from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.loading.upgrade import opset_version
from scripts.model.adapt.reading import FormatReading
from scripts.tool import ToolError

SCORE_FLOOR, MAX_DETECTIONS = 0.05, 300


def make_bundle(
    foreign: ForeignModel,
    reading: FormatReading,
    classes: ClassAssignment,
    *,
    name: str,
    version: str,
    dataset: str,
) -> tuple[bytes, Manifest]:
    """The serialised graph and its manifest, which is not validated yet. Raises ToolError."""
    onnx_bytes, opset = _wrap(foreign, reading, classes.ids)
    return onnx_bytes, _manifest(
        onnx_bytes, opset, foreign, reading, classes, name, version, dataset
    )


def _wrap(
    foreign: ForeignModel, reading: FormatReading, class_ids: Sequence[int]
) -> tuple[bytes, int]:
    """The bundle's graph, serialised, and its opset."""
    preprocessing, image = reading.preprocessing, foreign.image
    mean = np.asarray(preprocessing.mean, np.float64) / preprocessing.scale
    std = np.asarray(preprocessing.std, np.float64) / preprocessing.scale
    if preprocessing.order == "bgr":  # graph.wrap takes them as RGB
        mean, std = mean[::-1], std[::-1]
    network = build_network(foreign, reading, class_ids)
    try:
        model = graph.wrap(
            network,
            width=image.width,
            height=image.height,
            mean=mean.tolist(),
            std=std.tolist(),
            order=preprocessing.order,
            layout=image.layout,
            dtype=image.dtype,
            nms=reading.nms,
        )
    except (ValueError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ToolError(f"the wrapped graph is not valid ONNX ({reason})") from None
    return model.SerializeToString(), opset_version(model)


def _manifest(
    onnx_bytes: bytes,
    opset: int,
    foreign: ForeignModel,
    reading: FormatReading,
    classes: ClassAssignment,
    name: str,
    version: str,
    dataset: str,
) -> Manifest:
    preprocessing = reading.preprocessing
    return Manifest(
        schema=SCHEMA,
        name=name,
        version=version,
        sha256=hashlib.sha256(onnx_bytes).hexdigest(),
        classes=classes.names,
        input=Input(foreign.image.width, foreign.image.height),
        resize=Resize(preprocessing.rule, preprocessing.fill, preprocessing.fit),
        thresholds=DefaultThresholds(
            score=reading.score_threshold,
            iou=reading.iou_threshold,
            max_detections=MAX_DETECTIONS,
            score_floor=min(SCORE_FLOOR, reading.score_threshold),
        ),
        opset=opset,
        provenance=Provenance(
            framework="onnx",
            model=reading.format,
            backbone=foreign.producer or "not said",
            checkpoint_sha256=foreign.sha256,
            dataset=dataset,
            training_command=None,
            versions={
                package: importlib.metadata.version(package) for package in ("onnx", "onnxruntime")
            },
        ),
        evaluation=(),
        count_calibration=None,
        monitoring_baseline=None,
    )
