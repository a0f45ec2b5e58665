"""Roboflow's clients as they are, inference_sdk and roboflow, against the function."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.app import App, make_app
from tests.support.needs import CLIENTS_PYTHON
from tests.support.pictures import RED_AND_GREEN, png

pytestmark = pytest.mark.needs_client_packages
SCRIPT = Path(__file__).with_name("roboflow_clients.py")
KEY = "icebox_a-key"
RUN_S = 120  # a first import compiles OpenCV's and matplotlib's friends


@pytest.fixture
def app(tiny_bundle: Path, tmp_path: Path) -> Iterator[App]:
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    with make_app(tiny_bundle, tmp_path / "log", API_KEY_SHA256=digest) as made:
        yield made


def run(
    url: str, client: str, picture: Path, *, confidence: float = 0.5, key: str = KEY
) -> dict[str, Any]:
    arguments = [url, client, str(picture), str(confidence), key]
    ran = subprocess.run(
        [str(CLIENTS_PYTHON), "-W", "ignore", str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])  # one prints above it
    return told


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(png(RED_AND_GREEN))
    return path


@pytest.mark.parametrize("client", ["inference-sdk", "roboflow"])
def test_boxes_are_those_of_the_native_api(url: str, app: App, client: str, picture: Path) -> None:
    native = json.loads(app.post(picture.read_bytes(), headers=[("x-api-key", KEY)]).body)[
        "detections"
    ]
    told = run(url, client, picture)
    assert "error" not in told, told
    boxes = [
        {
            "xmin": each["x"] - each["width"] / 2,
            "ymin": each["y"] - each["height"] / 2,
            "xmax": each["x"] + each["width"] / 2,
            "ymax": each["y"] + each["height"] / 2,
        }
        for each in told["predictions"]
    ]
    assert [each["class"] for each in told["predictions"]] == [each["label"] for each in native]
    assert len(boxes) == 3
    for box, expected in zip(boxes, native, strict=True):
        assert box == pytest.approx(expected["box"], abs=0.02)
    if client == "inference-sdk":  # as supervision reads it
        corners = [list(each["box"].values()) for each in native]
        assert told["xyxy"] == [pytest.approx(each, abs=1.01) for each in corners]


@pytest.mark.parametrize("client", ["inference-sdk", "roboflow"])
def test_the_confidence_is_used_and_recorded(
    url: str, app: App, client: str, picture: Path
) -> None:
    assert "error" not in run(url, client, picture, confidence=0.25)
    [record] = app.records()
    assert record.thresholds["score"] == 0.25
    assert record.route == "/{project}/{version:int}"


def test_what_is_wrong_is_a_clear_exception(url: str, app: App, tmp_path: Path) -> None:
    wrong = tmp_path / "a.jpg"
    wrong.write_bytes(b"no picture")
    error = run(url, "inference-sdk", wrong)["error"]
    assert error.startswith("HTTPCallErrorError") and "this looks like text" in error
    assert "status_code=415" in error


@pytest.mark.parametrize(
    ("client", "said"), [("inference-sdk", "key is not known"), ("roboflow", "403 Client Error")]
)
def test_an_unknown_key_is_told(url: str, app: App, client: str, said: str, picture: Path) -> None:
    """The second tells a status in its own words only."""
    assert said in run(url, client, picture, key="wrong")["error"]
    assert app.records() == []
