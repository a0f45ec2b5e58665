"""A bundle and labelled pictures in; what tiles gain and cost, out.

    python -m scripts.bench.tiles handler/model data/heldout --mosaic 1 2 3

Mosaics are pictures of many small objects made of ordinary ones: N x N neighbours in one picture at
their own resolution, with all their labels. Everything is measured through the handler's predict(),
counts at the bundle's score threshold. COCO's average precision takes up to 1,000 boxes a picture.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from handler.bundle.files import load_bundle
from handler.bundle.reader import BundleError
from handler.detection.detector import Detector
from handler.problems import BadRequest
from handler.routes.parameters import tile_grid
from scripts.model import dataset
from scripts.model.dataset import LabelledPicture
from scripts.model.evaluate import accuracy, evaluate

MAX_DETECTIONS = 1000  # as many as a request can ask for


def mosaics(
    pictures: Sequence[LabelledPicture], side: int, most: int, folder: Path
) -> list[LabelledPicture]:
    """side x side neighbours in one picture each, as JPEG in a folder; as many as the pictures
    give, at most `most`. A picture smaller than the largest of its mosaic has white beside it."""
    if side == 1:
        return list(pictures[:most])
    made = []
    for first in range(0, len(pictures) - side * side + 1, side * side)[:most]:
        parts = pictures[first : first + side * side]
        opened = [Image.open(part.path).convert("RGB") for part in parts]
        width, height = (max(size) for size in zip(*(each.size for each in opened), strict=True))
        whole = Image.new("RGB", (side * width, side * height), "white")
        boxes = []
        for at, (part, each) in enumerate(zip(parts, opened, strict=True)):
            left, top = at % side * width, at // side * height
            whole.paste(each, (left, top))
            boxes.append(part.boxes + np.array([left, top, left, top]))
        path = folder / f"{parts[0].path.stem}-{side}x{side}.jpg"
        whole.save(path, quality=90)
        labels = tuple(label for part in parts for label in part.labels)
        made.append(LabelledPicture(path, np.concatenate(boxes), labels))
    return made


def measure(
    detector: Detector, pictures: Sequence[LabelledPicture], name: str, tiles: str
) -> tuple[accuracy.Figures, float, str]:
    """The figures, the median ms of a picture, and the grids that were taken."""
    judged, times, grids = [], [], Counter[str]()
    for item in evaluate.progress(pictures):
        started = time.perf_counter()
        made = evaluate.look(detector, item, tiles=tile_grid("tiles", tiles),
                             max_detections=MAX_DETECTIONS)  # fmt: skip
        times.append((time.perf_counter() - started) * 1000)
        judged.append(evaluate.judge(item, made))
        grids[f"{made.grid.columns}x{made.grid.rows}" if made.grid else "none"] += 1
    manifest = detector.manifest
    figures = accuracy.figures(
        judged, manifest.classes, name, manifest.thresholds.score, MAX_DETECTIONS
    )
    taken = ", ".join(f"{count} {what}" for what, count in sorted(grids.items()))
    return figures, statistics.median(times), taken


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.tiles",
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
    options = parser.parse_args(argv)
    try:
        _run(options)
    except (BundleError, dataset.DatasetError) as error:
        sys.exit(f"tiles: {error}")
    except BadRequest as problem:
        sys.exit(f"tiles: {problem.detail}")
    except OSError as error:
        sys.exit(f"tiles: {error.filename}: {error.strerror}")


def _run(options: argparse.Namespace) -> None:
    if min(options.mosaic) < 1 or options.pictures < 1:
        sys.exit("tiles: --mosaic and --pictures are 1 or more")
    for tiles in options.tiles:
        tile_grid("tiles", tiles)
    detector = Detector.load(load_bundle(options.bundle), threads=options.threads)
    labelled = dataset.read(options.folder)
    print(
        f"{'mosaic':<8}{'n':>4}{'objects':>9}  {'tiles':<6}{'AP50':>7}{'precision':>11}"
        f"{'recall':>8}{'count error':>13}{'ms':>7}  taken"
    )
    for side in options.mosaic:
        with tempfile.TemporaryDirectory() as folder:
            pictures = mosaics(labelled, side, options.pictures, Path(folder))
            if not pictures:
                sys.exit(f"tiles: {options.folder} has {len(labelled)} pictures, too few for a "
                         f"mosaic of {side} x {side}")  # fmt: skip
            for tiles in options.tiles:
                row, milliseconds, taken = measure(detector, pictures, options.folder.name, tiles)
                print(
                    f"{f'{side} x {side}':<8}{row.pictures:>4}{row.objects:>9}  {tiles:<6}"
                    f"{row.ap50:>7.3f}{row.precision:>11.3f}{row.recall:>8.3f}"
                    f"{row.count_error:>13.1%}{milliseconds:>7.0f}  {taken}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
