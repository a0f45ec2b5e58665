"""Events that ended the runtime or were tracebacks, through Lambda's own client and emulator."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.local.http_event import HttpRequest, to_http_api
from tests.support.emulator import Emulator, emulator
from tests.support.paths import SHARED_DATA
from tests.support.pictures import RED, jpeg

pytestmark = pytest.mark.needs_emulator
ODD = SHARED_DATA / "odd_inputs"
TEXT = base64.b64encode(jpeg(RED)).decode()


@pytest.fixture(scope="module")
def running(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("odd")
    env = {"MODEL_DIR": str(tiny_bundle), "GRADIO_STORE": (folder / "store").as_uri()}
    with emulator(folder, env) as made:
        yield made


def health(running: Emulator) -> int:
    """The status of a request that is in order: the runtime lives."""
    _, result = running.invoke(to_http_api(HttpRequest("GET", "/health")))
    return int(result["statusCode"])


@pytest.mark.needs_shared_data
@pytest.mark.needs_shared_data
@pytest.mark.parametrize("name", ["runtime-dies.json", "log-line-lost.json"])
def test_half_a_surrogate_pair_is_answered_and_logged(running: Emulator, name: str) -> None:
    before = len(running.lines("timing_ms"))
    _, result = running.invoke((ODD / name).read_bytes())
    assert result["statusCode"] in (200, 400), result
    assert health(running) == 200
    assert len(running.lines("timing_ms")) == before + 2


def test_a_direct_invoke_and_a_scheduled_event(running: Emulator) -> None:
    _, result = running.invoke({"image": TEXT})
    assert (result["count"], "statusCode" in result) == (1, False)
    _, problem = running.invoke({"image": "@"})
    assert problem["status"] == 400
    scheduled = {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}
    assert running.invoke(scheduled)[1] == {"warm": True}


@pytest.mark.parametrize("event", [b"null", b"[]", b'"text"', b"7", b"{}"])
def test_what_is_no_event_is_one_clear_error(running: Emulator, event: Any) -> None:
    _, error = running.invoke(event)
    assert error["errorType"] == "ValueError"
    assert error["errorMessage"].startswith("this is no HTTP event; expected one of")
    assert json.dumps(error).count("expected") == 1
    assert health(running) == 200
