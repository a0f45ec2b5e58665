"""Refuses networks of other tasks before their outputs are read as boxes.

What the file's own metadata says of its task comes first; then the shapes and values of its
outputs. A file that says it detects is believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.loading.metadata import named_classes
from scripts.model.adapt.other_tasks.angles import find_task_of_angles
from scripts.model.adapt.other_tasks.maps import find_task_of_maps
from scripts.model.adapt.other_tasks.masks import find_task_of_masks
from scripts.model.adapt.other_tasks.points import find_task_of_points
from scripts.model.adapt.other_tasks.tables import list_cell_counts
from scripts.model.adapt.other_tasks.task import (
    ANGLES_INSTEAD,
    MASKS_INSTEAD,
    PIXELS_INSTEAD,
    POINTS_INSTEAD,
    WHOLE_PICTURE_INSTEAD,
    OtherTask,
)
from scripts.model.adapt.other_tasks.vectors import find_task_of_vectors
from scripts.model.adapt.recognition.file_claims import read_claims
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

# Detectors with more than boxes come before networks without.
_FINDERS = (
    find_task_of_masks,
    find_task_of_points,
    find_task_of_angles,
    find_task_of_maps,
    find_task_of_vectors,
)


def refuse_other_tasks(foreign: ForeignModel, format_name: str | None = None) -> None:
    """Raise a ToolError that names the task where the network is no detector of upright boxes.

    format_name: the user's --format; it overrules shapes and values, and metadata only where it
    reads the boxes of a network that has more.
    """
    named = find_named_task(foreign.metadata, _has_boxes_before_nms(foreign))
    if named is not None:
        if format_name is None or format_name != named.boxes_alone:
            raise ToolError(str(named))
        return
    if format_name is not None or says_detection(foreign.metadata):
        return
    for find_task in _FINDERS:
        task = find_task(foreign)
        if task is not None:
            raise ToolError(str(task))


def says_detection(metadata: Mapping[str, str]) -> bool:
    return "detect" in metadata.get("task", "").lower()


def _has_boxes_before_nms(foreign: ForeignModel) -> bool:
    """Whether a table has columns for all classes that the file names, and more."""
    metadata = foreign.metadata
    class_count = len(named_classes(metadata))
    if not class_count or read_claims(metadata, class_count).has_nms:
        return False
    cell_counts = list_cell_counts(foreign.image)
    tables = [output.table_shape for output in foreign.outputs]
    return any(
        table is not None and max(table) in cell_counts and min(table) > 4 + class_count
        for table in tables
    )


def find_named_task(metadata: Mapping[str, str], has_boxes: bool = False) -> OtherTask | None:
    """The task that the file names itself, unless it is detection.

    has_boxes: whether YOLOv8's reading finds its boxes beside the rest.
    """
    task = metadata.get("task", "").strip()
    for pattern, what, instead in _NAMED_TASKS if task else ():
        if re.search(pattern, task.lower()):
            alone = "yolov8" if has_boxes and task in ("segment", "pose") else None
            return OtherTask(what, f"the file says task: {task[:40]}", instead, alone)
    return None
