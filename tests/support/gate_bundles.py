"""Bundles for the gate: the squares' detector, evaluated for real, made worse where a test says."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

from tests.support.labelled_picture import write_labelled_picture
from tests.support.tiny_bundle import CELL, make_tiny_bundle, paint, tiny_manifest

CHECKPOINT = "c" * 64


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve labelled pictures, on which the live bundle is evaluated."""
    return write_labelled_cells(tmp_path_factory.mktemp("gate") / "cells")


@pytest.fixture(scope="session")
def made_live(cells: Path) -> Path:
    return make_bundle(cells.parent / "live", cells)


@pytest.fixture(scope="session")
def made_new(cells: Path) -> Path:
    return make_bundle(cells.parent / "new", cells, score_factor=0.98)


@pytest.fixture
def live_bundle(made_live: Path, tmp_path: Path) -> Path:
    """squares 1.0.0, which a test may change."""
    return shutil.copytree(made_live, tmp_path / "live")


@pytest.fixture
def new_bundle(made_new: Path, tmp_path: Path) -> Path:
    """Another file of squares 1.0.0 that finds the same, which a test may change."""
    return shutil.copytree(made_new, tmp_path / "new")


def write_labelled_cells(folder: Path, count: int = 12, *, seed: int = 3) -> Path:
    """Pictures of 64 x 64 px with labelled squares that each fill a cell of the tiny bundle; in
    some of them one square is not drawn, or one more is drawn that has no label. The folder."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        cells = rng.choice(64, size=4, replace=False).tolist()
        squares = [
            (
                ("red", "green")[int(rng.integers(2))],
                (
                    cell % 8 * CELL,
                    cell // 8 * CELL,
                    cell % 8 * CELL + CELL,
                    cell // 8 * CELL + CELL,
                ),
            )
            for cell in cells
        ]
        labelled = squares[:-1] if number % 4 == 1 else squares
        drawn = squares[1:] if number % 4 == 0 else squares
        name = f"{number:02}.png"
        write_labelled_picture(folder, name, labelled)
        Image.fromarray(paint(64, 64, drawn, background=int(rng.integers(90, 200)))).save(
            folder / name
        )
    return folder


def make_bundle(
    folder: Path,
    pictures: Path,
    *,
    score_factor: float = 0.99,
    shift_px: float = 0.0,
    score_threshold: float = 0.5,
    version: str = "1.0.0",
    name: str = "squares",
    change: Callable[[dict[str, Any]], None] = lambda _: None,
) -> Path:
    """A bundle that the gate lets through: evaluated on `pictures`, with a passed parity.

    score_factor: what the weights are multiplied with. shift_px: how far boxes lie off, in px of
    the input. change: of model.json, at the end.
    """
    make_tiny_bundle(folder)
    path = folder / "model.onnx"
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.shape == (2, 3, 1, 1):
            tensor.CopyFrom(
                numpy_helper.from_array((values * score_factor).astype(np.float32), tensor.name)
            )
        elif values.shape == (1, 64, 4):
            tensor.CopyFrom(
                numpy_helper.from_array((values + shift_px).astype(np.float32), tensor.name)
            )
    onnx.save(model, path)
    manifest = tiny_manifest(path.read_bytes(), name=name) | {"version": version}
    manifest["thresholds"]["score"] = score_threshold
    manifest["provenance"]["checkpoint_sha256"] = CHECKPOINT
    manifest["parity"] = parity(manifest["sha256"])
    write_json(folder, manifest)
    evaluate(folder, pictures)
    manifest = read_json(folder)
    change(manifest)
    write_json(folder, manifest)
    return folder


def parity(onnx_sha256: str) -> dict[str, Any]:
    """Passed, with 40 detections."""
    return {
        "passed": True,
        "compared_from": "picture",
        "checkpoint_sha256": CHECKPOINT,
        "onnx_sha256": onnx_sha256,
        "versions": {},
        "pictures": 5,
        "input_difference": 0.0,
        "candidate_box_px": 0.0,
        "candidate_score": 0.0,
        "at": [
            {
                "threshold": 0.5,
                "detections": 40,
                "box_px": 0.0,
                "score": 0.0,
                "on_edge": 0,
                "same": True,
            }
        ],
        "first_difference": None,
    }


def evaluate(bundle: Path, pictures: Path) -> None:
    """scripts/run evaluate BUNDLE PICTURES --write"""
    # Here, since every test's process reads this module.
    from scripts.model.evaluate.run import EvaluateOptions, run_evaluation

    options = EvaluateOptions(bundle, (pictures,), write_figures=True)
    run_evaluation(options, lambda _, __: None, lambda _: None)


def read_json(bundle: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((bundle / "model.json").read_text())
    return manifest


def write_json(bundle: Path, manifest: dict[str, Any]) -> None:
    (bundle / "model.json").write_text(json.dumps(manifest, indent=2))


def onnx_sha256(bundle: Path) -> str:
    return hashlib.sha256((bundle / "model.onnx").read_bytes()).hexdigest()
