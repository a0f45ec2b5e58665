"""Cells per mL: numbers beside scipy's and worked examples; what the card says and refuses."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import pytest
from scipy import stats

from tests.e2e.browser.conftest import DESK, Visit, opened
from tests.e2e.browser.pictures import RED, STRONG, squares

PICTURE = ("squares.png", "image/png", squares())
OTHER = ("other.png", "image/png", squares())


def concentrate(visit: Visit, counts: list[float], microlitres: float, dilution: float) -> Any:
    parts = [{"count": count, "volume": microlitres} for count in counts]
    return visit.page.evaluate("([parts, n]) => concentrate(parts, n)", [parts, dilution])


def say(visit: Visit, chamber: str, shows: str, **typed: str) -> None:
    visit.page.locator("#concentration").evaluate("card => { card.open = true; }")
    visit.page.locator("#chamber").select_option(chamber)
    visit.page.locator("#shows").select_option(label=shows)
    for name, text in typed.items():
        visit.page.locator(f"#{name}").fill(text)


def test_intervals_are_scipys(visit: Visit) -> None:
    """Garwood's exact interval of a Poisson mean by quantiles of chi-square; Student's t."""
    counts = [0, 0.5, 1, 2, 5, 9, 10, 45.5, 100, 1000, 12345]
    found = visit.page.evaluate("counts => counts.map(poissonInterval)", counts)
    for count, interval in zip(counts, found, strict=True):
        low = stats.chi2.ppf(0.025, 2 * count) / 2 if count else 0
        high = stats.chi2.ppf(0.975, 2 * count + 2) / 2
        assert interval == pytest.approx({"low": low, "high": high}, rel=1e-7), count
    degrees = [2, 3, 4, 5, 9, 29, 299]
    quantiles = visit.page.evaluate("degrees => degrees.map(studentT)", degrees)
    assert quantiles == pytest.approx(list(stats.t.ppf(0.975, degrees)), rel=5e-4)


def test_worked_examples(visit: Visit) -> None:
    # protocol-online.org/cgi-bin/prot/view_cache.cgi?ID=57: 45 cells a large square in ten
    # squares, diluted 1 in 5, are 2.25 million per mL.
    assert concentrate(visit, [45] * 10, 0.1, 5)["perMl"] == pytest.approx(2.25e6)
    # 20, 30, 25 and 28 cells in four large squares, undiluted, are 257,500 per mL.
    assert concentrate(visit, [20, 30, 25, 28], 0.1, 1)["perMl"] == pytest.approx(257_500)
    # Counts nearer to each other than chance makes them do not narrow the interval of counting.
    alike = concentrate(visit, [25, 26, 25, 26], 0.1, 1)
    interval = stats.chi2.ppf([0.025, 0.975], [204, 206]) / 2 / 0.4e-3
    assert alike["from"] == "counting"
    assert [alike["low"], alike["high"]] == pytest.approx(list(interval))
    # Counts that differ by more than chance: Student's interval of their mean.
    counts = [40, 60, 45, 55]
    apart = concentrate(visit, counts, 0.1, 1)
    half = stats.t.ppf(0.975, 3) * stats.tstd(counts) / math.sqrt(4)
    assert apart["from"] == "spread"
    assert [apart["low"], apart["high"]] == pytest.approx([(50 - half) * 1e4, (50 + half) * 1e4])
    # Two pictures tell no spread.
    assert concentrate(visit, [20, 95], 0.1, 1)["from"] == "counting"


READ = """texts => texts.map(text => {
  try { return readNumber(text, "It", 0, 5000); } catch (error) { return error.message; }
})"""


def test_numbers_are_read_as_people_write_them(chromium: Any, url: str) -> None:
    refused = "It must be a number such as 20, 0.5 or 0,5."
    both = ("0,1", "0.1", ".5", " 20 ", "1,5", "", "ten", "-1", "1 000", "1,234.5", "1e3", "9000")
    read = [0.1, 0.1, 0.5, 20, 1.5, "It is missing.", *[refused] * 5]
    read += ["It must be from 0 to 5,000."]
    for locale, point in (("en-GB", 1.25), ("de-DE", None)):
        with opened(chromium, url, **DESK, locale=locale) as visit:
            found = visit.page.evaluate(READ, [*both, "1,000", "1.250"])
            assert found[:-2] == read
            assert found[-2] == "It: 1,000 has two meanings. Write 1000 or 1.0000."
            assert found[-1] == (point or "It: 1.250 has two meanings. Write 1250 or 1.2500.")
            assert visit.page.evaluate(READ, ["1.2500", "0.250"]) == [1.25, 0.25]
            field = visit.page.evaluate("() => [readDiameter('20/40'), readDiameter('0,55')]")
            assert field == [0.5, 0.55]  # mm: field number by magnification, and as measured


def test_volumes_of_chambers(visit: Visit) -> None:
    """In µL: by the makers' dimensions, which docs/page.md cites."""
    volume = "([chosen]) => volumeOf(null, {squares: '1', depth: '', ...chosen})"
    for chosen, microlitres in (
        ({"chamber": "neubauer", "shows": "0", "squares": "4"}, 0.4),
        ({"chamber": "neubauer", "shows": "0", "squares": "9"}, 0.9),
        ({"chamber": "neubauer", "shows": "1"}, 0.004),
        ({"chamber": "fuchs", "shows": "0", "squares": "16"}, 3.2),
        ({"chamber": "sedgewick", "shows": "0", "squares": "1000"}, 1000),
        ({"chamber": "palmer", "shows": "0"}, 100),
        ({"chamber": "palmer", "shows": "field", "diameter": "17,9"}, 100.66),  # said: 0.1 mL
        ({"chamber": "other", "shows": "field", "diameter": "20/40", "depth": "0.2"}, 0.03927),
        ({"chamber": "other", "shows": "volume", "volume": "0,1"}, 0.1),
    ):
        assert visit.page.evaluate(volume, [chosen]) == pytest.approx(microlitres, rel=1e-4)


