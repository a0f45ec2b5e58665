"""The pages that the tests of this folder check, and what they have in common."""

from __future__ import annotations

import re

from tests.support.paths import ROOT

PATHS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in PATHS}
README = PAGES["README.md"]


def block(text: str, name: str) -> str:
    """What stands between `<!-- NAME -->` and `<!-- /NAME -->`."""
    match = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", text, re.S)
    assert match, f"no block {name}"
    return match[1]


def sample_count() -> int:
    """What the README's demo counts on events/sample.jpg."""
    [count] = re.findall(r"^count +(\d+)", block(README, "demo"), re.M)
    return int(count)


def table(text: str, heading: str) -> dict[str, str]:
    """The second column of the table under a heading, by the name in its first."""
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.M))
