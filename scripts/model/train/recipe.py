"""Labelled pictures in, an IceVision model trained on them whole out: resumable, with its figures.

Pictures are resized and padded by IceVision's own transforms, so its predict sees what training
saw. Every step seeds its own randomness, so that a run that was cut off goes on as it would have.
"""

from __future__ import annotations

import copy
import json
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import scripts.model.icevision  # noqa: F401  (before icevision)
import albumentations as A
import torch
from icevision.all import BBox, ClassMap, Dataset, ObjectDetectionRecord, tfms
from PIL import Image
from tqdm import tqdm

from handler.detection.detections import Detections
from scripts.model.evaluate.accuracy import EvaluatedPicture
from scripts.model.dataset import DatasetError, LabelledPicture
from scripts.model.evaluate import accuracy
from scripts.model.icevision import families

MIN_VISIBILITY = 0.35  # of a box left in the picture for it to count
WEIGHT_DECAY = 0.02
WARM_UP = 50  # steps, or a tenth of them all where that is less
# effdet's own 0.01 is for long trainings: after 100 steps a third of the statistics that eval mode
# uses would still be those of the beginning, and nothing is detected.
NORM_MOMENTUM = 0.1


class StateError(ValueError):
    """A state to resume from that is not one, or of another run; the text says which."""


@dataclass(frozen=True)
class TrainingPlan:
    """How long, how fast, and with what randomness; `minutes` counts those before a resume, too."""

    size: int
    steps: int
    minutes: float | None
    batch: int
    rate: float
    seed: int
    evaluate_every: int
    save_minutes: float
    any_orientation: bool


class Adapter(tfms.A.Adapter):
    """IceVision's albumentations adapter that drops boxes of which too little is left."""

    def create_tfms(self) -> A.Compose:
        boxes = A.BboxParams("pascal_voc", label_fields=["labels"], min_visibility=MIN_VISIBILITY)
        return A.Compose(self.tfms_list, bbox_params=boxes)


def record_of(index: int, picture: LabelledPicture, class_map: ClassMap):
    """The IceVision record of a labelled picture."""
    record = ObjectDetectionRecord()
    record.set_record_id(index)
    record.set_filepath(picture.path)
    record.set_img_size((picture.width, picture.height))
    record.detection.set_class_map(class_map)
    record.detection.add_labels(list(picture.labels))
    record.detection.add_bboxes([BBox.from_xyxy(*map(float, box)) for box in picture.boxes])
    return record


def prepare(pictures: Sequence[LabelledPicture], classes: Sequence[str], size: int, folder: Path):
    """IceVision records of `pictures`, resized and padded to `size` by IceVision, as PPM files."""
    folder.mkdir(parents=True, exist_ok=True)
    class_map = ClassMap(list(classes))
    tfm = tfms.A.Adapter(tfms.A.resize_and_pad(size))
    prepared = []
    for index, picture in enumerate(tqdm(pictures, unit="picture", desc="resizing", disable=None)):
        record = record_of(index, picture, class_map)
        try:
            resized = Dataset([record], tfm)[0]
        except (OSError, ValueError, SyntaxError) as error:
            raise DatasetError(
                f"{picture.path}: cannot be decoded ({error}); mend or remove it"
            ) from None
        target = folder / f"{index}.ppm"
        Image.fromarray(resized.img).save(target)
        resized.set_filepath(target)
        resized.set_img_size((size, size))
        resized.unload()
        prepared.append(resized)
    return prepared


def augmentations(any_orientation: bool) -> list:
    """For whole pictures of general objects, after IceVision's resize."""
    turns = [A.RandomRotate90(p=0.75), A.VerticalFlip(p=0.5)] if any_orientation else []
    return [
        A.HorizontalFlip(p=0.5),
        *turns,
        A.ShiftScaleRotate(0.08, (-0.3, 0.3), 0, border_mode=0, value=families.FILL, p=0.8),
        A.RandomBrightnessContrast(0.2, 0.2, p=0.5),
        A.HueSaturationValue(8, 25, 0, p=0.4),
        tfms.A.Normalize(),
    ]


