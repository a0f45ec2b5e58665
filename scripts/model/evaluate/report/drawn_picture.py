"""A picture, or parts of one, with boxes, drawn for report.html: a JPEG under an SVG.

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
CROP_PX = 200  # side of a part's JPEG at the most: 5 to 15 kB
_MIN_PART_PX = 40  # of the picture, in a part
KINDS = {  # of boxes: colour, and what the key calls them
    "right": ("#2fbf58", "right"),
    "confused": ("#ee7bff", "found as another class"),
    "wrong": ("#ff4b3e", "false find"),
    "missed": ("#ffd400", "missed"),
    "labelled": ("#ffffff", "labelled"),
    "unlabelled": ("#22c3e6", "looks unlabelled"),
    "low": ("#8fb4ff", "scored too low"),
}
_DASHED = ("missed", "labelled")
STYLE = (
    ".drawn { position: relative; } .drawn img { width: 100%; display: block; }"
    ".drawn svg { position: absolute; inset: 0; width: 100%; height: 100%; }"
    ".drawn rect { fill: none; pointer-events: all; }"
    ".drawn text { paint-order: stroke; stroke-linejoin: round; }"
    ".key { line-height: 2; } "
    ".key span { border: 3px solid; padding: 0 .4rem; margin-right: .4rem; white-space: nowrap; "
    "background: #444; color: #fff; }"
    ".pictures { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, "
    "minmax(min(26rem, 100%), 1fr)); } .pictures figure, .crops figure { margin: 0; }"
    ".crops { display: grid; gap: .8rem .6rem; margin: .6rem 0; grid-template-columns: "
    "repeat(auto-fill, minmax(9.5rem, 1fr)); } .crops figcaption { font-size: .75rem; "
    "line-height: 1.4; overflow-wrap: anywhere; } .crops figcaption span { display: block; "
    "overflow: hidden; text-overflow: ellipsis; white-space: nowrap; opacity: .75; }"
    ".errors h4 { margin: 1.6rem 0 0; } .errors p { margin: 0; }"
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


Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class DrawnBox:
    """A box, xyxy in px of the picture, of one of KINDS. text: beside it; title: on pointing.
    is_bold: whether it is the one that matters."""

    corners: Corners
    kind: str
    text: str
    title: str
    is_bold: bool = False


@dataclass(frozen=True)
class DrawnPart:
    """A part of a picture: what lies around `corners`, xyxy in px, with its boxes, those in front
    last. alt, caption and name, of the picture, are texts, not HTML."""

    corners: Corners
    boxes: Sequence[DrawnBox]
    alt: str
    caption: str
    name: str


@dataclass(frozen=True)
class _View:
    """How a picture is drawn. left, top: what lies at the SVG's origin, in px of the picture.
    scale: units of the SVG to one px. width, height, line, font: in units of the SVG."""

    left: float
    top: float
    scale: float
    width: int
    height: int
    line: float
    font: float


def format_key(kinds: Sequence[str]) -> str:
    """HTML of what the colours mean."""
    spans = " ".join(f'<span class="{kind}">{KINDS[kind][1]}</span>' for kind in kinds)
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
    view = _View(0, 0, scale, *size, line=max(size) / 300, font=max(size) / 34)
    return _format_figure(image, boxes, view, caption, html.escape(caption))


def format_drawn_parts(image_path: Path, parts: Sequence[DrawnPart]) -> list[str]:
    """HTML of each part, in its own pixels where it has no more than CROP_PX."""
    image = as_image(decode(image_path.read_bytes(), max_pixels=MAX_PIXELS).pixels)
    return [_format_part(image, part) for part in parts]


def _format_part(image: Image.Image, part: DrawnPart) -> str:
    left, top, right, bottom = _surround(part.corners, image.size)
    scale = CROP_PX / max(right - left, bottom - top)
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    crop = image.crop((left, top, right, bottom)).convert("RGB")
    if scale < 1:
        crop = crop.resize(size, Image.Resampling.BILINEAR)
    view = _View(left, top, scale, *size, line=CROP_PX / 130, font=CROP_PX / 11)
    boxes = [each for each in part.boxes if _touches(each.corners, (left, top, right, bottom))]
    name = html.escape(part.name)
    caption = f'{html.escape(part.caption)}<span title="{name}">{name}</span>'
    return _format_figure(crop, boxes, view, part.alt, caption)


def _touches(first: Corners, second: Corners) -> bool:
    return (
        first[0] < second[2]
        and second[0] < first[2]
        and first[1] < second[3]
        and second[1] < first[3]
    )


def _surround(corners: Corners, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A square with the box in the middle, as xyxy in px; at the edge of a picture of size (width,
    height) it is moved inside, and what is too large is cut."""
    x0, y0, x1, y1 = corners
    side = max(2 * (x1 - x0), 2 * (y1 - y0), _MIN_PART_PX)
    spans = []
    for low, high, limit in ((x0, x1, size[0]), (y0, y1, size[1])):
        start = max(0, min(round((low + high - side) / 2), limit - round(side)))
        spans.append((start, max(start + 1, min(start + round(side), limit))))
    (left, right), (top, bottom) = spans
    return left, top, right, bottom


def _format_figure(
    image: Image.Image, boxes: Sequence[DrawnBox], view: _View, alt: str, caption: str
) -> str:
    """alt: text. caption: HTML."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=80)
    jpeg = base64.b64encode(stream.getvalue()).decode()
    shapes = "".join(_format_box(each, view) for each in boxes)
    return (
        f'<figure><div class="drawn"><img alt="{html.escape(alt)}" '
        f'src="data:image/jpeg;base64,{jpeg}">'
        f'<svg viewBox="0 0 {view.width} {view.height}">{shapes}</svg></div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _format_box(drawn: DrawnBox, view: _View) -> str:
    left, top, right, bottom = drawn.corners
    x0, x1 = ((each - view.left) * view.scale for each in (left, right))
    y0, y1 = ((each - view.top) * view.scale for each in (top, bottom))
    line, font = view.line * (1.8 if drawn.is_bold else 1), view.font
    text = ""
    if drawn.text:
        above = y0 - line * 2
        y = (
            above if above > font else min(y1 + font, view.height - line * 2)
        )  # under it, at the top
        at = f'x="{x0:.1f}"' if x0 < 0.6 * view.width else f'x="{x1:.1f}" text-anchor="end"'
        text = (
            f'<text {at} y="{y:.1f}" font-size="{font:.1f}" stroke-width="{font / 4:.1f}">'
            f"{html.escape(drawn.text)}</text>"
        )
    return (
        f'<g class="{drawn.kind}"><rect x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" '
        f'height="{y1 - y0:.1f}" stroke-width="{line:.1f}"><title>{html.escape(drawn.title)}'
        f"</title></rect>{text}</g>"
    )
