"""clients/icebox.py with the function on loopback, and with the errors of gateways and proxies."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image

from clients import icebox as client
from clients.icebox import Box, Detection, Icebox, IceboxError
from handler.records.feedback import SCHEMA
from tests.e2e.clients.conftest import serving
from tests.support.app import App, make_app
from tests.support.http import Reply, Seen, fake_server
from tests.support.pictures import RED, RED_AND_GREEN, jpeg, png

KEY = "of-a-phone"
EMPTY = {"count": 0, "counts": {}, "count_interval": None, "detections": []}
ANSWER = json.dumps({"prediction_id": "1", **EMPTY}).encode()


@pytest.fixture
def api(url: str) -> Icebox:
    return Icebox(url)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits in seconds, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr(client.time, "sleep", waited.append)
    return waited


def test_a_path_bytes_and_a_file_are_all_pictures(api: Icebox, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(RED_AND_GREEN))
    for picture in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes())):
        found = api.detect(picture)
        assert (found.count, found.counts) == (3, {"red": 1, "green": 2})
        assert {each.label for each in found.detections} == {"red", "green"}
        assert found.count_interval is None and found.raw["tiles"] is None


def test_warnings_are_an_attribute_and_a_line_of_the_command(
    api: Icebox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert api.detect(png(RED)).warnings == ()
    black = tmp_path / "black.jpg"
    Image.new("RGB", (64, 64)).save(black)
    assert api.detect(black).warnings == ("the picture is almost black",)
    assert client.main([api.url, str(black)]) == 0
    printed = capsys.readouterr()
    assert f"{black}: the picture is almost black" in printed.err.splitlines()
    assert [str(black), "0"] in [line.split() for line in printed.out.splitlines()]


def test_what_is_asked_for_is_sent(api: Icebox) -> None:
    picture = png(RED_AND_GREEN)
    assert api.detect(picture, labels=["green"], max_detections=3).counts == {"green": 2}
    assert api.detect(picture, score_threshold=1).count == 0
    assert api.detect(picture, tiles="2x2", iou_threshold=0.4).raw["tiles"] == {
        "columns": 2,
        "rows": 2,
    }
    with Image.open(io.BytesIO(api.annotated(picture))) as drawn:
        assert drawn.format == "JPEG"


def test_the_interval_is_told(fake_answers: list[Reply], fake_url: str) -> None:
    answer = json.loads(ANSWER) | {"count_interval": {"low": 0, "high": 3, "coverage": 0.9}}
    fake_answers.append(Reply(200, json.dumps(answer).encode()))
    interval = Icebox(fake_url).detect(b"x").count_interval
    assert interval == client.Interval(0, 3, 0.9)


def test_the_model_and_its_health(api: Icebox) -> None:
    assert api.model()["classes"] == ["red", "green"]
    assert api.health()["status"] == "ok"


def test_several_come_in_order_with_what_went_wrong(api: Icebox, tmp_path: Path) -> None:
    one, bad, missing, three = api.detect_many(
        [png(RED), b"hello, I am a text", tmp_path / "none.jpg", png(RED_AND_GREEN)]
    )
    assert (one.count, three.count) == (1, 3)
    assert isinstance(bad, IceboxError) and bad.status == 415
    assert isinstance(missing, FileNotFoundError)


def test_feedback_is_kept(api: Icebox, app: App) -> None:
    found = api.detect(png(RED))
    api.feedback(found.prediction_id, count=2, comment="one at the edge")
    api.feedback(found.prediction_id, detections=[Detection("red", 1, Box(0, 0, 9, 9))])
    kept = list(app.log_root.glob("feedback/**/*.json.gz"))
    assert len(kept) == 2 and all(SCHEMA.partition("/")[0] in str(each) for each in kept)
    with pytest.raises(IceboxError, match=r"404: Not found: .* is no prediction_id of an answer"):
        api.feedback("../" * 3, count=1)


def test_keys(tiny_bundle: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    with (
        make_app(tiny_bundle, tmp_path, API_KEY_SHA256=digest) as app,
        serving(app.module.lambda_handler) as url,
    ):
        assert Icebox(url, KEY).detect(png(RED)).count == 1
        with pytest.raises(IceboxError, match="401: A key is needed: this API asks for a key"):
            Icebox(url).detect(png(RED))
        with pytest.raises(IceboxError, match="403: Not allowed"):
            Icebox(url, "another").detect(png(RED))


def test_a_large_picture_without_uploads_is_refused_with_the_way_out(
    api: Icebox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_BODY_BYTES", 100)
    with pytest.raises(IceboxError, match=r"413: .* save it smaller, or set UPLOAD_STORE"):
        api.detect(jpeg(RED))


# Gateways and proxies before the function


@pytest.fixture
def fake_answers() -> list[Reply]:
    return []


@pytest.fixture
def fake_url(fake_answers: list[Reply]) -> Iterator[str]:
    """A server that returns these responses in turn."""
    with fake_server(lambda _: fake_answers.pop(0)) as fake:
        yield fake.url


@pytest.mark.parametrize("status", client.RETRIED_STATUSES)
def test_what_may_pass_is_tried_again(
    status: int, fake_answers: list[Reply], fake_url: str, no_waiting: list[float]
) -> None:
    fake_answers += [Reply(status), Reply(status), Reply(status), Reply(200, ANSWER)]
    assert Icebox(fake_url).detect(b"x").count == 0
    assert len(no_waiting) == 3 and no_waiting[0] < no_waiting[1] < no_waiting[2] < 5


def test_retry_after_is_kept_to_within_reason(
    fake_answers: list[Reply], fake_url: str, no_waiting: list[float]
) -> None:
    for retry_after in ("7", "99999"):
        fake_answers.append(Reply(429, headers={"Retry-After": retry_after}))
    fake_answers.append(Reply(200, ANSWER))
    Icebox(fake_url).detect(b"x")
    assert no_waiting == [7, client.MAX_WAIT_S]


def test_it_gives_up_and_says_what_the_proxy_said(fake_answers: list[Reply], fake_url: str) -> None:
    page = b"<html>\n<h1>Bad gateway</h1>" + b" " * 10**6
    fake_answers += [Reply(502, page)] * 4
    with pytest.raises(IceboxError, match="502: Bad Gateway: <html> <h1>Bad gateway</h1>"):
        Icebox(fake_url).detect(b"x")
    assert not fake_answers


def test_the_clients_own_mistakes_are_not_tried_again(api: Icebox, no_waiting: list[float]) -> None:
    with pytest.raises(IceboxError, match=r"415: Not a supported .* this looks like text"):
        api.detect(b"hello, I am a text")
    with pytest.raises(IceboxError, match="400: Bad request: score_threshold must be a number"):
        api.detect(png(RED), score_threshold=3)
    assert not no_waiting


def test_nobody_there() -> None:
    with fake_server(lambda _: Reply()) as gone:
        url = gone.url
    with pytest.raises(IceboxError, match=r"No connection: to http.*refused"):
        Icebox(url).detect(b"x")
    with pytest.raises(ValueError, match="is no URL"):
        Icebox("example.com")


def test_a_slow_answer_is_not_waited_for() -> None:
    def answer(_: Seen) -> Reply:
        released.wait(10)
        return Reply()

    released = threading.Event()
    with fake_server(answer) as fake:
        began = time.monotonic()
        with pytest.raises(IceboxError, match=r"No answer: within 0\.1 s"):
            Icebox(fake.url, timeout_s=0.1).detect(b"x")
        released.set()
    assert len(fake.seen) == 1 and time.monotonic() - began < 5


def test_a_key_does_not_follow_a_redirect(fake_answers: list[Reply], fake_url: str) -> None:
    with fake_server(lambda _: Reply(200, ANSWER)) as other:
        fake_answers.append(Reply(302, headers={"Location": f"{other.url}/v1/detect"}))
        with pytest.raises(IceboxError, match="302: Redirected: to http"):
            Icebox(fake_url, KEY).detect(b"x")
        assert not other.seen


# The command line


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", client.__file__, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_prints_counts(url: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(RED))
    (tmp_path / "bb.jpg").write_bytes(jpeg(RED_AND_GREEN))
    (tmp_path / "c.txt").write_text("hello, I am a text")
    ran = command(url, tmp_path / "a.jpg", tmp_path / "bb.jpg")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.split() == [str(tmp_path / "a.jpg"), "1", str(tmp_path / "bb.jpg"), "3"]
    ran = command(url, tmp_path / "c.txt", tmp_path / "a.jpg", "--annotated", tmp_path / "out")
    assert ran.returncode == 1 and "c.txt: 415: Not a supported picture" in ran.stderr
    assert "1 of 2 pictures failed" in ran.stderr and ran.stdout.split()[-1] == "1"
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["a.jpg"]


def test_the_command_for_machines(url: str, tmp_path: Path) -> None:
    (tmp_path / "bb.jpg").write_bytes(jpeg(RED_AND_GREEN))
    options = ("--json", "--tiles", "2x2", "--score-threshold", "0.6")
    [line] = command(url, tmp_path / "bb.jpg", *options).stdout.splitlines()
    answer = json.loads(line)
    assert answer["tiles"] == {"columns": 2, "rows": 2} and answer["thresholds"]["score"] == 0.6
    assert command("example.com", "a.jpg").returncode == 2


def test_the_commands_tables(url: str, tmp_path: Path) -> None:
    """A row for every picture: one called like a formula, one without cells, one that failed."""
    (tmp_path / "=1.jpg").write_bytes(jpeg(RED_AND_GREEN))
    (tmp_path / "none.jpg").write_bytes(jpeg([]))
    (tmp_path / "c.txt").write_text("hello, I am a text")

    def table(*options: str) -> list[dict[str, str]]:
        names = ("=1.jpg", "none.jpg", "c.txt")
        arguments = [sys.executable, "-I", client.__file__, url, *options, *names]
        ran = subprocess.run(arguments, cwd=tmp_path, capture_output=True, timeout=60, check=False)
        assert ran.returncode == 1 and b"1 of 3 pictures failed" in ran.stderr
        assert ran.stdout.startswith(b"file,state,error,")  # without a byte order mark
        assert ran.stdout.count(b"\r\n") == ran.stdout.count(b"\n") > 3
        return list(csv.DictReader(io.StringIO(ran.stdout.decode(), newline="")))

    pictures = table("--csv", "pictures")
    assert [row["file"] for row in pictures] == ["'=1.jpg", "none.jpg", "c.txt"]
    assert [row["count"] for row in pictures] == ["3", "0", ""]
    assert [row["state"] for row in pictures] == ["done", "done", "failed"]
    assert pictures[2]["error"].startswith("415: Not a supported picture: ")
    whole = pictures[0]
    assert whole["score_threshold"] == "0.5" and whole["model"] == "squares"
    assert datetime.fromisoformat(whole["counted_at"]).utcoffset() is not None
    for options in (("--csv",), ("--csv", "cells")):
        cells = table(*options)
        assert [row["file"] for row in cells] == ["'=1.jpg"] * 3 + ["none.jpg", "c.txt"]
        assert [row["cell"] for row in cells] == ["1", "2", "3", "", ""]
        width = float(cells[0]["xmax_px"]) - float(cells[0]["xmin_px"])
        assert float(cells[0]["width_px"]) == pytest.approx(width)
    tiles = table("--csv=pictures", "--tiles", "2x2")[0]
    assert (tiles["mode"], tiles["tiles"]) == ("tiles", "2x2")
