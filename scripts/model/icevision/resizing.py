"""Which bundles resize pictures as IceVision's own transforms do."""

from __future__ import annotations

from handler.bundle.manifest import Manifest


def resizes_as_icevision(manifest: Manifest) -> bool:
    """Whether IceVision's tfms.A.resize_and_pad can resize as the bundle does.

    It letterboxes to a square for a number, and stretches to a pair (width, height).
    """
    square = manifest.input.width == manifest.input.height
    fits = manifest.resize.fit == "stretch" or (manifest.resize.fit == "centre" and square)
    return manifest.resize.rule == "opencv-linear" and fits
