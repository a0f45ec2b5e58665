"""What a client's own Accept header is answered with."""

from __future__ import annotations

import json

import pytest

from handler.problems import NotAcceptable
from handler.routes.accept import choose_media_type
from tests.support.app import App
from tests.support.pictures import RED, jpeg

# Headers as the clients' sources and the browsers' documentation have them.
JSON_CLIENTS = {
    "JDK 8 to 17's HttpURLConnection": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
    "JDK 21's HttpURLConnection": "text/html, image/gif, image/jpeg, */*; q=0.2",
    "Firefox 92's navigation": (
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
    ),
    "Firefox 128's navigation": (
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/png,"
        "image/svg+xml,*/*;q=0.8"
    ),
    "Chrome's navigation": (
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"
        "*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
    ),
    "Safari's navigation": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Internet Explorer 8": "image/jpeg, application/x-ms-application, text/html, image/gif, */*",
    "axios": "application/json, text/plain, */*",
    "curl, fetch, requests": "*/*",
    "wget": "*/*;q=0.8",
    "Ruby's open-uri": "*/*, image/jpeg",
    "an image as good as JSON": "application/json, image/png",
    "an image after all": "*/*;q=0.5, image/jpeg;q=0.5",
    "an image less than all": "image/png;q=0.5, */*",
    "a page or an image": "text/html, image/jpeg",
    "a page last": "image/jpeg, image/png, text/html;q=0.1",
    "a page in capitals": "Text/HTML, Image/JPEG",
}
PICTURE_CLIENTS = {
    "an image first": ("image/jpeg, */*", "image/jpeg"),
    "an image above all": ("image/png, */*;q=0.9", "image/png"),
    "Chrome's <img>": (
        "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        "image/jpeg",
    ),
    "Firefox's <img>": ("image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
                        "image/png"),
    "an image alone": ("image/*", "image/jpeg"),
    "no page": ("text/html;q=0, image/jpeg, */*;q=0.1", "image/jpeg"),
    "JSON refused": ("text/html, application/json;q=0, image/jpeg", "image/jpeg"),
    "JSON less": ("application/json;q=0.5, image/jpeg", "image/jpeg"),
}  # fmt: skip


@pytest.mark.parametrize("client", JSON_CLIENTS)
def test_a_client_that_takes_all_gets_json(client: str) -> None:
    assert choose_media_type(JSON_CLIENTS[client]) == "application/json"


@pytest.mark.parametrize("client", PICTURE_CLIENTS)
def test_a_client_that_prefers_images_gets_one(client: str) -> None:
    accept, media_type = PICTURE_CLIENTS[client]
    assert choose_media_type(accept) == media_type


@pytest.mark.parametrize("accept", ["text/html", "text/html, text/plain", "x" * 10_000])
def test_what_cannot_be_answered_is_told_in_a_line(accept: str) -> None:
    with pytest.raises(NotAcceptable) as raised:
        choose_media_type(accept)
    assert len(raised.value.detail) < 200


def test_java_gets_the_count(app: App) -> None:
    headers = [("Accept", JSON_CLIENTS["JDK 21's HttpURLConnection"])]
    assert json.loads(app.post(jpeg(RED), headers=headers).body)["count"] == 1
