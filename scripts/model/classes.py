"""Class names of a detector as a person writes them: a text file, or a list with commas; and names
of which two may mean one class."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from scripts.tool import ToolError


def read_class_names(text: str) -> tuple[str, ...]:
    """The names in the value of --classes: a file with a name a line, or "a,b,c".

    Raises ToolError where the file is missing or not UTF-8, or a name is empty.
    """
    path = Path(text)
    is_file = _is_file(path)
    if "," not in text and path.suffix and not is_file:
        raise ToolError(f"--classes: {text} is no file (a name a line), and no list a,b,c")
    if is_file:
        try:
            names = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ToolError(f"--classes: {text} cannot be read as UTF-8 text ({error})") from None
    else:
        names = text.split(",")
    names = [name.strip() for name in names]
    while names and not names[-1]:
        names.pop()
    if not names or not all(names):
        raise ToolError(f"--classes: {text} has {'an empty name' if names else 'no name'}")
    return tuple(names)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a list of names may be longer than a path can be
        return False


def find_alike(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of names that differ by case, spaces, hyphens, underscores, a plural's ending or the
    code points of one letter alone, in alphabetical order."""
    pairs = itertools.combinations(sorted(set(names)), 2)
    return [(one, other) for one, other in pairs if are_alike(one, other)]


def are_alike(one: str, other: str) -> bool:
    """Whether two names differ only by what `find_alike` says."""
    first, second = _bare(one), _bare(other)
    return first == second or first in _plurals(second) or second in _plurals(first)


def _bare(name: str) -> str:
    return re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFKC", name).casefold())


def _plurals(name: str) -> set[str]:
    """Of a bare name, in English."""
    ending_in_y = {f"{name[:-1]}ies"} if len(name) > 1 and name.endswith("y") else set()
    return {f"{name}s", f"{name}es"} | ending_in_y if name else set()
