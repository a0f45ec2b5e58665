"""A page of somebody else's calls the API, as its CORS headers let it, in a real browser."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.browser.conftest import opened
from tests.e2e.browser.pictures import STRONG, squares
from tests.e2e.clients.conftest import serving
from tests.support.app import App

# As a page's own script would, with a key, which makes the browser ask beforehand.
CALL = """async ([url, bytes]) => {
  const headers = {"x-api-key": "a-key", "content-type": "image/png"};
  const body = new Uint8Array(bytes);
  const answer = await fetch(url + "v1/detect", {method: "POST", headers, body});
  return {id: answer.headers.get("x-prediction-id"), text: await answer.text()};
}"""


def test_another_pages_script_reads_answer_and_predictions_name(
    chromium: Any, url: str, app: App
) -> None:
    with (
        serving(lambda *_: {"statusCode": 200, "body": "somebody else's"}) as elsewhere,
        opened(chromium, elsewhere) as visit,
    ):
        told = visit.page.evaluate(CALL, [url, list(squares())])
    found = json.loads(told["text"])
    assert found["count"] == STRONG
    assert told["id"] == found["prediction_id"]
    assert len(app.records()) == 1  # the question beforehand was none
