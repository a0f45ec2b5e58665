"""One run of train: from labelled pictures to an IceVision checkpoint."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import torch

from handler.storage.location import write_atomically
from scripts.model.dataset import write_coco
from scripts.model.icevision.checkpoint import load_checkpoint, save_checkpoint
from scripts.model.icevision.families import build_model, icevision_module
from scripts.model.icevision.published_weights import download, find_published_weights
from scripts.model.icevision.weight_transfer import transfer_weights
from scripts.model.icevision.weights_file import read_weights
from scripts.model.train.crop_training import train_on_crops
from scripts.model.train.data import TrainingData
from scripts.model.train.device import TrainingDevice, choose_device
from scripts.model.train.loop import TrainingPlan, WholePictureTraining
from scripts.model.train.options import TrainOptions
from scripts.model.train.progress import ProgressOutput
from scripts.model.train.recipes import choose_what_learns
from scripts.model.train.records import prepare_records
from scripts.model.train.state import load_state


@dataclass(frozen=True)
class TrainResult:
    """steps: taken in all. ap50: the best on held-out pictures, None without any."""

    steps: int
    ap50: float | None


def begin(options: TrainOptions) -> TrainingDevice:
    """Choose the device, and take up the threads and the seed of the options."""
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    return choose_device(options.family)


def run_training(
    options: TrainOptions, data: TrainingData, device: TrainingDevice, arguments: Sequence[str]
) -> TrainResult:
    """Train, and write checkpoint.pth, settings.json and held-out.json into `options.out`.

    arguments: of the command line, which the checkpoint quotes. Raises ToolError, before it writes
    anything, for a model, checkpoint or state that cannot be used.
    """
    meta = {
        "resize": "antialias" if options.crop else "opencv-linear",
        "dataset": options.data.name,
        "training_command": shlex.join(["python", "-m", "scripts.model.train", *arguments]),
    }
    model_type = icevision_module(options.family)
    model = build_model(options.family, options.backbone, data.classes, options.size)
    crop_model = None
    if options.crop:
        crop_model = build_model(options.family, options.backbone, data.classes, options.crop)
    state = load_state(options.state_path) if options.resume else None
    if options.resume:
        options.check_resumes()
    trained_model = crop_model or model
    if not options.resume:  # the state of a resumed run has all weights
        _load_initial_weights(options, trained_model)
    choose_what_learns(
        trained_model,
        has_weights=bool(options.init or options.pretrained),
        is_published=bool(options.pretrained),
    )
    write_atomically(options.settings_path, options.to_json().encode())
    if data.held_out:
        write_coco(data.held_out, options.held_out_path)
    output = ProgressOutput()
    if crop_model:
        steps = train_on_crops(
            options, data.training, data.classes, crop_model, model, device, output, meta
        )
        return TrainResult(steps, None)
    training = _train_on_whole_pictures(
        options, data, model_type, model, device, output, meta, state
    )
    ap50 = training.best["val_ap50"] if data.held_out else None
    return TrainResult(training.step, ap50)


def _load_initial_weights(options: TrainOptions, model: torch.nn.Module) -> None:
    """Give the model the weights of --init or --pretrained, and say how many. Raises ToolError."""
    if options.init:
        source, weights = str(options.init), load_checkpoint(options.init).model.state_dict()
    elif options.pretrained:
        path = options.pretrained
        if path is True:
            path = download(find_published_weights(options.family, options.backbone))
        source, weights = str(path), read_weights(path)
    else:
        return
    transfer = transfer_weights(model, weights, f"{options.family}:{options.backbone}", source)
    print(transfer.describe(), flush=True)


def _train_on_whole_pictures(
    options: TrainOptions,
    data: TrainingData,
    model_type: ModuleType,
    model: torch.nn.Module,
    device: TrainingDevice,
    output: ProgressOutput,
    meta: dict[str, str],
    state: dict | None,
) -> WholePictureTraining:
    steps = options.steps
    if options.epochs:
        steps = max(1, round(options.epochs * len(data.training) / options.batch))

    def save(state_dict: dict[str, torch.Tensor], step: int) -> None:
        save_checkpoint(
            options.checkpoint_path,
            state_dict,
            model_name=options.family,
            backbone_name=options.backbone,
            classes=data.classes,
            size=options.size,
            steps=step,
            pictures=len(data.training),
            **meta,
        )

    plan = TrainingPlan(
        steps=steps,
        minutes=options.minutes,
        batch_size=options.batch,
        learning_rate=options.rate,
        seed=options.seed,
        evaluate_every=options.evaluate_every,
        save_minutes=options.save_minutes,
        any_orientation=options.any_orientation,
    )
    folder = options.out / "prepared"
    training = WholePictureTraining(
        model_type,
        model,
        prepare_records(data.training, data.classes, options.size, folder / "training", output),
        prepare_records(data.held_out, data.classes, options.size, folder / "validation", output),
        data.classes,
        plan,
        family=options.family,
        device=device,
        output=output,
        metrics_path=options.metrics_path,
        state_path=options.state_path,
        save_best=save,
        state=state,
    )
    training.run()
    return training
