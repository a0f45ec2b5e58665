"""Time the steps of `scripts/run train` beside IceVision's own loop with Lightning.

    scripts/run training_speed [--data FOLDER] [--write]

The same model trains on the same pictures in the same size of batch, by each loop in a process of
its own; they take turns, a few steps each, so that a busy moment meets all. `scripts/run train` is
run as it is, without validation. IceVision's loop is its documentation's: its augmentations, its
Lightning adapter, Lightning's Trainer, in float32; once without processes that load pictures, and
once with as many as there are cores. Medians; the parts are in ms of a step:

- data: pictures are read, augmented and put together, or waited for;
- forward, backward: of the network and its loss;
- optimizer, averaging: of the weights;
- other: clipping, logging, the loop itself.

`memory` is the highest resident size of the process that trains, without its loaders.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from pathlib import Path

from scripts.bench.page import write_block
from scripts.bench.training_speed.measure import measure_in_turns
from scripts.bench.training_speed.report import format_page, format_text
from scripts.bench.training_speed.settings import LoopSettings
from scripts.paths import ROOT
from scripts.tool import exit_on_error

PAGE = ROOT / "docs" / "models.md"
PICTURES, SIDE = 24, 640  # rendered where no folder is given


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/run training_speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, help="labelled pictures (default: rendered ones)")
    add("--model", default="ross.efficientdet:tf_lite0", help="FAMILY:BACKBONE (%(default)s)")
    add("--size", type=int, default=256, help="side of the model's input, px (%(default)s)")
    add("--batch", type=int, default=8, help="pictures a step (%(default)s)")
    add("--minutes", type=float, default=3.5, help="how long (%(default)s)")
    add("--steps", type=int, default=6, help="measured in a turn (%(default)s)")
    add("--warm-up", type=int, default=4, help="before them (%(default)s)")
    add("--loaders", type=int, default=os.cpu_count(), help="processes of IceVision's second run, "
        "0 for no such run (%(default)s)")  # fmt: skip
    add("--write", action="store_true", help="the figures into docs/models.md")
    options = parser.parse_args(argv)
    with exit_on_error("training_speed"), tempfile.TemporaryDirectory() as folder:
        data = options.data or _render(Path(folder) / "pictures")
        measured = measure_in_turns(
            _settings(options, data, Path(folder)),
            minutes=options.minutes,
            steps=options.steps,
            warm_up=options.warm_up,
        )
        if options.write:
            rounds = len(measured[0].rounds)
            write_block(PAGE, "training-speed", format_page(measured, _how(options, rounds)))
    print(format_text(measured))


def _settings(options: argparse.Namespace, data: Path, folder: Path) -> dict[str, str]:
    """Each loop's settings, by the name that the table has."""
    loaders: dict[str, int | None] = {"scripts/run train": None, "IceVision": 0}
    if options.loaders:
        loaders[f"IceVision, {options.loaders} loaders"] = options.loaders
    return {
        name: LoopSettings(
            model=options.model,
            size=options.size,
            batch=options.batch,
            data=str(data.resolve()),
            out=str(folder / f"run-{number}"),
            loaders=count,
        ).to_json()
        for number, (name, count) in enumerate(loaders.items())
    }


def _render(folder: Path) -> Path:
    from scripts.model.render.photo import write_photo  # OpenCV is not needed for --help

    folder.mkdir()
    for seed in range(PICTURES):
        write_photo(folder, seed, SIDE)
    return folder


def _how(options: argparse.Namespace, rounds: int) -> str:
    return (
        f"`{options.model}` at {options.size} px, {options.batch} pictures a step, "
        f"{rounds} × {options.steps} steps each on {os.cpu_count()} cores of {platform.machine()}, "
        "medians."
    )


if __name__ == "__main__":
    main()
