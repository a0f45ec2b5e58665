"""Labels in a query: with commas between them, and with commas in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from handler.problems import BadRequest
from handler.routes.parameters import labels
from tests.support.app import make_app
from tests.support.pictures import RED_AND_GREEN, jpeg
from tests.support.tiny_bundle import make_tiny_bundle

CLASSES = ("red", "red, dark", "car, van, bus", "a,b", "a", "b")


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("red", ["red"]),
        ("red, dark", ["red, dark"]),
        ("red,red, dark", ["red", "red, dark"]),
        ("red, dark,red", ["red, dark", "red"]),
        ("car, van, bus,a", ["car, van, bus", "a"]),
        ("a,b", ["a,b"]),  # the longest; `a` and `b` apart are two parameters
        ("b,a", ["b", "a"]),
    ],
)
def test_a_label_may_have_commas(value: str, names: list[str]) -> None:
    assert labels(value, CLASSES) == names


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (" red , a ", ["red", "a"]),
        ("red,,a,", ["red", "a"]),
        (" red, dark ,a", ["red, dark", "a"]),
        ("", []),
        (" , ", []),
    ],
)
def test_roboflows_may_have_spaces_around(value: str, names: list[str]) -> None:
    assert labels(value, CLASSES, is_lenient=True) == names


@pytest.mark.parametrize("value", ["", "blue", "red,", "red, ", "car, van", " red", "red," * 9000])
def test_others_are_refused(value: str) -> None:
    with pytest.raises(BadRequest, match="unknown label '") as raised:
        labels(value, CLASSES)
    assert len(raised.value.detail) < 700


def test_every_route_names_a_class_with_a_comma(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle")
    manifest = json.loads((bundle / "model.json").read_text())
    manifest["classes"] = ["cell, red", "cell, green"]
    (bundle / "model.json").write_text(json.dumps(manifest))
    picture = jpeg(RED_AND_GREEN)
    with make_app(bundle, tmp_path / "log") as app:
        for value, classes in {
            "cell,%20green": ["cell, green"] * 2,
            "cell,%20green,cell,%20red": ["cell, green"] * 2 + ["cell, red"],
            "cell,%20green&{}=cell,%20red": ["cell, green"] * 2 + ["cell, red"],
        }.items():
            native = app.post(picture, query=f"?labels={value.format('labels')}")
            found = json.loads(native.body)["detections"]
            assert sorted(each["label"] for each in found) == classes
            query = f"?classes={value.format('classes')}"
            roboflow = app.send("POST", f"/cells/1{query}", picture)
            found = json.loads(roboflow.body)["predictions"]
            assert sorted(each["class"] for each in found) == classes
        answer = app.send("POST", "/cells/1?classes=cell", picture)
        assert "unknown class 'cell'" in json.loads(answer.body)["message"]
