"""IceVision records of labelled pictures, and the batches of whole pictures made from them.

Pictures are resized and padded by IceVision's own transforms, so that its predict sees what
training saw.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

import scripts.model.icevision  # noqa: F401  (before icevision)
import albumentations as A
import torch
from icevision.all import BBox, ClassMap, Dataset, ObjectDetectionRecord, tfms
from PIL import Image

from scripts.model.dataset import DatasetError, LabelledPicture
from scripts.model.icevision import families
from scripts.model.train.progress import ProgressOutput

MIN_VISIBILITY = 0.35  # of a box's area, for it to count in an augmented picture


class VisibleBoxesAdapter(tfms.A.Adapter):
    """IceVision's albumentations adapter that drops boxes of which too little is left."""

    def create_tfms(self) -> A.Compose:
        boxes = A.BboxParams("pascal_voc", label_fields=["labels"], min_visibility=MIN_VISIBILITY)
        return A.Compose(self.tfms_list, bbox_params=boxes)


def make_record(
    record_id: int, picture: LabelledPicture, class_map: ClassMap
) -> ObjectDetectionRecord:
    """The IceVision record of a labelled picture."""
    record = ObjectDetectionRecord()
    record.set_record_id(record_id)
    record.set_filepath(picture.path)
    record.set_img_size((picture.width, picture.height))
    record.detection.set_class_map(class_map)
    record.detection.add_labels(list(picture.labels))
    record.detection.add_bboxes([BBox.from_xyxy(*map(float, box)) for box in picture.boxes])
    return record


def prepare_records(
    pictures: Sequence[LabelledPicture],
    classes: Sequence[str],
    size: int,
    folder: Path,
    output: ProgressOutput,
) -> list[ObjectDetectionRecord]:
    """Records of the pictures, resized and padded to `size` px, as PPM files in a folder.

    Raises DatasetError for a picture that cannot be decoded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    class_map = ClassMap(list(classes))
    transform = tfms.A.Adapter(tfms.A.resize_and_pad(size))
    prepared = []
    for index, picture in enumerate(output.track(pictures, "resizing", "pictures")):
        record = make_record(index, picture, class_map)
        try:
            resized = Dataset([record], transform)[0]
        except (OSError, ValueError, SyntaxError) as error:
            raise DatasetError(
                f"{picture.path}: cannot be decoded ({error}); mend or remove it"
            ) from None
        ppm_path = folder / f"{index}.ppm"
        Image.fromarray(resized.img).save(ppm_path)
        resized.set_filepath(ppm_path)
        resized.set_img_size((size, size))
        resized.unload()
        prepared.append(resized)
    return prepared


def make_augmented_dataset(
    records: Sequence[ObjectDetectionRecord], *, any_orientation: bool
) -> Dataset:
    """A dataset that augments whole pictures of general objects at random.

    any_orientation: objects have no upright, so pictures are turned and flipped, too.
    """
    turns = [A.RandomRotate90(p=0.75), A.VerticalFlip(p=0.5)] if any_orientation else []
    augmentations = [
        A.HorizontalFlip(p=0.5),
        *turns,
        A.ShiftScaleRotate(0.08, (-0.3, 0.3), 0, border_mode=0, value=families.FILL, p=0.8),
        A.RandomBrightnessContrast(0.2, 0.2, p=0.5),
        A.HueSaturationValue(8, 25, 0, p=0.4),
        tfms.A.Normalize(),
    ]
    return Dataset(records, VisibleBoxesAdapter(augmentations))


def make_batch(
    model_type: ModuleType, dataset: Dataset, *, batch_size: int, seed: int, step: int
) -> tuple:
    """A step's batch, the same for the same seed and step. Every picture comes once before any
    comes again."""
    step_seed = seed * 1_000_003 + step
    random.seed(step_seed)
    np.random.seed(step_seed % 2**32)
    torch.manual_seed(step_seed)
    first = step * batch_size
    indices = []
    for position in range(first, first + batch_size):
        epoch, place = divmod(position, len(dataset))
        order = np.random.default_rng([seed, epoch]).permutation(len(dataset))
        indices.append(int(order[place]))
    samples = [dataset[index] for index in indices]
    (batch,) = model_type.train_dl(samples, batch_size=len(samples), num_workers=0, shuffle=False)
    return batch[0]
