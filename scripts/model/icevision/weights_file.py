"""Reads the tensors of a file of weights made anywhere, and nothing else of it.

Published files hold a state dict, one inside a training's state, or a whole pickled module
(YOLOv5's). Classes that a pickle names are never imported: torch's weights-only reader gets an
inert stand-in for each.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from scripts.tool import ToolError

# Where training programs put a model's weights in what they save, the plain ones first.
KEYS_OF_WEIGHTS = ("state_dict", "model_state_dict", "model", "state_dict_ema", "model_ema", "ema",
                   "weights")  # fmt: skip
HEAD_BYTES = 200
GIVE = "give a file that torch.save or safetensors wrote"


def read_weights(weights_path: Path) -> dict[str, Tensor]:
    """The tensors of a file by their names, on the CPU. Raises ToolError, which says what the file
    is instead."""
    if weights_path.is_dir():
        raise ToolError(f"{weights_path}: a folder; give the file of weights in it")
    if not weights_path.is_file():
        raise ToolError(f"{weights_path}: no such file")
    with weights_path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    _refuse_other_files(weights_path, head)
    if weights_path.suffix == ".safetensors" or head[8:9] == b"{":
        content: object = _read_safetensors(weights_path)
    else:
        content = _read_pickled(weights_path)
    weights = _find_weights(content)
    if not weights:
        raise ToolError(f"{weights_path}: holds no tensors that have names; give a state dict")
    return weights


def _refuse_other_files(weights_path: Path, head: bytes) -> None:
    text = head.lstrip().lower()
    if head.startswith(b"version https://git-lfs"):
        raise ToolError(f"{weights_path}: a Git LFS pointer, not the file; `git lfs pull` gets it")
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ToolError(f"{weights_path}: a web page, not weights; download the file itself")
    if not head:
        raise ToolError(f"{weights_path}: empty; download it again")


def _read_safetensors(weights_path: Path) -> dict[str, Tensor]:
    try:
        return load_file(weights_path)
    except (SafetensorError, ValueError) as error:
        raise ToolError(f"{weights_path}: not a safetensors file, or cut short ({error})") from None


def _read_pickled(weights_path: Path) -> object:
    """What torch.save wrote, without any code of it; other objects are stand-ins."""
    stand_ins = []
    if zipfile.is_zipfile(weights_path):
        try:
            names = torch.serialization.get_unsafe_globals_in_checkpoint(weights_path)
        except Exception:  # it reads PyTorch's zips only; torch.load says what this one is
            names = []
        stand_ins = [(type("StandIn", (_StandIn,), {}), name) for name in names]
    try:
        with torch.serialization.safe_globals(stand_ins):
            return torch.load(weights_path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        reason = f"holds what cannot be read without running its code ({_first_line(error)})"
    except Exception as error:  # torch raises many kinds for a damaged file
        reason = f"not weights of PyTorch, or cut short ({_first_line(error)})"
    raise ToolError(f"{weights_path}: {reason}; {GIVE}")


class _StandIn:
    """In place of an object of any class: it keeps the state that it is given, and does nothing."""

    def __new__(cls, *_: object, **__: object) -> _StandIn:
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


def _find_weights(content: object) -> dict[str, Tensor]:
    """The named tensors of a state dict or a module, or of the first of either inside."""
    if isinstance(content, _StandIn):
        return _module_tensors(content, "")
    if not isinstance(content, Mapping):
        return {}
    for key in KEYS_OF_WEIGHTS:
        if isinstance(content.get(key), Mapping | _StandIn) and (
            found := _find_weights(content[key])
        ):
            return found
    return {str(key): value for key, value in content.items() if isinstance(value, Tensor)}


def _module_tensors(module: _StandIn, prefix: str) -> dict[str, Tensor]:
    """The state dict of a pickled nn.Module, from the attributes that torch keeps it in."""
    tensors = {}
    for attribute in ("_parameters", "_buffers"):
        for name, value in _mapping(module, attribute).items():
            if isinstance(value, Tensor):
                tensors[f"{prefix}{name}"] = value.detach()
    for name, child in _mapping(module, "_modules").items():
        if isinstance(child, _StandIn):
            tensors |= _module_tensors(child, f"{prefix}{name}.")
    return tensors


def _mapping(module: _StandIn, attribute: str) -> Mapping:
    value = module.__dict__.get(attribute)
    return value if isinstance(value, Mapping) else {}


def _first_line(error: Exception) -> str:
    """The first line of PyTorch's long messages that says something of the file."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:160]
