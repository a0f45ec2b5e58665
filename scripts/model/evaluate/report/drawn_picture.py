"""A picture with boxes, drawn for report.html: a JPEG under an SVG.

The SVG's texts are the browser's: class names show in every script, stay sharp when enlarged, and
each box tells more when pointed at.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from handler.images.decode import decode
from handler.images.picture import as_image
from scripts.model.evaluate.evaluation import MAX_PIXELS

MAX_SIDE_PX = 900
KINDS = {  # of boxes: colour, and what the key calls them
    "right": ("#2fbf58", "right"),
    "confused": ("#ee7bff", "found as another class"),
    "wrong": ("#ff4b3e", "found, not labelled"),
    "missed": ("#ffd400", "missed"),
    "labelled": ("#ffffff", "labelled"),
    "unlabelled": ("#22c3e6", "looks unlabelled"),
}
_DASHED = ("missed", "labelled")
STYLE = (
    ".drawn { position: relative; } .drawn img { width: 100%; display: block; }"
    ".drawn svg { position: absolute; inset: 0; width: 100%; height: 100%; }"
    ".drawn rect { fill: none; pointer-events: all; }"
    ".drawn text { paint-order: stroke; stroke-linejoin: round; }"
    ".key span { border: 3px solid; padding: 0 .4rem; margin-right: .6rem; white-space: nowrap; "
    "background: #444; color: #fff; }"
    ".pictures { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, "
    "minmax(min(26rem, 100%), 1fr)); } .pictures figure { margin: 0; }"
    + "".join(
        f".drawn .{kind} rect, .drawn .{kind} text {{ stroke: {colour}; }}"
        f".key .{kind} {{ border-color: {colour}; }}"
        for kind, (colour, _) in KINDS.items()
    )
    + "".join(
        f".drawn .{kind} rect {{ stroke-dasharray: 8 5; }} .key .{kind} {{ border-style: dashed; }}"
        for kind in _DASHED
    )
)


@dataclass(frozen=True)
class DrawnBox:
    """A box, xyxy in px of the picture, of one of KINDS. text: beside it; title: on pointing."""

    corners: tuple[float, float, float, float]
    kind: str
    text: str
    title: str


def format_key(kinds: Sequence[str]) -> str:
    """HTML of what the colours mean."""
    spans = "".join(f'<span class="{kind}">{KINDS[kind][1]}</span>' for kind in kinds)
    return f'<p class="key">{spans}</p>'


def format_drawn_picture(image_path: Path, boxes: Sequence[DrawnBox], caption: str) -> str:
    """HTML of the picture, as the handler decodes it, with its boxes, those in front last. caption:
    text, not HTML."""
    frame = (MAX_SIDE_PX, MAX_SIDE_PX)
    picture = decode(image_path.read_bytes(), max_pixels=MAX_PIXELS, min_frame=frame)
    scale = min(1.0, MAX_SIDE_PX / max(picture.width, picture.height))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    image = as_image(picture.pixels).convert("RGB")
    if image.size != size:
        image = image.resize(size, Image.Resampling.BILINEAR, box=picture.extent)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=80)
    jpeg, caption = base64.b64encode(stream.getvalue()).decode(), html.escape(caption)
    shapes = "".join(_format_box(each, scale, image.size) for each in boxes)
    return (
        f'<figure><div class="drawn"><img alt="{caption}" src="data:image/jpeg;base64,{jpeg}">'
        f'<svg viewBox="0 0 {image.width} {image.height}">{shapes}</svg></div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _format_box(drawn: DrawnBox, scale: float, size: tuple[int, int]) -> str:
    x0, y0, x1, y1 = (value * scale for value in drawn.corners)
    line, font = max(size) / 300, max(size) / 34
    text = ""
    if drawn.text:
        above = y0 - line * 2
        y = above if above > font else min(y1 + font, size[1] - line * 2)  # under it, at the top
        at = f'x="{x0:.1f}"' if x0 < 0.6 * size[0] else f'x="{x1:.1f}" text-anchor="end"'
        text = (
            f'<text {at} y="{y:.1f}" font-size="{font:.1f}" stroke-width="{font / 4:.1f}">'
            f"{html.escape(drawn.text)}</text>"
        )
    return (
        f'<g class="{drawn.kind}"><rect x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" '
        f'height="{y1 - y0:.1f}" stroke-width="{line:.1f}"><title>{html.escape(drawn.title)}'
        f"</title></rect>{text}</g>"
    )