def batch_of(kind, dataset, plan: TrainingPlan, step: int):
    """The batch of a step: the same for the same seed and step. A deck is dealt out before it is
    shuffled anew."""
    seed = plan.seed * 1_000_003 + step
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    first = step * plan.batch
    chosen = []
    for position in range(first, first + plan.batch):
        deck, place = divmod(position, len(dataset))
        chosen.append(
            int(np.random.default_rng([plan.seed, deck]).permutation(len(dataset))[place])
        )
    items = [dataset[index] for index in chosen]
    (batch,) = kind.train_dl(items, batch_size=len(items), num_workers=0, shuffle=False)
    return batch[0]


def to_device(value, device: torch.device):
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: to_device(each, device) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(to_device(each, device) for each in value)
    return value


def half_precision(device: torch.device) -> bool:
    """Whether bfloat16 is done by the hardware; emulated, it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in asked)


def judge(kind, model, records, classes: Sequence[str]) -> dict[str, float]:
    """AP50 of IceVision's predict, and the mean error of the count at score 0.5."""
    tfm = tfms.A.Adapter([tfms.A.Normalize()])
    model.eval()
    with torch.no_grad():
        predictions = [
            each
            for first in range(0, len(records), 4)
            for each in kind.predict(
                model, Dataset(records[first : first + 4], tfm), detection_threshold=0.05
            )
        ]
    judged = [
        _judged(record, prediction.pred.detection, classes)
        for record, prediction in zip(records, predictions, strict=True)
    ]
    errors = [abs(item.count(0.5) - len(item.picture.boxes)) for item in judged]
    return {
        "val_ap50": accuracy.average_precision(judged, classes).ap50,
        "val_count_error": float(np.mean(errors)),
    }


def _judged(record, found, classes: Sequence[str]) -> EvaluatedPicture:
    """IceVision's truth and prediction of one picture, both in px of the model's input."""
    truth = record.detection
    picture = LabelledPicture(
        Path(record.filepath),
        np.array([box.xyxy for box in truth.bboxes], np.float64).reshape(-1, 4),
        tuple(classes[number - 1] for number in truth.label_ids),  # 0 is the background
        record.width,
        record.height,
    )
    scores = np.asarray(found.scores, np.float32)
    detections = Detections(
        np.array([box.xyxy for box in found.bboxes], np.float32).reshape(-1, 4),
        scores,
        np.array(found.label_ids, np.int64) - 1,
    )
    order = np.argsort(-scores, kind="stable")
    return EvaluatedPicture(picture, detections.select(order), record.width, record.height)


def adamw(model: torch.nn.Module, rate: float) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019) that leaves biases and normalisation without decay."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    free = [p for p in model.parameters() if p.ndim <= 1]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": free, "weight_decay": 0.0}],
        lr=rate,
    )


def annealed(rate: float, progress: float) -> float:
    """A cosine from `rate` down over a run's progress, 0 to 1, that never quite ends."""
    return rate * max(0.003, 0.5 * (1 + math.cos(math.pi * progress)))


def average_into(averaged: dict[str, torch.Tensor], model: torch.nn.Module, step: int) -> None:
    """Move the averaged weights (EMA) towards the model's, faster while there are few steps."""
    decay = min(0.999, (step + 1) / (step + 20))
    for key, value in model.state_dict().items():
        if value.dtype.is_floating_point:
            averaged[key].lerp_(value.detach(), 1 - decay)
        else:
            averaged[key].copy_(value)


