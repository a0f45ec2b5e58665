"""The table of figures that evaluate prints."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.model.evaluate.accuracy import Figures


def format_table(rows: Sequence[Figures]) -> str:
    """A line a dataset, then its classes and sizes where there is more than one."""
    lines = [
        f"{'pictures of':<24}{'n':>5}{'objects':>9}{'AP50':>8}{'AP75':>8}{'AP':>8}{'precision':>11}"
        f"{'recall':>8}{'F1':>7}{'best F1 at':>12}{'count error':>13}{'MAE':>7}{'bias':>8}"
    ]
    for row in rows:
        lines.append(
            f"{row.dataset:<24}{row.pictures:>5}{row.objects:>9}{row.ap50:>8.3f}{row.ap75:>8.3f}"
            f"{row.ap:>8.3f}{row.precision:>11.3f}{row.recall:>8.3f}{row.f1:>7.3f}"
            f"{row.best_f1_threshold:>12.2f}{row.count_error:>13.1%}{row.count_mae:>7.1f}"
            f"{row.count_bias:>+8.1%}"
        )
        classes = row.by_class if len(row.by_class) > 1 else {}
        for name, precision in classes.items():
            if precision:
                ap, ap50 = precision
                lines.append(f"  {name:<22}{'':>14}{ap50:>8.3f}{'':>8}{ap:>8.3f}")
        sizes = {name: ap for name, ap in row.by_size.items() if ap is not None}
        if len(sizes) > 1:
            lines.append(
                f"  AP by size: {', '.join(f'{name} {ap:.3f}' for name, ap in sizes.items())}"
            )
    return "\n".join(lines)
