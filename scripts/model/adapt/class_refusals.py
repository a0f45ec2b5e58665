"""What is wrong with the class names that are given, in sentences that say what would be right."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.model.plurals import counted
from scripts.tool import ToolError

_SHOWN_NAMES = 3


@dataclass(frozen=True)
class FileNames:
    """The class names in a file's metadata, by their numbers.

    unnamed: the numbers that they leave out. are_numbered: whether the file has the numbers itself
    ({0: 'person', …}), rather than a list.
    """

    by_number: Mapping[int, str]
    unnamed: tuple[int, ...] = ()
    are_numbered: bool = False

    @property
    def start_at_0(self) -> bool:
        return self.are_numbered and 0 in self.by_number

    @property
    def summary(self) -> str:
        if not self.by_number:
            return "the file names none"
        names = [self.by_number[number] for number in sorted(self.by_number)]
        more = ", …" if len(names) > _SHOWN_NAMES else ""
        return f"the file's own names: {', '.join(names[:_SHOWN_NAMES])}{more}"


NO_FILE_NAMES = FileNames({})


def tell_given(count: int) -> str:
    return f"{counted(count, 'name')} {'is' if count == 1 else 'are'} given"


def explain_missing_names(class_count: int | None, file_names: FileNames) -> str:
    how = "with --classes names.txt (a name a line) or --classes a,b,c"
    if file_names.unnamed:
        gaps = ", ".join(map(str, file_names.unnamed[:10]))
        numbers = "class" if len(file_names.unnamed) == 1 else "classes"
        has = "has" if len(file_names.unnamed) == 1 else "have"
        some = [f"{number}: {name}" for number, name in sorted(file_names.by_number.items())]
        more = ", …" if len(some) > _SHOWN_NAMES else ""
        return (
            f"the {numbers} {gaps} {has} no name in the file, which names "
            f"{', '.join(some[:_SHOWN_NAMES])}{more}; give all names {how}, or only those that "
            "the bundle is to have, each by its number (a line each: 7: train)"
        )
    expected = "one name for each label" if class_count is None else counted(class_count, "name")
    return f"the file names no classes; give {expected} {how}"


def explain_wrong_count(
    format_name: str, class_count: int, name_count: int, file_names: FileNames
) -> str:
    """Why so many names are too many, or too few."""
    how = (
        f"name all {class_count}, or some by their number (a line each: 7: train)"
        if class_count > 1
        else "name that one"
    )
    return (
        f"read as {format_name} with {counted(class_count, 'class')} ({file_names.summary}); "
        f"{tell_given(name_count)}; {how}"
    )


def refuse_repeated_names(numbered: Sequence[tuple[int, str]]) -> None:
    numbers: dict[str, list[int]] = {}
    for class_id, name in numbered:
        numbers.setdefault(name, []).append(class_id)
    for name, class_ids in numbers.items():
        if len(class_ids) > 1:
            raise ToolError(
                f"the class {name!r} is named more than once (numbers "
                f"{', '.join(map(str, class_ids))}); each needs a name of its own: give them with "
                "--classes"
            )


def warn_of_case(names: Sequence[str]) -> list[str]:
    """Names that differ by case, or by spaces and dashes, alone."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(re.sub(r"[\s_-]+", " ", name.casefold()).strip(), []).append(name)
    return [
        f"the names {' and '.join(repr(name) for name in group)} differ by case or spaces alone: "
        "are they one class?"
        for group in alike.values()
        if len(group) > 1
    ]


def warn_of_count(name_count: int, file_names: FileNames) -> list[str]:
    """Where no column shows how many classes there are, the file's own names may."""
    own = len(file_names.by_number)
    if not own or own == name_count:
        return []
    return [
        f"the file has {counted(own, 'name')} ({file_names.summary}), and {tell_given(name_count)}"
    ]
