"""report.html: what is said, that it is safe, and what a browser makes of it."""

from __future__ import annotations

import html
import json
import re
import string
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.monitor.report.make import format_json
from scripts.monitor.report.page import format_page
from scripts.monitor.report.summary import format_summary
from scripts.monitor.result import Estimate, Finding, MonitorResult, Surprise
from tests.support.monitor_results import (
    REFUSAL,
    draw_pictures,
    make_attention,
    make_changed,
    make_ok,
    make_too_few,
    refuse,
)

MAX_BYTES = 1_000_000
RESULTS = {
    "changed": make_changed(),
    "ok": make_ok(),
    "too few": make_too_few(),
    "attention": make_attention(),
    "refused": make_changed(
        quality=(refuse(),),
        cause=None,
        since=None,
        window_start="2026-11-14T16:30:00Z",
        window_end="2026-11-29T16:30:00Z",
    ),
}
# What a client may choose freely.
NASTY = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>\u202e\x00\n"


class Elements(HTMLParser):
    """The elements and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self._is_style = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._is_style = tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._is_style:
            self.text.append(data)


def read(result: MonitorResult) -> str:
    """The page's text."""
    text = " ".join(Elements(format_page(result, draw_pictures(result))).text)
    return " ".join(text.replace("\u00a0", " ").split())


@pytest.mark.parametrize("name", RESULTS)
def test_the_verdict_is_the_title(name: str) -> None:
    result = RESULTS[name]
    page = format_page(result, draw_pictures(result))
    title = re.search("<h1>(.*?)</h1>", page)
    assert title and html.unescape(title[1]).replace("\u00a0", " ") == result.verdict
    assert page.index("<h1>") < page.index("<svg") if "<svg" in page else True


def test_a_change_says_what_since_when_why_and_how_good() -> None:
    text = read(RESULTS["changed"])
    for said in (
        "Changed", "24 Nov 13:00 ± 3 h", "defocused 93 % sure", "Focus fell by 3.0",
        "0.42 → 0.26", "2.98 standard deviations lower (p < 0.001)", "as usual",
        "0.78 0.7 to 0.86, with corrections", "AP50 0.81 (0.72 to 0.88)", "With 38 corrections",
        "−18 % (−25 % to −10 %)", "114 more corrections would halve", "31 objects found",
        "The median latency rose", "2 objects could not be read", "12 duplicates left out",
        "1,200 of prediction/1", "300 rendered pictures", "Seasons are not considered",
    ):  # fmt: skip
        assert said in text, said


def test_a_move_that_may_be_chance_is_told_as_such() -> None:
    result = make_changed()
    shifts = tuple(replace(shift, p_value=0.08) for shift in result.decision.shifts)
    text = read(replace(result, decision=replace(result.decision, shifts=shifts)))
    assert "2.98 standard deviations lower, which may be chance (p = 0.080)" in text


def test_alarms_come_before_other_findings() -> None:
    text = read(RESULTS["changed"])
    assert text.index("The median latency rose") < text.index("1.1 % of the requests")


def test_a_refusal_is_told_instead_of_a_figure() -> None:
    text = read(RESULTS["refused"])
    assert REFUSAL[1:] in text
    assert "not known needs labels" in text
    assert "AP50 0." not in text


def test_a_figure_that_is_refused_alone_says_so_in_its_row() -> None:
    partly = replace(refuse(), count_bias=Estimate(-0.1, -0.2, 0.0, 0.9))
    text = read(make_changed(quality=(partly,)))
    assert f"AP50 T{REFUSAL[1:]}." in text
    assert "count error −10 % (−20 % to 0 %)" in text


def test_a_change_from_the_windows_start_is_told_as_such() -> None:
    result = make_changed(
        since=None, window_start="2026-11-01T00:00:00Z", window_end="2026-11-08T00:00:00Z"
    )
    assert "since not known no clear point of change" in read(result)
    result = replace(result, is_changed_from_start=True)
    text = read(result)
    assert "since the window's start 1 Nov 00:00, or before" in text
    assert "changed since the window's start (1 Nov 00:00) or before" in text
    assert 'class="since" x1="0.00"' in format_page(result, {})
    summary = format_summary(result)
    assert "since     the window's start (1 Nov 00:00) or before" in summary
    assert json.loads(format_json(result))["is_changed_from_start"] is True


