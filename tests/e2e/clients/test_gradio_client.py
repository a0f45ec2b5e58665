"""gradio_client, as it is, against the function on loopback; and against two that take turns."""

from __future__ import annotations

import http.client
import io
import itertools
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from handler.http.events import MAX_RESPONSE_BYTES
from scripts.paths import ROOT
from tests.e2e.clients import node
from tests.e2e.clients.conftest import serving
from tests.support.app import App, make_app
from tests.support.http import Reply, Seen, fake_server
from tests.support.pictures import RED, RED_AND_GREEN, jpeg, png

START_S = 60.0


@pytest.fixture
def space(tiny_bundle: Path, tmp_path: Path) -> Iterator[App]:
    store = (tmp_path / "store").as_uri()
    with make_app(tiny_bundle, tmp_path / "log", GRADIO_STORE=store) as made:
        yield made


@pytest.fixture
def url(space: App) -> Iterator[str]:
    with serving(space.module.lambda_handler) as made:
        yield made


@contextmanager
def connected(url: str, tmp_path: Path) -> Iterator[Client]:
    downloads = tmp_path / "downloads"
    client = Client(
        url, verbose=False, analytics_enabled=False, download_files=downloads,
        httpx_kwargs={"timeout": 30},
    )  # fmt: skip
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def client(url: str, tmp_path: Path) -> Iterator[Client]:
    with connected(url, tmp_path) as made:
        yield made


def saved(tmp_path: Path, data: bytes, name: str = "my cells #1.jpg") -> Any:
    (tmp_path / name).write_bytes(data)
    return handle_file(tmp_path / name)


def opened(path: str) -> Image.Image:
    return Image.open(io.BytesIO(Path(path).read_bytes()))


def test_predict_gives_a_picture_a_count_and_boxes(
    client: Client, tmp_path: Path, space: App
) -> None:
    picture, count, details = client.predict(
        saved(tmp_path, png(RED_AND_GREEN)), api_name="/predict"
    )
    drawn = opened(picture)
    assert (drawn.format, drawn.size) == ("JPEG", (640, 640))
    assert count == 3
    [record] = space.records()
    assert details["prediction_id"] == record.prediction_id
    assert [each["label"] for each in details["detections"]].count("green") == 2
    assert record.route == "/gradio_api/queue/join"


def test_inputs_are_named_or_in_the_order_of_the_former_demo(
    client: Client, tmp_path: Path, space: App
) -> None:
    file = saved(tmp_path, png(RED_AND_GREEN))
    plain, labels = (
        np.asarray(opened(client.predict(file, *inputs)[0])).astype(int)
        for inputs in ((False, True, 0.3), (True, True, 0.3))
    )
    assert np.any(abs(labels - plain) > 60)
    assert client.predict(image=file, threshold=0.99)[1] == 0
    assert sorted(r.thresholds["score"] for r in space.records() if r.thresholds) == [
        0.3, 0.3, 0.99
    ]  # fmt: skip
    assert "predict(image, labels, boxes, threshold" in client.view_api(
        print_info=False, return_format="str"
    )


@pytest.mark.parametrize(
    ("data", "title", "words"),
    [
        (b"hello, I am a text", "415 Not a supported picture", "looks like text"),
        (png(RED)[:300], "422 Picture cannot be decoded", "truncated"),
    ],
)
def test_what_is_wrong_is_a_clear_exception_and_nothing_is_kept(
    client: Client, tmp_path: Path, data: bytes, title: str, words: str, space: App
) -> None:
    with pytest.raises(AppError, match=words) as raised:
        client.predict(saved(tmp_path, data))
    assert raised.value.title == title
    assert [record.outcome for record in space.records()] == ["rejected"]
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []
    assert client.predict(saved(tmp_path, jpeg(RED)))[1] == 1  # the client is as good as new


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"threshold": 40}, "threshold must be a number from 0 to 1, not '40'"),
        ({"labels": "yes"}, "labels must be true or false"),
        ({"image": handle_file("https://example.org/a.jpg")}, "not fetched from URLs"),
        ({"image": {"path": "../../etc/passwd"}}, "is no upload of this API"),
        ({"image": 7}, "image must be a file"),
    ],
)
def test_a_bad_input_is_a_clear_exception(
    client: Client, tmp_path: Path, inputs: dict[str, Any], words: str
) -> None:
    with pytest.raises(AppError, match=words):
        client.predict(**{"image": saved(tmp_path, jpeg(RED)), **inputs})