def test_the_card_says_what_a_concentration_rests_on(visit: Visit) -> None:
    visit.choose(PICTURE)
    visit.expect_count(STRONG)
    visit.expect("#per-ml").to_be_empty()
    say(visit, "neubauer", "Large squares of 1 mm²")
    low, high = stats.chi2.ppf([0.025, 0.975], [2 * STRONG, 2 * STRONG + 2]) / 2 / 0.1e-3 / 1e4
    own = "counting error only: the model’s own errors come on top"
    visit.expect("#per-ml").to_have_text(
        f"3.00 × 10⁴ cells per mL, 95 %: {low:.2f}–{high:.2f} × 10⁴ ({own})"
    )
    visit.expect("#per-ml-from").to_have_text(
        "3 cells in 0.1 µL: Haemocytometer (improved Neubauer), 1 large square of 1 mm², "
        "1 picture, undiluted."
    )
    visit.expect("#per-ml-warnings").to_have_text("Fewer than 10 cells: count more pictures.")
    visit.slide(0.2)  # one more, red
    visit.expect("#per-ml b").to_have_text("4.00 × 10⁴ cells per mL")
    visit.page.locator(".chip", has_text="green").click()
    visit.expect("#per-ml b").to_have_text(f"{RED}.00 × 10⁴ cells per mL")
    # Nothing is made of an impossible input, and the number before it goes.
    for name, text, said in (
        ("dilution", "0", "The dilution must be from 1 to 1,000,000,000."),
        ("dilution", "1,000", "The dilution: 1,000 has two meanings. Write 1000 or 1.0000."),
        ("dilution", "1:10", None),
        ("squares", "10", "The number of squares must be from 1 to 9."),
        ("squares", "1.5", "The number of squares must be whole."),
        ("squares", "many", "The number of squares must be a number such as 20, 0.5 or 0,5."),
        ("squares", "3", None),
    ):
        visit.page.locator(f"#{name}").fill(text)
        if said:
            visit.expect("#per-ml").to_have_text(said)
            visit.expect("#per-ml-short").to_be_empty()
        else:
            visit.expect("#per-ml-short").to_contain_text("10⁵")
    visit.expect("#per-ml-short").to_have_text("1.00 × 10⁵")
    # A typed count is believed; then the model's errors are none.
    visit.page.locator("#corrected").fill("60")
    visit.expect("#per-ml").to_contain_text("2.00 × 10⁶ cells per mL")
    visit.expect("#per-ml").to_contain_text("(counting error only)")
    # It is remembered, and never taken for another chamber's squares.
    visit.page.evaluate("settled()")
    visit.page.reload()
    visit.expect("#per-ml-short").to_have_text("2.00 × 10⁶")
    visit.page.locator("#concentration summary").click()
    visit.page.locator("#chamber").select_option("sedgewick")
    visit.expect("#per-ml").to_be_empty()


def test_pictures_of_one_sample_are_pooled(visit: Visit) -> None:
    visit.choose(PICTURE, OTHER, ("no.png", "image/png", b"no picture"))
    visit.expect("#items li:nth-child(3) span").to_have_text("!")
    say(visit, "other", "A volume that I type", volume="0,5")
    visit.expect("#per-ml").to_contain_text("6,000 cells per mL")
    visit.expect("#per-ml-from").to_contain_text("6 cells in 1 µL")
    visit.expect("#per-ml-warnings").to_contain_text("1 picture of 3 not in it")
    text = visit.page.evaluate("() => picturesCsv(items).text()")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [row["cells_per_mL"] for row in rows] == ["6000", "6000", ""]
    assert rows[0]["chamber"] == "Another, own volume"
    assert rows[0]["pooled_volume_uL"] == "1" and rows[0]["pooled_pictures"] == "2"
    _, saved = visit.saved("JSON")
    assert json.loads(saved)["concentration"]["perMl"] == 6000
    visit.page.locator("#pooled").select_option("each")
    visit.expect("#per-ml-from").to_contain_text("3 cells in 0.5 µL")
    visit.expect("#per-ml-warnings").not_to_contain_text("not in it")


def test_an_area_needs_a_scale(visit: Visit) -> None:
    visit.choose(PICTURE)
    visit.expect_count(STRONG)
    say(visit, "neubauer", "An area, by the scale")
    visit.expect("#per-ml").to_have_text(
        "The scale of squares.png is not known: set it under Scale and sizes."
    )
    visit.page.locator("#scale-card summary").click()
    visit.page.locator("#um").fill("2,5")
    visit.page.locator("#um").press("Enter")
    # 640 px of 2.5 µm are 1.6 mm: 2.56 mm² of 0.1 mm are 0.256 µL.
    visit.expect("#per-ml-from").to_contain_text("3 cells in 0.256 µL")
    visit.expect("#per-ml-warnings").to_contain_text("the whole picture is the counted area")
    # A region of half the picture is half of that.
    visit.page.evaluate(
        """() => {
          current.region = {shape: 'rectangle', numbers: [0, 0, 640, 320], border: 'count'};
          changed();
        }"""
    )
    visit.expect("#per-ml-from").to_contain_text("cells in 0.128 µL")
    visit.expect("#per-ml-warnings").not_to_contain_text("the whole picture")
