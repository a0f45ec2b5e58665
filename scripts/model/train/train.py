"""Labelled pictures in (Pascal VOC or COCO), an IceVision checkpoint out: your own detector.

    python -m scripts.model.train --data ~/my-data --model ross.efficientdet:tf_lite0 --size 512

Without --crop, pictures are trained on whole; with it, on crops at the model's scale, as the
default model of many small cells was (scripts.model.train.crops).
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scripts.model import dataset

MINUTES = 60  # of a run that is told no end
MOST_STEPS = 20_000
SAME = ("data", "val", "held_out", "model", "size", "batch", "rate", "seed", "any_orientation")
HELD_OUT = "held-out.json"  # what was kept from training, for evaluate
SMALL = 8.0  # px at the model's input, under which boxes are hard for these models to find


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.model.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, default=Path("data/rendered"), help="VOC or COCO folder, or COCO file")
    add("--val", type=Path, help="the same, for validation; else a share of --data is held out")
    add("--held-out", type=float, default=0.15, help="that share, 0 for none (%(default)s)")
    add("--out", type=Path, default=Path("data/runs/microalgae"), help="folder for what it writes")
    add("--model", default="ross.efficientdet:tf_lite0", help="FAMILY:BACKBONE (%(default)s)")
    add("--size", type=int, default=512, help="side of the model's input, px (%(default)s)")
    add("--crop", type=int, help="train on crops of this side, px, not on whole pictures")
    add("--batch", type=int, default=8, help="pictures a step (%(default)s)")
    add("--rate", type=float, default=3e-3, help="peak learning rate (%(default)s)")
    add(
        "--steps", type=int, help=f"end after this many at most (default: {MINUTES} minutes' worth)"
    )
    add("--epochs", type=float, help="the same, in rounds through the pictures")
    add("--minutes", type=float, help="end, learning rate annealed, after this long")
    add("--init", type=Path, help="start from this checkpoint's weights")
    add("--resume", action="store_true", help="go on with the run in --out that was cut off")
    add("--any-orientation", action="store_true", help="objects have no upright: turn and flip")
    add("--evaluate-every", type=int, default=200, help="steps (%(default)s)")
    add("--save-minutes", type=float, default=5, help="between saved states (%(default)s)")
    add("--seed", type=int, default=20191210, help="(%(default)s)")
    add("--threads", type=int, help="CPU threads")
    add("--loaders", type=int, default=1, help="with --crop: processes that prepare crops")
    options = parser.parse_args(argv)
    try:
        _run(options, argv if argv is not None else sys.argv[1:])
    except dataset.DatasetError as error:
        sys.exit(f"train: {error}")
    except OSError as error:
        sys.exit(f"train: {error.filename}: {error.strerror}")


def split(pictures: Sequence, share: float, seed: int) -> tuple[list, list]:
    """Training and held-out pictures, the same for the same seed; at least one stays in each."""
    order = np.random.default_rng(seed).permutation(len(pictures))
    count = min(len(pictures) - 1, max(1, round(len(pictures) * share))) if share > 0 else 0
    held = set(order[:count].tolist())
    return (
        [each for index, each in enumerate(pictures) if index not in held],
        [each for index, each in enumerate(pictures) if index in held],
    )


def summary(reading: dataset.LabelledDataset, size: int) -> str:
    """What there is to learn from: pictures, boxes by class, box sides at the model's input."""
    counts = Counter(label for picture in reading.pictures for label in picture.labels)
    sides = np.concatenate(
        [
            np.sqrt((p.boxes[:, 2:] - p.boxes[:, :2]).prod(1)) * size / max(p.width, p.height)
            for p in reading.pictures
        ]
    )
    low, middle, high = np.quantile(sides, (0.05, 0.5, 0.95))
    empty = sum(not picture.labels for picture in reading.pictures)
    lines = [f"{len(reading.pictures)} pictures ({empty} without objects), {len(sides)} boxes"]
    lines += [f"  {label:<24} {count:>7}" for label, count in sorted(counts.items())]
    lines += [f"  note: {count} {what}" for what, count in reading.corrections.items()]
    lines.append(
        f"  box sides at {size} px: 5 % {low:.0f}, median {middle:.0f}, 95 % {high:.0f} px"
    )
    if low < SMALL:
        lines.append(f"  warning: boxes under {SMALL:.0f} px are hard to find; raise --size")
    return "\n".join(lines)


