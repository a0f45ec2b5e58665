"""A bundle comes into place whole or not at all, under its new version, and the former one is kept
until nobody needs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from handler.bundle.files import load_bundle
from handler.bundle.reader import BundleError
from scripts.deployment.gate.place import Placement
from scripts.records.reference import REFERENCE_FILE, read_bundle_reference
from scripts.tool import ToolError
from tests.support.paths import ROOT


@pytest.fixture
def placement(live_bundle: Path, tmp_path: Path) -> Placement:
    """handler/model of a checkout, with the live bundle in it."""
    (tmp_path / "handler").mkdir()
    shutil.copytree(live_bundle, tmp_path / "handler" / "model")
    return Placement(tmp_path / "handler" / "model", tmp_path / "out" / "releases")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_it_is_placed_under_its_version_and_the_source_stays(
    placement: Placement, new_bundle: Path
) -> None:
    (new_bundle / "check.jpg").write_bytes(b"drawn by adapt")
    (placement.model_dir / REFERENCE_FILE).write_bytes(b"the former model's")
    before, former = contents(new_bundle), contents(placement.model_dir)
    manifest = placement.place(new_bundle, "1.0.1")
    assert manifest.version == "1.0.1" and contents(new_bundle) == before
    assert set(contents(placement.model_dir)) == {"model.onnx", "model.json"}
    placed = json.loads((placement.model_dir / "model.json").read_text())
    assert placed["version"] == "1.0.1" and placed["sha256"] == manifest.sha256
    assert [path.name for path in placement.model_dir.parent.iterdir()] == ["model"]
    assert placement.kept and contents(placement.kept) == former


def test_the_reference_goes_along_under_the_new_version(placement: Placement) -> None:
    source = ROOT / "handler" / "model"
    manifest = placement.place(source, "9.0.1")
    reference = read_bundle_reference(placement.model_dir)  # raises where it is of another model
    assert reference.model_version == manifest.version == "9.0.1"
    assert len(reference.observations) == len(read_bundle_reference(source).observations)
    placement.place(source, load_bundle(source).manifest.version)
    assert contents(placement.model_dir) == contents(source)  # to the byte, where nothing changes


def test_put_back_the_former_bundle_is_as_it_was(placement: Placement, new_bundle: Path) -> None:
    former = contents(placement.model_dir)
    placement.place(new_bundle, "1.0.1")
    placement.put_back()
    assert contents(placement.model_dir) == former
    assert list(placement.kept_dir.iterdir()) == []


def test_forgotten_nothing_of_it_is_left(placement: Placement, new_bundle: Path) -> None:
    placement.place(new_bundle, "1.0.1")
    placement.forget()
    assert list(placement.kept_dir.iterdir()) == []
    assert load_bundle(placement.model_dir).manifest.version == "1.0.1"


def test_a_broken_bundle_leaves_the_former_one(placement: Placement, new_bundle: Path) -> None:
    former = contents(placement.model_dir)
    (new_bundle / "model.onnx").write_bytes(b"half a file")
    with pytest.raises(BundleError):
        placement.place(new_bundle, "1.0.1")
    assert contents(placement.model_dir) == former
    assert [path.name for path in placement.model_dir.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("interrupted", [0, 1])
def test_interrupted_at_any_rename_the_former_bundle_is_there(
    placement: Placement, new_bundle: Path, monkeypatch: pytest.MonkeyPatch, interrupted: int
) -> None:
    """Control-C at the first rename of folders, and between the two."""
    former, rename, done = contents(placement.model_dir), Path.rename, []

    def interrupting(self: Path, target: Path) -> Path:
        if self.is_dir():
            if len(done) == interrupted:
                done.append(self)
                raise KeyboardInterrupt
            done.append(self)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupting)
    with pytest.raises(KeyboardInterrupt):
        placement.place(new_bundle, "1.0.1")
    assert contents(placement.model_dir) == former
    assert [path.name for path in placement.model_dir.parent.iterdir()] == ["model"]


def test_where_the_former_bundle_cannot_be_kept_it_stays_in_place(
    placement: Placement, new_bundle: Path
) -> None:
    former = contents(placement.model_dir)
    placement.kept_dir.parent.mkdir()
    placement.kept_dir.write_text("a file where the folder should be")
    with pytest.raises(OSError, match="exists"):
        placement.place(new_bundle, "1.0.1")
    assert contents(placement.model_dir) == former
    assert [path.name for path in placement.model_dir.parent.iterdir()] == ["model"]


def test_two_at_once_are_refused(placement: Placement) -> None:
    other = Placement(placement.model_dir, placement.kept_dir)
    refused = pytest.raises(ToolError, match="another scripts/release")
    with placement.alone(), refused, other.alone():
        pass
    with other.alone():
        pass


def test_killed_between_the_renames_the_next_start_mends_it(
    placement: Placement, new_bundle: Path
) -> None:
    former, folder = contents(placement.model_dir), placement.model_dir.parent
    placement.model_dir.rename(folder / ".model.leaving")
    shutil.copytree(new_bundle, folder / ".model.coming")
    assert placement.mend()
    assert contents(placement.model_dir) == former
    assert [path.name for path in folder.iterdir()] == ["model"]
    assert not placement.mend()


def test_killed_behind_the_renames_the_former_one_is_kept(
    placement: Placement, new_bundle: Path
) -> None:
    former, folder = contents(placement.model_dir), placement.model_dir.parent
    placement.model_dir.rename(folder / ".model.leaving")
    shutil.copytree(new_bundle, placement.model_dir)
    assert placement.mend()
    assert placement.kept and contents(placement.kept) == former
