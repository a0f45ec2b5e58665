"""Refuses networks of other tasks before their outputs are read as boxes.

What the file's own metadata says of its task comes first; then the shapes and values of its
outputs. A file that says it detects is believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.other_tasks.columns import find_task_of_columns
from scripts.model.adapt.other_tasks.maps import find_task_of_maps
from scripts.model.adapt.other_tasks.task import (
    ANGLES_INSTEAD,
    MASKS_INSTEAD,
    PIXELS_INSTEAD,
    POINTS_INSTEAD,
    WHOLE_PICTURE_INSTEAD,
    OtherTask,
)
from scripts.model.adapt.other_tasks.vectors import find_task_of_vectors
from scripts.tool import ToolError

# What `task` in the metadata has a match of, the network, and what to do. ultralytics writes
# detect, segment, pose, obb, classify and semantic.
_NAMED_TASKS = (
    (r"obb|rotat|orient", "a network of oriented boxes", ANGLES_INSTEAD),
    (r"semantic", "a network of semantic segmentation", PIXELS_INSTEAD),
    (r"seg|mask|panoptic", "a segmentation network", MASKS_INSTEAD),
    (r"pose|keypoint|landmark", "a pose network", POINTS_INSTEAD),
    (r"classif|^cls", "a classifier", WHOLE_PICTURE_INSTEAD),
    (r"depth", "a network of depth maps", PIXELS_INSTEAD),
    (r"embed|feature|reid|re-id", "a network of embeddings", WHOLE_PICTURE_INSTEAD),
    (r"ocr|recogni", "a text recogniser", WHOLE_PICTURE_INSTEAD),
)


def refuse_other_tasks(foreign: ForeignModel, format_name: str | None = None) -> None:
    """Raise a ToolError that names the task where the network is no detector of upright boxes.

    format_name: the user's --format; it overrules shapes and values, and metadata only where it
    reads the boxes of a network that has more.
    """
    named = find_named_task(foreign.metadata)
    if named is not None:
        if format_name is None or format_name != named.boxes_alone:
            raise ToolError(str(named))
        return
    if format_name is not None or says_detection(foreign.metadata):
        return
    for find_task in (find_task_of_columns, find_task_of_maps, find_task_of_vectors):
        task = find_task(foreign)
        if task is not None:
            raise ToolError(str(task))


def says_detection(metadata: Mapping[str, str]) -> bool:
    return "detect" in metadata.get("task", "").lower()


def find_named_task(metadata: Mapping[str, str]) -> OtherTask | None:
    """The task that the file names itself, unless it is detection."""
    task = metadata.get("task", "").strip()
    if not task:
        return None
    for pattern, what, instead in _NAMED_TASKS:
        if re.search(pattern, task.lower()):
            has_boxes = task in ("segment", "pose") and metadata.get("names")
            evidence = f"the file says task: {task[:40]}"
            return OtherTask(what, evidence, instead, "yolov8" if has_boxes else None)
    return None
