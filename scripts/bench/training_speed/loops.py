"""The two ways to train that are compared: `scripts/run train`, and IceVision with Lightning.

Neither ends by itself; the clock ends them from within a step.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import scripts.model.icevision  # noqa: F401  (before icevision)

# isort: split
import pytorch_lightning as pl
import torch
from icevision.all import ClassMap, Dataset, tfms

from scripts.bench.training_speed.hooks import clocked_steps
from scripts.bench.training_speed.settings import LoopSettings
from scripts.model.dataset import read_labelled_pictures
from scripts.model.icevision.families import build_model, icevision_module
from scripts.model.train import __main__ as train
from scripts.model.train import loop
from scripts.model.train.records import make_record

MAX_STEPS = 20_000
LEARNING_RATE = 1e-4
SEED = 20191210


def run_loop(settings: LoopSettings, on_step: Callable[[dict[str, float]], None]) -> None:
    """Train until on_step raises. It gets the seconds of each part of each step."""
    if settings.loaders is None:
        functions = {(loop, "make_batch"): "data", (loop, "update_average"): "averaging"}
        with clocked_steps(on_step, functions):
            _train(settings)
    else:
        with clocked_steps(on_step, {}):
            _train_by_lightning(settings, settings.loaders)


def _train(settings: LoopSettings) -> None:
    """As `scripts/run train` does, without validation."""
    train.main(
        [
            *("--data", settings.data, "--out", settings.out, "--model", settings.model),
            *("--size", str(settings.size), "--batch", str(settings.batch)),
            *("--steps", str(MAX_STEPS), "--held-out", "0", "--rate", str(LEARNING_RATE)),
            *("--evaluate-every", str(MAX_STEPS), "--save-minutes", "1000"),
        ]
    )


def _train_by_lightning(settings: LoopSettings, loaders: int) -> None:
    """As IceVision's documentation does: its own augmentations, its adapter, Lightning's Trainer.

    The pictures are repeated, so that no epoch ends and starts its loaders anew.
    """
    torch.manual_seed(SEED)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # else which GPUs are missing
    family, _, backbone = settings.model.partition(":")
    model_type = icevision_module(family)
    pictures = read_labelled_pictures(Path(settings.data))
    classes = sorted({label for picture in pictures for label in picture.labels})
    class_map = ClassMap(classes)
    records = [make_record(index, each, class_map) for index, each in enumerate(pictures)]
    repeats = MAX_STEPS * settings.batch // len(records) + 1
    transforms = tfms.A.Adapter([*tfms.A.aug_tfms(size=settings.size), tfms.A.Normalize()])
    data = Dataset(records * repeats, transforms)
    loader = model_type.train_dl(data, batch_size=settings.batch, shuffle=True, num_workers=loaders)

    class LightModel(model_type.lightning.ModelAdapter):
        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=LEARNING_RATE)

    trainer = pl.Trainer(
        accelerator="auto",
        devices=1,
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(LightModel(build_model(family, backbone, classes, settings.size)), loader)
