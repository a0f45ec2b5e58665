"""The report says what was measured, and which modules would be compiled in a cold start."""

from __future__ import annotations

import dataclasses

from scripts.bench.image.__main__ import BLOCK, PAGE
from scripts.bench.image.imports import ByteCode
from scripts.bench.image.layers import Layer, Part
from scripts.bench.image.report import Measured, format_report

PACKAGES = Layer(
    128_000_000, 43_000_000, {"numpy": Part(22_200_000, byte_code=3_900_000, native=14_600_000)}
)
MEASURED = Measured(
    base_name="base:1",
    base=Layer(131_400_000, 49_000_000),
    layers=(PACKAGES, Layer(5_100_000, 2_600_000)),
    whole=343_400_000,
    byte_code=ByteCode(297, ()),
    imports={"as it is": 380.0, "without byte code": 950.0},
)


def test_every_figure_is_in_it() -> None:
    report = format_report(MEASURED)
    assert "| code and model | 5.1 | 2.6 |" in report
    assert "| **whole image** | **264.5** | **94.6** |" in report
    assert "leaves out it would be 343.4 MB" in report
    assert "14.6 MB native code, 3.9 MB byte code, 3.7 MB the rest" in report
    assert "| `numpy` | 22.2 | 14.6 | 3.9 |" in report
    assert "loads 297 modules from sources, each with its byte code." in report
    assert "| without byte code | 950 | 2.50 |" in report


def test_modules_without_byte_code_are_named() -> None:
    lacking = dataclasses.replace(MEASURED, byte_code=ByteCode(297, ("json", "numpy.ma")))
    assert "2 of them without byte code: json, numpy.ma." in format_report(lacking)


def test_the_page_has_the_block() -> None:
    page = PAGE.read_text()
    assert page.count(f"<!-- {BLOCK} -->\n") == page.count(f"<!-- /{BLOCK} -->") == 1
