"""Reads the pictures whose values set the ranges of int8 activations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from handler.detection.detector import Detector
from handler.images.decode import decode
from handler.problems import Problem
from scripts.model.dataset import DECODABLE_SUFFIXES, list_pictures
from scripts.model.evaluate.evaluation import MAX_PIXELS
from scripts.tool import ToolError

Feed = dict[str, np.ndarray]  # the inputs of one run of the graph, by name


def select_pictures(folder: Path, limit: int) -> list[Path]:
    """At most `limit` pictures anywhere below a folder, evenly spaced in the order of their paths.

    Raises ToolError.
    """
    if not folder.is_dir():
        raise ToolError(f"{folder}: no such folder")
    image_paths = list_pictures(folder, DECODABLE_SUFFIXES)
    if not image_paths:
        raise ToolError(
            f"{folder}: no picture in it ({', '.join(sorted(DECODABLE_SUFFIXES))}); "
            "give some tens that look like those the model will see"
        )
    if len(image_paths) <= limit:
        return image_paths
    return [image_paths[int(at)] for at in np.linspace(0, len(image_paths) - 1, limit)]


def read_feeds(detector: Detector, image_paths: Sequence[Path]) -> list[Feed]:
    """The graph's inputs for each picture, by the handler's own decoding and letterbox.

    Raises ToolError for a picture that does not decode.
    """
    defaults = detector.manifest.thresholds
    feeds = []
    for path in tqdm(image_paths, unit="picture", desc="reading", disable=None, leave=False):
        try:
            picture = decode(path.read_bytes(), max_pixels=MAX_PIXELS, min_frame=detector.min_frame)
        except (Problem, OSError) as error:
            raise ToolError(f"{path}: {error}; take it out of the folder") from None
        model_input, _ = detector.prepare(picture)
        feeds.append(
            {
                "image": model_input[np.newaxis],
                "score_threshold": np.array(defaults.score_floor, np.float32),
                "iou_threshold": np.array(defaults.iou, np.float32),
                "max_detections": np.array(defaults.max_detections, np.int64),
            }
        )
    return feeds