def _run(options: argparse.Namespace, typed: Sequence[str]) -> None:
    family, _, backbone = options.model.partition(":")
    steps = 1 if options.steps is None else options.steps
    if min(options.size, options.batch, steps, options.evaluate_every) < 1:
        sys.exit("train: --size, --batch, --steps and --evaluate-every must be 1 or more")
    if options.crop and (options.resume or options.val or options.epochs):
        sys.exit("train: --crop has no --resume, --val or --epochs; leave them out")
    if not options.crop and options.batch < 2:
        sys.exit("train: --batch must be 2 or more: BatchNorm takes statistics over a batch")
    if options.steps is None:
        options.steps = MOST_STEPS
        if options.epochs is None and options.minutes is None:
            options.minutes = MINUTES
    if not 0 <= options.held_out < 1:
        sys.exit("train: --held-out must be from 0 to under 1")
    reading = dataset.survey(options.data)
    classes = sorted({label for picture in reading.pictures for label in picture.labels})
    if not classes:
        raise dataset.DatasetError(f"{options.data}: no boxes to learn from; label some first")
    training, held = list(reading.pictures), []
    if options.val:
        held = dataset.read(options.val)
        strange = sorted({label for p in held for label in p.labels} - set(classes))
        if strange:
            raise dataset.DatasetError(
                f"{options.val}: classes not in --data: {', '.join(strange)}"
            )
    elif not options.crop:
        training, held = split(training, options.held_out, options.seed)
    print(summary(reading, options.size), flush=True)

    import torch

    from scripts.model.icevision import checkpoint, families
    from scripts.model.train import crops, curves, recipe

    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    command = shlex.join(["python", "-m", "scripts.model.train", *typed])
    note = {
        "resize": "antialias" if options.crop else "opencv-linear",
        "dataset": options.data.name,
        "training_command": command,
    }
    try:
        kind = families.family(family)
        model = families.build(family, backbone, classes, options.size)
        initial = checkpoint.load(options.init).model.state_dict() if options.init else {}
        state_file = options.out / "state.pt"
        if options.resume and not state_file.is_file():
            sys.exit(f"train: {state_file}: no such file; nothing to resume, leave out --resume")
        state = recipe.read_state(state_file) if options.resume else None
    except (families.UnknownModelError, checkpoint.CheckpointError, recipe.StateError) as error:
        sys.exit(f"train: {error}")
    settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items()}
    if options.resume:
        _refuse_other_settings(settings, options.out / "settings.json")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "settings.json").write_text(json.dumps(settings, indent=2) + "\n")
    saved_to = options.out / "checkpoint.pth"
    if held:
        dataset.write_coco(held, options.out / HELD_OUT)
    if options.crop:
        steps = crops.train(options, training, classes, initial, note)
    else:
        own = model.state_dict()
        fitting = {k: v for k, v in initial.items() if k in own and own[k].shape == v.shape
                   and "anchors" not in k}  # fmt: skip
        model.load_state_dict(fitting, strict=False)
        steps = options.steps
        if options.epochs:
            steps = max(1, round(options.epochs * len(training) / options.batch))

        def save(weights: dict, step: int) -> None:
            checkpoint.save(
                saved_to, weights, model_name=family, backbone_name=backbone, classes=classes,
                size=options.size, steps=step, pictures=len(training), **note,
            )  # fmt: skip

        plan = recipe.TrainingPlan(
            options.size, steps, options.minutes, options.batch, options.rate, options.seed,
            options.evaluate_every, options.save_minutes, options.any_orientation,
        )  # fmt: skip
        folder = options.out / "prepared"
        steps, best = recipe.train(
            kind, model,
            recipe.prepare(training, classes, options.size, folder / "training"),
            recipe.prepare(held, classes, options.size, folder / "validation"),
            classes, plan, options.out, save=save, drawn=curves.draw, state=state,
        )  # fmt: skip
        if held:
            print(f"best: AP50 {best['val_ap50']:.3f} on {len(held)} held-out pictures")
    print(f"{saved_to}: {steps} steps on {len(training)} pictures; next:")
    bundle, python = options.out / "bundle", ".venv-train/bin/python -m scripts.model"
    print(f"  {python}.export {saved_to} --out {bundle}")
    if held:
        proof = "" if note["resize"] == "opencv-linear" else " --from-input"
        print(f"  {python}.parity {bundle} {saved_to} {held[0].path.parent}{proof}")
        print(
            f"  .venv/bin/python -m scripts.model.evaluate {bundle} {options.out / HELD_OUT} "
            f"--out {options.out} --write-threshold"
        )


def _refuse_other_settings(settings: dict[str, object], before: Path) -> None:
    """A run goes on as it began, or not at all."""
    try:
        began = json.loads(before.read_text())
    except ValueError:
        sys.exit(f"train: {before}: not JSON; train anew without --resume")
    changed = [name for name in SAME if began.get(name) != settings[name]]
    if changed:
        told = ", ".join(f"--{n.replace('_', '-')} {began.get(n)}" for n in changed)
        sys.exit(
            f"train: the run to resume began with {told}; give the same, or leave out --resume"
        )


if __name__ == "__main__":
    main()
