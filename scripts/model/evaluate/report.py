"""An evaluation in, report.html out: one file with figures, curves, counts and the worst pictures.

Nothing outside the file is loaded by it: curves are SVG, pictures JPEG, both inside.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from handler.bundle.manifest import Manifest
from handler.detection import count_interval
from scripts.model.evaluate.accuracy import EvaluatedPicture, Figures, curve, taken

FILE = "report.html"
WORST = 6  # pictures drawn of each set
SIDE = 900  # px of a drawn picture's longer side
HIT, FALSE, MISSED = "#1b9e3f", "#e4261d", "#ffd400"
STYLE = """
:root { color-scheme: light dark; --line: #8885; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1rem 0; } figcaption { font-size: .9rem; }
.pair { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); }
img, svg { max-width: 100%; height: auto; } .plot { background: #fff; border-radius: 6px; }
code { overflow-wrap: anywhere; }
.key span { border: 3px solid; padding: 0 .4rem; margin-right: .6rem; }
"""


def write(
    out: Path,
    manifest: Manifest,
    sets: Mapping[str, Sequence[EvaluatedPicture]],
    rows: Sequence[Figures],
    command: str,
) -> None:
    """Write the report into a folder, whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    partial = out / f"{FILE}.partial"
    partial.write_text(_page(manifest, sets, rows, command), encoding="utf-8")
    partial.replace(out / FILE)


def _page(
    manifest: Manifest,
    sets: Mapping[str, Sequence[EvaluatedPicture]],
    rows: Sequence[Figures],
    command: str,
) -> str:
    title = f"{html.escape(manifest.name)} {html.escape(manifest.version)}: evaluation"
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style><h1>{title}</h1><p><code>{html.escape(command)}</code></p>",
        _table(rows),
    ]
    for row in rows:
        judged = sets[row.dataset]
        parts.append(f"<h2>{html.escape(row.dataset)}</h2>")
        parts.append(_by_class(row))
        parts.append('<div class="pair">')
        parts.append(_figure(_curves(judged, row, manifest), "Over the score threshold"))
        parts.append(_figure(_counts(judged, row, manifest), "Counts of each picture"))
        parts.append("</div>")
        parts.append(_worst(judged, row, manifest))
    return "".join(parts)


def _table(rows: Sequence[Figures]) -> str:
    names = ("pictures of", "pictures", "objects", "AP50", "AP75", "AP", "precision", "recall",
             "F1", "best F1 at", "count error", "mean error", "bias")  # fmt: skip
    body = "".join(
        f"<tr><td>{html.escape(row.dataset)}<td>{row.pictures}<td>{row.objects}<td>{row.ap50:.3f}"
        f"<td>{row.ap75:.3f}<td>{row.ap:.3f}<td>{row.precision:.3f}<td>{row.recall:.3f}"
        f"<td>{row.f1:.3f}<td>{row.best_f1_threshold:.2f}<td>{row.count_error:.1%}"
        f"<td>{row.count_mae:.1f}<td>{row.count_bias:+.1%}"
        for row in rows
    )
    return f"<table><tr>{''.join(f'<th>{name}' for name in names)}{body}</table>"


def _by_class(row: Figures) -> str:
    def cell(value: float | None) -> str:
        return "–" if value is None else f"{value:.3f}"

    classes = "".join(
        f"<tr><td>{html.escape(name)}<td>{cell(both and both[1])}<td>{cell(both and both[0])}"
        for name, both in row.by_class.items()
    )
    sizes = "".join(f"<tr><td>{name}<td>{cell(ap)}" for name, ap in row.by_size.items())
    return (
        f'<div class="pair"><table><tr><th>class<th>AP50<th>AP{classes}</table>'
        f"<table><tr><th>objects<th>AP{sizes}</table></div>"
    )


def _figure(svg: str, caption: str) -> str:
    return f'<figure><div class="plot">{svg}</div><figcaption>{caption}</figcaption></figure>'


def _svg(draw) -> str:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    with matplotlib.rc_context({"svg.hashsalt": "icebox", "font.size": 10}):
        figure, axes = pyplot.subplots(figsize=(5.2, 3.8), layout="constrained")
        draw(axes)
        axes.grid(alpha=0.3)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        pyplot.close(figure)
    return text.getvalue()[text.getvalue().index("<svg") :]


def _curves(judged: Sequence[EvaluatedPicture], row: Figures, manifest: Manifest) -> str:
    over = curve(judged, manifest.classes)

    def draw(axes) -> None:
        for name, style in (
            ("precision", "-"),
            ("recall", "--"),
            ("f1", "-."),
            ("count_error", ":"),
        ):
            label = {"f1": "F1", "count_error": "count error"}.get(name, name)
            axes.plot(over.thresholds, getattr(over, name).clip(0, 1), style, label=label)
        axes.axvline(row.score_threshold, color="#888", lw=1)
        axes.set(xlabel=f"score threshold (line: {row.score_threshold:g})", ylim=(0, 1.02))
        axes.legend()

    return _svg(draw)


