"""The detector: an ONNX Runtime session on a bundle, which detects objects in pictures."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from handler.bundle.files import Bundle
from handler.bundle.manifest import Manifest
from handler.bundle.reader import BundleError
from handler.detection import letterbox
from handler.detection.detections import Detections, drop_impossible, join
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
    """A detection scores above `score` and overlaps no better one of its class by more than `iou`.

    score, iou: 0..1. max_detections: of one picture.
    """

    score: float
    iou: float
    max_detections: int


@dataclass(frozen=True, eq=False)
class DetectorOutput:
    """One picture's detections and near misses, boxes in px of the upright original, best first.

    near_misses: scores from the bundle's score floor up to the threshold. content: uint8 (h, w, 3),
    the picture as the model saw it, without padding. dropped: detections of the graph that were
    none, as `drop_impossible` says.
    """

    detections: Detections
    near_misses: Detections
    content: NDArray[np.uint8]
    inference_ms: float
    dropped: int = 0

    @property
    def all(self) -> Detections:
        """Detections and near misses, best first."""
        return join((self.detections, self.near_misses))

    def above(self, score: float) -> Detections:
        """Those of `all` that score above `score`, which may differ from the request's."""
        detections = self.all
        return detections.select(detections.scores > score)


class Detector:
    """A bundle's manifest and session, created once per execution environment.

    threads: of one inference.
    """

    def __init__(
        self, manifest: Manifest, session: onnxruntime.InferenceSession, threads: int
    ) -> None:
        self.manifest = manifest
        self.threads = threads
        self._session = session

    @classmethod
    def load(cls, bundle: Bundle, *, threads: int) -> Detector:
        """Create the session and run it once on a black picture.

        Raises BundleError for a graph that breaks the bundle's contract.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry(
            "session.intra_op.allow_spinning", "0"
        )  # spinning is billed
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
    def min_frame(self) -> tuple[int, int] | None:
        """The frame (width, height) in px that a JPEG decoded at a reduced scale must still fill.

        None if pixels must be exact. For `handler.images.decode.decode`.
        """
        resize = self.manifest.resize
        if resize.rule == "opencv-linear" or resize.fit == "stretch":
            return None
        return 2 * self.manifest.input.width, 2 * self.manifest.input.height

    def prepare(self, picture: Picture) -> tuple[NDArray[np.uint8], Letterbox]:
        """Letterbox a picture for the model.

        Returns the input, uint8 (input height, input width, 3), and where the picture lies in it.
        """
        size, resize = self.manifest.input, self.manifest.resize
        placement = letterbox.fit(
            picture.width, picture.height, size.width, size.height, resize.fit
        )
        model_input = letterbox.apply(picture.rgb, placement, rule=resize.rule, fill=resize.fill)
        return model_input, placement

    def detect(self, picture: Picture, thresholds: Thresholds) -> DetectorOutput:
        """Detect what scores above the threshold (strictly, as IceVision does), and near misses.

        Thread-safe.
        """
        model_input, placement = self.prepare(picture)
        # NMS at a lower score threshold only adds boxes below the others.
        floor = Thresholds(
            min(thresholds.score, self.manifest.thresholds.score_floor),
            thresholds.iou,
            thresholds.max_detections + MAX_NEAR_MISSES,
        )
        started = time.perf_counter()
        output = Detections(*self._run(model_input, floor))
        inference_ms = (time.perf_counter() - started) * 1000
        size = self.manifest.input
        possible = drop_impossible(
            output, (size.width, size.height), class_count=len(self.manifest.classes)
        )
        in_original = replace(possible, boxes=letterbox.to_original(possible.boxes, placement))
        detections, near_misses = split_by_score(in_original, thresholds)
        content = letterbox.content(model_input, placement)
        dropped = len(output) - len(possible)
        return DetectorOutput(detections, near_misses, content, inference_ms, dropped)

    def _run(self, model_input: NDArray[np.uint8], thresholds: Thresholds) -> Any:
        """Boxes in input px, scores and class ids, as the graph returns them."""
        return self._session.run(
            list(_OUTPUTS),
            {
                "image": model_input[np.newaxis],
                "score_threshold": np.array(thresholds.score, np.float32),
                "iou_threshold": np.array(thresholds.iou, np.float32),
                "max_detections": np.array(thresholds.max_detections, np.int64),
            },
        )


def split_by_score(detections: Detections, thresholds: Thresholds) -> tuple[Detections, Detections]:
    """Split into detections above the score threshold and near misses, both cut to their maximum.

    detections: best first.
    """
    above = int(np.count_nonzero(detections.scores > thresholds.score))
    return (
        detections.select(slice(0, min(above, thresholds.max_detections))),
        detections.select(slice(above, above + MAX_NEAR_MISSES)),
    )


def _check_contract(bundle: Bundle, session: onnxruntime.InferenceSession) -> None:
    """Raises BundleError for other inputs or outputs than the contract's."""
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