def test_nothing_changed_claims_no_cause() -> None:
    text = read(RESULTS["ok"])
    assert "Nothing changed" in text
    for unsaid in ("cause", "since", "standard deviations lower", "What moved"):
        assert unsaid not in text


def test_pictures_that_are_not_kept_are_a_table() -> None:
    result = make_changed(surprises=make_changed().surprises[4:])
    text = read(result)
    assert "None of them is kept: CAPTURE_RATE" in text
    assert "3f8a1c52-0000-4000-8000-000000000005" in text


def _poison(text: str) -> MonitorResult:
    """A result with the same text in everything that comes from clients or their models."""
    result = make_changed()
    days, histogram = result.timeline, next(iter(result.histograms.values()))
    return replace(
        result,
        model_name=text, model_version=text, stream=text, reference=text, verdict=text,
        read=replace(result.read, corrupt=(text,), schemas={text: 3}),
        findings=(Finding(text, True, text, {text: text}),),
        decision=replace(
            result.decision, notes=(text,),
            shifts=(replace(result.decision.shifts[0], name=f"class_share:{text}"),),
        ),
        cause=replace(result.cause, evidence=(text,)),
        quality=(refuse(text), replace(result.quality[1], sentence=text)),
        surprises=(Surprise(text, "2026-11-24T10:00:00Z", 3.0, text, None),),
        histograms={f"class_share:{text}": histogram | {"of": text}},
        timeline=tuple(replace(day, medians={f"class_share:{text}": 0.5}) for day in days),
        notes=(text,),
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.just(NASTY)
       | st.text(string.punctuation + "ab<>&\"'", max_size=40))  # fmt: skip
def test_text_of_clients_never_becomes_markup(text: str) -> None:
    plain, poisoned = (Elements(format_page(_poison(each), {})) for each in ("word", f"x{text}"))
    assert plain.tags == poisoned.tags
    assert [name for name, _ in plain.attributes] == [name for name, _ in poisoned.attributes]
    assert "script" not in poisoned.tags
    assert not any(name.startswith("on") for name, _ in poisoned.attributes)


def test_long_texts_and_many_rows_stay_below_a_megabyte() -> None:
    long = "w" * 5000
    shift = make_changed().decision.shifts[0]
    result = replace(
        _poison(long),
        findings=(Finding(long, True, long),) * 3000,
        surprises=tuple(Surprise(str(i), "2026-11-24T10:00:00Z", 1, long) for i in range(3000)),
        decision=replace(make_changed().decision, shifts=(shift,) * 3000),
    )
    page = format_page(result, {})
    assert len(page.encode()) < MAX_BYTES


def test_the_page_is_whole_and_loads_nothing() -> None:
    result = RESULTS["changed"]
    page = format_page(result, draw_pictures(result))
    elements = Elements(page)
    assert len(page.encode()) < MAX_BYTES
    assert not {"script", "link", "iframe", "object"} & set(elements.tags)
    sources = [value for name, value in elements.attributes if name in ("src", "href")]
    assert sources and all(
        value and value.startswith("data:image/jpeg;base64,") for value in sources
    )
    assert "url(" not in page and "@import" not in page


def test_pictures_and_charts_are_told_to_who_cannot_see_them() -> None:
    page = format_page(RESULTS["changed"], draw_pictures(RESULTS["changed"]))
    assert page.count("<svg") == page.count('<svg role="img"') == page.count("<title>") - 1
    assert all(re.search('alt="[^"]+"', image) for image in re.findall("<img[^>]*>", page))
    assert '<html lang="en">' in page


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1200, "light")])
def test_a_browser_shows_it(
    chromium: Any, tmp_path: Path, name: str, width: int, scheme: str
) -> None:
    path = tmp_path / "report.html"
    result = RESULTS[name]
    path.write_text(format_page(result, draw_pictures(result)), encoding="utf-8")
    page = chromium.new_page(viewport={"width": width, "height": 780}, color_scheme=scheme)
    faults: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    assert faults == []
    assert [each for each in requests if not each.startswith("data:")] == [path.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    verdict = page.locator("h1").bounding_box()
    assert verdict["y"] + verdict["height"] < 500  # in sight at once
    ink, ground = (
        sum(map(int, re.findall(r"\d+", page.evaluate(f"getComputedStyle(document.body).{name}"))))
        for name in ("color", "backgroundColor")
    )
    assert (ink > ground) == (scheme == "dark")
    page.close()
