"""IceVision's own code on a picture: its pixels, resize, tensor, candidates and predictions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import scripts.model.icevision  # noqa: F401  (before icevision)
from icevision.all import ClassMap, Dataset, tfms
from icevision.tfms.albumentations.albumentations_helpers import py3round
from icevision.utils.imageio import open_img

from handler.bundle.manifest import Manifest
from handler.images.picture import Picture
from scripts.model.icevision.candidate_network import build_candidate_network
from scripts.model.candidates import Candidates
from scripts.model.icevision.checkpoint import Checkpoint
from scripts.model.icevision.families import icevision_module
from scripts.model.parity.detection_sets import DetectionSet
from scripts.tool import ToolError


@dataclass(frozen=True)
class ContentRect:
    """Where the picture lies in the model's input, px; it maps boxes back to the picture."""

    left: int
    top: int
    width: int
    height: int

    def to_picture(self, boxes: np.ndarray, picture: Picture) -> np.ndarray:
        """Boxes (N, 4) of the input as float64 (N, 4) of the picture, clipped to it.

        IceVision's end2end_detect clips in the same way, but rounds down before and after.
        """
        offset = np.array([self.left, self.top] * 2, np.float64)
        content_size = np.array([self.width, self.height] * 2, np.float64)
        picture_size = np.array([picture.width, picture.height] * 2, np.float64)
        return np.clip(boxes - offset, 0, content_size) * (picture_size / content_size)


class IceVisionSide:
    """A checkpoint's model, and the transforms that resize as the bundle's manifest says.

    Without `resizes`, pictures are the handler's letterboxed input already.
    """

    def __init__(self, checkpoint: Checkpoint, manifest: Manifest, *, resizes: bool) -> None:
        self.network = build_candidate_network(checkpoint)
        self._checkpoint = checkpoint
        self._manifest = manifest
        self._resizes = resizes
        self._module = icevision_module(checkpoint.model_name)

    def open_picture(self, image_path: Path) -> np.ndarray:
        """The pixels uint8 (h, w, 3) as IceVision's records open a file: EXIF turned, converted to
        RGB. Raises ToolError."""
        with _name_picture(f"{image_path}: IceVision cannot open it"):
            return np.asarray(open_img(image_path))

    def resize(self, rgb: np.ndarray, image_path: Path) -> np.ndarray:
        """The letterboxed picture uint8 (H, W, 3). Raises ToolError."""
        with _name_picture(f"{image_path}: IceVision cannot resize it"):
            return self._dataset(rgb, self._resize_transforms())[0].img

    def to_tensor(self, rgb: np.ndarray) -> np.ndarray:
        """The tensor of IceVision's batch: float32 (1, 3, H, W)."""
        record = self._dataset(rgb, self._predict_transforms())[0]
        (images, *_), _ = self._module.build_infer_batch([record])
        return np.stack([image.numpy() for image in images])

    def predict(
        self, rgb: np.ndarray, score_threshold: float, picture: Picture, image_path: Path
    ) -> DetectionSet:
        """The detections of IceVision's predict, in px of the picture. Raises ToolError."""
        with _name_picture(f"{image_path}: IceVision's predict fails on it"):
            (prediction,) = self._module.predict(
                self._checkpoint.model,
                self._dataset(rgb, self._predict_transforms()),
                detection_threshold=score_threshold,
                keep_images=True,
            )
        detection = prediction.pred.detection
        boxes = np.array([box.xyxy for box in detection.bboxes], np.float64).reshape(-1, 4)
        return DetectionSet(
            self._content_rect(picture).to_picture(boxes, picture),
            np.array(detection.scores, np.float64).reshape(-1),
            np.array(detection.label_ids, np.int64).reshape(-1) - 1,  # IceVision's 0: background
        )

    def select_candidates(
        self, candidates: Candidates, min_score: float, picture: Picture
    ) -> DetectionSet:
        """The candidates above `min_score` that may compete in NMS, in px of the picture."""
        boxes, scores = candidates
        selected = scores > min_score
        if self.network.nms == "best-class":
            selected &= scores == scores.max(1, keepdims=True)
        group, label, index = np.nonzero(selected)
        return DetectionSet(
            self._content_rect(picture).to_picture(boxes[group, index], picture),
            scores[group, label, index].astype(float),
            group * scores.shape[1] + label,
        )

    def _resize_transforms(self) -> list:
        size, fit = self._manifest.input, self._manifest.resize.fit
        if not self._resizes:
            return []
        return tfms.A.resize_and_pad((size.width, size.height) if fit == "stretch" else size.width)

    def _predict_transforms(self) -> list:
        checkpoint = self._checkpoint
        normalise = tfms.A.Normalize(mean=checkpoint.mean, std=checkpoint.std)
        return [*self._resize_transforms(), normalise]

    def _dataset(self, rgb: np.ndarray, transforms: list) -> Dataset:
        """IceVision's data set of one picture uint8 (h, w, 3) in memory."""
        class_map = ClassMap(list(self._checkpoint.classes))
        return Dataset.from_images([rgb], tfms.A.Adapter(transforms), class_map=class_map)

    def _content_rect(self, picture: Picture) -> ContentRect:
        """Where albumentations' LongestMaxSize and PadIfNeeded put the picture.

        Written independently of handler.detection.letterbox, which it checks.
        """
        width, height = self._manifest.input.width, self._manifest.input.height
        if self._manifest.resize.fit == "stretch":
            return ContentRect(0, 0, width, height)
        scale = min(width / picture.width, height / picture.height)
        content_width = max(1, py3round(picture.width * scale))
        content_height = max(1, py3round(picture.height * scale))
        left, top = int((width - content_width) / 2.0), int((height - content_height) / 2.0)
        return ContentRect(left, top, content_width, content_height)


@contextlib.contextmanager
def _name_picture(failure: str) -> Iterator[None]:
    """Turn whatever the framework raises into a ToolError that names the picture."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ToolError(f"{failure} ({reason}); leave it out, or save it anew as PNG") from error
