"""Path templates: what each matches, and what its parameters are."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.http.route import compile_template

TEXT = st.text(string.ascii_letters + string.digits + "-._~()'!*:@,;=+&$%<> []{}|^äé漢", min_size=1)


@pytest.mark.parametrize(
    ("template", "path", "params"),
    [
        ("/health", "/health", {}),
        ("/openapi.json", "/openapi.json", {}),
        ("/+/api/predict", "/+/api/predict", {}),
        ("/{project}/{version:int}", "/my cells/03", {"project": "my cells", "version": "03"}),
        ("/models/{owner}/{name}", "/models/a%2Fb/c", {"owner": "a%2Fb", "name": "c"}),
        ("/file={file_id}/{name}", "/file=ab/c.jpg", {"file_id": "ab", "name": "c.jpg"}),
    ],
)
def test_a_path_of_its_template(template: str, path: str, params: dict[str, str]) -> None:
    found = compile_template(template).fullmatch(path)
    assert found
    assert found.groupdict() == params


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/health", "/healthy"),
        ("/health", "/health\n"),
        ("/openapi.json", "/openapi-json"),
        ("/+/api/predict", "//api/predict"),
        ("/{project}/{version:int}", "/cells/x3"),
        ("/{project}/{version:int}", "/cells/٣"),  # a digit, but not ASCII's
        ("/{project}/{version:int}", "/cells/3/4"),
        ("/models/{name}", "/models/"),
        ("/models/{name}", "/models/a/b"),
        ("/models/{name}", '/models/a"b'),
        ("/models/{name}", "/models/a\\b"),
    ],
)
def test_a_path_of_no_template(template: str, path: str) -> None:
    assert compile_template(template).fullmatch(path) is None


@given(owner=TEXT, name=TEXT)
def test_parameters_come_back_as_they_were_sent(owner: str, name: str) -> None:
    found = compile_template("/models/{owner}/{name}").fullmatch(f"/models/{owner}/{name}")
    assert found
    assert found.groupdict() == {"owner": owner, "name": name}
