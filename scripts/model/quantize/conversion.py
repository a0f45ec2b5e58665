"""A converted graph before it is written: its bytes, its detector, its accuracy, its manifest."""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnxruntime

from handler.bundle.files import Bundle, load_bundle
from handler.bundle.manifest import Manifest
from handler.detection.detector import Detector
from scripts.model.quantize.edits import serialize
from scripts.model.quantize.measure import AccuracyLoss, FloatAccuracy


@dataclass(frozen=True, eq=False)
class FloatBundle:
    """The bundle to convert: its graph, and a detector on one thread to compare with."""

    bundle: Bundle
    model: onnx.ModelProto
    detector: Detector

    @classmethod
    def load(cls, bundle_dir: Path) -> FloatBundle:
        """Raises handler.bundle.reader.BundleError."""
        bundle = load_bundle(bundle_dir)
        return cls(bundle, onnx.load(bundle.onnx_path), Detector.load(bundle, threads=1))

    @property
    def manifest(self) -> Manifest:
        return self.bundle.manifest

    @property
    def megabytes(self) -> float:
        return self.bundle.onnx_path.stat().st_size / 1e6


@dataclass(frozen=True, eq=False)
class Conversion:
    """A converted graph and what it loses on each evaluation set.

    float_groups: indices of the layer groups that stay float in an int8 graph.
    """

    onnx_bytes: bytes
    detector: Detector
    losses: tuple[AccuracyLoss, ...]
    float_groups: frozenset[int] = frozenset()

    @property
    def megabytes(self) -> float:
        return len(self.onnx_bytes) / 1e6

    @property
    def worst_loss(self) -> float:
        """Points of AP50 lost on the set that loses most; 0 without a set."""
        return max((loss.points for loss in self.losses), default=0.0)


def evaluate_conversion(
    source: FloatBundle,
    converted: onnx.ModelProto,
    float_accuracy: FloatAccuracy,
    work_dir: Path,
    float_groups: frozenset[int] = frozenset(),
) -> Conversion:
    """Load a converted graph as the handler does, and measure what it loses.

    Raises handler.bundle.reader.BundleError.
    """
    onnx_bytes = serialize(converted, source.model)
    onnx_path = work_dir / "converted.onnx"
    onnx_path.write_bytes(onnx_bytes)
    detector = Detector.load(Bundle(source.manifest, onnx_path), threads=1)
    return Conversion(onnx_bytes, detector, float_accuracy.measure_losses(detector), float_groups)


def make_converted_manifest(
    manifest: Manifest, onnx_bytes: bytes, kind: str, command: str
) -> Manifest:
    """The manifest of the converted graph, without the figures measured with the float weights."""
    provenance = manifest.provenance
    versions = {
        **provenance.versions,
        "onnx": importlib.metadata.version("onnx"),
        "onnxruntime": onnxruntime.__version__,
    }
    if provenance.training_command:
        command = f"{provenance.training_command}; {command}"
    converted = manifest._replace(
        version=f"{manifest.version}-{kind}",
        sha256=hashlib.sha256(onnx_bytes).hexdigest(),
        provenance=provenance._replace(training_command=command, versions=versions),
        evaluation=(),
        count_calibration=None,
        monitoring_baseline=None,
        parity=None,
    )
    return Manifest.from_json(converted.to_json())  # validates it
