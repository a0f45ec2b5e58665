"""Live against new on the live model's own pictures: what is refused, told and kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from scripts.deployment.gate.compare import compare, describe_class_change
from scripts.deployment.gate.comparison import Comparison, format_comparison
from scripts.model.dataset import DatasetError
from scripts.tool import ToolError
from tests.support.gate_bundles import (
    evaluate,
    make_bundle,
    read_json,
    write_json,
    write_labelled_cells,
)

ROUNDS = 3


def verdicts(comparison: Comparison) -> dict[str, str]:
    return {row.margin.name: row.verdict for each in comparison.sets for row in each.rows}


def test_a_model_that_finds_the_same_is_as_good(
    live_bundle: Path, new_bundle: Path, cells: Path
) -> None:
    """The folder is the one that the live model.json names."""
    comparison = compare(live_bundle, new_bundle, rounds=ROUNDS)
    assert set(verdicts(comparison).values()) == {"as good"}
    assert [each.dataset for each in comparison.sets] == ["cells"]
    assert comparison.sets[0].folder == str(cells) and comparison.sets[0].pictures == 12
    assert comparison.worse == () and comparison.classes_changed is None
    assert comparison.live.sha256 != comparison.new.sha256
    table = format_comparison(comparison)
    assert table.splitlines()[0].startswith("cells: 12 pictures, 45 objects")
    assert table.endswith("passed")
    for title in ("AP50", "count error", "inference", "model.onnx"):
        assert title in table


def test_weights_that_score_too_low_are_worse(live_bundle: Path, cells: Path) -> None:
    worse = make_bundle(live_bundle.parent / "worse", cells, score_factor=0.4)
    comparison = compare(live_bundle, worse, rounds=ROUNDS)
    assert verdicts(comparison)["recall"] == "worse"
    assert "recall on cells" in comparison.worse and "count error on cells" in comparison.worse
    assert format_comparison(comparison).splitlines()[-1].startswith("worse than allowed: ")


def test_boxes_a_little_off_are_worse(live_bundle: Path, cells: Path) -> None:
    worse = make_bundle(live_bundle.parent / "worse", cells, shift_px=1.0)
    assert verdicts(compare(live_bundle, worse, rounds=ROUNDS))["ap"] == "worse"


def test_another_threshold_of_the_same_file_is_worse(live_bundle: Path, cells: Path) -> None:
    worse = make_bundle(live_bundle.parent / "worse", cells, score_threshold=0.995)
    comparison = compare(live_bundle, worse, rounds=ROUNDS)
    assert comparison.live.sha256 == comparison.new.sha256
    assert verdicts(comparison)["recall"] == "worse" and verdicts(comparison)["ap50"] == "as good"


def test_pictures_of_another_number_are_refused(
    live_bundle: Path, new_bundle: Path, cells: Path
) -> None:
    """Each picture twice: all figures come out as before."""
    other = shutil.copytree(cells, live_bundle.parent / "cells")
    for path in sorted(cells.iterdir()):
        text = (
            path.read_text().replace(path.stem, f"again-{path.stem}")
            if path.suffix == ".xml"
            else ""
        )
        again = other / f"again-{path.name}"
        again.write_text(text) if text else shutil.copy(path, again)
    with pytest.raises(ToolError, match=r"not the pictures.*cells has 12 pictures, this folder 24"):
        compare(live_bundle, new_bundle, [other], rounds=ROUNDS)


@pytest.mark.parametrize("name", ["cells", "elsewhere"])
def test_as_many_other_pictures_are_refused(
    live_bundle: Path, new_bundle: Path, name: str, cells: Path
) -> None:
    """A picture's labels are others: that is another set, whatever the folder is called."""
    other = shutil.copytree(cells, live_bundle.parent / name)
    (other / "02.xml").write_text((other / "03.xml").read_text().replace("03.png", "02.png"))
    with pytest.raises(ToolError, match=r"not the pictures.*by its model\.json, and 0\.\d+ here"):
        compare(live_bundle, new_bundle, [other], rounds=ROUNDS)


def test_the_same_pictures_under_another_name_are_recognised(
    live_bundle: Path, new_bundle: Path, cells: Path
) -> None:
    moved = shutil.copytree(cells, live_bundle.parent / "elsewhere")
    comparison = compare(live_bundle, new_bundle, [moved], rounds=ROUNDS)
    assert [each.dataset for each in comparison.sets] == ["cells"] and not comparison.notes


