"""Measure what tiles gain in accuracy and cost in time.

    scripts/run tiles handler/model data/heldout --mosaic 1 2 3

Mosaics are pictures of many small objects made of ordinary ones: N x N neighbours in one picture at
their own resolution, with all their labels. Everything is measured through the handler's predict(),
counts at the bundle's score threshold. COCO's average precision takes up to 1,000 boxes a picture.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector
from handler.routes.parameters import tile_grid
from scripts.model.dataset import LabelledPicture, read_labelled_pictures
from scripts.model.evaluate.accuracy import Figures, compute_figures
from scripts.model.evaluate.evaluation import (
    predict_picture,
    show_progress,
    to_evaluated_picture,
)
from scripts.tool import ToolError, exit_on_error

MAX_DETECTIONS = 1000  # the most that a request can ask for


@dataclass(frozen=True)
class TilesResult:
    """What one setting of tiles reaches. median_ms: of a picture. grids: how many pictures took
    each grid, in words."""

    figures: Figures
    median_ms: float
    grids: str


def make_mosaics(
    pictures: Sequence[LabelledPicture], side: int, limit: int, folder: Path
) -> list[LabelledPicture]:
    """At most `limit` JPEGs in a folder, each of side x side neighbouring pictures with all their
    labels.

    Pictures keep their resolution; those smaller than the largest of their mosaic leave white
    beside them. A side of 1 gives the pictures themselves.
    """
    if side == 1:
        return list(pictures[:limit])
    mosaics = []
    for first in range(0, len(pictures) - side * side + 1, side * side)[:limit]:
        parts = pictures[first : first + side * side]
        images = [Image.open(part.path).convert("RGB") for part in parts]
        width, height = (max(size) for size in zip(*(image.size for image in images), strict=True))
        mosaic = Image.new("RGB", (side * width, side * height), "white")
        boxes = []
        for index, (part, image) in enumerate(zip(parts, images, strict=True)):
            left, top = index % side * width, index // side * height
            mosaic.paste(image, (left, top))
            boxes.append(part.boxes + np.array([left, top, left, top]))
        path = folder / f"{parts[0].path.stem}-{side}x{side}.jpg"
        mosaic.save(path, quality=90)
        labels = tuple(label for part in parts for label in part.labels)
        mosaics.append(LabelledPicture(path, np.concatenate(boxes), labels))
    return mosaics


def measure_tiles(
    detector: Detector, pictures: Sequence[LabelledPicture], dataset: str, tiles: str
) -> TilesResult:
    """Predict with `tiles`, as the API's parameter has them, and time each picture.

    Raises DatasetError, and handler.problems.BadRequest for a wrong `tiles`.
    """
    grid = tile_grid("tiles", tiles)
    evaluated, times_ms, grids = [], [], Counter[str]()
    for picture in show_progress(pictures):
        started = time.perf_counter()
        prediction = predict_picture(detector, picture, tiles=grid, max_detections=MAX_DETECTIONS)
        times_ms.append((time.perf_counter() - started) * 1000)
        evaluated.append(to_evaluated_picture(picture, prediction))
        chosen = prediction.grid
        grids[f"{chosen.columns}x{chosen.rows}" if chosen else "none"] += 1
    manifest = detector.manifest
    figures = compute_figures(
        evaluated, manifest.classes, dataset, manifest.thresholds.score, MAX_DETECTIONS
    )
    return TilesResult(
        figures,
        statistics.median(times_ms),
        ", ".join(f"{count} {name}" for name, count in sorted(grids.items())),
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/run tiles",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("bundle", type=Path, help="folder with model.onnx and model.json")
    add("folder", type=Path, help="labelled pictures, Pascal VOC or COCO")
    add("--mosaic", type=int, nargs="+", default=[1, 2], metavar="N", help="pictures side by side, "
        "and above each other; 1 is the picture as it is (default: 1 2)")  # fmt: skip
    add("--tiles", nargs="+", default=["none", "auto", "2x2", "3x3"],
        help="as the API has them (default: none auto 2x2 3x3)")  # fmt: skip
    add("--pictures", type=int, default=20, help="at most so many of each (%(default)s)")
    add("--threads", type=int, default=1, help="of ONNX Runtime (%(default)s)")
    arguments = parser.parse_args(argv)
    with exit_on_error("tiles"):
        _compare_tiles(arguments)


def _compare_tiles(arguments: argparse.Namespace) -> None:
    """Print a line for each mosaic and each setting of tiles as soon as it is measured."""
    if min(arguments.mosaic) < 1 or arguments.pictures < 1:
        raise ToolError("--mosaic and --pictures are 1 or more")
    for tiles in arguments.tiles:
        tile_grid("tiles", tiles)  # raises before the first measurement, not after an hour of them
    detector = Detector.load(load_bundle(arguments.bundle), threads=arguments.threads)
    labelled = read_labelled_pictures(arguments.folder)
    print(
        f"{'mosaic':<8}{'n':>4}{'objects':>9}  {'tiles':<6}{'AP50':>7}{'precision':>11}"
        f"{'recall':>8}{'count error':>13}{'ms':>7}  taken"
    )
    for side in arguments.mosaic:
        with tempfile.TemporaryDirectory() as folder:
            pictures = make_mosaics(labelled, side, arguments.pictures, Path(folder))
            if not pictures:
                raise ToolError(
                    f"{arguments.folder} has {len(labelled)} pictures, too few for a "
                    f"mosaic of {side} x {side}"
                )
            for tiles in arguments.tiles:
                result = measure_tiles(detector, pictures, arguments.folder.name, tiles)
                print(_format_line(side, tiles, result), flush=True)


def _format_line(side: int, tiles: str, result: TilesResult) -> str:
    figures = result.figures
    return (
        f"{f'{side} x {side}':<8}{figures.pictures:>4}{figures.objects:>9}  {tiles:<6}"
        f"{figures.ap50:>7.3f}{figures.precision:>11.3f}{figures.recall:>8.3f}"
        f"{figures.count_error:>13.1%}{result.median_ms:>7.0f}  {result.grids}"
    )


if __name__ == "__main__":
    main()
