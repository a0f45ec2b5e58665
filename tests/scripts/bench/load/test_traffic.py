"""The mixture: every kind is answered as it says, by the function itself."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from scripts.bench.load.traffic import LARGE_BYTES, Kind, choose_kinds, enlarge, make_traffic
from scripts.local.http_event import to_http_api
from scripts.local.invoke import MAX_PAYLOAD_BYTES, Context
from scripts.paths import SAMPLE
from scripts.tool import ToolError
from tests.support.app import App
from tests.support.pictures import RED, jpeg


@pytest.fixture(scope="module")
def kinds() -> list[Kind]:
    return make_traffic(jpeg(RED), mixed=True)


def test_every_kind_is_answered_as_expected_and_leaves_a_record(
    app: App, kinds: list[Kind]
) -> None:
    assert sum(kind.share for kind in kinds) == pytest.approx(1)
    statuses = {
        kind.name: app.module.lambda_handler(to_http_api(kind.request), Context())["statusCode"]
        for kind in kinds
    }
    assert statuses == {kind.name: kind.expected for kind in kinds}
    assert len(app.records()) == len(kinds)


def test_the_large_picture_is_as_large_as_lambda_takes() -> None:
    large = next(
        kind for kind in make_traffic(SAMPLE.read_bytes(), mixed=True) if kind.name == "large"
    )
    assert 0.75 * LARGE_BYTES < len(large.request.body) <= LARGE_BYTES
    assert len(json.dumps(to_http_api(large.request))) < MAX_PAYLOAD_BYTES


def test_shares_are_kept_and_a_seed_gives_the_same_again(kinds: list[Kind]) -> None:
    chosen = choose_kinds(kinds, 10_000, seed=1)
    counts = Counter(kinds[number].name for number in chosen)
    for kind in kinds:
        assert counts[kind.name] == pytest.approx(10_000 * kind.share, abs=200)
    assert chosen == choose_kinds(kinds, 10_000, seed=1) != choose_kinds(kinds, 10_000, seed=2)
    assert set(choose_kinds(make_traffic(jpeg(RED), mixed=False), 5, seed=1)) == {0}


def test_what_is_no_picture_cannot_be_enlarged() -> None:
    with pytest.raises(ToolError, match="no picture"):
        enlarge(b"no picture")
