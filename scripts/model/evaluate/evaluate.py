"""A bundle and labelled folders in, its accuracy out, measured through the handler's own code.

    python -m scripts.model.evaluate handler/model ../shared/data/microalgae/labeled

AP, AP50 and AP75 are COCO's (pycocotools), whole, by size (COCO's areas in px of the picture: small
under 32 x 32, large from 96 x 96) and by class. Precision, recall and the counts are taken at the
bundle's own score threshold, a detection counting as right when it overlaps a box of its label, not
yet taken, by IoU >= 0.5.

Into model.json go, each by its option: the figures (--write); the score threshold that counts best
(--write-threshold); how far a count may be off, which the API then answers as count_interval
(--calibrate FOLDER); what predictions look like, for monitoring, and how large the objects are in
the model's input, which tiles=auto aims at (--write-baseline).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from handler.bundle.files import load_bundle, write_manifest
from handler.bundle.manifest import Evaluation, Input, TrainingScale
from handler.bundle.reader import BundleError
from handler.detection.detector import MAX_NEAR_MISSES, Detector, Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import Prediction, PredictRequest
from handler.detection.tiling import WHOLE, Grid
from handler.images.statistics import statistics
from handler.problems import Problem
from scripts.model import dataset
from scripts.model.dataset import LabelledPicture
from scripts.model.evaluate import accuracy, baseline, count_calibration, report
from scripts.model.evaluate.accuracy import MAX_DETECTIONS, EvaluatedPicture, Figures

MAX_PIXELS = 400_000_000  # these pictures are ours
TILES_S = 600.0


def run(detector: Detector, pictures: Sequence[LabelledPicture]) -> list[EvaluatedPicture]:
    """Decode and detect every picture with the handler's code, down to the bundle's score floor."""
    return [judge(item, look(detector, item)) for item in progress(pictures)]


def progress(pictures: Sequence[LabelledPicture]) -> Iterable[LabelledPicture]:
    return tqdm(pictures, unit="picture", desc="detecting", disable=None)


def look(
    detector: Detector,
    item: LabelledPicture,
    *,
    tiles: Grid | Literal["auto"] = WHOLE,
    max_detections: int = MAX_DETECTIONS,
) -> Prediction:
    """What the handler makes of a picture. Raises dataset.DatasetError where it is none."""
    limits = detector.manifest.thresholds
    wide = Thresholds(limits.score_floor, limits.iou, max_detections)
    try:
        ask = PredictRequest(item.path.read_bytes(), wide, tiles)
        return predict(ask, detector=detector, max_pixels=MAX_PIXELS, tiles_s=TILES_S)
    except (OSError, Problem) as error:
        reason = error.detail if isinstance(error, Problem) else error.strerror
        raise dataset.DatasetError(f"{item.path}: {reason}; mend or remove it") from None


def judge(item: LabelledPicture, made: Prediction) -> EvaluatedPicture:
    picture, seen = made.picture, made.output
    return EvaluatedPicture(
        item, seen.detections, picture.width, picture.height, statistics(seen.content)
    )


def observe(
    item: EvaluatedPicture, classes: Sequence[str], score_threshold: float
) -> baseline.Observation:
    """What the picture's PredictionRecord would tell a baseline."""
    shown = item.detections.select(item.detections.scores > score_threshold)
    sides = shown.boxes[:, 2:].astype(float) - shown.boxes[:, :2]
    brightness, contrast, sharpness = item.statistics
    return baseline.Observation(
        scores=shown.scores.astype(float).tolist(),
        areas=(sides.prod(1) / (item.width * item.height)).tolist(),
        labels=[classes[class_id] for class_id in shown.class_ids],
        near_misses=min(len(item.detections) - len(shown), MAX_NEAR_MISSES),
        brightness=brightness,
        contrast=contrast,
        sharpness=sharpness,
        megapixels=item.width * item.height / 1e6,
    )


