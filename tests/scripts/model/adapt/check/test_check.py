"""--check on a detector that looks at its picture: what is right is found, and by what."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from PIL import Image

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.images.decode import decode
from scripts.model.adapt.adapter import AdaptResult, adapt
from scripts.model.adapt.check import search
from scripts.model.adapt.check.check import check_readings
from scripts.model.adapt.check.option_text import option_text
from scripts.model.adapt.check.pictures import read_check_pictures
from scripts.model.adapt.check.words import explain_decision, format_check
from scripts.model.adapt.loading.foreign_model import load_foreign_model
from scripts.model.adapt.options import AdaptOptions
from scripts.model.adapt.recognition.recognise import Recognition, recognise_format
from tests.scripts.model.adapt.check.square_finder import (
    BLUE,
    RED,
    draw_squares,
    red_pictures,
    square_finder,
)
from tests.scripts.model.adapt.foreign_graphs import save


def check(folder: Path, pictures: list[Path], *, classes: str = "tomato", **graph: Any) -> Any:
    """The result of adapt on a square_finder and these pictures."""
    options = {name: graph.pop(name) for name in list(graph) if name in ("order", "given_scale")}
    return adapt(
        save(square_finder(**graph), folder),
        folder / "bundle",
        name="squares",
        version="1",
        options=AdaptOptions(
            classes=classes, order=options.get("order"), scale=options.get("given_scale")
        ),
        check_paths=pictures,
    )


def find(folder: Path, picture: Path) -> np.ndarray:
    """The boxes that the written bundle finds."""
    detector = Detector.load(load_bundle(folder / "bundle"), threads=1)
    decoded = decode(picture.read_bytes(), max_pixels=10**6)
    return detector.detect(decoded, Thresholds(0.5, 0.3, 100)).detections.boxes


def explain(result: AdaptResult) -> str:
    assert result.check is not None
    return explain_decision(result.check)


def test_the_right_default_stays(tmp_path: Path) -> None:
    pictures = red_pictures(tmp_path / "photos")
    result = check(tmp_path, pictures, scale=1)
    assert result.check.decision.outcome == "default"
    assert (result.reading.preprocessing.order, result.reading.preprocessing.scale) == ("rgb", 1)
    assert explain(result).startswith("the format's default looks right: confirmed score mass")
    assert len(find(tmp_path, pictures[0])) == 3
    assert (tmp_path / "bundle" / "check.jpg").exists()


def test_a_wrong_scale_is_found_out_and_the_bundle_is_made_with_the_right_one(
    tmp_path: Path,
) -> None:
    pictures = red_pictures(tmp_path / "photos")
    result = check(tmp_path, pictures, scale=255)
    assert result.check.decision.outcome == "decided"
    assert (result.reading.preprocessing.order, result.reading.preprocessing.scale) == ("rgb", 255)
    assert "pixels 0..255, not pixels 0..1, the format's default" in explain(result)
    assert "--scale 1 makes it with the default" in explain(result)
    boxes = find(tmp_path, pictures[0])
    expected = np.array([(24, 40), (120, 56), (64, 120)])
    order = np.argsort(boxes[:, 1])
    assert np.abs(boxes[order, :2] - expected).max() <= 8


def test_a_wrong_order_is_found_out(tmp_path: Path) -> None:
    result = check(tmp_path, red_pictures(tmp_path / "photos"), channels=(2,))
    assert result.check.decision.outcome == "decided"
    assert result.reading.preprocessing.order == "bgr"
    assert "--order rgb makes it with the default" in explain(result)


def test_what_the_user_says_is_not_varied(tmp_path: Path) -> None:
    result = check(
        tmp_path, red_pictures(tmp_path / "photos"), scale=255, order="rgb", given_scale=1.0
    )
    tried = [trial.variant.reading.preprocessing for trial in result.check.trials]
    assert {(each.order, each.scale) for each in tried} == {("rgb", 1.0)} and len(tried) > 2
    assert result.check.decision.outcome == "nothing"
    assert "nothing is found in any reading" in explain(result)
    assert "What --order, --scale say is not varied: without them others are tried" in explain(
        result
    )
    assert "nothing is found on the pictures of --check" in result.warnings


def test_saturated_scores_are_no_evidence(tmp_path: Path) -> None:
    """Pixels of 0..255 for 0..1 give a score of 1 wherever there is a tint of red."""
    pictures = []
    (tmp_path / "photos").mkdir()
    for number in range(3):
        rng = np.random.default_rng(number)
        tint = rng.integers(-6, 7, (24, 32, 3)).repeat(8, 0).repeat(8, 1)
        path = draw_squares(tmp_path / "photos" / f"{number}.png", [(24, 40, RED), (120, 56, RED)])
        pixels = np.asarray(Image.open(path)).astype(int) + tint
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
        pictures.append(path)
    result = check(tmp_path, pictures, scale=1)
    assert result.check.decision.outcome == "default"
    [saturated] = [
        trial
        for trial in result.check.trials
        if trial.variant.title == "boxes-scores, RGB, 0..255, centred"
    ]
    chosen = result.check.decision.chosen
    assert saturated.score_mass > 5 * chosen.score_mass
    assert saturated.junk is not None and chosen.junk is None
    assert "?" in format_check(result.check)


def test_a_slow_network_is_tried_on_fewer_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MAX_SECONDS", 1e-3)
    result = check(tmp_path, red_pictures(tmp_path / "photos"))
    assert [picture.path.name for picture in result.check.pictures] == ["0.png"]
    assert any("only 1 of 3 pictures are tried" in note for note in result.notes)


def test_bytes_have_no_scale_to_try(tmp_path: Path) -> None:
    result = check(tmp_path, red_pictures(tmp_path / "photos"), scale=255, dtype=TensorProto.UINT8)
    tried = [trial.variant.reading.preprocessing for trial in result.check.trials]
    assert {each.scale for each in tried} == {255.0}
    assert {each.order for each in tried} == {"rgb", "bgr"}
    assert result.check.decision.outcome == "default"


def label(picture: Path, objects: list[tuple[int, int, str]]) -> None:
    """Pascal VOC beside a picture, of squares of 32 px: (left, top, name)."""
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = picture.name
    for left, top, name in objects:
        item = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(item, "name").text = name
        box = ElementTree.SubElement(item, "bndbox")
        for key, value in zip(
            ("xmin", "ymin", "xmax", "ymax"), (left, top, left + 32, top + 32), strict=True
        ):
            ElementTree.SubElement(box, key).text = str(value)
    picture.with_suffix(".xml").write_bytes(ElementTree.tostring(root))


@pytest.mark.parametrize(("channels", "outcome"), [((0, 2), "default"), ((2, 0), "decided")])
def test_labels_tell_an_order_that_only_swaps_classes(
    channels: tuple[int, ...], outcome: str, tmp_path: Path
) -> None:
    folder = tmp_path / "labelled"
    folder.mkdir()
    for number in range(5):
        places = [(24 + 16 * number, 40), (136, 56 + 8 * number), (64, 120)]
        kinds = [(RED, "Tomato"), (BLUE, "Plum"), (RED, "Tomato")]
        picture = draw_squares(
            folder / f"{number}.png",
            [(*place, colour) for place, (colour, _) in zip(places, kinds, strict=True)],
            seed=number,
        )
        label(picture, [(*place, name) for place, (_, name) in zip(places, kinds, strict=True)])
    result = check(tmp_path, [folder], classes="tomato,plum", channels=channels)
    decision = result.check.decision
    assert (decision.outcome, decision.measure, decision.objects) == (outcome, "ap50", 15)
    assert decision.chosen.ap50 > 0.95
    by_order = {
        trial.variant.reading.preprocessing.order: trial.ap50
        for trial in result.check.trials
        if not set(trial.variant.axes_from(decision.chosen.variant)) - {"order"}
    }
    assert sorted(by_order.values())[0] < 0.1
    assert "AP50" in format_check(result.check)


def test_a_rival_reading_of_the_boxes_is_found_out(tmp_path: Path) -> None:
    """Corners taken for centre and size give boxes that the mirrored picture does not confirm."""
    foreign = load_foreign_model(save(square_finder(), tmp_path))
    right = recognise_format(foreign).reading
    wrong = dataclasses.replace(right, coding="cxcywh")
    red_pictures(tmp_path / "photos")
    found = check_readings(
        foreign,
        Recognition(wrong, (right,)),
        ("tomato",),
        AdaptOptions(),
        read_check_pictures([tmp_path / "photos"]),
    )
    decision = found.decision
    assert decision.outcome == "decided" and decision.chosen.variant.reading.coding == "xyxy"
    assert option_text(decision.chosen.variant, decision.default.variant) == "--coding xyxy"
