"""An IceVision model in, a checkpoint file in IceVision's own form out, and back.

`save_icevision_checkpoint` writes `{meta, state_dict, optimizer}`; it and `model_from_checkpoint`
import mmcv and may download a backbone, so both directions are done here, with the same keys.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from scripts.model import families

NEEDED = ("model_name", "backbone_name", "classes", "img_size")


class CheckpointError(ValueError):
    """A file that is not a usable IceVision checkpoint; the text says what is wrong and what to
    do."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint read back: the IceVision model in eval mode, its meta, and the file's sha256."""

    model: nn.Module
    model_name: str
    backbone_name: str
    classes: tuple[str, ...]
    size: int
    sha256: str
    meta: Mapping[str, object]


def save(
    path: Path,
    state: Mapping[str, torch.Tensor],
    *,
    model_name: str,
    backbone_name: str,
    classes: Sequence[str],
    size: int,
    **meta: object,
) -> None:
    """Write a checkpoint atomically; `state` is the state dict of the IceVision model built at
    `size` px."""
    whole = {
        "meta": {
            "classes": list(classes),
            "model_name": model_name,
            "backbone_name": backbone_name,
            "img_size": size,
            **meta,
        },
        "state_dict": {key: value.detach().cpu().clone() for key, value in state.items()},
    }
    partial = path.with_suffix(".partial")
    torch.save(whole, partial)
    partial.replace(path)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint without running any code in it. Raises CheckpointError."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    try:
        whole = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path}: not loaded, it holds more than weights ({error})") from None
    except (RuntimeError, EOFError, OSError) as error:
        raise CheckpointError(f"{path}: not a PyTorch checkpoint, or cut short ({error})") from None
    if not isinstance(whole, dict) or "state_dict" not in whole:
        raise CheckpointError(
            f"{path}: no 'state_dict' in it; save with IceVision's save_icevision_checkpoint"
        )
    meta = whole.get("meta") or {}
    missing = [name for name in NEEDED if name not in meta]
    if missing:
        raise CheckpointError(
            f"{path}: its meta lacks {', '.join(missing)}; "
            "pass them to save_icevision_checkpoint when saving"
        )
    classes = tuple(str(name) for name in meta["classes"] if name != "background")
    size = meta["img_size"]
    size = int(size if isinstance(size, int) else size[0])
    model = families.build(meta["model_name"], meta["backbone_name"], classes, size)
    try:
        model.load_state_dict(whole["state_dict"])
    except RuntimeError as error:
        raise CheckpointError(
            f"{path}: its weights do not fit {meta['model_name']} {meta['backbone_name']} "
            f"at {size} px with "
            f"{len(classes)} classes ({str(error).splitlines()[1].strip()})"
        ) from None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Checkpoint(
        model.eval(), meta["model_name"], meta["backbone_name"], classes, size, digest, meta
    )
