"""Labelled microscope photos of spindle-shaped microalgae, rendered from seeds.

scripts/run render --out data/rendered --count 1200 --crowded
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from tqdm import tqdm

from scripts.model.render.photo import photo_path, write_photos
from scripts.model.render.population import AS_PHOTOS, CROWDED


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="scripts/run render", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, default=Path("data/rendered"), help="folder for pictures and VOC XML"
    )
    parser.add_argument("--count", type=int, default=1200, help="pictures (default: %(default)s)")
    parser.add_argument(
        "--first-seed", type=int, default=0, help="seed of the first picture; one seed a picture"
    )
    parser.add_argument("--size", type=int, default=1400, help="side in px (default: %(default)s)")
    parser.add_argument(
        "--crowded", action="store_true", help="cells closer together than in photos, to train on"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    seeds = range(options.first_seed, options.first_seed + options.count)
    missing = [seed for seed in seeds if not photo_path(options.out, seed).exists()]
    crowding = CROWDED if options.crowded else AS_PHOTOS
    paths = write_photos(options.out, missing, options.size, crowding, options.workers)
    for _ in tqdm(paths, total=len(missing), unit="picture", desc="rendering"):
        pass


if __name__ == "__main__":
    main()
