"""Trains an EfficientDet on random crops, with IceVision's Lightning adapter."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import scripts.model.icevision  # noqa: F401  (before icevision)
import pytorch_lightning as pl
import torch
from icevision.all import ClassMap, models

from scripts.model.dataset import LabelledPicture
from scripts.model.icevision.checkpoint import save_checkpoint
from scripts.model.icevision.families import build_model
from scripts.model.train.crops import RandomCrops, prepare_scales
from scripts.model.train.optimization import (
    copy_weights,
    cosine_learning_rate,
    make_optimizer,
    update_average,
)
from scripts.model.train.options import TrainOptions
from scripts.model.train.records import make_record

WARM_UP_STEPS = 300
MAX_GRADIENT_NORM = 10.0


class CropTrainingAdapter(models.ross.efficientdet.lightning.ModelAdapter):
    """IceVision's Lightning adapter with AdamW, a cosine over the run's time, and averaged weights
    (EMA), which `save` gets every save_minutes."""

    def __init__(
        self,
        model: torch.nn.Module,
        *,
        learning_rate: float,
        steps: int,
        minutes: float | None,
        save: Callable[[dict[str, torch.Tensor], int], None],
        save_minutes: float,
    ) -> None:
        super().__init__(model=model)
        self._learning_rate, self._steps, self._minutes = learning_rate, steps, minutes
        self._save, self._save_seconds = save, save_minutes * 60
        self._average = copy_weights(model)
        self._started = self._saved = time.monotonic()

    def _progress(self) -> float:
        """From 0 to 1, by steps or by time, whichever is further."""
        seconds = time.monotonic() - self._started
        by_time = seconds / (self._minutes * 60) if self._minutes else 0.0
        return min(1.0, max(self.global_step / self._steps, by_time))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return make_optimizer(self.model, self._learning_rate)

    def training_step(self, batch, batch_idx):
        (images, targets), _ = batch
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            losses = self.model(images, targets)
        self.log("class", losses["class_loss"], prog_bar=True)
        self.log("box", losses["box_loss"], prog_bar=True)
        return losses["loss"]

    def on_train_start(self) -> None:
        self._started = self._saved = time.monotonic()

    def on_train_batch_start(self, batch, batch_idx):
        progress = self._progress()
        warm_up = min(1.0, (self.global_step + 1) / WARM_UP_STEPS)
        for group in self.optimizers().param_groups:
            group["lr"] = cosine_learning_rate(self._learning_rate, progress) * warm_up
        return -1 if progress >= 1 else None  # -1 ends a Lightning training

    def on_train_batch_end(self, outputs, batch, batch_idx) -> None:
        update_average(self._average, self.model, self.global_step)
        if time.monotonic() - self._saved > self._save_seconds:
            self._saved = time.monotonic()
            self.save_average()

    def save_average(self) -> None:
        """Save the averaged weights of the steps so far."""
        self._save(self._average, self.global_step)


def train_on_crops(
    options: TrainOptions,
    pictures: Sequence[LabelledPicture],
    classes: Sequence[str],
    initial_weights: Mapping[str, torch.Tensor],
    meta: Mapping[str, object],
) -> int:
    """Train from `initial_weights`, which may be empty; writes the checkpoint with `meta` and
    returns the steps."""
    class_map = ClassMap(list(classes))
    records = [make_record(index, each, class_map) for index, each in enumerate(pictures)]
    prepared = prepare_scales(records, options.size, options.out / "prepared")
    model = build_model(options.family, options.backbone, classes, options.crop)
    saved_model = build_model(options.family, options.backbone, classes, options.size)
    weights = {key: value for key, value in initial_weights.items() if "anchors" not in key}
    model.load_state_dict(weights, strict=False)
    model = model.to(memory_format=torch.channels_last)

    def save(state_dict: dict[str, torch.Tensor], step: int) -> None:
        # The anchors of a crop are not those of the whole input.
        own = {key: value for key, value in state_dict.items() if not key.startswith("anchors.")}
        saved_model.load_state_dict(own, strict=False)
        save_checkpoint(
            options.checkpoint_path,
            saved_model.state_dict(),
            model_name=options.family,
            backbone_name=options.backbone,
            classes=classes,
            size=options.size,
            steps=step,
            pictures=len(records),
            **meta,
        )

    crops = RandomCrops(prepared, options.crop, options.steps * options.batch)
    loader = models.ross.efficientdet.train_dl(
        crops, batch_size=options.batch, num_workers=options.loaders
    )
    adapter = CropTrainingAdapter(
        model,
        learning_rate=options.rate,
        steps=options.steps,
        minutes=options.minutes,
        save=save,
        save_minutes=options.save_minutes,
    )
    trainer = pl.Trainer(
        callbacks=[pl.callbacks.TQDMProgressBar(refresh_rate=50)],
        accelerator="cpu",
        max_epochs=1,
        max_steps=options.steps,
        gradient_clip_val=MAX_GRADIENT_NORM,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    trainer.fit(adapter, loader)
    adapter.save_average()
    return trainer.global_step
