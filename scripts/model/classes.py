"""Class names of a detector as a person writes them: a text file, or a list with commas."""

from __future__ import annotations

from pathlib import Path

from scripts.tool import ToolError


def read_class_names(text: str) -> tuple[str, ...]:
    """The names in the value of --classes: a file with a name a line, or "a,b,c".

    Raises ToolError where the file is missing or not UTF-8, or a name is empty.
    """
    path = Path(text)
    if "," not in text and path.suffix and not path.is_file():
        raise ToolError(f"--classes: {text} is no file (a name a line), and no list a,b,c")
    if path.is_file():
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