def test_a_set_that_is_not_here_is_named_with_its_command(
    live_bundle: Path, new_bundle: Path
) -> None:
    manifest = read_json(live_bundle)
    command = "python -m scripts.model.evaluate data/first /nowhere/cells"
    manifest["evaluation"][0]["command"] = command
    write_json(live_bundle, manifest)
    with pytest.raises(ToolError) as refusal:
        compare(live_bundle, new_bundle, rounds=ROUNDS)
    assert f"cells (12 pictures, measured by: {command})" in str(refusal.value)
    assert "--pictures" in str(refusal.value)


def test_of_two_sets_the_one_that_is_not_here_is_told(live_bundle: Path, new_bundle: Path) -> None:
    manifest = read_json(live_bundle)
    other = {"dataset": "photos", "pictures": 6, "command": "python -m evaluate b /nowhere/photos"}
    manifest["evaluation"].append(manifest["evaluation"][0] | other)
    write_json(live_bundle, manifest)
    comparison = compare(live_bundle, new_bundle, rounds=ROUNDS)
    assert [each.dataset for each in comparison.sets] == ["cells"]
    assert "photos (6 pictures" in comparison.notes[0]
    assert "note: not compared, its pictures are not here" in format_comparison(comparison)


def test_a_folder_given_for_one_set_leaves_out_no_other(
    live_bundle: Path, new_bundle: Path, cells: Path
) -> None:
    """Else a set on which the new model does badly could be kept out."""
    more = write_labelled_cells(live_bundle.parent / "more", 4, seed=8)
    evaluate(live_bundle, more)
    moved = shutil.copytree(cells, live_bundle.parent / "elsewhere")
    comparison = compare(live_bundle, new_bundle, [moved], rounds=ROUNDS)
    assert [each.dataset for each in comparison.sets] == ["cells", "more"]
    assert [each.folder for each in comparison.sets] == [str(moved), str(more)]
    assert comparison.notes == ()


def test_a_live_model_without_evaluation_is_refused(live_bundle: Path, new_bundle: Path) -> None:
    manifest = read_json(live_bundle)
    manifest["evaluation"] = []
    write_json(live_bundle, manifest)
    with pytest.raises(ToolError, match=r"squares 1\.0\.0, has no evaluation.*--live LIVE_BUNDLE"):
        compare(live_bundle, new_bundle, rounds=ROUNDS)


def test_a_folder_without_labels_is_refused(live_bundle: Path, new_bundle: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder"):
        compare(live_bundle, new_bundle, [live_bundle / "nowhere"], rounds=ROUNDS)


def test_labels_that_the_new_model_does_not_know_are_not_compared(
    live_bundle: Path, new_bundle: Path
) -> None:
    manifest = read_json(new_bundle)
    manifest["classes"] = ["rot", "green"]
    write_json(new_bundle, manifest)
    comparison = compare(live_bundle, new_bundle, rounds=ROUNDS)
    assert comparison.sets == () and comparison.classes_changed == "gone: red; new: rot"
    assert "not compared on cells: its labels red" in comparison.notes[0]
    assert "classes: gone: red; new: rot" in format_comparison(comparison)


def test_classes_in_another_order_are_a_change(live_bundle: Path, new_bundle: Path) -> None:
    from handler.bundle.files import load_bundle

    live = load_bundle(live_bundle).manifest
    assert describe_class_change(live, live) is None
    manifest = read_json(new_bundle)
    manifest["classes"] = ["green", "red"]
    write_json(new_bundle, manifest)
    change = describe_class_change(live, load_bundle(new_bundle).manifest)
    assert change == "in another order: green, red"


def test_the_next_model_is_compared_on_the_same_set(
    live_bundle: Path, new_bundle: Path, cells: Path
) -> None:
    """The new model's figures on it are those that evaluate writes, whatever model.json says."""
    measured = read_json(new_bundle)["evaluation"][0]
    manifest = read_json(new_bundle)
    manifest["evaluation"] = []
    write_json(new_bundle, manifest)
    (kept,) = compare(live_bundle, new_bundle, rounds=ROUNDS).evaluations("handler/model")
    expected = measured | {"command": f"python -m scripts.model.evaluate handler/model {cells}"}
    assert kept._asdict() == expected


def test_a_record_keeps_it_as_plain_json(live_bundle: Path, new_bundle: Path) -> None:
    kept = compare(live_bundle, new_bundle, rounds=ROUNDS).to_dict()
    assert json.loads(json.dumps(kept, allow_nan=False)) == kept
    figures = kept["sets"][0]["figures"]
    assert figures["ap50"]["allowed"] == -0.01 and figures["ap50"]["verdict"] == "as good"
    assert kept["sets"][0]["dataset"] == "cells" and kept["worse"] == []
    assert kept["cost"]["model_mb"]["new"] > 0
