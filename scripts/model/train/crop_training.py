"""Trains an EfficientDet on random crops, with IceVision's Lightning adapter."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence

import scripts.model.icevision  # noqa: F401  (before icevision)
import pytorch_lightning as pl
import torch
from icevision.all import ClassMap, models

from scripts.model.dataset import LabelledPicture
from scripts.model.icevision.checkpoint import save_checkpoint
from scripts.model.train.anchor_matching import match_closest_anchors
from scripts.model.train.crops import RandomCrops, prepare_scales
from scripts.model.train.device import TrainingDevice, move_to_device
from scripts.model.train.optimization import (
    copy_weights,
    cosine_learning_rate,
    make_optimizer,
    update_average,
)
from scripts.model.train.options import TrainOptions
from scripts.model.train.progress import ProgressOutput, TrainingLimits, TrainingProgress
from scripts.model.train.quality_loss import use_quality_loss
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
        device: TrainingDevice,
        output: ProgressOutput,
        learning_rate: float,
        steps: int,
        minutes: float | None,
        save: Callable[[dict[str, torch.Tensor], int], None],
        save_minutes: float,
    ) -> None:
        super().__init__(model=model)
        self._computes_on = device
        self._output, self._limits = output, TrainingLimits(steps, minutes)
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
        with self._computes_on.autocast():
            losses = self.model(images, targets)
        return losses["loss"]

    def on_train_start(self) -> None:
        self._average = move_to_device(self._average, self._computes_on.device)
        self._started = self._saved = time.monotonic()
        self._shown = TrainingProgress(self._output, self._limits, validated=False)

    def on_train_end(self) -> None:
        self._shown.close()

    def on_train_batch_start(self, batch, batch_idx):
        progress = self._progress()
        warm_up = min(1.0, (self.global_step + 1) / WARM_UP_STEPS)
        for group in self.optimizers().param_groups:
            group["lr"] = cosine_learning_rate(self._learning_rate, progress) * warm_up
        return -1 if progress >= 1 else None  # -1 ends a Lightning training

    def on_train_batch_end(self, outputs, batch, batch_idx) -> None:
        update_average(self._average, self.model, self.global_step)
        self._shown.update(self.global_step, float(outputs["loss"]))
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
    model: torch.nn.Module,
    saved_model: torch.nn.Module,
    device: TrainingDevice,
    output: ProgressOutput,
    meta: Mapping[str, object],
) -> int:
    """Train from the model's weights; writes the checkpoint with `meta` and returns the steps.

    model: built for the crops' size. saved_model: the same, built for the whole input's.
    """
    class_map = ClassMap(list(classes))
    records = [make_record(index, each, class_map) for index, each in enumerate(pictures)]
    prepared = prepare_scales(records, options.size, options.out / "prepared", output)
    model = model.to(memory_format=torch.channels_last)
    match_closest_anchors(model)
    use_quality_loss(model)

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
        device=device,
        output=output,
        learning_rate=options.rate,
        steps=options.steps,
        minutes=options.minutes,
        save=save,
        save_minutes=options.save_minutes,
    )
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)  # it lists absent hardware
    trainer = pl.Trainer(
        enable_progress_bar=False,  # the adapter shows its own
        accelerator="gpu" if device.device.type == "cuda" else "cpu",
        devices=1,
        precision=16 if device.scales_gradients else 32,  # bfloat16 is the adapter's own
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
