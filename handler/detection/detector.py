"""The detector: an ONNX Runtime session on a bundle, which detects objects in pictures."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from handler.bundle.files import Bundle
from handler.bundle.manifest import Manifest
from handler.bundle.reader import BundleError
from handler.detection import letterbox
from handler.detection.detections import Detections, drop_impossible, join, round_scores
from handler.detection.letterbox import Letterbox
from handler.images.picture import Picture

MAX_NEAR_MISSES = 50
BELOW_FLOOR = 0.5  # of the score floor: down to there a record counts what scored below the floor
_MAX_BELOW_FLOOR = 800  # boxes; the default model has 90 to 400 there on photos
_INPUTS = {
    "image": ("tensor(uint8)", 4),
    "score_threshold": ("tensor(float)", 0),
    "iou_threshold": ("tensor(float)", 0),
    "max_detections": ("tensor(int64)", 0),
}
_OUTPUTS = {"boxes": "tensor(float)", "scores": "tensor(float)", "labels": "tensor(int64)"}


class Thresholds(NamedTuple):
    """A detection scores above `score` and overlaps no better one of its class by more than `iou`.

    score, iou: 0..1. max_detections: of one picture.
    """

    score: float
    iou: float
    max_detections: int


@dataclass(frozen=True)
class BelowFloor:
    """How many boxes scored below the model's score floor, from from_score up, after NMS."""

    from_score: float
    count: int
    score_sum: float


@dataclass(frozen=True, eq=False)
class DetectorOutput:
    """One picture's detections and near misses, boxes in px of the upright original, best first.

    near_misses: scores from the bundle's score floor up to the threshold. content: uint8 (h, w, 3),
    the picture as the model saw it, without padding. dropped: detections of the graph that were
    none, as `drop_impossible` says. above_model: how many detections the model's own score
    threshold and maximum give, whichever the request had. candidate_px: median of sqrt(area) in
    input px of all boxes above the score floor, weighted by score; a median of the detections alone
    would hide small objects, of which mainly the largest are found. candidates: all boxes above the
    score floor, in input px. All four are None where they are not known.
    """

    detections: Detections
    near_misses: Detections
    content: NDArray[np.uint8]
    inference_ms: float
    dropped: int = 0
    above_model: int | None = None
    below_floor: BelowFloor | None = None
    candidate_px: float | None = None
    candidates: Detections | None = None

    @property
    def all(self) -> Detections:
        """Detections and near misses, best first."""
        return join((self.detections, self.near_misses))

    def above(self, score: float) -> Detections:
        """Those of `all` that score above `score`, which may differ from the request's."""
        detections = self.all
        return detections.select(detections.scores > score)

    def has_all_above(self, score: float, thresholds: Thresholds) -> bool:
        """Whether `all` has everything above `score`: neither of its parts, made with these
        thresholds, is cut there."""
        near = self.near_misses.scores
        return len(self.detections) < thresholds.max_detections and (
            score >= thresholds.score or len(near) < MAX_NEAR_MISSES or bool(near[-1] <= score)
        )


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
        if resize.rule != "antialias" or resize.fit == "stretch":
            return None
        return self.manifest.input.width, self.manifest.input.height

    def prepare(self, picture: Picture) -> tuple[NDArray[np.uint8], Letterbox]:
        """Letterbox a picture for the model.

        Returns the input, uint8 (input height, input width, 3), and where the picture lies in it.
        """
        size, resize = self.manifest.input, self.manifest.resize
        placement = letterbox.fit(
            picture.width, picture.height, size.width, size.height, resize.fit
        )
        model_input = letterbox.apply(
            picture.pixels,
            placement,
            rule=resize.rule,
            fill=resize.fill,
            extent=picture.extent,
        )
        return model_input, placement

    def detect(
        self, picture: Picture, thresholds: Thresholds, *, looks_below: bool = True
    ) -> DetectorOutput:
        """Detect what scores above the threshold (strictly, as IceVision does), and near misses.

        Scores are rounded to the decimals of an answer before any of them is compared.

        looks_below: whether above_model, below_floor and candidate_px are found, too, for 1.0 ms
        with the default model. Thread-safe.
        """
        model_input, placement = self.prepare(picture)
        own = self.manifest.thresholds
        floor = np.float32(min(thresholds.score, own.score_floor))
        max_candidates = thresholds.max_detections + MAX_NEAR_MISSES
        asked = Thresholds(float(floor), thresholds.iou, max_candidates)
        if looks_below:
            asked = Thresholds(
                min(asked.score, own.score_floor * BELOW_FLOOR),
                asked.iou,
                max(max_candidates, own.max_detections + MAX_NEAR_MISSES) + _MAX_BELOW_FLOOR,
            )
        started = time.perf_counter()
        output = round_scores(Detections(*self._run(model_input, asked)))
        inference_ms = (time.perf_counter() - started) * 1000
        # NMS at a lower score threshold, or for more boxes, only adds boxes below the others.
        is_below = np.isfinite(output.scores) & (output.scores <= floor)
        candidates = output.select(~is_below).select(slice(0, max_candidates))
        possible = self._drop_impossible(candidates)
        in_original = replace(possible, boxes=letterbox.to_original(possible.boxes, placement))
        detections, near_misses = split_by_score(in_original, thresholds)
        made = DetectorOutput(
            detections,
            near_misses,
            letterbox.content(model_input, placement),
            inference_ms,
            dropped=len(candidates) - len(possible),
        )
        if not looks_below:
            return made
        everything = self._drop_impossible(output)
        scores, is_cut = everything.scores, len(output) >= asked.max_detections
        above = int(np.count_nonzero(scores > own.score))
        above_floor = int(np.count_nonzero(scores > own.score_floor))
        return replace(
            made,
            above_model=min(above, own.max_detections),
            below_floor=None if is_cut else _below_floor(scores, own.score_floor),
            candidate_px=_candidate_px(everything, own.score_floor),
            candidates=None
            if is_cut and above_floor == len(everything)
            else everything.select(slice(0, above_floor)),
        )

    def _drop_impossible(self, output: Detections) -> Detections:
        size, class_count = self.manifest.input, len(self.manifest.classes)
        return drop_impossible(output, (size.width, size.height), class_count=class_count)

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


def _below_floor(scores: NDArray[np.float32], score_floor: float) -> BelowFloor | None:
    """None for a model whose floor is 0, below which nothing scores."""
    if not score_floor:
        return None
    from_score = round(score_floor * BELOW_FLOOR, 6)
    below = scores[(scores > from_score) & (scores <= score_floor)]
    return BelowFloor(from_score, len(below), round(float(below.sum(dtype=np.float64)), 4))


def _candidate_px(detections: Detections, score_floor: float) -> float | None:
    """None without boxes above the floor. detections: best first, boxes in input px."""
    candidates = detections.select(detections.scores > score_floor)
    if not len(candidates):
        return None
    sides = np.sqrt((candidates.boxes[:, 2:] - candidates.boxes[:, :2]).astype(float).prod(1))
    by_size = np.argsort(sides, kind="stable")
    weights = np.cumsum(candidates.scores[by_size], dtype=float)
    return float(sides[by_size][np.searchsorted(weights, weights[-1] / 2)])


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
