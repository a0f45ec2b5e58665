"""What every peer serves: the same ONNX model on Pillow, numpy and ONNX Runtime, and nothing else.

It is what a project has before it chooses how to serve its model. The folder MODEL_DIR has
model.onnx and model.json.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


class Detector:
    """An ONNX Runtime session on one thread, created once per process.

    drafts: whether a JPEG is decoded at a smaller scale, if that still has twice the pixels that
    the model wants. Few know of it.
    """

    def __init__(self, *, drafts: bool = False) -> None:
        folder = Path(os.environ["MODEL_DIR"])
        manifest = json.loads((folder / "model.json").read_text())
        self.classes: list[str] = manifest["classes"]
        self.width, self.height = manifest["input"]["width"], manifest["input"]["height"]
        self.fill = tuple(manifest["resize"]["fill"])
        thresholds = manifest["thresholds"]
        self.thresholds = {
            "score_threshold": np.array(thresholds["score"], np.float32),
            "iou_threshold": np.array(thresholds["iou"], np.float32),
            "max_detections": np.array(thresholds["max_detections"], np.int64),
        }
        self.drafts = drafts
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            folder / "model.onnx", options, providers=["CPUExecutionProvider"]
        )

    def detect(self, image: Image.Image) -> dict[str, Any]:
        """The count and the detections of a picture, best first, as JSON has them.

        A box is xyxy in px of the upright picture.
        """
        source_width = image.width
        if self.drafts:
            image.draft("RGB", (2 * self.width, 2 * self.height))
        drafted = image.width / source_width
        image = ImageOps.exif_transpose(image).convert("RGB")
        scale = min(self.width / image.width, self.height / image.height)
        size = round(image.width * scale), round(image.height * scale)
        left, top = (self.width - size[0]) // 2, (self.height - size[1]) // 2
        letterboxed = Image.new("RGB", (self.width, self.height), self.fill)
        letterboxed.paste(image.resize(size, Image.Resampling.BILINEAR), (left, top))
        inputs = {"image": np.asarray(letterboxed)[np.newaxis], **self.thresholds}
        boxes, scores, labels = self.session.run(["boxes", "scores", "labels"], inputs)
        boxes = (boxes - [left, top, left, top]) / (scale * drafted)
        boxes = boxes.clip(0, [image.width / drafted, image.height / drafted] * 2)
        detections = [
            {"label": self.classes[label], "score": score, "box": box}
            for box, score, label in zip(
                boxes.tolist(), scores.tolist(), labels.tolist(), strict=True
            )
        ]
        return {"count": len(detections), "detections": detections}
