"""Trains a model on whole pictures; a run that was cut off goes on as it would have.

Every step seeds its own randomness, so that a resumed run takes the same steps.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import scripts.model.icevision  # noqa: F401  (before icevision)
import torch
from icevision.all import ObjectDetectionRecord

from handler.storage.location import write_atomically
from scripts.model.train.curves import draw_curves
from scripts.model.train.device import TrainingDevice, move_to_device
from scripts.model.train.optimization import (
    copy_weights,
    cosine_learning_rate,
    make_optimizer,
    update_average,
)
from scripts.model.train.progress import ProgressOutput, TrainingLimits, TrainingProgress
from scripts.model.train.recipes import ComputeLosses, make_loss_function
from scripts.model.train.records import make_augmented_dataset, make_batch
from scripts.model.train.state import save_state
from scripts.model.train.validation import validate
from scripts.tool import ToolError

WARM_UP_STEPS = 50  # or a tenth of all steps where that is less
MAX_GRADIENT_NORM = 10.0
MAX_STEPS_LEFT_OUT = 25  # float16 leaves out about fifteen before its gradients' scale is found
# effdet's own 0.01 is for long trainings: after 100 steps a third of the statistics that eval mode
# uses would still be the initial ones, and nothing is detected.
BATCH_NORM_MOMENTUM = 0.1


@dataclass(frozen=True)
class TrainingPlan:
    """How long, how fast, and with what randomness; `minutes` counts those before a resume, too."""

    steps: int
    minutes: float | None
    batch_size: int
    learning_rate: float
    seed: int
    evaluate_every: int
    save_minutes: float
    any_orientation: bool


class WholePictureTraining:
    """One run: the model, its optimizer, its averaged weights (EMA), and its figures so far.

    save_best gets the averaged weights and their step whenever their validation AP50 is the best
    so far; without validation pictures at every evaluation. Every evaluation adds a line to the
    metrics, draws their curves, and saves the state that a resume needs.
    """

    def __init__(
        self,
        model_type: ModuleType,
        model: torch.nn.Module,
        training: Sequence[ObjectDetectionRecord],
        validation: Sequence[ObjectDetectionRecord],
        classes: Sequence[str],
        plan: TrainingPlan,
        *,
        family: str,
        device: TrainingDevice,
        output: ProgressOutput,
        metrics_path: Path,
        state_path: Path,
        save_best: Callable[[dict[str, torch.Tensor], int], None],
        state: dict | None,
    ) -> None:
        self._device, self._output = device.device, output
        self._model_type, self._classes, self._plan = model_type, classes, plan
        # The convolutions of mobile networks take a quarter less time in this order of axes.
        self._model = model.to(self._device, memory_format=torch.channels_last)
        self._compute_losses: ComputeLosses = make_loss_function(family, self._model, device)
        self._scaler = device.make_gradient_scaler()
        for module in self._model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = BATCH_NORM_MOMENTUM
        self._validated_model = copy.deepcopy(self._model)
        self._dataset = make_augmented_dataset(training, any_orientation=plan.any_orientation)
        self._validation = validation
        self._optimizer = make_optimizer(self._model, plan.learning_rate)
        self._average = copy_weights(self._model)
        self._metrics_path, self._state_path = metrics_path, state_path
        self._save_best = save_best
        self.step = 0
        self.best: dict[str, float] = {"val_ap50": -1.0}
        self._seconds_before, self._rows = 0.0, []
        if state:
            self._resume(state)
        self._started = self._saved = time.monotonic()
        self._loss_sums: dict[str, float] = {}
        self._loss_steps = 0
        self._left_out = 0  # steps in a row whose gradients were not finite

    def run(self) -> None:
        """Train to the end of the plan."""
        plan = self._plan
        limits = TrainingLimits(plan.steps, plan.minutes, self.step, self._seconds())
        progress = TrainingProgress(self._output, limits, validated=bool(self._validation))
        self._report_best(progress)
        done = self.step >= plan.steps
        while not done:
            learning_rate, loss = self._take_step()
            progress.update(self.step, loss)
            out_of_time = bool(plan.minutes and self._seconds() >= plan.minutes * 60)
            done = self.step >= plan.steps or out_of_time
            if done or self.step % plan.evaluate_every == 0:
                self._evaluate(learning_rate)
                self._report_best(progress)
                self._save_state()
            elif time.monotonic() - self._saved >= plan.save_minutes * 60:
                self._save_state()
        progress.close()

    def _report_best(self, progress: TrainingProgress) -> None:
        if self.best["val_ap50"] >= 0:
            progress.evaluated(self.best["val_ap50"], int(self.best["step"]))

    def _resume(self, state: dict) -> None:
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._average = move_to_device(state["averaged"], self._device)
        self.step, self.best = state["step"], state["best"]
        self._seconds_before = state["seconds"]
        if self._metrics_path.exists():
            rows = self._metrics_path.read_text().splitlines()
            # Steps after the saved state are taken again.
            self._rows = [row for row in rows if json.loads(row)["step"] <= self.step]

    def _seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._started

    def _progress(self) -> float:
        """From 0 to 1, by steps or by time, whichever is further."""
        by_time = self._seconds() / (self._plan.minutes * 60) if self._plan.minutes else 0.0
        return min(1.0, max(self.step / self._plan.steps, by_time))

    def _take_step(self) -> tuple[float, float]:
        """One optimizer step; returns its learning rate and its loss."""
        plan = self._plan
        warm_up_steps = max(1, min(WARM_UP_STEPS, plan.steps // 10))
        learning_rate = cosine_learning_rate(plan.learning_rate, self._progress())
        learning_rate *= min(1.0, (self.step + 1) / warm_up_steps)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._model.train()
        batch = make_batch(
            self._model_type, self._dataset,
            batch_size=plan.batch_size, seed=plan.seed, step=self.step,
        )  # fmt: skip
        images, targets = move_to_device(batch, self._device)
        if isinstance(images, torch.Tensor):  # torchvision's models take a list
            images = images.contiguous(memory_format=torch.channels_last)
        losses = self._compute_losses(images, targets)
        self._optimizer.zero_grad()
        self._scaler.scale(losses["loss"]).backward()
        self._scaler.unscale_(self._optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self._model.parameters(), MAX_GRADIENT_NORM)
        is_finite = bool(torch.isfinite(norm))
        if is_finite or self._scaler.is_enabled():  # a scaler leaves such steps out
            self._scaler.step(self._optimizer)
        self._scaler.update()
        self._left_out = 0 if is_finite else self._left_out + 1
        if self._left_out >= MAX_STEPS_LEFT_OUT:
            raise ToolError(
                f"the training diverged: at step {self.step + 1} the gradients have not been "
                f"finite for {self._left_out} steps; train anew with a --rate below "
                f"{plan.learning_rate:g}"
            )
        self.step += 1
        update_average(self._average, self._model, self.step)
        self._loss_steps += 1
        figures = {key: float(value.detach()) for key, value in losses.items()}
        for key, value in figures.items():
            self._loss_sums[key] = self._loss_sums.get(key, 0.0) + value
        return learning_rate, figures["loss"]

    def _evaluate(self, learning_rate: float) -> None:
        """Validate the averaged weights, keep them if they are the best, and record the row."""
        row = {"step": self.step, "seconds": round(self._seconds(), 1), "rate": learning_rate}
        row |= {key: total / self._loss_steps for key, total in self._loss_sums.items()}
        self._loss_sums, self._loss_steps = {}, 0
        figures: dict[str, float] = {}
        if self._validation:
            self._validated_model.load_state_dict(self._average)
            figures = validate(
                self._model_type,
                self._validated_model,
                self._validation,
                self._classes,
                self._output,
            )
        if not self._validation or figures["val_ap50"] >= self.best["val_ap50"]:
            self.best = {"val_ap50": -1.0, **figures, "step": self.step}
            self._save_best(self._average, self.step)
        self._rows.append(json.dumps(row | figures))
        write_atomically(self._metrics_path, ("\n".join(self._rows) + "\n").encode())
        draw_curves(self._metrics_path)

    def _save_state(self) -> None:
        save_state(
            self._state_path,
            {
                "model": self._model.state_dict(),
                "averaged": self._average,
                "optimizer": self._optimizer.state_dict(),
                "step": self.step,
                "seconds": self._seconds(),
                "best": self.best,
            },
        )
        self._saved = time.monotonic()
