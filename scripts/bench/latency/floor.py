"""The floor: what no function around this model can go below, with the same libraries.

base64, Pillow's decoder at the scale that the handler decodes at, Pillow's resize to the size that
the handler resizes to, and ONNX Runtime's run at the model's own thresholds: nothing else. The run
is of the very session and input that the handler's call had, so the floor moves with the model.
"""

from __future__ import annotations

import base64
import io
import itertools
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx.utils import Extractor
from PIL import Image

from handler.bundle.manifest import Manifest
from scripts.bench.latency.steps import Call
from scripts.tool import ToolError

FLOOR_STEPS = ("base64", "decode", "resize", "run")


@dataclass(frozen=True)
class Floor:
    """The least work for one picture. reduction: of a JPEG, 1, 2, 4 or 8. size: (width, height) in
    px, without padding."""

    body: str
    reduction: int
    size: tuple[int, int]
    session: onnxruntime.InferenceSession
    outputs: list[str]
    feeds: dict[str, Any]

    def run(self) -> dict[str, float]:
        """Seconds of each step."""
        times = [time.perf_counter()]
        image_bytes = base64.b64decode(self.body)
        times.append(time.perf_counter())
        image = open_picture(image_bytes, self.reduction)
        times.append(time.perf_counter())
        image.resize(self.size, Image.Resampling.BILINEAR)
        times.append(time.perf_counter())
        self.session.run(self.outputs, self.feeds)
        times.append(time.perf_counter())
        taken = (after - before for before, after in itertools.pairwise(times))
        return dict(zip(FLOOR_STEPS, taken, strict=True))


def open_picture(image_bytes: bytes, reduction: int) -> Image.Image:
    """A picture as Pillow decodes it, RGB or grey."""
    if image_bytes[4:8] == b"ftyp":
        import pi_heif

        pi_heif.register_heif_opener()
    image: Image.Image = Image.open(io.BytesIO(image_bytes))
    if reduction > 1:
        image.draft(None, (image.width // reduction, image.height // reduction))
    image.load()
    return image if image.mode in ("RGB", "L") else image.convert("RGB")


def floor_of(call: Call, body: str, manifest: Manifest) -> Floor:
    """The floor beside a call that detected something, or nothing."""
    _, _, picture = call.used["decode"]
    _, _, (_, placement) = call.used["letterbox"]
    (session, outputs, feeds), _, _ = call.used["run"]
    turned = picture.orientation >= 5 and picture.format != "HEIF"
    height, width = picture.rgb.shape[:2]
    own = manifest.thresholds
    return Floor(
        body,
        round(max(picture.width, picture.height) / max(width, height)),
        (placement.height, placement.width) if turned else (placement.width, placement.height),
        session,
        outputs,
        {
            **feeds,
            "score_threshold": np.array(own.score, np.float32),
            "max_detections": np.array(own.max_detections, np.int64),
        },
    )


class Network:
    """The graph up to its NMS, as a session of its own: what the network alone takes.

    Raises ToolError for a graph without NonMaxSuppression.
    """

    def __init__(self, onnx_path: str, threads: int) -> None:
        model = onnx.load(onnx_path)
        ends = [
            name
            for node in model.graph.node
            if node.op_type == "NonMaxSuppression"
            for name in node.input[:2]
        ]
        if not ends:
            raise ToolError(f"{onnx_path}: no NonMaxSuppression, so that its network has no end")
        network = Extractor(model).extract_model(["image"], list(dict.fromkeys(ends)))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            network.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def run(self, image: Any) -> float:
        """Seconds of one run on the model's input."""
        begun = time.perf_counter()
        self._session.run(None, {"image": image})
        return time.perf_counter() - begun