def _counts(judged: Sequence[EvaluatedPicture], row: Figures, manifest: Manifest) -> str:
    found = np.array([item.count(row.score_threshold) for item in judged])
    true = np.array([len(item.picture.boxes) for item in judged])
    most = int(max(found.max(initial=1), true.max(initial=1)) * 1.05) + 1
    calibration = manifest.count_calibration

    def draw(axes) -> None:
        axes.plot([0, most], [0, most], color="#888", lw=1, label="as labelled")
        if calibration and calibration.score_threshold == row.score_threshold:
            steps = np.arange(most + 1)
            low, high = zip(
                *(count_interval.interval(int(n), calibration) for n in steps), strict=True
            )
            label = f"{calibration.coverage:.0%} interval"
            axes.fill_between(steps, low, high, alpha=0.2, label=label)
        axes.scatter(found, true, s=18, color="#b3401f", zorder=3)
        axes.set(xlabel="found", ylabel="labelled", xlim=(0, most), ylim=(0, None))
        axes.legend()

    return _svg(draw)


def _worst(judged: Sequence[EvaluatedPicture], row: Figures, manifest: Manifest) -> str:
    """The pictures with the most misses and false boxes for what is in them, drawn."""
    ranked = []
    for item in judged:
        shown = item.detections.select(item.detections.scores > row.score_threshold)
        hit = taken(item.picture, shown, manifest.classes)
        wrong = int((hit < 0).sum())
        missed = len(item.picture.boxes) - int((hit >= 0).sum())
        ranked.append(((wrong + missed) / max(len(item.picture.boxes), 1), item, shown, hit))
    ranked.sort(key=lambda each: -each[0])
    drawn = []
    for share, item, shown, hit in ranked[:WORST]:
        if not share:
            break
        wrong, right = int((hit < 0).sum()), int((hit >= 0).sum())
        missed = len(item.picture.boxes) - right
        caption = (
            f"{html.escape(item.picture.path.name)}: {len(shown)} found, "
            f"{len(item.picture.boxes)} labelled; {right} right, {wrong} wrong, {missed} missed"
        )
        data = base64.b64encode(_drawn(item, shown.boxes, hit)).decode()
        drawn.append(
            f'<figure><img alt="{caption}" src="data:image/jpeg;base64,{data}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    if not drawn:
        return "<p>No picture has a miss or a false box.</p>"
    key = (
        f'<p class="key"><span style="border-color:{HIT}">right</span>'
        f'<span style="border-color:{FALSE}">found, not labelled</span>'
        f'<span style="border-color:{MISSED};border-style:dashed">missed</span></p>'
    )
    return f'<h3>The worst pictures</h3>{key}<div class="pair">{"".join(drawn)}</div>'


def _drawn(item: EvaluatedPicture, boxes: np.ndarray, hit: np.ndarray) -> bytes:
    """JPEG of the picture with its boxes, dashed where the label was missed."""
    with Image.open(item.picture.path) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    scale = min(1.0, SIDE / max(picture.size))
    if scale < 1:
        picture = picture.resize([max(1, round(side * scale)) for side in picture.size])
    canvas = ImageDraw.Draw(picture)
    width = max(2, round(max(picture.size) / 300))
    for box, at in zip(boxes, hit, strict=True):
        canvas.rectangle(
            [float(v) * scale for v in box], outline=HIT if at >= 0 else FALSE, width=width
        )
    for number, box in enumerate(item.picture.boxes):
        if number not in hit:
            _dashed(canvas, [float(value) * scale for value in box], width)
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=80)
    return data.getvalue()


def _dashed(canvas: ImageDraw.ImageDraw, box: Sequence[float], width: int) -> None:
    x0, y0, x1, y1 = box
    for a, b in (
        ((x0, y0), (x1, y0)),
        ((x1, y0), (x1, y1)),
        ((x1, y1), (x0, y1)),
        ((x0, y1), (x0, y0)),
    ):
        (ax, ay), (bx, by) = a, b
        steps = max(1, round(max(abs(bx - ax), abs(by - ay)) / (4 * width)))
        for step in range(0, steps, 2):
            first, last = step / steps, min(1.0, (step + 1) / steps)
            canvas.line(
                [ax + (bx - ax) * first, ay + (by - ay) * first,
                 ax + (bx - ax) * last, ay + (by - ay) * last],
                fill=MISSED, width=width,
            )  # fmt: skip
