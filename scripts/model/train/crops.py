"""Random crops of labelled pictures, as the default model of many small cells is trained on.

Every picture goes once through the handler's own decoding and letterbox, at the model's scale and
around it, so that training sees the very pixels that will be served; IceVision then crops, turns
and colours them.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import scripts.model.icevision  # noqa: F401  (before icevision)
import albumentations as A
import torch
from icevision.all import BBox, Dataset, ObjectDetectionRecord, tfms
from PIL import Image

from handler.detection import letterbox
from handler.images.decode import decode
from scripts.model.icevision import families
from scripts.model.train.progress import ProgressOutput
from scripts.model.train.records import VisibleBoxesAdapter

# Of the model's input: cells vary in size, and microscopes in magnification.
SCALES = (0.85, 1.0, 1.15)
MAX_PIXELS = 10**9


def prepare_scales(
    records: Sequence[ObjectDetectionRecord], size: int, folder: Path, output: ProgressOutput
) -> list[list[ObjectDetectionRecord]]:
    """Each record's picture, letterboxed by the handler's code, as records of PPM files.

    Returns one list a picture with one record a scale of SCALES. PPM, because it is read back in a
    millisecond.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [
        [_prepare(record, round(size * scale / 32) * 32, folder) for scale in SCALES]
        for record in output.track(records, "letterboxing", "pictures")
    ]


def _prepare(record: ObjectDetectionRecord, side: int, folder: Path) -> ObjectDetectionRecord:
    image_path = Path(record.filepath)
    ppm_path = folder / f"{image_path.stem}-{side}.ppm"
    box = letterbox.fit(record.width, record.height, side, side)
    if not ppm_path.exists():
        picture = decode(
            image_path.read_bytes(), max_pixels=MAX_PIXELS, min_frame=(2 * side, 2 * side)
        )
        pixels = letterbox.apply(picture.pixels, box, rule="antialias", fill=families.FILL)
        Image.fromarray(pixels).save(ppm_path)
    boxes = np.array([each.xyxy for each in record.detection.bboxes], np.float32).reshape(-1, 4)
    prepared = copy.deepcopy(record)
    prepared.set_filepath(ppm_path)
    prepared.set_img_size((side, side))
    prepared.detection.set_bboxes(
        [BBox.from_xyxy(*map(float, each)) for each in letterbox.to_input(boxes, box)]
    )
    return prepared


class RandomCrops(torch.utils.data.Dataset):
    """`length` random crops of `crop` px, each of a random picture at a random scale."""

    def __init__(
        self, scales_of_pictures: list[list[ObjectDetectionRecord]], crop: int, length: int
    ) -> None:
        transform = VisibleBoxesAdapter(_augmentations(crop))
        self._datasets = [Dataset(records, transform) for records in scales_of_pictures]
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> ObjectDetectionRecord:
        rng = np.random.default_rng([index, 11])
        dataset = self._datasets[rng.integers(len(self._datasets))]
        return dataset[rng.integers(len(dataset))]


def _augmentations(crop: int) -> list:
    return [
        A.RandomCrop(crop, crop),
        A.RandomRotate90(p=0.75),
        A.Flip(p=0.75),
        A.RandomBrightnessContrast(0.18, 0.22, p=0.7),
        A.HueSaturationValue(12, 30, 0, p=0.6),
        A.RGBShift(14, 14, 14, p=0.3),  # another white balance
        A.RandomGamma((75, 130), p=0.3),
        A.OneOf([A.GaussianBlur((3, 3)), A.MotionBlur(3), A.Sharpen((0.1, 0.4))], p=0.3),
        A.GaussNoise((2, 40), p=0.3),
        A.ImageCompression(45, 95, p=0.25),
        tfms.A.Normalize(),
    ]
