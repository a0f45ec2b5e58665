"""The pictures of --check: files, folders of pictures, and labelled folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handler.images.decode import decode
from handler.images.picture import Picture, as_image
from handler.problems import Problem
from scripts.model.dataset import DECODABLE_SUFFIXES, LabelledPicture, list_pictures, read_dataset
from scripts.model.dataset.coco import load_coco_files
from scripts.model.dataset.voc import list_voc_files
from scripts.tool import ToolError

T = TypeVar("T")

MAX_PIXELS = 400_000_000  # above the handler's limit: the pictures are the user's own
MAX_PICTURES = 24
# A detector that gets wrong values fires at places of its input rather than at things. Nothing lies
# at the same place of its grid in a picture that is mirrored and cut by a few hundredths.
_CUT_LEFT, _CUT_TOP = 0.04, 0.06
MAX_PIXELS_IN_MEMORY = 100_000_000  # of all pictures together, each held twice at 4 bytes a px


@dataclass(frozen=True, eq=False)
class CheckPicture:
    """A decoded picture, upright.

    mirrored: its mirror image, without some px at the right and without the upper `cut_top` px.
    truth: what is labelled on it, None where it is not from a labelled folder.
    """

    path: Path
    picture: Picture
    mirrored: Picture
    cut_top: int
    truth: LabelledPicture | None = None

    def from_mirrored(self, boxes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Boxes (N, 4) xyxy in px of `mirrored` as px of the picture."""
        x0, y0, x1, y1 = boxes.astype(np.float64).T
        width = self.picture.width
        return np.stack([width - x1, y0 + self.cut_top, width - x0, y1 + self.cut_top], axis=1)


@dataclass(frozen=True, eq=False)
class CheckPictures:
    """notes: sentences for the user about pictures that are left out."""

    pictures: tuple[CheckPicture, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_labelled(self) -> bool:
        """Whether any of them has labels."""
        return any(check.truth is not None for check in self.pictures)

    def rgb(self, count: int) -> list[np.ndarray]:
        """The first `count` pictures, uint8 (h, w, 3), as evidence for the recognition."""
        return [check.picture.rgb for check in self.pictures[:count]]


def read_check_pictures(paths: Sequence[Path]) -> CheckPictures:
    """Decode what --check names, of many pictures MAX_PICTURES that are spread evenly.

    Raises ToolError for a file that is missing or no picture, and DatasetError for labels that
    cannot be read. In a folder a file that is no picture is left out.
    """
    sources: dict[Path, LabelledPicture | None] = {}
    from_folders: set[Path] = set()
    for path in paths:
        found = _find_pictures(path)
        sources |= found
        if path not in found:
            from_folders |= found.keys()
    image_paths = spread_evenly(list(sources), MAX_PICTURES)
    notes = []
    if len(image_paths) < len(sources):
        notes.append(f"{len(image_paths)} of the {len(sources)} pictures of --check are tried")
    pictures, pixels = [], 0
    for image_path in image_paths:
        try:
            picture = _decode(image_path)
        except ToolError as error:
            if image_path not in from_folders:
                raise
            notes.append(f"left out: {error}")
            continue
        pixels += picture.width * picture.height
        if pictures and pixels > MAX_PIXELS_IN_MEMORY:
            notes.append(f"only the first {len(pictures)} pictures are tried: they are large")
            break
        pictures.append(_make(image_path, picture, sources[image_path]))
    if not pictures:
        raise ToolError("--check: none of the pictures can be read; " + "; ".join(notes[:3]))
    return CheckPictures(tuple(pictures), tuple(notes))


def _find_pictures(path: Path) -> dict[Path, LabelledPicture | None]:
    """The pictures that one argument names, with their labels where it is a labelled folder."""
    if path.suffix.lower() == ".json" or (
        path.is_dir() and (list_voc_files(path) or load_coco_files(path))
    ):
        labelled = read_dataset(path).pictures
        if not labelled:
            raise ToolError(f"--check: {path} lists no pictures")
        return {picture.path: picture for picture in labelled}
    if not path.is_dir():
        return {path: None}
    found = list_pictures(path, DECODABLE_SUFFIXES)
    if not found:
        raise ToolError(f"--check: there is no picture in {path}")
    return dict.fromkeys(found)


def spread_evenly(items: Sequence[T], count: int) -> Sequence[T]:
    """At most `count` of them, in their order."""
    if len(items) <= count:
        return items
    return [items[index * len(items) // count] for index in range(count)]


def _decode(image_path: Path) -> Picture:
    """At full size, since not every placing takes a JPEG that is decoded at a reduced one."""
    try:
        return decode(image_path.read_bytes(), max_pixels=MAX_PIXELS)
    except OSError as error:
        raise ToolError(f"--check: {image_path} cannot be read ({error.strerror})") from None
    except Problem as error:
        raise ToolError(f"--check {image_path}: {error}") from None


def _make(image_path: Path, picture: Picture, truth: LabelledPicture | None) -> CheckPicture:
    left, top = round(picture.width * _CUT_LEFT), round(picture.height * _CUT_TOP)
    rest = as_image(picture.pixels).crop((left, top, picture.width, picture.height))
    mirrored = replace(
        picture,
        pixels=rest.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        width=rest.width,
        height=rest.height,
    )
    return CheckPicture(image_path, picture, mirrored, top, truth)