def test_a_file_of_4_mb_goes_through_and_a_larger_one_is_not_even_sent(
    client: Client, tmp_path: Path, space: App
) -> None:
    large = jpeg(RED) + bytes(
        MAX_RESPONSE_BYTES - 1000 - len(jpeg(RED))
    )  # JPEG ends before its zeros
    assert client.predict(saved(tmp_path, large))[1] == 1
    with pytest.raises(ValueError, match="exceeds the maximum file size of 4500000 bytes"):
        client.predict(saved(tmp_path, large + bytes(2000)))
    assert len(space.records()) == 1


def test_jobs_may_run_beside_each_other(client: Client, tmp_path: Path, space: App) -> None:
    jobs = [client.submit(saved(tmp_path, jpeg(RED), f"{i}.jpg")) for i in range(8)]
    assert [job.result()[1] for job in jobs] == [1] * 8
    assert len(space.records()) == 8


def test_an_unknown_function_is_named(client: Client, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="/count"):
        client.predict(saved(tmp_path, jpeg(RED)), api_name="/count")


def test_without_a_store_it_is_off(app: App) -> None:
    with serving(app.module.lambda_handler) as url, pytest.raises(ValueError, match="config"):
        Client(url, verbose=False, analytics_enabled=False)


@contextmanager
def function_process(bundle: Path, folder: Path) -> Iterator[int]:
    """scripts/serve in a process of its own; its port."""
    env = {
        **os.environ,
        "MODEL_DIR": str(bundle),
        "PREDICTION_LOG": (folder / "log").as_uri(),
        "GRADIO_STORE": (folder / "store").as_uri(),
    }
    said = folder / f"serve-{uuid.uuid4().hex}.log"  # a pipe that nobody reads would fill up
    command = [sys.executable, "-m", "scripts.local.serve", "--port", "0"]
    with (
        said.open("w") as log,
        subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            deadline = time.monotonic() + START_S
            while not (found := re.search(r"serving http://127.0.0.1:(\d+);", said.read_text())):
                assert process.poll() is None and time.monotonic() < deadline, said.read_text()
                time.sleep(0.05)
            yield int(found[1])
        finally:
            process.kill()


@contextmanager
def taking_turns(ports: list[int]) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """One address before several functions, each request to the next; and who got which."""
    turns, took = itertools.cycle(range(len(ports))), []

    def pass_on(seen: Seen) -> Reply:
        turn = next(turns)
        took.append((turn, seen.path.partition("?")[0].partition("=")[0]))
        connection = http.client.HTTPConnection("127.0.0.1", ports[turn], timeout=30)
        headers = {name: value for name, value in seen.headers.items() if name != "connection"}
        connection.request(seen.method, seen.path, seen.body, headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        dropped = ("content-length", "connection", "date", "server")
        kept = {k: v for k, v in response.getheaders() if k.lower() not in dropped}
        return Reply(response.status, body, kept)

    with fake_server(pass_on) as front:
        yield front.url, took


def test_two_processes_that_take_turns_are_as_good_as_one(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    """So nothing is kept in memory: Lambda may answer each request elsewhere."""
    with ExitStack() as stack:
        ports = [stack.enter_context(function_process(tiny_bundle, tmp_path)) for _ in range(2)]
        url, took = stack.enter_context(taking_turns(ports))
        client = stack.enter_context(connected(url, tmp_path))
        for i in range(3):
            picture, count, _ = client.predict(saved(tmp_path, jpeg(RED_AND_GREEN), f"{i}.jpg"))
            assert (count, opened(picture).format) == (3, "JPEG")
            with pytest.raises(AppError, match="looks like text"):
                client.predict(saved(tmp_path, b"hello, I am a text"))
        jobs = [client.submit(saved(tmp_path, jpeg(RED), f"{i}.jpg")) for i in range(6)]
        assert [job.result()[1] for job in jobs] == [1] * 6
    for path in ("upload", "queue/join", "queue/data", "file"):
        assert {turn for turn, seen in took if seen == f"/gradio_api/{path}"} == {0, 1}


def test_the_javascript_client(url: str, packages: Path, tmp_path: Path, space: App) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(RED_AND_GREEN))
    found = node.run(packages, "gradio.mjs", url, str(tmp_path / "a.jpg"))
    assert found["blob"]["data"][1] == 3
    assert found["named"]["data"][1] == 0
    assert found["blob"]["bytes"] > 1000
    assert {record.route for record in space.records()} == {"/gradio_api/run/predict"}


def test_the_javascript_client_tells_what_is_wrong(
    url: str, packages: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("hello, I am a text")
    found = node.run(packages, "gradio.mjs", url, str(tmp_path / "a.txt"))
    assert "looks like text" in found["blob"]["message"]
