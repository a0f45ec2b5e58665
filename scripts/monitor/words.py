"""The words of the report: what properties, causes, times and figures are called in plain English.

A sentence made here stands in report.html, in report.json, in a terminal and in an alarm alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scripts.monitor.result import CauseName, ChangePoint
from scripts.records.observations import CLASS_SHARE

CAUSES: Mapping[CauseName, str] = {
    "darker": "pictures are darker",
    "brighter": "pictures are brighter",
    "defocused": "pictures are out of focus",
    "noisier": "pictures are noisier",
    "rescaled": "objects appear at another size",
    "jpeg": "pictures are compressed more",
    "cast": "pictures have a colour cast",
    "fewer objects": "there are fewer objects in the pictures",
    "more objects": "there are more objects in the pictures",
    "foreign pictures": "pictures show something else than the reference",
    "worse model": "the model is less sure of the same kind of pictures",
    "changed threshold": "another score threshold is in use",
    "stuck camera": "the camera sends the same picture again and again",
    "new camera": "pictures come from another camera",
    "unknown": "no known cause explains it",
}

TO_DO: Mapping[CauseName, str] = {
    "darker": "Look at the lamp and the exposure of the camera.",
    "brighter": "Look at the lamp and the exposure of the camera.",
    "defocused": "Focus the camera, and clean its lens.",
    "noisier": "Look at the camera's gain, light and cable.",
    "rescaled": "Look at the magnification, the distance and the crop of the pictures.",
    "jpeg": "Look at what compresses the pictures on their way.",
    "cast": "Look at the white balance and the lamp.",
    "fewer objects": "If the samples explain it, nothing is wrong; else compare a few by hand.",
    "more objects": "If the samples explain it, nothing is wrong; else compare a few by hand.",
    "foreign pictures": "Ask who sends these pictures; label some if the model should know them.",
    "worse model": "Compare the deployed bundle with the released one, and label some pictures.",
    "changed threshold": "Ask who changed the threshold; counts before and after do not compare.",
    "stuck camera": "Restart the camera: its counts since then are one count repeated.",
    "new camera": "Make a reference for the new camera, after a check with labelled pictures.",
    "unknown": "Look at the most surprising pictures.",
}


@dataclass(frozen=True)
class PropertyWords:
    """How a property is shown. title: its name. unit: behind a value. shown: from the property's
    value to the one that people read."""

    title: str
    unit: str = ""
    shown: Callable[[float], float] = float

    def value(self, value: float) -> str:
        """A value of the property with its unit."""
        return f"{format_number(self.shown(value))}{self.unit}"


def _percent(value: float) -> float:
    return 100 * value


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))


def _count(value: float) -> float:
    return math.expm1(min(value, 700.0))


_PROPERTIES: Mapping[str, PropertyWords] = {
    "brightness": PropertyWords("Brightness"),
    "contrast": PropertyWords("Contrast"),
    "sharpness": PropertyWords("Sharpness"),
    "focus": PropertyWords("Focus"),
    "noise": PropertyWords("Noise"),
    "red_to_green": PropertyWords("Red to green", "", _exp),
    "blue_to_green": PropertyWords("Blue to green", "", _exp),
    "jpeg_quality": PropertyWords("JPEG quality"),
    "log_megapixels": PropertyWords("Picture size", " MP", _exp),
    "log_aspect_ratio": PropertyWords("Width to height", "", _exp),
    "log_bytes_per_pixel": PropertyWords("Bytes per pixel", "", _exp),
    "log_count": PropertyWords("Objects per picture", "", _count),
    "log_near_misses": PropertyWords("Near misses per picture", "", _count),
    "near_miss_share": PropertyWords("Near misses of all candidates", " %", _percent),
    "log_below_floor": PropertyWords("Candidates below the floor", "", _count),
    "below_floor_score": PropertyWords("Score sum below the floor"),
    "score_mean": PropertyWords("Mean score"),
    "score_std": PropertyWords("Spread of scores"),
    "score_min": PropertyWords("Lowest score"),
    "score_max": PropertyWords("Highest score"),
    "score_median": PropertyWords("Median score"),
    "log_box_area_mean": PropertyWords("Box size, of the picture's", " %", lambda v: 100 * _exp(v)),
    "log_box_area_std": PropertyWords("Spread of box sizes"),
    "box_elongation_mean": PropertyWords("Boxes' long to short side", "", _exp),
    "box_x_std": PropertyWords("Spread of boxes, left to right"),
    "box_y_std": PropertyWords("Spread of boxes, top to bottom"),
    "edge_share": PropertyWords("Boxes at the picture's edge", " %", _percent),
}


def property_words(name: str) -> PropertyWords:
    """The words of a property; a name that is not known stands for itself."""
    if name in _PROPERTIES:
        return _PROPERTIES[name]
    if name.startswith(CLASS_SHARE):
        return PropertyWords(f"Share of {name.removeprefix(CLASS_SHARE)}", " %", _percent)
    kind, _, number = name.rpartition("_")
    if kind == "luma" and number.isdigit():
        low, high = (round(100 * (int(number) + end) / 16) for end in (0, 1))
        return PropertyWords(f"Pixels of {low}–{high} % brightness")
    if kind == "embedding" and number.isdigit():
        return PropertyWords(f"Look of the picture, axis {int(number) + 1}")
    return PropertyWords(name.replace("_", " "))


def is_readable(name: str) -> bool:
    """Whether people know what a property means: an axis of an embedding means nothing."""
    return name in _PROPERTIES or name.startswith(CLASS_SHARE)


def format_number(value: float) -> str:
    """Three significant digits, without an exponent where that is readable."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    if abs(value) >= 1e6 or abs(value) < 1e-4:
        return f"{value:.2g}".replace("-", "−")
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def format_p(value: float) -> str:
    """A p-value."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def format_percent(share: float, *, signed: bool = False) -> str:
    """A share as whole percent."""
    text = f"{100 * share:+.0f}" if signed else f"{100 * share:.0f}"
    return f"{'0' if text in ('+0', '-0') else text} %".replace("-", "−")


def as_sentence(text: str) -> str:
    """With a capital at its start and a full stop at its end."""
    text = text.strip()
    if not text:
        return text
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?…" else ".")


def format_sure(confidence: float) -> str:
    """A confidence; none is complete."""
    return "nearly sure" if confidence > 0.985 else f"{format_percent(confidence)} sure"


def format_count(count: int, noun: str) -> str:
    """`1 record`, `1,200 records`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def parse_time(text: str) -> datetime:
    """An RFC 3339 time, in UTC."""
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)