def training_scale(
    judged: Sequence[EvaluatedPicture], size: Input, name: str, command: str
) -> TrainingScale | None:
    """The labelled objects' size in the model's input; None where nothing is labelled."""
    sizes = [
        np.sqrt((item.picture.boxes[:, 2:] - item.picture.boxes[:, :2]).prod(1))
        * min(size.width / item.width, size.height / item.height)
        for item in judged
    ]
    median = float(np.median(np.concatenate(sizes))) if any(map(len, sizes)) else 0.0
    if not median:
        return None
    return TrainingScale(round(median, 2), len(judged), name, command)


def set_name(folder: Path) -> str:
    """What a folder's figures are called: its name, or its parent's too where that says little."""
    if folder.name in ("labeled", "images", "train", "val", "valid", "test"):
        return f"{folder.parent.name}/{folder.name}"
    return folder.stem if folder.suffix == ".json" else folder.name


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.model.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("bundle", type=Path, help="folder with model.onnx and model.json")
    add("folders", type=Path, nargs="+", help="labelled pictures, Pascal VOC or COCO")
    add("--out", type=Path, help="folder for report.html: curves, and the worst pictures drawn")
    add("--score-threshold", type=float, help="instead of the bundle's")
    add("--find-threshold", action="store_true", help="also print the threshold that counts best")
    add(
        "--write", action="store_true", help="write the figures, with this command, into model.json"
    )
    add("--write-threshold", action="store_true", help="and the threshold that counts best")
    add("--calibrate", type=Path, metavar="FOLDER", help="write how far a count may be off, from "
        "these labelled pictures that training never saw")  # fmt: skip
    add("--coverage", type=float, default=0.9, help="of that interval (%(default)s)")
    add("--write-baseline", action="store_true", help="write what predictions on the folders look "
        "like, for monitoring, and how large objects are, for tiles=auto")  # fmt: skip
    add("--pictures", action="store_true", help="also print each picture's counts")
    add("--json", action="store_true", help="print the figures as JSON")
    add("--threads", type=int, default=1, help="of ONNX Runtime (%(default)s)")
    options = parser.parse_args(argv)
    try:
        _run(options)
    except (
        BundleError,
        dataset.DatasetError,
        count_calibration.CalibrationError,
    ) as error:
        sys.exit(f"evaluate: {error}")
    except OSError as error:
        sys.exit(f"evaluate: {error.filename}: {error.strerror}")


