"""Whether the licences of what is in an image are known and accepted: licences.toml says which.

What is new, and what says another licence than it did, is told and not guessed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from scripts.supply.contents import Contents, File

TABLE = Path(__file__).with_name("licences.toml")


@dataclass(frozen=True)
class Licences:
    """accepted: SPDX licences, and why. packages, libraries: entries of licences.toml."""

    accepted: Mapping[str, str]
    packages: Mapping[str, Mapping[str, str]]
    libraries: Mapping[str, Mapping[str, str]]

    def of_library(self, file: File) -> Mapping[str, str] | None:
        """The entry whose name the file's name begins with, the longest of several."""
        name = PurePosixPath(file.path).name
        found = [
            each for each in self.libraries
            if name.startswith(each) and not name[len(each) : len(each) + 1].isalpha()
        ]  # fmt: skip
        return self.libraries[max(found, key=len)] if found else None


def load_licences(path: Path = TABLE) -> Licences:
    raw: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    return Licences(raw["accepted"], raw["packages"], raw["libraries"])


def find_problems(contents: Contents, licences: Licences) -> list[str]:
    """Sentences on what is not known or not accepted; empty where all is in order."""
    problems = []
    for package in contents.packages:
        entry = licences.packages.get(package.name)
        if entry is None:
            problems.append(
                f"{package.name} {package.version} is new; it says {package.declared!r}"
            )
        elif entry["declared"] != package.declared:
            problems.append(
                f"{package.name} {package.version} says {package.declared!r}, no longer "
                f"{entry['declared']!r}"
            )
    for file in contents.libraries:
        if licences.of_library(file) is None:
            problems.append(f"{file.path} is new; its licence is in a file of the wheel")
    for name, entry in {**licences.packages, **licences.libraries}.items():
        for each in split(entry["licence"]):
            if each not in licences.accepted:
                problems.append(f"{name} is under {each}, which is not accepted")
    return problems


def split(expression: str) -> list[str]:
    """The licences of an SPDX expression without parentheses, each with its exception; of a choice,
    its first that stands."""
    return [choice.split(" OR ")[0].strip() for choice in expression.split(" AND ")]
