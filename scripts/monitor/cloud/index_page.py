"""The page that lists the reports, with links that hold wherever the folder is copied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
ul { list-style: none; padding: 0 }
li { border-top: 1px solid #8886; padding: .5rem 0 }
.changed b, .attention b { color: light-dark(#b3261e, #ff8a80) }
"""


@dataclass(frozen=True)
class Listed:
    """A report in the list. time: RFC 3339, of its run. key: of its page."""

    time: str
    status: str
    verdict: str
    key: str


def format_index(listed: Mapping[str, Sequence[Listed]], root: str) -> str:
    """The page. listed: reports, newest first, by what is watched. root: the folder of the page,
    as keys begin with it."""
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width"><title>Reports</title>',
        f"<style>{_STYLE}</style></head><body><h1>Reports</h1>",
    ]
    if not listed:
        parts.append("<p>There are none yet.</p>")
    for name, reports in listed.items():
        parts.append(f"<h2>{escape(name)}</h2><ul>")
        parts += [_row(report, root) for report in reports]
        parts.append("</ul>")
    return "\n".join([*parts, "</body></html>\n"])


def _row(report: Listed, root: str) -> str:
    link = quote(report.key.removeprefix(root), safe="/=")
    time = report.time[:16].replace("T", " ")
    return (
        f'<li class="{escape(report.status)}"><a href="{escape(link)}">{escape(time)}</a> UTC '
        f"<b>{escape(report.status)}</b><br>{escape(report.verdict)}</li>"
    )