def _run(options: argparse.Namespace) -> None:
    asked = options.score_threshold
    if asked is not None and (options.calibrate or options.write_threshold):
        sys.exit("evaluate: --calibrate and --write-threshold are of the bundle's own threshold; "
                 "leave --score-threshold out")  # fmt: skip
    loaded = load_bundle(options.bundle)
    detector, manifest = Detector.load(loaded, threads=options.threads), loaded.manifest
    folders = {set_name(folder): folder for folder in options.folders}
    if len(folders) < len(options.folders):
        sys.exit("evaluate: two of the folders have one name; rename one, or judge them in turn")
    sets = {name: run(detector, dataset.read(folder)) for name, folder in folders.items()}
    for name, judged in sets.items():
        if options.find_threshold or options.write_threshold:
            best = accuracy.best_threshold(judged, manifest.classes, name)
            print(f"{name}: counts best at score_threshold {best:.2f}", file=sys.stderr)
            if options.write_threshold:
                limits = dataclasses.replace(manifest.thresholds, score=best)
                manifest = dataclasses.replace(manifest, thresholds=limits)
    limits = manifest.thresholds
    threshold = limits.score if asked is None else asked
    rows = [
        accuracy.figures(judged, manifest.classes, name, threshold) for name, judged in sets.items()
    ]
    command = (
        f"python -m scripts.model.evaluate {options.bundle} {' '.join(map(str, options.folders))}"
    )
    if options.calibrate:
        name = set_name(options.calibrate)
        same = name in folders and folders[name].resolve() == options.calibrate.resolve()
        judged = sets[name] if same else run(detector, dataset.read(options.calibrate))
        calibration = count_calibration.calibrate(
            *_counts(judged, limits.score),
            coverage=options.coverage,
            dataset=name,
            score_threshold=limits.score,
            iou_threshold=limits.iou,
            command=f"{command} --calibrate {options.calibrate} --coverage {options.coverage:g}",
        )
        manifest = dataclasses.replace(manifest, count_calibration=calibration)
    if options.write_baseline:
        every = [item for judged in sets.values() for item in judged]
        seen = [observe(item, manifest.classes, limits.score) for item in every]
        made = baseline.summarise(
            seen,
            dataset=", ".join(sets),
            score_threshold=limits.score,
            iou_threshold=limits.iou,
            command=f"{command} --write-baseline",
        )
        scale = training_scale(every, manifest.input, made.dataset, made.command)
        manifest = dataclasses.replace(manifest, monitoring_baseline=made, training_scale=scale)
    if options.write or options.write_threshold:
        kept = [entry for entry in manifest.evaluation if entry.dataset not in sets]
        entries = (*kept, *(_entry(row, command) for row in rows))
        manifest = dataclasses.replace(manifest, evaluation=entries)
    if manifest != loaded.manifest:
        write_manifest(manifest, options.bundle)
    if options.out:
        report.write(options.out, manifest, sets, rows, command)
    calibration = manifest.count_calibration
    shares = {
        name: count_calibration.covered(*_counts(judged, limits.score), calibration)
        for name, judged in sets.items()
        if calibration and threshold == calibration.score_threshold
    }
    if options.json:
        told = [
            {**dataclasses.asdict(row), "interval_held": shares.get(row.dataset)} for row in rows
        ]
        print(json.dumps(told, indent=2))
        return
    if options.pictures:
        for judged in sets.values():
            for item in judged:
                found, true = item.count(threshold), len(item.picture.boxes)
                print(
                    f"  {item.picture.path.name}: {found} found, {true} labelled", file=sys.stderr
                )
    print(as_text(rows))
    for name, share in shares.items():
        assert calibration
        print(
            f"count interval: {calibration.coverage:.0%} asked of {calibration.pictures} pictures "
            f"of {calibration.dataset}, held on {share:.0%} of {len(sets[name])} of {name}"
        )
    if options.out:
        print(f"report: {options.out / report.FILE}")


def _counts(judged: Sequence[EvaluatedPicture], threshold: float) -> tuple[list[int], list[int]]:
    return [item.count(threshold) for item in judged], [len(item.picture.boxes) for item in judged]


def as_text(rows: Sequence[Figures]) -> str:
    """The table that people read: a line a set, then its classes and sizes where there are more
    than one."""
    lines = [
        f"{'pictures of':<24}{'n':>5}{'objects':>9}{'AP50':>8}{'AP75':>8}{'AP':>8}{'precision':>11}"
        f"{'recall':>8}{'F1':>7}{'best F1 at':>12}{'count error':>13}{'MAE':>7}{'bias':>8}"
    ]
    for row in rows:
        lines.append(
            f"{row.dataset:<24}{row.pictures:>5}{row.objects:>9}{row.ap50:>8.3f}{row.ap75:>8.3f}"
            f"{row.ap:>8.3f}{row.precision:>11.3f}{row.recall:>8.3f}{row.f1:>7.3f}"
            f"{row.best_f1_threshold:>12.2f}{row.count_error:>13.1%}{row.count_mae:>7.1f}"
            f"{row.count_bias:>+8.1%}"
        )
        classes = row.by_class if len(row.by_class) > 1 else {}
        for name, figures_ in classes.items():
            if figures_:
                lines.append(f"  {name:<22}{'':>14}{figures_[1]:>8.3f}{'':>8}{figures_[0]:>8.3f}")
        sizes = {name: ap for name, ap in row.by_size.items() if ap is not None}
        if len(sizes) > 1:
            told = ", ".join(f"{name} {ap:.3f}" for name, ap in sizes.items())
            lines.append(f"  AP by size: {told}")
    return "\n".join(lines)


def _entry(row: Figures, command: str) -> Evaluation:
    return Evaluation(
        dataset=row.dataset,
        pictures=row.pictures,
        ap50=round(row.ap50, 4),
        ap=round(row.ap, 4),
        precision=round(row.precision, 4),
        recall=round(row.recall, 4),
        count_error=round(row.count_error, 4),
        command=command,
    )


if __name__ == "__main__":
    main()
