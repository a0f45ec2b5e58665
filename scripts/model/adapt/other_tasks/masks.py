"""Segmentation networks: prototypes of masks, or a mask for each box."""

from __future__ import annotations

from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.loading.image_input import ImageInput
from scripts.model.adapt.other_tasks.maps import find_pixel_map
from scripts.model.adapt.other_tasks.tables import is_for_each_row, stack_tables
from scripts.model.adapt.other_tasks.task import MASKS_INSTEAD, OtherTask, format_of_boxes
from scripts.model.adapt.recognition.observed_output import ObservedOutput

_MIN_PROTOTYPES = 8
_MIN_MASK_SIDE = 14


def find_task_of_masks(foreign: ForeignModel) -> OtherTask | None:
    outputs = foreign.outputs
    for output in outputs:
        prototypes = find_pixel_map(output, foreign.image)
        if (
            prototypes is not None
            and prototypes.channels >= _MIN_PROTOTYPES
            and not _has_another_level(output, outputs)
            and any(
                _holds_coefficients(other, prototypes.channels, foreign.image)
                for other in outputs
                if other is not output
            )
        ):
            return OtherTask(
                "a segmentation network",
                f"{prototypes.summary} holds {prototypes.channels} prototypes of masks",
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


def _holds_coefficients(output: ObservedOutput, count: int, image: ImageInput) -> bool:
    """Whether a table has a coefficient for each prototype, alone or behind box and scores.

    Coefficients are below 0, too, and scores are not; a table of padding has only its width.
    """
    shape = output.table_shape
    if shape is None or min(shape) == 0:
        return False
    widths = [shape[1], *([shape[0]] if shape[0] < shape[1] else [])]
    if not any(width == count or width >= count + 5 for width in widths):
        return False
    return all(bool((table[:, -count:] < -1e-3).any()) for table in stack_tables(output, image))


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
