"""A bundle is a folder with model.onnx and model.json: load and verify it, or write it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from handler.bundle.manifest import Manifest
from handler.bundle.reader import MANIFEST_FILE, BundleError
from handler.storage.location import write_atomically

ONNX_FILE = "model.onnx"


class Bundle(NamedTuple):
    """A manifest, and the ONNX file whose sha256 it names."""

    manifest: Manifest
    onnx_path: Path


def load_bundle(bundle_dir: Path) -> Bundle:
    """Load and verify the bundle in a folder. Raises BundleError."""
    manifest_path, onnx_path = bundle_dir / MANIFEST_FILE, bundle_dir / ONNX_FILE
    for path in (manifest_path, onnx_path):
        if not path.is_file():
            raise BundleError(
                f"{path} is missing; a bundle is {ONNX_FILE} and {MANIFEST_FILE} in one folder"
            )
    try:
        manifest = Manifest.from_json(manifest_path.read_text(encoding="utf-8"))
    except (BundleError, UnicodeDecodeError) as error:
        raise BundleError(f"{manifest_path} cannot be used: {error}") from None
    with onnx_path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != manifest.sha256:
        raise BundleError(
            f"{onnx_path} has sha256 {digest}, {MANIFEST_FILE} says {manifest.sha256}: "
            "the two are not of one export; copy both again"
        )
    return Bundle(manifest, onnx_path)


def write_manifest(manifest: Manifest, bundle_dir: Path) -> None:
    """Write model.json into a folder, completely or not at all."""
    write_atomically(bundle_dir / MANIFEST_FILE, manifest.to_json().encode())


def write_bundle(onnx_bytes: bytes, manifest: Manifest, bundle_dir: Path) -> None:
    """Write both files into a folder, each completely or not at all; the folder is created."""
    write_atomically(bundle_dir / ONNX_FILE, onnx_bytes)
    write_manifest(manifest, bundle_dir)
