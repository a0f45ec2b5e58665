"""The state of a run, from which one that was cut off goes on."""

from __future__ import annotations

import io
from pathlib import Path

import torch

from handler.storage.location import write_atomically
from scripts.tool import ToolError

KEYS = {"model", "averaged", "optimizer", "step"}


def save_state(path: Path, state: dict[str, object]) -> None:
    """Write the state atomically."""
    content = io.BytesIO()
    torch.save(state, content)
    write_atomically(path, content.getvalue())


def load_state(path: Path) -> dict:
    """The state of a run that was cut off. Raises ToolError."""
    if not path.is_file():
        raise ToolError(f"{path}: no such file; nothing to resume, leave out --resume")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise ToolError(f"{path}: cannot be read ({error}); train anew without --resume") from None
    if not (isinstance(state, dict) and state.keys() >= KEYS):
        raise ToolError(f"{path}: not a state of this program; train anew without --resume")
    return state
