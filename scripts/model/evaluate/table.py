"""The table of figures that evaluate prints."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.model.evaluate.accuracy import Figures

LEGEND = (
    "count error: mean of |found − labelled| / labelled; MAE: mean of |found − labelled|, and by "
    "the mean labelled count;\nbias: of all found to all labelled; rank: Spearman's correlation of "
    "found and labelled counts"
)


def format_table(rows: Sequence[Figures]) -> str:
    """A line a dataset, then its classes and sizes where there is more than one, then what the
    columns of counts mean."""
    lines = [
        f"{'pictures of':<24}{'n':>5}{'objects':>9}{'AP50':>8}{'AP75':>8}{'AP':>8}{'precision':>11}"
        f"{'recall':>8}{'F1':>7}{'best F1 at':>12}{'count error':>13}{'MAE':>7}{'by mean':>9}"
        f"{'bias':>8}{'rank':>7}"
    ]
    for row in rows:
        lines.append(
            f"{row.dataset:<24}{row.pictures:>5}{row.objects:>9}{row.ap50:>8.3f}{row.ap75:>8.3f}"
            f"{row.ap:>8.3f}{row.precision:>11.3f}{row.recall:>8.3f}{row.f1:>7.3f}"
            f"{row.best_f1_threshold:>12.2f}{row.count_error:>13.1%}{row.count_mae:>7.1f}"
            f"{format_share(row.count_mae_by_mean):>9}{row.count_bias:>+8.1%}"
            f"{format_correlation(row.count_correlation):>7}"
        )
        lines += _format_classes(row) if len(row.by_class) > 1 else []
        sizes = {name: ap for name, ap in row.by_size.items() if ap is not None}
        if len(sizes) > 1:
            lines.append(
                f"  AP by size: {', '.join(f'{name} {ap:.3f}' for name, ap in sizes.items())}"
            )
    return "\n".join([*lines, LEGEND])


def format_share(value: float | None, sign: str = "") -> str:
    """A fraction in percent; a dash for None."""
    return "–" if value is None else f"{value:{sign}.1%}"


def format_correlation(value: float | None) -> str:
    """Two digits; a dash for None."""
    return "–" if value is None else f"{value:.2f}"


def _format_classes(row: Figures) -> list[str]:
    """A line for each class that is labelled or found."""
    lines = []
    for name, precision in row.by_class.items():
        counts = row.counts_by_class[name]
        if not counts.labelled and not counts.found:
            continue
        ap, ap50 = (f"{each:.3f}" for each in precision) if precision else ("–", "–")
        lines.append(
            f"  {name:<22}{'':>5}{counts.labelled:>9}{ap50:>8}{'':>8}{ap:>8}{'':>38}"
            f"{counts.error:>13.1%}{counts.mae:>7.1f}{format_share(counts.mae_by_mean):>9}"
            f"{format_share(counts.bias, '+'):>8}"
        )
    return lines
