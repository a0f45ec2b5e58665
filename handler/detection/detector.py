"""A bundle in, a ready session out; then a picture in, its detections out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from handler.bundle.files import Bundle
from handler.bundle.manifest import Manifest
from handler.bundle.reader import BundleError
from handler.detection import letterbox
from handler.detection.detections import Detections, join
from handler.detection.letterbox import Letterbox
from handler.images.decode import Picture

MAX_NEAR_MISSES = 50
_INPUTS = {
    "image": ("tensor(uint8)", 4),
    "score_threshold": ("tensor(float)", 0),
    "iou_threshold": ("tensor(float)", 0),
    "max_detections": ("tensor(int64)", 0),
}
_OUTPUTS = {"boxes": "tensor(float)", "scores": "tensor(float)", "labels": "tensor(int64)"}


@dataclass(frozen=True)
class Thresholds:
    """What counts as a detection: score above `score`, overlap with a better one of its class at
    most `iou`."""

    score: float
    iou: float
    max_detections: int


@dataclass(frozen=True, eq=False)
class DetectorOutput:
    """One picture's detections and near misses, boxes in px of the upright original, best first.

    content: uint8 (h, w, 3), the picture as the model saw it, without padding.
    """

    detections: Detections
    near_misses: Detections
    content: NDArray[np.uint8]
    inference_ms: float

    @property
    def all(self) -> Detections:
        """Detections and near misses, best first."""
        return join((self.detections, self.near_misses))

    def above(self, score: float) -> Detections:
        """All that scores above `score`, whatever was asked for, as far as it is known."""
        every = self.all
        return every.select(every.scores > score)


class Detector:
    """A bundle's ONNX Runtime session, made once per execution environment."""

    def __init__(
        self, manifest: Manifest, session: onnxruntime.InferenceSession, threads: int
    ) -> None:
        self.manifest = manifest
        self.threads = threads
        self._session = session

    @classmethod
    def load(cls, bundle: Bundle, *, threads: int) -> Detector:
        """Make the session and warm it by one run.

        Raises BundleError where the graph is not of the contract.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # CPU is billed
        try:
            session = onnxruntime.InferenceSession(
                str(bundle.onnx_path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has no public error type
            raise BundleError(
                f"{bundle.onnx_path}: ONNX Runtime cannot load it ({error})"
            ) from error
        _check_contract(bundle, session)
        detector = cls(bundle.manifest, session, threads)
        size = bundle.manifest.input
        blank = np.zeros((size.height, size.width, 3), np.uint8)
        try:
            Detections(*detector._run(blank, Thresholds(0.5, 0.5, 1)))
        except Exception as error:
            raise BundleError(f"{bundle.onnx_path}: fails on a black picture ({error})") from error
        return detector

    @property
    def at_least(self) -> tuple[int, int] | None:
        """The frame (width, height) that a JPEG decoded at a smaller scale must still fill.

        None where pixels must be exact.
        """
        resize = self.manifest.resize
        if resize.rule == "opencv-linear" or resize.fit == "stretch":
            return None
        return 2 * self.manifest.input.width, 2 * self.manifest.input.height

    def prepare(self, picture: Picture) -> tuple[NDArray[np.uint8], Letterbox]:
        """The model's input, uint8 (input height, input width, 3), and where the picture lies in
        it."""
        size, resize = self.manifest.input, self.manifest.resize
        box = letterbox.fit(picture.width, picture.height, size.width, size.height, resize.fit)
        return letterbox.apply(picture.rgb, box, rule=resize.rule, fill=resize.fill), box

    def detect(self, picture: Picture, thresholds: Thresholds) -> DetectorOutput:
        """Find what scores above the threshold (strictly, as IceVision), and what came near.

        Threads may call it at the same time.
        """
        model_input, box = self.prepare(picture)
        # The same NMS at a lower score only adds boxes below the others, never changes them.
        wide = Thresholds(
            min(thresholds.score, self.manifest.thresholds.score_floor),
            thresholds.iou,
            thresholds.max_detections + MAX_NEAR_MISSES,
        )
        started = time.perf_counter()
        boxes, scores, class_ids = self._run(model_input, wide)
        inference_ms = (time.perf_counter() - started) * 1000
        found = Detections(letterbox.to_original(boxes, box), scores, class_ids)
        shown = int(np.count_nonzero(scores > thresholds.score))
        return DetectorOutput(
            detections=found.select(slice(0, min(shown, thresholds.max_detections))),
            near_misses=found.select(slice(shown, shown + MAX_NEAR_MISSES)),
            content=letterbox.content(model_input, box),
            inference_ms=inference_ms,
        )

    def _run(self, model_input: NDArray[np.uint8], thresholds: Thresholds) -> Any:
        return self._session.run(
            list(_OUTPUTS),
            {
                "image": model_input[np.newaxis],
                "score_threshold": np.array(thresholds.score, np.float32),
                "iou_threshold": np.array(thresholds.iou, np.float32),
                "max_detections": np.array(thresholds.max_detections, np.int64),
            },
        )


def _check_contract(bundle: Bundle, session: onnxruntime.InferenceSession) -> None:
    inputs = {item.name: (item.type, len(item.shape)) for item in session.get_inputs()}
    outputs = {item.name: item.type for item in session.get_outputs()}
    if inputs != _INPUTS or outputs != _OUTPUTS:
        raise BundleError(
            f"{bundle.onnx_path}: inputs {inputs} and outputs {outputs} are not the bundle's "
            f"{_INPUTS} and {_OUTPUTS}; make it with scripts.model.export"
        )
    size = bundle.manifest.input
    shape = next(item.shape for item in session.get_inputs() if item.name == "image")
    if shape != [1, size.height, size.width, 3]:
        raise BundleError(
            f"{bundle.onnx_path}: its image is {shape}, "
            f"model.json says [1, {size.height}, {size.width}, 3]"
        )
