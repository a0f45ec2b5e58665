"""Labelled pictures in, an EfficientDet trained on crops of them out: the default model's recipe.

Every picture goes once through the handler's own decoding and letterbox, at the model's scale and
around it, so that training sees the very pixels that will be served; IceVision then crops, turns
and colours them.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import scripts.model.icevision  # noqa: F401  (before icevision)
import albumentations as A
import pytorch_lightning as pl
import torch
from icevision.all import BBox, ClassMap, Dataset, models, tfms
from PIL import Image
from tqdm import tqdm

from scripts.model.dataset import LabelledPicture
from handler.images.decode import decode
from handler.detection import letterbox
from scripts.model.icevision import checkpoint, families
from scripts.model.train import recipe

# Of the model's input: cells vary in size, and microscopes in magnification.
SCALES = (0.85, 1.0, 1.15)


def prepare(records: Sequence, size: int, folder: Path) -> list[list]:
    """Each IceVision record's picture, letterboxed by the handler's code at SCALES, as records of
    PPM files.

    Returns one list a picture with one record a scale. PPM, because it is read back in a
    millisecond.
    """
    folder.mkdir(parents=True, exist_ok=True)
    prepared = []
    for record in tqdm(records, unit="picture", desc="letterboxing"):
        source = Path(record.filepath)
        variants = []
        for scale in SCALES:
            side = round(size * scale / 32) * 32
            target = folder / f"{source.stem}-{side}.ppm"
            fit = letterbox.fit(record.width, record.height, side, side)
            if not target.exists():
                picture = decode(
                    source.read_bytes(), max_pixels=10**9, at_least=(2 * side, 2 * side)
                )
                Image.fromarray(
                    letterbox.apply(picture.rgb, fit, rule="antialias", fill=families.FILL)
                ).save(target)
            variants.append(_letterboxed(record, target, side, fit))
        prepared.append(variants)
    return prepared


def _letterboxed(record, target: Path, side: int, fit: letterbox.Letterbox):
    variant = copy.deepcopy(record)
    boxes = np.array([box.xyxy for box in record.detection.bboxes], np.float32).reshape(-1, 4)
    variant.set_filepath(target)
    variant.set_img_size((side, side))
    variant.detection.set_bboxes(
        [BBox.from_xyxy(*map(float, box)) for box in letterbox.to_input(boxes, fit)]
    )
    return variant


class Crops(torch.utils.data.Dataset):
    """An endless-enough deck of random crops: each item is a random picture at a random scale."""

    def __init__(self, prepared: list[list], tfm: tfms.Transform, length: int) -> None:
        self._datasets = [Dataset(variants, tfm) for variants in prepared]
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int):
        rng = np.random.default_rng([index, 11])
        dataset = self._datasets[rng.integers(len(self._datasets))]
        return dataset[rng.integers(len(dataset))]


def augmentations(crop: int) -> list:
    return [
        A.RandomCrop(crop, crop),
        A.RandomRotate90(p=0.75),
        A.Flip(p=0.75),
        A.RandomBrightnessContrast(0.18, 0.22, p=0.7),
        A.HueSaturationValue(12, 30, 0, p=0.6),
        A.OneOf([A.GaussianBlur((3, 3)), A.Sharpen((0.1, 0.4))], p=0.25),
        A.GaussNoise((2, 40), p=0.3),
        tfms.A.Normalize(),
    ]


class Trainer(models.ross.efficientdet.lightning.ModelAdapter):
    """IceVision's Lightning adapter with AdamW, a cosine over the run's time, and averaged weights
    (EMA)."""

    def __init__(
        self, model, *, rate: float, steps: int, minutes: float | None, save, save_minutes: float
    ) -> None:
        super().__init__(model=model)
        self._rate, self._steps, self._minutes = rate, steps, minutes
        self._save, self._save_every = save, save_minutes * 60
        self._averaged = {key: value.detach().clone() for key, value in model.state_dict().items()}
        self._started = self._saved = time.monotonic()
        self._losses: list[tuple[float, float]] = []

    def progress(self) -> float:
        by_steps = self.global_step / self._steps
        by_time = (
            (time.monotonic() - self._started) / (self._minutes * 60) if self._minutes else 0.0
        )
        return min(1.0, max(by_steps, by_time))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return recipe.adamw(self.model, self._rate)

    def training_step(self, batch, batch_idx):
        (pictures, targets), _ = batch
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            losses = self.model(pictures, targets)
        self.log("class", losses["class_loss"], prog_bar=True)
        self.log("box", losses["box_loss"], prog_bar=True)
        return losses["loss"]

    def on_train_start(self) -> None:
        self._started = self._saved = time.monotonic()

    def on_train_batch_start(self, batch, batch_idx):
        progress = self.progress()
        warm = min(1.0, (self.global_step + 1) / 300)
        for group in self.optimizers().param_groups:
            group["lr"] = recipe.annealed(self._rate, progress) * warm
        return -1 if progress >= 1 else None  # Lightning's word for "enough"

    def on_train_batch_end(self, outputs, batch, batch_idx) -> None:
        recipe.average_into(self._averaged, self.model, self.global_step)
        if time.monotonic() - self._saved > self._save_every:
            self._saved = time.monotonic()
            self._save(self._averaged, self.global_step)

    def finish(self) -> None:
        self._save(self._averaged, self.global_step)


def train(
    options: argparse.Namespace,
    pictures: Sequence[LabelledPicture],
    classes: list[str],
    initial: Mapping[str, torch.Tensor],
    note: dict[str, object],
) -> int:
    """Train as `options` of scripts.model.train say, from the weights `initial` or none; writes
    checkpoint.pth, returns the steps."""
    class_map = ClassMap(classes)
    records = [recipe.record_of(i, each, class_map) for i, each in enumerate(pictures)]
    prepared = prepare(records, options.size, options.out / "prepared")
    model_name, _, backbone = options.model.partition(":")
    model = families.build(model_name, backbone, classes, options.crop)
    whole = families.build(model_name, backbone, classes, options.size)
    weights = {key: value for key, value in initial.items() if "anchors" not in key}
    model.load_state_dict(weights, strict=False)
    model = model.to(memory_format=torch.channels_last)

    def save(state: dict[str, torch.Tensor], step: int) -> None:
        # The anchors of the crop are not those of the whole input.
        own = {key: value for key, value in state.items() if not key.startswith("anchors.")}
        whole.load_state_dict(own, strict=False)
        checkpoint.save(
            options.out / "checkpoint.pth",
            whole.state_dict(),
            model_name=model_name,
            backbone_name=backbone,
            classes=classes,
            size=options.size,
            steps=step,
            pictures=len(records),
            **note,
        )

    tfm = recipe.Adapter(augmentations(options.crop))
    crops = Crops(prepared, tfm, options.steps * options.batch)
    loader = models.ross.efficientdet.train_dl(
        crops, batch_size=options.batch, num_workers=options.loaders
    )
    run = Trainer(
        model,
        rate=options.rate,
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
        gradient_clip_val=10.0,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    trainer.fit(run, loader)
    run.finish()
    return trainer.global_step
