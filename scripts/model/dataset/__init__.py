"""Labelled pictures, read from Pascal VOC or COCO.

Boxes are in px of the upright picture, as a viewer and a labelling tool show it: a photo's EXIF
rotation is applied first, as IceVision and the handler do.
"""

from scripts.model.dataset.coco import to_coco, write_coco
from scripts.model.dataset.labelled import DatasetError, LabelledDataset, LabelledPicture
from scripts.model.dataset.pictures import (
    DECODABLE_SUFFIXES,
    PICTURE_SUFFIXES,
    list_pictures,
)
from scripts.model.dataset.read import read_dataset, read_labelled_pictures

__all__ = [
    "DECODABLE_SUFFIXES",
    "PICTURE_SUFFIXES",
    "DatasetError",
    "LabelledDataset",
    "LabelledPicture",
    "list_pictures",
    "read_dataset",
    "read_labelled_pictures",
    "to_coco",
    "write_coco",
]
