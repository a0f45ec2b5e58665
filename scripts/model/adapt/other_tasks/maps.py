"""Networks that give values for pixels: saliency, masks, depth, semantic maps, pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.loading.image_input import ImageInput
from scripts.model.adapt.other_tasks.task import PIXELS_INSTEAD, OtherTask
from scripts.model.adapt.recognition.observed_output import ObservedOutput
from scripts.model.plurals import counted


@dataclass(frozen=True, eq=False)
class PixelMap:
    """An output with values for the input's pixels, or for squares of stride x stride of them.

    stride: below 1 where the map is larger than the input.
    """

    output: ObservedOutput
    channels: int
    height: int
    width: int
    stride: float

    @property
    def summary(self) -> str:
        return f"{self.output.name} {list(self.output.shape)}"


def find_pixel_map(
    output: ObservedOutput, image: ImageInput, max_stride: int = 8
) -> PixelMap | None:
    """The output as a map, channels first or last or none; None where its sides do not match."""
    shape = output.shape
    if len(shape) == 4 and shape[0] == 1:
        candidates = [shape[1:], (shape[3], shape[1], shape[2])]
    elif len(shape) == 3 and shape[0] == 1:
        candidates = [(1, *shape[1:])]
    elif len(shape) == 3:
        candidates = [shape, (shape[2], shape[0], shape[1])]
    elif len(shape) == 2:
        candidates, max_stride = [(1, *shape)], 1
    else:
        return None
    for channels, height, width in candidates:
        for stride in (1, 2, 4, 8, 0.5, 1 / 3, 0.25):
            if stride <= max_stride and all(
                abs(side - full / stride) < 1
                for side, full in ((height, image.height), (width, image.width))
            ):
                return PixelMap(output, channels, height, width, stride)
    return None


def find_task_of_maps(foreign: ForeignModel) -> OtherTask | None:
    """The task of a network whose outputs are maps, and numbers for the whole picture at most."""
    maps = [find_pixel_map(output, foreign.image, max_stride=4) for output in foreign.outputs]
    found = [pixel_map for pixel_map in maps if pixel_map is not None]
    others = [output for output, known in zip(foreign.outputs, maps, strict=True) if known is None]
    if not found:
        return None
    masks = _find_masks_of_queries(foreign, found, others)
    if masks is not None:
        return masks
    channel_counts = {pixel_map.channels for pixel_map in found}
    is_smaller = all(pixel_map.stride > 1 for pixel_map in found)
    if is_smaller and len(channel_counts) > 1:
        return None  # heads of a detector on one level, such as CenterNet's
    if not all(_is_for_whole_picture(output, found) for output in others):
        return None
    main = min(found, key=lambda pixel_map: (pixel_map.stride, pixel_map.channels))
    return _describe(main, foreign.producer)


def _is_for_whole_picture(output: ObservedOutput, maps: list[PixelMap]) -> bool:
    """Whether an output is a number, a vector, or a smaller copy of a map with one channel."""
    shape = output.shape
    if int(np.prod(shape)) == max(shape, default=1):
        return True
    are_single = all(pixel_map.channels == 1 for pixel_map in maps)
    return are_single and len(shape) == 4 and shape[:2] == (1, 1)


def _find_masks_of_queries(
    foreign: ForeignModel, maps: list[PixelMap], others: list[ObservedOutput]
) -> OtherTask | None:
    """MaskFormer and its kin: a map for each query, beside the query's class logits."""
    for pixel_map in maps:
        for output in others:
            table = output.table_shape
            if table is not None and table[0] == pixel_map.channels >= 10 and table[1] > 1:
                return OtherTask(
                    "a segmentation network",
                    f"{pixel_map.summary} has a mask for each of {pixel_map.channels} queries in "
                    f"{output.name}",
                    PIXELS_INSTEAD,
                )
    return None


def _describe(pixel_map: PixelMap, producer: str) -> OtherTask:
    output, name = pixel_map.output, pixel_map.output.lower_name
    size = f"{pixel_map.width} x {pixel_map.height}"
    channels = pixel_map.channels
    if channels == 1:
        values = output.finite_values()
        are_whole = bool(np.all(values == np.round(values)))
        if output.is_integer or (are_whole and len(np.unique(values)) > 2):
            what, value = "a network of semantic segmentation", "a class number"
        elif output.is_within_unit_range():
            what, value = "a network of saliency maps or masks", "one value from 0 to 1"
            if "paddle" in producer.lower():
                what = "the text detector of an OCR system (a probability map, as DB gives it)"
        else:
            what, value = "a network of depth maps, or of masks as logits", "one value"
        if "depth" in name or "disp" in name:
            what = "a network of depth maps"
        evidence = f"{pixel_map.summary} has {value} for each pixel of {size}"
    elif pixel_map.stride < 1:
        what = "a network that makes pictures larger (super-resolution)"
        evidence = f"{pixel_map.summary} has {counted(channels, 'channel')} of {size} px"
    elif pixel_map.stride == 1 and channels == 3:
        what = "a network that makes a picture of a picture, or segments into 3 classes"
        evidence = f"{pixel_map.summary} has 3 values for each pixel of {size}"
    elif pixel_map.stride == 1:
        what = "a network of semantic segmentation"
        evidence = f"{pixel_map.summary} has {channels} values for each pixel of {size}"
    else:
        what = "a network of semantic segmentation, or of a pose's heatmaps"
        evidence = (
            f"{pixel_map.summary} has {channels} values for each square of "
            f"{pixel_map.stride:g} x {pixel_map.stride:g} px"
        )
    return OtherTask(what, evidence, PIXELS_INSTEAD)
