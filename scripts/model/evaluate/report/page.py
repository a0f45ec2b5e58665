"""report.html: figures, plots and the worst pictures of every dataset in one file.

It loads nothing from outside: plots are SVG and pictures JPEG, both inside the file.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

from handler.bundle.manifest import Manifest
from handler.storage.location import write_atomically
from scripts.model.evaluate.accuracy import Figures
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture
from scripts.model.evaluate.report.plots import PLOTS, PlotData, render_svg
from scripts.model.evaluate.report.worst_pictures import format_worst_pictures

REPORT_FILE = "report.html"
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


def write_report(
    out: Path,
    manifest: Manifest,
    datasets: Mapping[str, Sequence[EvaluatedPicture]],
    figures: Sequence[Figures],
    command: str,
) -> None:
    """Write report.html into a folder, which is made."""
    page = format_page(manifest, datasets, figures, command)
    write_atomically(out / REPORT_FILE, page.encode())


def format_page(
    manifest: Manifest,
    datasets: Mapping[str, Sequence[EvaluatedPicture]],
    figures: Sequence[Figures],
    command: str,
) -> str:
    """The whole page: the table of all datasets, then a section for each."""
    title = f"{html.escape(manifest.name)} {html.escape(manifest.version)}: evaluation"
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style><h1>{title}</h1><p><code>{html.escape(command)}</code></p>",
        _format_table(figures),
    ]
    for row in figures:
        pictures = datasets[row.dataset]
        data = PlotData(pictures, row, manifest)
        parts.append(f"<h2>{html.escape(row.dataset)}</h2>")
        parts.append(_format_classes_and_sizes(row))
        parts.append('<div class="pair">')
        parts += [_format_plot(render_svg(plot, data), caption) for caption, plot in PLOTS]
        parts.append("</div>")
        parts.append(format_worst_pictures(pictures, manifest.classes, row.score_threshold))
    return "".join(parts)


def _format_table(rows: Sequence[Figures]) -> str:
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


def _format_classes_and_sizes(row: Figures) -> str:
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


def _format_plot(svg: str, caption: str) -> str:
    return f'<figure><div class="plot">{svg}</div><figcaption>{caption}</figcaption></figure>'
