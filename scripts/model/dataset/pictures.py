"""Picture files: which they are, how large, and which one a label file means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from PIL import Image

from scripts.model.dataset.labelled import DatasetError

PICTURE_SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".bmp",
    ".tif",
    ".tiff",
    ".ppm",
    ".heic",
    ".gif",
)
# The handler decodes these; a dataset may hold others, which training can read.
DECODABLE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif")
PICTURE_FOLDERS = ("images", "JPEGImages", "Images", "img")
_EXIF_ORIENTATION = 0x0112
_SWAPS_WIDTH_AND_HEIGHT = (5, 6, 7, 8)  # values of that tag


def list_pictures(folder: Path, suffixes: Iterable[str] = PICTURE_SUFFIXES) -> list[Path]:
    """Every picture anywhere below a folder, labelled or not, in the order of their paths."""
    suffixes = frozenset(suffixes)
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes)


def read_upright_size(image_path: Path) -> tuple[int, int]:
    """Width and height in px after EXIF rotation, read from the header. Raises DatasetError."""
    try:
        with Image.open(image_path) as image:
            width, height = image.size
            rotated = image.getexif().get(_EXIF_ORIENTATION, 1) in _SWAPS_WIDTH_AND_HEIGHT
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(
            f"{image_path}: not a picture that can be opened ({error}); mend or remove it"
        ) from None
    return (height, width) if rotated else (width, height)


def find_picture(name: str, label_path: Path, folder: Path, *, stem: str | None = None) -> Path:
    """The file that a label file names.

    It is looked for beside the label file, in `folder`, and in PICTURE_FOLDERS of both: first by
    `name`, then with another suffix, then by `stem`. Raises DatasetError.
    """
    path = Path(name)
    if path.is_absolute() and path.is_file() and path.suffix.lower() in PICTURE_SUFFIXES:
        return path
    relative = PurePosixPath(re.sub(r"^[A-Za-z]:", "", name.replace("\\", "/")).lstrip("/"))
    beside = label_path.parent
    roots = [beside, folder, *(root / sub for root in (folder, beside.parent, beside)
                               for sub in PICTURE_FOLDERS)]  # fmt: skip
    roots = list(dict.fromkeys(roots))
    names = [] if ".." in relative.parts else [str(relative)]
    names = [each for each in dict.fromkeys([*names, relative.name]) if each and each != "."]
    for root in roots:
        for each in names:
            if (root / each).is_file() and Path(each).suffix.lower() in PICTURE_SUFFIXES:
                return root / each
    for each in [*names, *([stem] if stem else [])]:
        bare = Path(each)
        for root in roots:
            for suffix in (s for lower in PICTURE_SUFFIXES for s in (lower, lower.upper())):
                for candidate in (root / bare.with_suffix(suffix), root / f"{bare}{suffix}"):
                    if candidate.is_file():
                        return candidate
    raise DatasetError(
        f"{label_path}: its picture {name or '(not named)'} is not beside it, and not in "
        f"{folder} or its {', '.join(PICTURE_FOLDERS)}; add the picture or remove the label"
    )