def write_state(path: Path, state: dict) -> None:
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def read_state(path: Path) -> dict:
    """The state of a run that was cut off. Raises StateError."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(state, dict) and {"model", "averaged", "optimizer", "step"} <= state.keys():
            return state
    except Exception as error:  # torch raises many kinds for a damaged file
        raise StateError(f"{path}: cannot be read ({error}); train anew without --resume") from None
    raise StateError(f"{path}: not a state of this program; train anew without --resume")


def train(
    kind,
    model: torch.nn.Module,
    training: Sequence,
    validation: Sequence,
    classes: Sequence[str],
    plan: TrainingPlan,
    out: Path,
    *,
    save: Callable[[dict[str, torch.Tensor], int], None],
    drawn: Callable[[Path], None],
    state: dict | None,
) -> tuple[int, dict[str, float]]:
    """Train `model`; returns the steps done and the figures of the best averaged weights.

    Weights are averaged (EMA); `save` gets the best by validation AP50, or without validation
    pictures the last. metrics.jsonl grows with every evaluation; state.pt is what a resume needs.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device)
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = NORM_MOMENTUM
    judged = copy.deepcopy(model)
    dataset = Dataset(training, Adapter(augmentations(plan.any_orientation)))
    optimizer = adamw(model, plan.rate)
    averaged = {key: value.detach().clone() for key, value in model.state_dict().items()}
    step, before, best = 0, 0.0, {"val_ap50": -1.0}
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        averaged = to_device(state["averaged"], device)
        step, before, best = state["step"], state["seconds"], state["best"]
    metrics = out / "metrics.jsonl"
    lines = metrics.read_text().splitlines() if state and metrics.exists() else []
    lines = [line for line in lines if json.loads(line)["step"] <= step]  # later ones are redone
    started = saved = time.monotonic()
    warm = max(1, min(WARM_UP, plan.steps // 10))
    half = half_precision(device) and "efficientdet" in kind.__name__
    bar = tqdm(total=plan.steps, initial=step, unit="step", desc="training", disable=None)
    sums: dict[str, float] = {}
    counted = 0

    def seconds() -> float:
        return before + time.monotonic() - started

    def keep() -> None:
        write_state(
            out / "state.pt",
            dict(model=model.state_dict(), averaged=averaged, optimizer=optimizer.state_dict(),
                 step=step, seconds=seconds(), best=best),
        )  # fmt: skip

    done = step >= plan.steps
    while not done:
        timed = seconds() / (plan.minutes * 60) if plan.minutes else 0.0
        progress = min(1.0, max(step / plan.steps, timed))
        rate = annealed(plan.rate, progress) * min(1.0, (step + 1) / warm)
        for group in optimizer.param_groups:
            group["lr"] = rate
        model.train()
        pictures, targets = to_device(batch_of(kind, dataset, plan, step), device)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            losses = model(pictures, targets)
        loss = losses["loss"] if "loss" in losses else sum(losses.values())
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        if torch.isfinite(norm):  # else this batch teaches nothing
            optimizer.step()
        step += 1
        average_into(averaged, model, step)
        counted += 1
        for key, value in {**losses, "loss": loss}.items():
            sums[key] = sums.get(key, 0.0) + float(value.detach())
        bar.update()
        bar.set_postfix(
            loss=f"{sums['loss'] / counted:.3f}", ap50=f"{max(0, best['val_ap50']):.3f}"
        )
        done = step >= plan.steps or bool(plan.minutes and seconds() >= plan.minutes * 60)
        if done or step % plan.evaluate_every == 0:
            row = {"step": step, "seconds": round(seconds(), 1), "rate": rate}
            row |= {key: value / counted for key, value in sums.items()}
            sums, counted = {}, 0
            figures: dict[str, float] = {}
            if validation:
                judged.load_state_dict(averaged)
                figures = judge(kind, judged, validation, classes)
            if not validation or figures["val_ap50"] >= best["val_ap50"]:
                best = {"val_ap50": -1.0, **figures, "step": step}
                save(averaged, step)
            lines.append(json.dumps(row | figures))
            partial = metrics.with_suffix(".partial")
            partial.write_text("\n".join(lines) + "\n")
            partial.replace(metrics)
            drawn(metrics)
            keep()
            saved = time.monotonic()
        elif time.monotonic() - saved >= plan.save_minutes * 60:
            keep()
            saved = time.monotonic()
    bar.close()
    return step, best
