"""Whether a bundle may be released at all: its files, its parity and its evaluation.

Parity says that Lambda answers what the training framework answers. Bundles made by `adapt` or
`quantize` have no checkpoint that this project could ask: `adapt` reads an ONNX file made
elsewhere, and `quantize` changes the network on purpose. Their evaluation stands for it: a graph
whose boxes are decoded wrongly finds next to nothing of what people labelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from handler.bundle.files import Bundle, load_bundle
from handler.bundle.manifest import Evaluation, Manifest
from handler.detection.detector import Detector
from scripts.records.reference import REFERENCE_FILE, read_bundle_reference
from scripts.tool import ToolError

MIN_AP50_WITHOUT_PARITY = 0.1  # boxes decoded wrongly give about 0


@dataclass(frozen=True)
class CheckedBundle:
    """A bundle that may be released. findings: what was checked, (subject, sentence) each.
    has_reference: whether the monitor can compare. warnings: sentences."""

    bundle: Bundle
    findings: tuple[tuple[str, str], ...]
    has_reference: bool
    warnings: tuple[str, ...]

    @property
    def manifest(self) -> Manifest:
        return self.bundle.manifest


def check_bundle(bundle_dir: Path) -> CheckedBundle:
    """Check a bundle as far as it can be checked without another one.

    Raises BundleError for files that are no bundle, and ToolError, which says what to run, where
    parity or evaluation is missing, has failed, or is of another model.onnx.
    """
    bundle = load_bundle(bundle_dir)
    Detector.load(bundle, threads=1)  # raises for a graph that breaks the bundle's contract
    manifest = bundle.manifest
    evaluations = _check_evaluation(manifest, bundle_dir)
    parity = _check_parity(manifest, evaluations, bundle_dir)
    stale = [each.dataset for each in manifest.evaluation if each not in evaluations]
    warnings = []
    if stale:
        warnings.append(
            f"model.json's figures of {', '.join(stale)} are not of this model.onnx, as far as "
            "they say; they count for nothing here"
        )
    reference_warning = _check_reference(bundle_dir)
    if reference_warning:
        warnings.append(reference_warning)
    findings = [("parity", parity)]
    for each in evaluations:
        figures = f"AP50 {each.ap50:.3f}, count error {each.count_error:.1%}"
        findings.append(("evaluation", f"{each.dataset}: {each.pictures} pictures, {figures}"))
    return CheckedBundle(bundle, tuple(findings), not reference_warning, tuple(warnings))


def own_evaluations(manifest: Manifest) -> tuple[Evaluation, ...]:
    """The figures that are of this very model.onnx, by the checksum that they quote."""
    return tuple(each for each in manifest.evaluation if each.onnx_sha256 == manifest.sha256)


def _check_evaluation(manifest: Manifest, bundle_dir: Path) -> tuple[Evaluation, ...]:
    command = f"scripts/run evaluate {bundle_dir} FOLDER --write"
    if not manifest.evaluation:
        raise ToolError(
            f"{bundle_dir} has no evaluation; measure it on labelled pictures: {command}"
        )
    own = own_evaluations(manifest)
    if not own:
        others = ", ".join(
            f"{each.dataset} of {each.onnx_sha256[:12] if each.onnx_sha256 else 'an unknown file'}"
            for each in manifest.evaluation
        )
        raise ToolError(
            f"{bundle_dir}: none of its evaluations is of this model.onnx "
            f"({manifest.sha256[:12]}), but: {others}; measure it again: {command}"
        )
    if not any(each.pictures > 0 for each in own):
        raise ToolError(f"{bundle_dir} was evaluated on no picture; give a folder: {command}")
    return own


def _check_parity(manifest: Manifest, evaluations: tuple[Evaluation, ...], bundle_dir: Path) -> str:
    """A sentence of what stands for parity. Raises ToolError."""
    parity, checkpoint = manifest.parity, manifest.provenance.checkpoint_sha256
    command = f"scripts/run parity {bundle_dir} CHECKPOINT PICTURES"
    if parity is None:
        return _stand_in_for_parity(manifest, evaluations, bundle_dir, command)
    if parity.onnx_sha256 != manifest.sha256:
        raise ToolError(
            f"{bundle_dir}: its parity is of another model.onnx ({parity.onnx_sha256[:12]}, this "
            f"is {manifest.sha256[:12]}); compare it again: {command}"
        )
    if checkpoint is not None and parity.checkpoint_sha256 != checkpoint:
        raise ToolError(
            f"{bundle_dir}: its parity is with another checkpoint "
            f"({parity.checkpoint_sha256[:12]}) than the one it was exported from "
            f"({checkpoint[:12]}); compare it with that one: {command}"
        )
    if not parity.passed:
        raise ToolError(
            f"{bundle_dir}: its parity failed at {parity.first_difference}; the function would not "
            f"answer what the checkpoint answers. Export it again, then: {command}"
        )
    detections = max((at.detections for at in parity.at), default=0)
    if not detections:
        raise ToolError(
            f"{bundle_dir}: its parity compared no detection, which proves nothing; compare it on "
            f"pictures with objects: {command}"
        )
    pictures = "1 picture" if parity.pictures == 1 else f"{parity.pictures} pictures"
    return f"{detections} detections of {pictures} are the training framework's"


def _stand_in_for_parity(
    manifest: Manifest, evaluations: tuple[Evaluation, ...], bundle_dir: Path, command: str
) -> str:
    kind = _origin_without_checkpoint(manifest)
    if kind is None:
        raise ToolError(
            f"{bundle_dir} has no parity: nobody compared it with its checkpoint; run {command}"
        )
    best = max(evaluations, key=lambda each: each.ap50)
    if best.ap50 < MIN_AP50_WITHOUT_PARITY:
        raise ToolError(
            f"{bundle_dir} is {kind}, so its evaluation stands for parity, and its best AP50 is "
            f"{best.ap50:.3f} ({best.dataset}), under {MIN_AP50_WITHOUT_PARITY:g}: it finds next "
            "to nothing. Look at what it detects: scripts/run adapt … --check PICTURE"
        )
    return f"none, it is {kind}; AP50 {best.ap50:.3f} on {best.dataset} stands for it"


def _origin_without_checkpoint(manifest: Manifest) -> str | None:
    """Why there is no checkpoint to compare with, None where there is one."""
    provenance = manifest.provenance
    if provenance.framework == "onnx":
        return "adapted from an ONNX file made elsewhere"
    if "scripts.model.quantize" in (provenance.training_command or ""):
        return "quantized"
    return None


def _check_reference(bundle_dir: Path) -> str | None:
    """A sentence where the monitor would have nothing of this bundle to compare with. Raises
    ToolError for a reference of another bundle."""
    if not (bundle_dir / REFERENCE_FILE).is_file():
        return (
            f"{bundle_dir} has no {REFERENCE_FILE}: the monitor will have nothing to compare this "
            f"model's records with. Make it: scripts/run evaluate {bundle_dir} FOLDER "
            "--write-baseline"
        )
    read_bundle_reference(bundle_dir)
    return None
