"""Check that a bundle was made of a checkpoint, and that the two can be compared."""

from __future__ import annotations

from handler.bundle.manifest import Manifest
from scripts.model.icevision.checkpoint import Checkpoint
from scripts.model.icevision.resizing import resizes_as_icevision
from scripts.tool import ToolError


def check_comparable(manifest: Manifest, checkpoint: Checkpoint, *, from_input: bool) -> None:
    """Raise ToolError where the two cannot be compared; the text says why and what to do."""
    exported_from = manifest.provenance.checkpoint_sha256
    if exported_from is None:
        raise ToolError(
            "the bundle's provenance names no checkpoint; export it from the checkpoint "
            "with scripts.model.export"
        )
    if exported_from != checkpoint.sha256:
        raise ToolError(
            f"the bundle was exported from the checkpoint of sha256 {exported_from[:12]}…, this "
            f"one has {checkpoint.sha256[:12]}…; give that checkpoint, or export this one"
        )
    if manifest.classes != checkpoint.classes:
        raise ToolError(
            f"the bundle's classes {list(manifest.classes)} are not the checkpoint's "
            f"{list(checkpoint.classes)}; export it again"
        )
    width, height = manifest.input.width, manifest.input.height
    if (width, height) != (checkpoint.width, checkpoint.height):
        raise ToolError(
            f"the bundle's input is {width} x {height} px, the checkpoint's {checkpoint.width} x "
            f"{checkpoint.height}; give --size as it was given to export, or export it again"
        )
    if manifest.resize.fit not in ("centre", "stretch"):
        raise ToolError(
            f"the bundle's resize.fit {manifest.resize.fit!r} is none that IceVision has; "
            "export the checkpoint with scripts.model.export"
        )
    as_icevision = resizes_as_icevision(manifest)
    if not as_icevision and not from_input:
        raise ToolError(
            f"the bundle resizes pictures in its own way (rule {manifest.resize.rule!r}, "
            f"fit {manifest.resize.fit!r}, {width} x {height} px), not in IceVision's, so its "
            "boxes cannot equal those of IceVision from a file; add --from-input to compare all "
            "that follows the resize"
        )
    if as_icevision and from_input:
        raise ToolError(
            "the bundle resizes as IceVision does, and --from-input would leave that out of the "
            "comparison; run without it"
        )
