"""Count with ImageJ beside the API: both on the same labelled pictures.

    scripts/run imagej handler/model ../shared/data/microalgae/labeled

ImageJ runs count_cells.ijm, as a user would begin: 8-bit, the field's circle, the Triangle
threshold, Analyze Particles. The smallest particle that is a cell is the one number that it asks
its user for; the table says what other choices give. The API counts at the bundle's thresholds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector
from scripts.bench.imagej.macro import JAR, run_macro
from scripts.bench.imagej.report import LEAST, CountedPicture, make_report
from scripts.bench.page import write_block
from scripts.model.dataset import read_labelled_pictures
from scripts.model.evaluate.evaluation import (
    predict_picture,
    show_progress,
    to_evaluated_picture,
)
from scripts.paths import ROOT
from scripts.tool import ToolError, exit_on_error

PAGE = ROOT / "docs" / "counting.md"


def count_pictures(bundle: Path, folder: Path, jar: Path = JAR) -> list[CountedPicture]:
    """Every labelled picture, counted by both. Raises ToolError, DatasetError, BundleError."""
    labelled = read_labelled_pictures(folder)
    if len({each.path.name for each in labelled}) < len(labelled):
        raise ToolError(f"{folder} has two pictures of one name")
    areas = run_macro([each.path for each in labelled], jar)
    detector = Detector.load(load_bundle(bundle), threads=1)
    counted = []
    for picture in show_progress(labelled):
        prediction = predict_picture(detector, picture, tiles="auto")
        evaluated = to_evaluated_picture(picture, prediction)
        found = evaluated.predicted_count(detector.manifest.thresholds.score)
        counted.append(
            CountedPicture(picture.path.name, evaluated.true_count, areas[picture.path.name], found)
        )
    return counted


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/run imagej",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("bundle", type=Path, help="folder with model.onnx and model.json")
    add("folder", type=Path, help="labelled pictures, Pascal VOC or COCO")
    add("--least", type=int, default=LEAST, metavar="PX",
        help="area of the smallest particle that ImageJ counts (%(default)s)")  # fmt: skip
    add("--jar", type=Path, default=JAR, help="ImageJ's ij.jar (%(default)s)")
    add("--write", action="store_true", help="put the table into docs/counting.md")
    arguments = parser.parse_args(argv)
    with exit_on_error("imagej"):
        if arguments.least < 0:
            raise ToolError("--least is 0 or more")
        counted = count_pictures(arguments.bundle, arguments.folder, arguments.jar)
        report = make_report(counted, arguments.least)
        print(report)
        if arguments.write:
            write_block(PAGE, "imagej", report)


if __name__ == "__main__":
    main()
