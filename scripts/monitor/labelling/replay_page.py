"""replay.html: what a candidate would change, in one file that loads nothing from outside."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable

from PIL import Image

from handler.images.decode import decode
from handler.problems import Problem
from scripts.monitor.labelling.replay import MAX_PIXELS, MOVED_IOU, Box, PictureChange, Replay

MAX_DRAWN = 8  # pictures
MAX_SIDE_PX = 720
_STYLE = """
:root { color-scheme: light dark; --line: #8885; --gained: #009e73; --lost: #d55e00;
  --moved: #0072b2; --same: #8889; }
@media (prefers-color-scheme: dark) { :root { --gained: #2fd6a5; --lost: #ff8b3d;
  --moved: #5cb8f0; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1rem 0; } figcaption { font-size: .9rem; overflow-wrap: anywhere; }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); }
svg { width: 100%; height: auto; border-radius: 6px; }
rect { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; }
.gained { stroke: var(--gained); } .lost { stroke: var(--lost); stroke-dasharray: 6 4; }
.moved { stroke: var(--moved); } .same { stroke: #fffb; stroke-width: 1; }
.key span { border: 3px solid; padding: 0 .4rem; margin-right: .6rem; white-space: nowrap; }
"""


def format_replay(replay: Replay, command: str, load: Callable[[str], bytes | None]) -> str:
    """The page. load: gives a kept picture by its key."""
    title = f"Replay of {html.escape(replay.candidate)}"
    recorded = html.escape(", ".join(replay.recorded)) or "nothing"
    totals = replay.totals
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style><h1>{title}</h1><p>{html.escape(say_totals(replay))}</p>"
        f"<p>Against what {recorded} answered. <code>{html.escape(command)}</code></p>",
        "<table><tr><th>boxes<th>number"
        f"<tr><td>recorded<td>{totals['count_before']:,}"
        f"<tr><td>of the candidate<td>{totals['count_after']:,}"
        f"<tr><td>matched<td>{totals['matched']:,}"
        f"<tr><td>of these moved (IoU below {MOVED_IOU})<td>{totals['moved']:,}"
        f"<tr><td>gained<td>{totals['gained']:,}<tr><td>lost<td>{totals['lost']:,}"
        f"<tr><td>mean change of a matched score<td>{totals['mean_score_change']:+.3f}</table>",
    ]
    for reason, count in replay.skipped.items():
        parts.append(f"<p>{count} pictures left out: {html.escape(reason)}.</p>")
    worst = replay.worst(MAX_DRAWN)
    if not worst:
        parts.append("<p>No picture changes.</p>")
        return "".join(parts)
    parts.append(
        "<h2>The pictures that change most</h2><p class=key>"
        '<span style="border-color:var(--gained)">gained</span>'
        '<span style="border-color:var(--lost);border-style:dashed">lost</span>'
        '<span style="border-color:var(--moved)">moved</span>'
        '<span style="border-color:var(--same)">as before</span></p><div class="grid">'
    )
    parts += [_format_picture(each, load) for each in worst]
    parts.append("</div>")
    return "".join(parts)


def say_totals(replay: Replay) -> str:
    """One sentence."""
    totals = replay.totals
    return (
        f"{totals['pictures']:,} pictures, {totals['pictures_unchanged']:,} of them unchanged: "
        f"{totals['count_before']:,} boxes become {totals['count_after']:,} "
        f"({totals['count_change']:+.1%}); {totals['gained']:,} gained, {totals['lost']:,} lost, "
        f"{totals['moved']:,} moved."
    )


def _format_picture(change: PictureChange, load: Callable[[str], bytes | None]) -> str:
    caption = html.escape(
        f"{change.prediction_id}, {change.time}: {change.count_before} become "
        f"{change.count_after}; {len(change.gained)} gained, {len(change.lost)} lost, "
        f"{change.moved} moved"
    )
    rects = [
        _rect(pair.candidate, "moved" if pair.has_moved else "same") for pair in change.matched
    ]
    rects += [_rect(each, "lost") for each in change.lost]
    rects += [_rect(each, "gained") for each in change.gained]
    body = load(change.capture)
    jpeg = _thumbnail(body) if body else ""
    image = (
        f'<image width="{change.width}" height="{change.height}" '
        f'href="data:image/jpeg;base64,{jpeg}"/>'
    )
    return (
        f'<figure><svg viewBox="0 0 {change.width} {change.height}" role="img" '
        f'aria-label="{caption}">{image if jpeg else ""}{"".join(rects)}</svg>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _rect(box: Box, kind: str) -> str:
    corners = box["box"]
    x, y = corners["xmin"], corners["ymin"]
    width, height = max(corners["xmax"] - x, 0), max(corners["ymax"] - y, 0)
    label = html.escape(f"{box['label']} {box['score']:.2f}")
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}">'
        f"<title>{label}</title></rect>"
    )


def _thumbnail(image_bytes: bytes) -> str:
    """A JPEG in base64, empty for a picture that cannot be decoded."""
    frame = (MAX_SIDE_PX, MAX_SIDE_PX)
    try:
        image = Image.fromarray(decode(image_bytes, max_pixels=MAX_PIXELS, min_frame=frame).rgb)
    except Problem:
        return ""
    image.thumbnail(frame)
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=72)
    return base64.b64encode(jpeg.getvalue()).decode()
