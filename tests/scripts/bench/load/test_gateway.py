"""The gateway: a pool behind HTTP, which says beside an answer what the generator cannot see."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts.bench.load.gateway import DIED, DIED_ANSWERED, serve
from scripts.bench.load.generator import (
    COLD_HEADER,
    HELD_HEADER,
    ID_HEADER,
    OUTCOME_HEADER,
    Reply,
    send,
)
from scripts.local.http_event import HttpRequest
from tests.scripts.bench.load.pools import fake_pool
from tests.support import event_loop


def call(url: str, body: bytes = b"", content_type: str = "text/plain") -> Reply:
    request = HttpRequest("POST", "/v1/detect", [("Content-Type", content_type)], body)
    return event_loop.run(send(url, request))


def test_an_answer_has_its_id_and_how_it_came(tmp_path: Path) -> None:
    with fake_pool(tmp_path, 1, FAKE_HOLD_S="0.2") as pool, serve(pool) as url:
        first, second = call(url), call(url)
    assert (first.status, first.headers[COLD_HEADER], second.headers[COLD_HEADER]) == (
        200,
        "1",
        "0",
    )
    assert first.headers[ID_HEADER] != second.headers[ID_HEADER]
    assert float(first.headers[HELD_HEADER]) > 100 and OUTCOME_HEADER not in first.headers
    assert first.headers["x-pid"].isdigit()  # the function's own header


def test_what_goes_wrong_is_told_apart(tmp_path: Path) -> None:
    with fake_pool(tmp_path, 1) as pool, serve(pool) as url:
        died, late, odd = (call(url, body) for body in (b"die", b"die late", b"odd"))
        large = call(url, b"x" * 5_000_000, "image/jpeg")
        after = call(url)
    assert [(each.status, each.headers.get(OUTCOME_HEADER)) for each in (died, late, odd)] == [
        (500, DIED), (500, DIED_ANSWERED), (500, "failed"),
    ]  # fmt: skip
    assert len(died.headers[ID_HEADER]) == len(late.headers[ID_HEADER]) == 36
    assert (large.status, after.status) == (413, 200)


def test_a_throttle_is_429_and_is_told_at_once(tmp_path: Path) -> None:
    with (
        fake_pool(tmp_path, 1, FAKE_SECONDS="1") as pool,
        serve(pool) as url,
        ThreadPoolExecutor(2) as threads,
    ):
        replies = list(threads.map(call, [url, url]))
    assert sorted(each.status for each in replies) == [200, 429]
    [throttled] = [each for each in replies if each.status == 429]
    assert throttled.headers[OUTCOME_HEADER] == "throttled" and ID_HEADER not in throttled.headers
