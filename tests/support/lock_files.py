"""The lock files as the images' Python reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.markers import Marker

from tests.support.paths import ROOT

IN_THE_IMAGES = {"python_full_version": "3.13.0", "python_version": "3.13"}
_ENTRY = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)(?: ; (?P<marker>.+?))? \\\n"
    r"(?P<hashes>(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)",
    re.M,
)


@dataclass(frozen=True)
class Locked:
    """A package of a lock file. hashes: of all its files, as pip takes them."""

    name: str
    version: str
    hashes: tuple[str, ...]


def locked_in_the_images(*names: str) -> list[Locked]:
    """The packages of requirements/NAME.txt whose markers are true in the images."""
    texts = [(ROOT / "requirements" / f"{name}.txt").read_text() for name in names]
    return [
        Locked(match["name"], match["version"], tuple(re.findall(r"--hash=\S+", match["hashes"])))
        for text in texts
        for match in _ENTRY.finditer(text)
        if not match["marker"] or Marker(match["marker"]).evaluate(IN_THE_IMAGES)
    ]
