"""Segmentation networks: prototypes of masks, or a mask for each box."""

from __future__ import annotations

from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.other_tasks.maps import find_pixel_map
from scripts.model.adapt.other_tasks.tables import is_for_each_row
from scripts.model.adapt.other_tasks.task import MASKS_INSTEAD, OtherTask, format_of_boxes
from scripts.model.adapt.recognition.observed_output import ObservedOutput

_MIN_PROTOTYPES = 8
_MIN_MASK_SIDE = 14


def find_task_of_masks(foreign: ForeignModel) -> OtherTask | None:
    outputs = foreign.outputs
    for output in outputs:
        prototypes = find_pixel_map(output, foreign.image)
        tables = [o.table_shape for o in outputs if o is not output]
        if (
            prototypes is not None
            and prototypes.channels >= _MIN_PROTOTYPES
            and not _has_another_level(output, outputs)
        ):
            count = prototypes.channels
            if any(
                columns == count or columns >= count + 5
                for table in tables
                if table is not None and min(table) > 0
                for columns in (table[1], *([table[0]] if table[0] < table[1] else []))
            ):
                return OtherTask(
                    "a segmentation network",
                    f"{prototypes.summary} holds {count} prototypes of masks",
                    MASKS_INSTEAD,
                )
        if is_for_each_row(output, outputs) and _is_mask(output.shape):
            return OtherTask(
                "a segmentation network",
                f"{output.name} {list(output.shape)} is a mask for each box",
                MASKS_INSTEAD,
                format_of_boxes(output.name for output in outputs),
            )
    return None


def _is_mask(shape: tuple[int, ...]) -> bool:
    """Whether it is [N, H, W], with or without a batch of 1; [1, A, C] is a table of scores."""
    without_batch = shape[1:] if shape[:1] == (1,) else shape
    return len(without_batch) >= 3 and min(shape[-2:]) >= _MIN_MASK_SIDE


def _has_another_level(output: ObservedOutput, outputs: tuple[ObservedOutput, ...]) -> bool:
    """Whether a map of as many channels has another size: heads before decoding, as ultralytics'
    graphs may have them beside what is decoded of them."""
    return any(
        len(other.shape) == len(output.shape) == 4
        and other.shape[1] == output.shape[1]
        and other.shape[2:] != output.shape[2:]
        for other in outputs
    )
