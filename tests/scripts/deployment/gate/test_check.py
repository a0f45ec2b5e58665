"""The gate's checks of one bundle: what is missing, failed or of another file is refused, and the
refusal says what to run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handler.bundle.reader import BundleError
from scripts.deployment.gate.check import check_bundle
from scripts.records.reference import REFERENCE_FILE
from scripts.tool import ToolError
from tests.support.faulty_bundle import GOOD, make_faulty_bundle
from tests.support.gate_bundles import read_json, write_json
from tests.support.paths import ROOT

OTHER = "0" * 64
Change = Callable[[dict[str, Any]], None]


def change_bundle(bundle: Path, change: Change) -> None:
    manifest = read_json(bundle)
    change(manifest)
    write_json(bundle, manifest)


def test_a_bundle_with_all_of_it_passes_and_says_what_was_checked(live_bundle: Path) -> None:
    checked = check_bundle(live_bundle)
    assert dict(checked.findings)["parity"].startswith("40 detections of 5 pictures")
    assert dict(checked.findings)["evaluation"].startswith("cells: 12 pictures, AP50 0.")


def test_the_default_bundle_passes_and_the_monitor_can_compare() -> None:
    checked = check_bundle(ROOT / "handler" / "model")
    assert checked.has_reference and not checked.warnings


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.update(parity=None), ("has no parity", "scripts/run parity")),
        (
            lambda m: m["parity"].update(passed=False, first_difference="boxes"),
            ("failed at boxes", "scripts/run parity"),
        ),
        (
            lambda m: m["parity"].update(onnx_sha256=OTHER),
            ("of another model.onnx", "scripts/run parity"),
        ),
        (
            lambda m: m["parity"].update(checkpoint_sha256=OTHER),
            ("with another checkpoint", "scripts/run parity"),
        ),
        (
            lambda m: m["parity"]["at"][0].update(detections=0),
            ("compared no detection", "scripts/run parity"),
        ),
        (lambda m: m.update(evaluation=[]), ("has no evaluation", "scripts/run evaluate")),
        (
            lambda m: m["evaluation"][0].update(onnx_sha256=OTHER),
            ("none of its evaluations is of this model.onnx", "cells of 000000000000"),
        ),
        (
            lambda m: m["evaluation"][0].pop("onnx_sha256"),
            ("none of its evaluations is of this model.onnx", "cells of an unknown file"),
        ),
        (lambda m: m["evaluation"][0].update(pictures=0), ("evaluated on no picture", "--write")),
    ],
)
def test_what_is_missing_or_of_another_file_is_refused(
    live_bundle: Path, change: Change, words: tuple[str, ...]
) -> None:
    change_bundle(live_bundle, change)
    with pytest.raises(ToolError) as refusal:
        check_bundle(live_bundle)
    for each in words:
        assert each in str(refusal.value)


def test_a_changed_onnx_file_is_refused(live_bundle: Path) -> None:
    path = live_bundle / "model.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BundleError, match=r"model\.json says .*not of one export; copy both again"):
        check_bundle(live_bundle)


def test_an_invalid_model_json_is_refused(live_bundle: Path) -> None:
    change_bundle(live_bundle, lambda m: m.update(classes=["red", "red"]))
    with pytest.raises(BundleError, match="classes must be without repeats"):
        check_bundle(live_bundle)


def test_a_file_that_is_no_model_is_refused_though_its_checksum_is_right(tmp_path: Path) -> None:
    bundle = make_faulty_bundle(tmp_path / "bundle", [GOOD])
    data = b"not a graph"
    (bundle / "model.onnx").write_bytes(data)
    import hashlib

    change_bundle(bundle, lambda m: m.update(sha256=hashlib.sha256(data).hexdigest()))
    with pytest.raises(BundleError, match="ONNX Runtime cannot load it"):
        check_bundle(bundle)


def adapted(manifest: dict[str, Any]) -> None:
    manifest.update(parity=None)
    manifest["provenance"].update(framework="onnx")


def quantized(manifest: dict[str, Any]) -> None:
    manifest.update(parity=None)
    command = "python -m scripts.model.train …; python -m scripts.model.quantize data/mine --half"
    manifest["provenance"].update(training_command=command)


@pytest.mark.parametrize(("make", "kind"), [(adapted, "adapted"), (quantized, "quantized")])
def test_without_a_checkpoint_the_evaluation_stands_for_parity(
    live_bundle: Path, make: Change, kind: str
) -> None:
    change_bundle(live_bundle, make)
    parity = dict(check_bundle(live_bundle).findings)["parity"]
    assert kind in parity and "on cells stands for it" in parity
    change_bundle(live_bundle, lambda m: m["evaluation"][0].update(ap50=0.02))
    with pytest.raises(ToolError, match=f"{kind}.*AP50 is 0.020.*finds next to nothing"):
        check_bundle(live_bundle)


def test_figures_of_another_file_beside_its_own_are_told(live_bundle: Path) -> None:
    def add(manifest: dict[str, Any]) -> None:
        other = manifest["evaluation"][0] | {"dataset": "old", "onnx_sha256": OTHER}
        manifest["evaluation"].append(other)

    change_bundle(live_bundle, add)
    checked = check_bundle(live_bundle)
    assert [subject for subject, _ in checked.findings] == ["parity", "evaluation"]
    assert any("figures of old are not of this model.onnx" in each for each in checked.warnings)


def test_no_reference_is_told_and_one_of_another_model_refused(live_bundle: Path) -> None:
    checked = check_bundle(live_bundle)
    assert not checked.has_reference and "--write-baseline" in checked.warnings[0]
    other = ROOT / "handler" / "model" / REFERENCE_FILE
    (live_bundle / REFERENCE_FILE).write_bytes(other.read_bytes())
    with pytest.raises(ToolError, match="the reference is of microalgae"):
        check_bundle(live_bundle)
