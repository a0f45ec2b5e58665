"""Choose the page of a TIFF that is the picture: not its thumbnail, nor a raw photo's preview."""

from __future__ import annotations

import re
from typing import NoReturn

from handler.images.tiff import tags
from handler.images.tiff.directory import MAX_DIRECTORIES, Directories, Directory
from handler.problems import Undecodable


def choose_page(image_bytes: bytes, directories: Directories) -> tuple[Directory, list[str]]:
    """The page of full size and notes about the others. Raises Undecodable."""
    pages, subs = directories.pages, directories.sub_directories
    for directory in (*pages, *subs):
        if lenient_number(directory, tags.PHOTOMETRIC) in tags.RAW_PHOTOMETRICS:
            _refuse_raw()
    if image_bytes[8:10] == b"CR":  # Canon's
        _refuse_raw()
    full_pages = [page for page in pages if not _is_secondary(page)]
    full_subs = [sub for sub in subs if not _is_secondary(sub)]
    if not full_pages and full_subs:
        page = max(full_subs, key=_area)
        return page, ["the TIFF's first page is a thumbnail; its sub-directory's picture was read"]
    if not full_pages:
        page = max(pages, key=_area)
        return page, ["the TIFF says that it holds only a reduced version of its picture"]
    page, notes = full_pages[0], []
    largest = max((*full_pages, *full_subs), key=_area)
    if _area(largest) >= 4 * max(1, _area(page)):
        raise Undecodable(
            f"the TIFF picture has several pages: the first is {_size_in_words(page)}, another "
            f"{_size_in_words(largest)}; save the one to be read alone"
        )
    if len(full_pages) > 1 or directories.more:
        count = f"{MAX_DIRECTORIES} or more" if directories.more else str(len(full_pages))
        notes.append(f"only the first of the TIFF's {count} pages was read")
    elif (
        slices := re.search(rb"\bimages=(\d{1,9})\b", page.text(tags.DESCRIPTION)[:1000])
    ) and int(slices[1]) > 1:
        notes.append(f"only the first of the TIFF's {int(slices[1])} pages was read")
    return page, notes


def _refuse_raw() -> NoReturn:
    raise Undecodable(
        "this TIFF is a raw photo (DNG, NEF, CR2, ARW …): values of a sensor, no picture yet; "
        "export it as JPEG, PNG or TIFF"
    )


def _is_secondary(page: Directory) -> bool:
    """Whether a page is a reduced version, a mask or a depth map of another."""
    kind = lenient_number(page, tags.SUBFILE_TYPE)
    return bool(max(kind, 0) & 0b1101) or lenient_number(page, tags.OLD_SUBFILE_TYPE) == 2


def lenient_number(page: Directory, tag: int) -> int:
    """The first number of a tag, -1 if it is missing or damaged."""
    try:
        values = page.numbers(tag, 16)
    except Undecodable:
        return -1
    return int(values[0]) if len(values) else -1


def _area(page: Directory) -> int:
    return max(0, lenient_number(page, tags.WIDTH)) * max(0, lenient_number(page, tags.HEIGHT))


def _size_in_words(page: Directory) -> str:
    return f"{lenient_number(page, tags.WIDTH)} x {lenient_number(page, tags.HEIGHT)} px"