def format_time(text: str, *, with_year: bool = False) -> str:
    """`21 Nov 14:00`, of an RFC 3339 time, in UTC; midnight is left out."""
    time = parse_time(text)
    year = f" {time.year}" if with_year else ""
    clock = f" {time:%H:%M}" if time.hour or time.minute else ""
    return f"{time.day} {time:%b}{year}{clock}"


def format_window(start: str, end: str) -> str:
    """`22 Nov to 29 Nov 2026`."""
    return f"{format_time(start)} to {format_time(end, with_year=True)}"


def format_duration(duration: timedelta) -> str:
    """The nearest unit that people would say: `20 min`, `3 h`, `2 days`."""
    minutes = duration.total_seconds() / 60
    if minutes < 90:
        return f"{max(1, round(minutes))} min"
    if minutes < 36 * 60:
        return f"{round(minutes / 60)} h"
    days = round(minutes / 1440)
    return f"{days} day{'' if days == 1 else 's'}"


SHORT = timedelta(hours=12)  # an interval that needs no word of how its ends lie


def format_start(window_start: str) -> str:
    """`the window's start (1 Nov 00:00) or before`."""
    start = parse_time(window_start)
    return f"the window's start ({start.day} {start:%b %H:%M}) or before"


def format_since(since: ChangePoint) -> str:
    """`21 Nov 14:00 (± 3 h)`; both ends where they lie unevenly."""
    time, earliest, latest = map(parse_time, (since.time, since.earliest, since.latest))
    before, after = time - earliest, latest - time
    narrow, wide = min(before, after), max(before, after)
    if wide <= timedelta(minutes=1):
        return format_time(since.time)
    if narrow * 3 >= wide or wide < SHORT:
        return f"{format_time(since.time)} (± {format_duration(wide)})"
    return (
        f"{format_time(since.time)} (between {format_time(since.earliest)} and "
        f"{format_time(since.latest)})"
    )
