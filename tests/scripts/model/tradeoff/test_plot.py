"""The plot of a comparison."""

from scripts.model.tradeoff.plot import draw_plot
from tests.scripts.model.tradeoff.rows import make_row


def test_the_plot_is_the_same_for_the_same_figures() -> None:
    rows = [make_row("a", 10, 0.8), make_row("b", 10, 0.8), make_row("c", 20, 0.9)]
    assert draw_plot(rows) == draw_plot(rows)
