"""The contact sheet of --check: the same pictures with the boxes of the best readings."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from handler.detection import annotate
from handler.images.picture import as_image
from scripts.model.adapt.check.decision import CheckDecision, rank
from scripts.model.adapt.check.option_text import option_text
from scripts.model.adapt.check.pictures import CheckPicture
from scripts.model.adapt.check.trial import PictureTrial, VariantTrial

WIDTH, MAX_READINGS, MAX_COLUMNS = 2000, 4, 4
_GAP, _TITLE_PX, _DETAIL_PX = 16, 30, 22
_MAX_TILE_HEIGHT, _LABEL_PX, _MAX_LABELS = 900, 18, 40  # more labels would hide the picture
_CHOSEN, _OTHER = (0, 90, 50), (70, 70, 70)


def draw_sheet(
    pictures: Sequence[CheckPicture], trials: Sequence[VariantTrial], decision: CheckDecision
) -> bytes:
    """A JPEG of WIDTH px: a band for each reading, the chosen first, with its title, what it found
    and the options that pick it, and a column for each picture, those with the most finds."""
    shown = _pick_readings(trials, decision)
    columns = _pick_pictures(shown)
    width = (WIDTH - _GAP) // max(len(columns), 2) - _GAP if len(columns) > 1 else WIDTH - 2 * _GAP
    bands = [
        _draw_band(
            [_draw_tile(pictures[index], trial, index, width) for index in columns],
            _title(trial, decision),
            _details(trial, decision),
            _CHOSEN if trial is decision.chosen else _OTHER,
        )
        for trial in shown
    ]
    sheet = Image.new("RGB", (WIDTH, sum(band.height for band in bands)), (255, 255, 255))
    top = 0
    for band in bands:
        sheet.paste(band, (0, top))
        top += band.height
    return annotate.encode(sheet, "JPEG")


def _pick_readings(trials: Sequence[VariantTrial], decision: CheckDecision) -> list[VariantTrial]:
    """The chosen, the default, the rival, and the best others of which the network sees other
    pixels; where they lie in the input is to be seen nowhere."""
    first = [decision.chosen, decision.default, *([decision.rival] if decision.rival else [])]
    picked: list[VariantTrial] = []
    for trial in [*first, *rank(trials, decision.objects)]:
        is_new = all(set(trial.variant.axes_from(p.variant)) - {"placing"} for p in picked)
        is_worth_it = trial in first[:2] or (is_new and trial.found)
        if not trial.failure and trial not in picked and is_worth_it:
            picked.append(trial)
    return picked[:MAX_READINGS]


def _pick_pictures(shown: Sequence[VariantTrial]) -> list[int]:
    """Indices, in their order, of those on which the readings find most."""

    def finds(index: int) -> float:
        return sum(trial.pictures[index].confirmed_mass for trial in shown)

    ranked = sorted(range(len(shown[0].pictures)), key=finds, reverse=True)
    return sorted(ranked[:MAX_COLUMNS])


def _draw_tile(picture: CheckPicture, trial: VariantTrial, index: int, width: int) -> Image.Image:
    found = trial.pictures[index]
    height = min(round(width * found.height / found.width), _MAX_TILE_HEIGHT)
    scale = min(width / found.width, height / found.height)
    pixels = as_image(picture.picture.pixels)
    if scale > 1:  # the drawing enlarges nothing, and small pictures would be hard to see
        pixels = pixels.resize((round(scale * found.width), round(scale * found.height)))
    image = annotate.draw(
        pixels,
        found.detections,
        (found.width, found.height),
        trial.class_names,
        max_side=max(1, round(scale * max(found.width, found.height))),
        line_px=3,
    )
    if len(found.detections) <= _MAX_LABELS:
        _draw_labels(image, found, trial.class_names)
    tile = Image.new("RGB", (width, height), (255, 255, 255))
    tile.paste(image, ((width - image.width) // 2, 0))
    return tile


def _draw_labels(image: Image.Image, found: PictureTrial, class_names: tuple[str, ...]) -> None:
    """Class and score over each box's upper left corner, larger than the served pictures have."""
    names, font = annotate.drawable_names(class_names), ImageFont.load_default(_LABEL_PX)
    pen, scale = ImageDraw.Draw(image), image.width / found.width
    rows = zip(
        found.detections.boxes, found.detections.scores, found.detections.class_ids, strict=True
    )
    for box, score, class_id in reversed(list(rows)):  # the best on top
        text = f"{names[class_id]} {score:.2f}"
        width = pen.textlength(text, font=font) + 6
        x = min(max(float(box[0]) * scale, 0), max(image.width - width, 0))
        y = max(float(box[1]) * scale - _LABEL_PX - 6, 0)
        colour = annotate.COLOURS[class_id % len(annotate.COLOURS)]
        pen.rectangle((x, y, x + width, y + _LABEL_PX + 6), fill=colour)
        pen.text((x + 3, y + 1), text, font=font, fill=(255, 255, 255))


def _draw_band(
    tiles: Sequence[Image.Image], title: str, details: str, colour: tuple[int, int, int]
) -> Image.Image:
    top = _GAP + _TITLE_PX + 8 + _DETAIL_PX + _GAP
    height = top + max(tile.height for tile in tiles) + _GAP
    band = Image.new("RGB", (WIDTH, height), (255, 255, 255))
    pen = ImageDraw.Draw(band)
    pen.rectangle((0, 0, WIDTH, 6), fill=colour)
    pen.text((_GAP, _GAP), title, font=ImageFont.load_default(_TITLE_PX), fill=colour)
    detail_top = _GAP + _TITLE_PX + 8
    pen.text((_GAP, detail_top), details, font=ImageFont.load_default(_DETAIL_PX), fill=(0, 0, 0))
    for column, tile in enumerate(tiles):
        band.paste(tile, (_GAP + column * (tile.width + _GAP), top))
    return band


def _title(trial: VariantTrial, decision: CheckDecision) -> str:
    marks = [
        *(["chosen"] if trial is decision.chosen else []),
        *(["the format's default"] if trial is decision.default else []),
    ]
    return f"{trial.variant.title}" + (f"  ({', '.join(marks)})" if marks else "")


def _details(trial: VariantTrial, decision: CheckDecision) -> str:
    parts = [f"{trial.found} found", f"score mass {trial.score_mass:.1f}"]
    parts.append(f"confirmed {trial.confirmed_mass:.1f}")
    if trial.ap50 is not None:
        parts.append(f"AP50 {trial.ap50:.2f}")
    if trial.junk:
        parts.append(f"junk: {trial.junk}")
    option = option_text(trial.variant, decision.default.variant)
    return ", ".join(parts) + (f".  {option}" if option else "")
