"""schemathesis, made from the document that is served, against the function on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from scripts.generate.openapi import document
from tests.e2e.clients.conftest import serving
from tests.support.app import make_app

EXAMPLES = 10  # of requests as they should be, and as many as they should not
# Not that what fits the document is accepted: no bytes made at random are a picture.
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(json.loads(document.DOCUMENT.read_text()))
OPERATIONS = {
    found.ok().definition.raw["operationId"]: found.ok() for found in SCHEMA.get_all_operations()
}


@pytest.fixture(scope="module")
def api(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a function that has all but S3."""
    folder = tmp_path_factory.mktemp("api")
    store = (folder / "gradio").as_uri()
    with (
        make_app(tiny_bundle, folder / "log", GRADIO_STORE=store) as app,
        serving(app.module.lambda_handler) as url,
    ):
        yield url


# A request with neither query nor body can only be right.
CASES = [
    pytest.param(name, mode, id=f"{name}-{mode.value}")
    for name, operation in OPERATIONS.items()
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or operation.query or operation.body
]


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_whatever_is_sent_is_answered_as_the_document_says(
    api: str, name: str, mode: GenerationMode
) -> None:
    operation = OPERATIONS[name]

    @given(data=st.data())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        case.call_and_validate(base_url=api, checks=CHECKS)

    send()
