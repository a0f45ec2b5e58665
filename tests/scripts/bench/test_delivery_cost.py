"""scripts.bench.delivery_cost reckons what can be reckoned by hand, and docs/records.md says so."""

from __future__ import annotations

import re

import pytest

from scripts.bench.delivery_cost import delivery_costs, main
from scripts.bench.losses.faults import DELIVERIES
from tests.docs.pages import PAGES


def test_an_object_each_costs_its_requests() -> None:
    one = delivery_costs(10_000, 2_500, 100)[0]
    assert (one.delivery, one.write) == ("s3", pytest.approx(5.0))
    assert one.read == pytest.approx(0.4 + 0.005)  # a GET each, a LIST for a thousand


def test_firehose_rounds_each_record_up() -> None:
    def firehose(json_bytes: int) -> float:
        return delivery_costs(json_bytes, 1, 1)[3].write

    assert firehose(1) == firehose(5120) == pytest.approx(5.12 * 0.067)
    assert firehose(5121) == firehose(10_240) == pytest.approx(10.24 * 0.067)


def test_a_batch_of_one_costs_as_much_as_an_object() -> None:
    one, journaled, plain, _ = delivery_costs(10_000, 2_500, 1)
    assert one.total == journaled.total == plain.total


def test_the_page_has_these_figures(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--json-bytes", "10000", "--gzip-bytes", "2500", "--batch", "100"])
    told = {line.split()[0]: line.split()[-1] for line in capsys.readouterr().out.splitlines()[1:]}
    section = PAGES["docs/records.md"].split("\n## Delivery\n")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| (?:.*)\(`([a-z0-9-]+)`\) \|.*\| ([\d.]+) \|$", section, re.M))
    assert rows == told
    assert told.keys() == DELIVERIES.keys()


def test_numbers_that_are_none_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--batch", "0"])
    assert "at least 1" in capsys.readouterr().err
