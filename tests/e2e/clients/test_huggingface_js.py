"""@huggingface/inference, as it is, against the function on loopback."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.clients import node
from tests.support.app import App
from tests.support.pictures import RED, jpeg

FORMS = ("blob", "untyped", "buffer")


def test_a_picture_is_detected(url: str, packages: Path, tmp_path: Path, app: App) -> None:
    (tmp_path / "red.jpg").write_bytes(jpeg(RED))
    found = node.run(packages, "huggingface.mjs", f"{url}/hf", str(tmp_path / "red.jpg"))
    assert tuple(found) == FORMS
    for form in FORMS:
        [one] = found[form]
        assert one["label"] == "red"
        assert one["score"] > 0.9
        assert set(one["box"]) == {"xmin", "ymin", "xmax", "ymax"}
    assert [record.count for record in app.records()] == [1, 1, 1]


def test_what_is_wrong_can_be_read(url: str, packages: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello, I am a text")
    found = node.run(packages, "huggingface.mjs", f"{url}/hf", str(tmp_path / "a.txt"))
    for form in FORMS:
        assert found[form]["status"] == 415
        assert "this looks like text" in found[form]["message"]
