"""report.html: figures, plots and findings of every dataset in one file.

It loads nothing from outside: plots are SVG and pictures JPEG, both inside the file.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from handler.storage.location import write_atomically
from scripts.model.evaluate.accuracy import Figures
from scripts.model.evaluate.count_calibration import describe_coverage
from scripts.model.evaluate.findings import Findings
from scripts.model.evaluate.report import drawn_picture
from scripts.model.evaluate.report.errors_by_kind import format_errors_by_kind
from scripts.model.evaluate.report.plots import PLOTS, PlotData, render_svg
from scripts.model.evaluate.report.unlabelled_pictures import format_unlabelled_pictures
from scripts.model.evaluate.report.worst_pictures import format_worst_pictures
from scripts.model.evaluate.run import EvaluateResult
from scripts.model.evaluate.table import LEGEND, format_correlation, format_share

REPORT_FILE = "report.html"
STYLE = """
:root { color-scheme: light dark; --line: #8885; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { padding: .3rem .55rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1rem 0; } figcaption { font-size: .9rem; }
.pair { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); }
img, svg { max-width: 100%; height: auto; } .plot { background: #fff; border-radius: 6px; }
code { overflow-wrap: anywhere; }
.doubt { border-left: 4px solid #e4261d; padding-left: .8rem; }
"""


def write_report(
    out: Path,
    result: EvaluateResult,
    command: str,
) -> None:
    """Write report.html into a folder, which is made."""
    write_atomically(out / REPORT_FILE, format_page(result, command).encode())


def format_page(result: EvaluateResult, command: str) -> str:
    """The whole page: the table of all datasets, then a section for each."""
    manifest = result.manifest
    title = f"{html.escape(manifest.name)} {html.escape(manifest.version)}: evaluation"
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}{drawn_picture.STYLE}</style><h1>{title}</h1><p><code>{html.escape(command)}</code></p>",
        _format_table(result.figures),
    ]
    for number, row in enumerate(result.figures):
        findings = result.findings[row.dataset]
        data = PlotData(result.datasets[row.dataset], row, manifest)
        parts.append(f"<h2>{html.escape(row.dataset)}</h2>")
        parts += [f'<p class="doubt">{html.escape(each)}.</p>' for each in findings.count_doubts]
        if interval := result.interval_coverage.get(row.dataset):
            parts.append(f"<p>Count interval: {describe_coverage(interval)}.</p>")
        parts.append(_format_classes_and_sizes(row))
        parts.append('<div class="pair">')
        parts += [_format_plot(render_svg(plot, data), caption) for caption, plot in PLOTS]
        parts.append("</div>")
        parts.append(format_errors_by_kind(findings.errors, manifest.classes, f"errors-{number}"))
        parts.append(_format_confusions(findings))
        parts.append(format_worst_pictures(findings.outcomes, manifest.classes))
        parts.append(format_unlabelled_pictures(findings.missing_labels, manifest.classes))
    return "".join(parts)


def _format_table(rows: Sequence[Figures]) -> str:
    names = ("pictures of", "pictures", "objects", "AP50", "AP75", "AP", "precision", "recall",
             "F1", "best F1 at", "count error", "MAE", "MAE by mean", "bias", "rank")  # fmt: skip
    body = "".join(
        f"<tr><td>{html.escape(row.dataset)}<td>{row.pictures}<td>{row.objects}<td>{row.ap50:.3f}"
        f"<td>{row.ap75:.3f}<td>{row.ap:.3f}<td>{row.precision:.3f}<td>{row.recall:.3f}"
        f"<td>{row.f1:.3f}<td>{row.best_f1_threshold:.2f}<td>{row.count_error:.1%}"
        f"<td>{row.count_mae:.1f}<td>{format_share(row.count_mae_by_mean)}"
        f"<td>{row.count_bias:+.1%}<td>{format_correlation(row.count_correlation)}"
        for row in rows
    )
    head = "".join(f"<th>{name}" for name in names)
    return f"<table><tr>{head}{body}</table><p><small>{html.escape(LEGEND)}.</small></p>"


def _format_classes_and_sizes(row: Figures) -> str:
    def cell(value: float | None) -> str:
        return "–" if value is None else f"{value:.3f}"

    classes = ""
    for name, both in row.by_class.items():
        counts = row.counts_by_class[name]
        if counts.labelled or counts.found:
            classes += (
                f"<tr><td>{html.escape(name)}<td>{counts.labelled}<td>{counts.found}"
                f"<td>{cell(both and both[1])}<td>{cell(both and both[0])}<td>{counts.error:.1%}"
                f"<td>{counts.mae:.1f}<td>{format_share(counts.mae_by_mean)}"
                f"<td>{format_share(counts.bias, '+')}"
            )
    sizes = "".join(f"<tr><td>{name}<td>{cell(ap)}" for name, ap in row.by_size.items())
    return (
        "<table><tr><th>class<th>labelled<th>found<th>AP50<th>AP<th>count error<th>MAE"
        f"<th>MAE by mean<th>bias{classes}</table>"
        f"<table><tr><th>objects<th>AP{sizes}</table>"
    )


def _format_confusions(findings: Findings) -> str:
    """Classes found for others; empty where there are none."""
    rows = "".join(
        f"<tr><td>{html.escape(labelled)}<td>{html.escape(found)}<td>{boxes}"
        for labelled, found, boxes in findings.confusions
    )
    table = f"<table><tr><th>labelled<th>found<th>boxes{rows}</table>"
    return f"<h3>Classes confused</h3>{table}" if rows else ""


def _format_plot(svg: str, caption: str) -> str:
    return f'<figure><div class="plot">{svg}</div><figcaption>{caption}</figcaption></figure>'
