"""Your own detector: trains an IceVision model on labelled pictures (Pascal VOC or COCO).

    scripts/run train --data ~/my-data --model ross.efficientdet:tf_lite0 --size 512 --pretrained

It uses a GPU where there is one. On a terminal it shows a bar, elsewhere it writes a line a minute.
Without --crop it trains on whole pictures; with it on crops at the model's scale, as the default
model of many small cells was (scripts.model.train.crops).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.model.train.data import TrainingData, format_summary, read_training_data
from scripts.model.train.options import DEFAULT_MINUTES, TrainOptions
from scripts.tool import exit_on_error


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/run train",
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
    add(
        "--rate",
        type=float,
        help="peak learning rate (default: the family's, from 0.0001 to 0.003)",
    )
    add(
        "--steps",
        type=int,
        help=f"end after this many at most (default: {DEFAULT_MINUTES} minutes' worth)",
    )
    add("--epochs", type=float, help="the same, in rounds through the pictures")
    add("--minutes", type=float, help="end, learning rate annealed, after this long")
    add("--init", type=Path, help="start from this checkpoint's weights")
    add(
        "--pretrained",
        nargs="?",
        type=Path,
        const=True,
        metavar="FILE",
        help="start from published weights: downloaded, or those in FILE (.pth, .pt, .safetensors)",
    )
    add("--resume", action="store_true", help="go on with the run in --out that was cut off")
    add("--any-orientation", action="store_true", help="objects have no upright: turn and flip")
    add("--evaluate-every", type=int, default=200, help="steps (%(default)s)")
    add("--save-minutes", type=float, default=5, help="between saved states (%(default)s)")
    add("--seed", type=int, default=20191210, help="(%(default)s)")
    add("--threads", type=int, help="CPU threads")
    add("--loaders", type=int, default=1, help="with --crop: processes that prepare crops")
    arguments = sys.argv[1:] if argv is None else argv
    options = TrainOptions(**vars(parser.parse_args(arguments)))
    with exit_on_error("train"):
        options.check()
        options = options.with_defaults()
        data = read_training_data(options)
        from scripts.model.train.run import begin, run_training  # torch takes seconds to import

        device = begin(options)
        print(device.describe(), flush=True)
        print(format_summary(data.dataset, options.size), flush=True)
        result = run_training(options, data, device, arguments)
    if result.ap50 is not None:
        print(f"best: AP50 {result.ap50:.3f} on {len(data.held_out)} held-out pictures")
    print(
        f"{options.checkpoint_path}: {result.steps} steps on {len(data.training)} pictures; next:"
    )
    _print_next_commands(options, data)


def _print_next_commands(options: TrainOptions, data: TrainingData) -> None:
    checkpoint, bundle = options.checkpoint_path, options.out / "bundle"
    pictures = options.held_out_path if data.held_out else options.data
    print(f"  scripts/run export {checkpoint} --out {bundle} --parity {pictures}")
    if data.held_out:
        print(
            f"  scripts/run evaluate {bundle} {options.held_out_path} --out {options.out} "
            "--write-threshold --write-baseline"
        )
        print(f"  scripts/release {bundle} dev")


if __name__ == "__main__":
    main()
