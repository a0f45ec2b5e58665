"""huggingface_hub's InferenceClient, as it is, against the function on loopback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from tests.support.app import App
from tests.support.pictures import RED, RED_AND_GREEN, jpeg, png

PATHS = ("/hf", "/models/squares", "/models/somebody/squares")


@pytest.fixture
def client(url: str) -> InferenceClient:
    return InferenceClient(model=f"{url}/hf", token="anything")


@pytest.mark.parametrize("path", PATHS)
def test_a_picture_is_detected(url: str, path: str, app: App) -> None:
    found = InferenceClient(model=url + path).object_detection(png(RED_AND_GREEN))
    assert [each.label for each in sorted(found, key=lambda each: each.box.ymin)] == [
        "red", "green", "green"
    ]  # fmt: skip
    assert min(each.score for each in found) > 0.9
    [red] = [each.box for each in found if each.label == "red"]
    assert (red.xmin, red.ymin, red.xmax, red.ymax) == (80, 80, 160, 160)
    [record] = app.records()
    assert record.count == 3
    assert record.route.startswith(path.split("/squares")[0].split("/somebody")[0])


@pytest.mark.parametrize("threshold", [None, 0.3])
def test_a_picture_comes_in_any_form_that_it_takes(
    client: InferenceClient, tmp_path: Path, threshold: float | None, app: App
) -> None:
    data = jpeg(RED)
    path = tmp_path / "red.jpg"
    path.write_bytes(data)
    forms: list[Any] = [data, path, str(path)]
    for form in forms:
        [found] = client.object_detection(form, threshold=threshold)
        assert found.label == "red"
    assert {record.thresholds["score"] for record in app.records() if record.thresholds} == {
        0.5 if threshold is None else threshold
    }


def test_nothing_found_is_an_empty_list(client: InferenceClient) -> None:
    assert client.object_detection(png([])) == []
    assert client.object_detection(png(RED), threshold=1.0) == []


@pytest.mark.parametrize("path", PATHS)
def test_it_is_healthy(url: str, path: str) -> None:
    client = InferenceClient(model=url + path, provider="hf-inference")  # which it asks for
    assert client.health_check() is True


@pytest.mark.parametrize(
    ("call", "status", "words"),
    [
        (lambda c: c.object_detection(b"hello, I am a text"), 415, "text"),
        (lambda c: c.object_detection(png(RED)[:300]), 422, "truncated"),
        (lambda c: c.object_detection(b""), 400, "the body is empty"),
        (lambda c: c.object_detection(png(RED), threshold=1.5), 400, "number from 0 to 1"),
        (lambda c: c.object_detection(png(RED), model=f"{c.model}/x/y"), 404, None),
        (
            lambda c: c.object_detection(png(RED), model=c.model.replace("hf", "models/detr")),
            404,
            "the model here is 'squares', not 'detr'",
        ),
    ],
)
def test_what_is_wrong_can_be_read(
    client: InferenceClient,
    call: Callable[[InferenceClient], Any],
    status: int,
    words: str | None,
    app: App,
) -> None:
    with pytest.raises(HfHubHTTPError) as raised:
        call(client)
    assert raised.value.response.status_code == status
    assert (words or "Not Found") in str(raised.value)
    assert [record.outcome for record in app.records()] == ["rejected"] * (status != 404)
