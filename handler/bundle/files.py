"""A bundle is a folder with model.onnx and model.json: read and verified, or written whole."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from handler.bundle.manifest import Manifest
from handler.bundle.reader import MANIFEST_FILE, BundleError

ONNX_FILE = "model.onnx"


@dataclass(frozen=True)
class Bundle:
    """A manifest and the graph it vouches for."""

    manifest: Manifest
    onnx_path: Path


def load_bundle(model_dir: Path) -> Bundle:
    """Read and verify the bundle in a folder. Raises BundleError."""
    manifest_path, onnx_path = model_dir / MANIFEST_FILE, model_dir / ONNX_FILE
    for path in (manifest_path, onnx_path):
        if not path.is_file():
            raise BundleError(
                f"{path} is missing; a bundle is {ONNX_FILE} and {MANIFEST_FILE} in one folder"
            )
    try:
        manifest = Manifest.from_json(manifest_path.read_text(encoding="utf-8"))
    except (BundleError, UnicodeDecodeError) as error:
        raise BundleError(f"{manifest_path} cannot be used: {error}") from None
    digest = hashlib.sha256(onnx_path.read_bytes()).hexdigest()
    if digest != manifest.sha256:
        raise BundleError(
            f"{onnx_path} has sha256 {digest}, {MANIFEST_FILE} says {manifest.sha256}: "
            "the two are not of one export; copy both again"
        )
    return Bundle(manifest, onnx_path)


def write_manifest(manifest: Manifest, model_dir: Path) -> None:
    """Write model.json into a folder, whole or not at all."""
    partial = model_dir / f"{MANIFEST_FILE}.partial"
    partial.write_text(manifest.to_json(), encoding="utf-8")
    partial.replace(model_dir / MANIFEST_FILE)


def write_bundle(graph: bytes, manifest: Manifest, model_dir: Path) -> None:
    """Write both files into a folder, which is made; a reader meets no half of either."""
    model_dir.mkdir(parents=True, exist_ok=True)
    partial = model_dir / f"{ONNX_FILE}.partial"
    partial.write_bytes(graph)
    partial.replace(model_dir / ONNX_FILE)
    write_manifest(manifest, model_dir)
