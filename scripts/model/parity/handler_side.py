"""The handler's own code on a picture, with the tensors inside its graph made visible."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from handler.bundle.files import Bundle
from handler.detection.detector import Detector, Thresholds
from handler.detection.letterbox import Letterbox
from handler.images.decode import decode
from handler.images.picture import Picture
from handler.problems import Problem
from scripts.model.candidates import Candidates
from scripts.model.evaluate.evaluation import MAX_PIXELS
from scripts.model.graph import CANDIDATE_BOXES, CANDIDATE_SCORES, NORMALISED
from scripts.model.parity.detection_sets import DetectionSet
from scripts.tool import ToolError


class PreparedPicture(NamedTuple):
    """A decoded picture, the model's input uint8 (H, W, 3), and where the picture lies in it."""

    picture: Picture
    model_input: np.ndarray
    letterbox: Letterbox


class HandlerSide:
    """A bundle's detector, and a session of its graph cut before NMS."""

    def __init__(self, bundle: Bundle, *, threads: int) -> None:
        """Raises BundleError, and ToolError where the graph lacks the tensors to compare."""
        self.manifest = bundle.manifest
        self._detector = Detector.load(bundle, threads=threads)
        self._network = _network_session(bundle, threads)

    def prepare(self, image_path: Path) -> PreparedPicture:
        """Decode and letterbox a picture. Raises ToolError."""
        try:
            picture = decode(
                image_path.read_bytes(),
                max_pixels=MAX_PIXELS,
                min_frame=self._detector.min_frame,
            )
        except OSError as error:
            raise ToolError(f"{image_path}: cannot be read ({error.strerror})") from None
        except Problem as problem:
            raise ToolError(f"{image_path}: the handler refuses it, {problem.detail}") from None
        model_input, letterbox = self._detector.prepare(picture)
        return PreparedPicture(picture, model_input, letterbox)

    def run_network(self, model_input: np.ndarray) -> tuple[np.ndarray, Candidates]:
        """The normalised tensor float32 (1, 3, H, W), and ONNX Runtime's candidates."""
        unused = {  # inputs of the NMS that the candidates come before
            "score_threshold": np.array(1, np.float32),
            "iou_threshold": np.array(1, np.float32),
            "max_detections": np.array(1, np.int64),
        }
        normalised, boxes, scores = self._network.run(
            [NORMALISED, CANDIDATE_BOXES, CANDIDATE_SCORES],
            {"image": model_input[np.newaxis], **unused},
        )
        return normalised, Candidates(boxes, scores)

    def detect(self, picture: Picture, thresholds: Thresholds) -> DetectionSet:
        detections = self._detector.detect(picture, thresholds).detections
        return DetectionSet(
            detections.boxes.astype(float), detections.scores.astype(float), detections.class_ids
        )


def _network_session(bundle: Bundle, threads: int) -> onnxruntime.InferenceSession:
    """The bundle's graph with the normalised input and the candidates as outputs. Raises
    ToolError."""
    model = onnx.load(bundle.onnx_path)
    outputs = (NORMALISED, CANDIDATE_BOXES, CANDIDATE_SCORES)
    missing = sorted(set(outputs) - {name for node in model.graph.node for name in node.output})
    if missing:
        raise ToolError(
            f"{bundle.onnx_path}: no tensor {', '.join(missing)} in it, which scripts.model.graph "
            "makes; export it again"
        )
    del model.graph.output[:]
    model.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # it warns of the inputs that nothing takes now
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
