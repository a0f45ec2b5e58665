"""A function that asks for a key, before the clients that people have: with it, and without."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from tests.support.app import App, make_app
from tests.support.pictures import RED, jpeg

KEY = "icebox_a-key"


@pytest.fixture
def app(tiny_bundle: Path, tmp_path: Path) -> Iterator[App]:
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    store = (tmp_path / "store").as_uri()
    with make_app(tiny_bundle, tmp_path / "log", GRADIO_STORE=store, API_KEY_SHA256=digest) as made:
        yield made


def test_hugging_faces_token_is_the_key(url: str) -> None:
    [found] = InferenceClient(model=f"{url}/hf", token=KEY).object_detection(jpeg(RED))
    assert found.label == "red"


@pytest.mark.parametrize(("token", "status"), [(None, 401), ("hf_wrong", 403)])
def test_hugging_faces_client_is_told(url: str, app: App, token: str | None, status: int) -> None:
    client = InferenceClient(model=f"{url}/hf", token=token)
    with pytest.raises(HfHubHTTPError, match="key") as error:
        client.object_detection(jpeg(RED))
    assert error.value.response.status_code == status
    assert app.records() == []


@pytest.mark.parametrize("headers", [{"Authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}])
def test_gradios_client_brings_it_with_every_request(
    url: str, tmp_path: Path, headers: dict[str, str]
) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(jpeg(RED))
    client = Client(url, headers=headers, verbose=False, download_files=str(tmp_path / "down"))
    try:
        result = client.predict(handle_file(picture), api_name="/predict")
    finally:
        client.close()
    assert result[1] == 1


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        (None, 401, "credentials were not provided"),
        ({"x-api-key": "wrong"}, 403, "Could not get Gradio config"),
    ],
)
def test_gradios_client_is_told(
    url: str, tmp_path: Path, headers: dict[str, str] | None, status: int, said: str
) -> None:
    """In its own words, whatever the answer's are."""
    with pytest.raises(Exception, match=said):
        Client(url, headers=headers, verbose=False, download_files=str(tmp_path / "down"))
    answer = httpx.get(f"{url}/config", headers=headers, trust_env=False)
    assert answer.status_code == status
    assert "key" in answer.json()["detail"]


def test_roboflows_clients_have_it_in_their_url(url: str) -> None:
    for key, status in ((KEY, 200), ("wrong", 403), ("", 401)):
        answer = httpx.post(
            f"{url}/cells/1?api_key={key}",
            content=jpeg(RED),
            trust_env=False,
            headers={"Content-Type": "image/jpeg"},
        )
        assert answer.status_code == status, answer.text
        assert status == 200 or "key" in answer.json()["message"]
