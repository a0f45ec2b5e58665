"""A bundle and labelled folders in, its accuracy out, measured through the handler's own code.

    python -m scripts.model.evaluate handler/model ../shared/data/microalgae/labeled

AP, AP50 and AP75 are COCO's (pycocotools), whole, by size (COCO's areas in px of the picture: small
under 32 x 32, large from 96 x 96) and by class. Precision, recall and the counts are taken at the
bundle's own score threshold, a detection counting as right when it overlaps a box of its label, not
yet taken, by IoU >= 0.5.

Into model.json go, each by its option: the figures (--write); the score threshold that counts best
(--write-threshold); how far a count may be off, which the API then answers as count_interval
(--calibrate FOLDER); what predictions look like, for monitoring (--write-baseline).
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from handler import bundle, image
from handler.detections import Detections
from handler.detector import MAX_NEAR_MISSES, Detector, Thresholds
from handler.problems import Problem
from handler.record import statistics
from scripts.model import baseline, count_calibration, dataset, report
from scripts.model.dataset import LabelledPicture

MAX_DETECTIONS = 300
MAX_PIXELS = 400_000_000  # these pictures are ours
SIZES = ("small", "medium", "large")  # COCO's areas: under 32², to 96², above, in px of the picture


@dataclass(frozen=True)
class Judged:
    """One picture's truth beside its detections (every one above the score floor, best first)."""

    picture: LabelledPicture
    found: Detections
    width: int
    height: int
    statistics: tuple[float, float, float] = (0.0, 0.0, 0.0)  # see handler.record.statistics

    def count(self, threshold: float) -> int:
        return int((self.found.scores > threshold).sum())


@dataclass(frozen=True)
class Accuracy:
    """COCO's figures over IoU 0.50 to 0.95; None where there is no object to find.

    by_size: AP of SIZES. by_class: (AP, AP50) by label.
    """

    ap: float
    ap50: float
    ap75: float
    by_size: dict[str, float | None]
    by_class: dict[str, tuple[float, float] | None]


@dataclass(frozen=True)
class Curve:
    """Precision, recall, F1 and mean relative count error at score thresholds, float64 (T,)
    each."""

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    count_error: np.ndarray


@dataclass(frozen=True)
class Figures:
    """What a bundle reaches on a set of pictures; counts are cells a picture, errors relative to
    the true count."""

    dataset: str
    pictures: int
    objects: int
    ap50: float
    ap: float
    precision: float
    recall: float
    count_error: float  # mean over pictures of |predicted - true| / max(true, 1)
    count_bias: float  # (all predicted - all true) / all true
    score_threshold: float
    ap75: float
    count_mae: float  # mean over pictures of |predicted - true|
    f1: float
    best_f1_threshold: float
    by_size: dict[str, float | None]
    by_class: dict[str, tuple[float, float] | None]


def run(detector: Detector, pictures: Sequence[LabelledPicture]) -> list[Judged]:
    """Decode and detect every picture with the handler's code, down to the bundle's score floor."""
    thresholds = detector.manifest.thresholds
    wide = Thresholds(
        score=thresholds.score_floor, iou=thresholds.iou, max_detections=MAX_DETECTIONS
    )
    judged = []
    for item in tqdm(pictures, unit="picture", desc="detecting", disable=None):
        try:
            picture = image.decode(
                item.path.read_bytes(), max_pixels=MAX_PIXELS, at_least=detector.at_least
            )
        except (OSError, Problem) as error:
            reason = error.detail if isinstance(error, Problem) else error.strerror
            raise dataset.DatasetError(f"{item.path}: {reason}; mend or remove it") from None
        seen = detector.detect(picture, wide)
        judged.append(
            Judged(item, seen.detections, picture.width, picture.height, statistics(seen.content))
        )
    return judged


def figures(
    judged: Sequence[Judged], classes: Sequence[str], name: str, score_threshold: float
) -> Figures:
    """Score judged pictures at a threshold. AP does not depend on the threshold. Labels unknown to
    the model raise dataset.DatasetError."""
    unknown = sorted({label for item in judged for label in item.picture.labels} - set(classes))
    if unknown:
        raise dataset.DatasetError(
            f"{name}: labels {unknown} are none of the model's: {list(classes)}"
        )
    found_by = accuracy(judged, classes)
    over = curve(judged, classes)
    hits = found = true = 0
    errors, apart = [], []
    for item in judged:
        shown = item.found.select(item.found.scores > score_threshold)
        hits += matches(item.picture, shown, classes)
        found += len(shown)
        true += len(item.picture.boxes)
        apart.append(abs(len(shown) - len(item.picture.boxes)))
        errors.append(apart[-1] / max(len(item.picture.boxes), 1))
    return Figures(
        dataset=name,
        pictures=len(judged),
        objects=true,
        ap50=found_by.ap50,
        ap=found_by.ap,
        precision=hits / found if found else 0.0,
        recall=hits / true if true else 0.0,
        count_error=float(np.mean(errors)) if errors else 0.0,
        count_bias=(found - true) / true if true else 0.0,
        score_threshold=score_threshold,
        ap75=found_by.ap75,
        count_mae=float(np.mean(apart)) if apart else 0.0,
        f1=2 * hits / (found + true) if found + true else 0.0,
        best_f1_threshold=float(over.thresholds[int(over.f1.argmax())]),
        by_size=found_by.by_size,
        by_class=found_by.by_class,
    )


def curve(judged: Sequence[Judged], classes: Sequence[str]) -> Curve:
    """The figures that depend on the score threshold, from 0.05 to 0.95.

    Boxes are matched best first, so that raising the threshold takes matches away and changes
    none.
    """
    thresholds = np.round(np.arange(0.05, 0.951, 0.01), 2)
    hits, found, true = np.zeros(len(thresholds)), np.zeros(len(thresholds)), 0
    errors = np.zeros(len(thresholds))
    for item in judged:
        shown = item.found.scores[:, None] > thresholds
        hit = np.array(taken(item.picture, item.found, classes) >= 0, bool)
        hits += (shown & hit[:, None]).sum(0)
        found += shown.sum(0)
        true += len(item.picture.boxes)
        errors += abs(shown.sum(0) - len(item.picture.boxes)) / max(len(item.picture.boxes), 1)
    return Curve(
        thresholds,
        precision=np.where(found > 0, hits / np.maximum(found, 1), np.nan),  # of none, nothing
        recall=hits / max(true, 1),
        f1=2 * hits / np.maximum(found + true, 1),
        count_error=errors / max(len(judged), 1),
    )


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes xyxy: (N, 4) and (M, 4) to float64 (N, M)."""
    corner = np.maximum(first[:, None, :2], second[None, :, :2])
    opposite = np.minimum(first[:, None, 2:], second[None, :, 2:])
    overlap = np.clip(opposite - corner, 0, None).prod(-1)
    area = (first[:, 2:] - first[:, :2]).prod(-1)[:, None] + (second[:, 2:] - second[:, :2]).prod(
        -1
    )[None]
    return overlap / np.maximum(area - overlap, 1e-9)


def taken(picture: LabelledPicture, found: Detections, classes: Sequence[str]) -> np.ndarray:
    """Which true box each detection, best first, hits that no better one took: int64 (N,), -1 for
    none."""
    overlaps = iou(found.boxes.astype(np.float64), picture.boxes)
    truth = np.array([classes.index(label) for label in picture.labels], np.int64)
    hit = np.full(len(found), -1, np.int64)
    for index, (row, class_id) in enumerate(zip(overlaps, found.class_ids, strict=True)):
        row = np.where(truth == class_id, row, 0.0)
        if len(row) and row.max() >= 0.5:
            hit[index] = row.argmax()
            overlaps[:, row.argmax()] = 0
    return hit


def matches(picture: LabelledPicture, found: Detections, classes: Sequence[str]) -> int:
    """How many detections hit a true box."""
    return int((taken(picture, found, classes) >= 0).sum())


def accuracy(judged: Sequence[Judged], classes: Sequence[str]) -> Accuracy:
    """COCO's average precision at up to MAX_DETECTIONS a picture."""
    precision = _coco_precision(judged, classes)
    if precision is None:
        return Accuracy(0.0, 0.0, 0.0, dict.fromkeys(SIZES), dict.fromkeys(classes))
    valid = np.where(precision > -1, precision, np.nan)

    def mean(values: np.ndarray) -> float | None:
        return None if np.isnan(values).all() else float(np.nanmean(values))

    by_class = {}
    for number, name in enumerate(classes):
        whole = mean(valid[:, :, number, 0])
        by_class[name] = None if whole is None else (whole, mean(valid[0, :, number, 0]) or 0.0)
    return Accuracy(
        ap=mean(valid[..., 0]) or 0.0,
        ap50=mean(valid[0, :, :, 0]) or 0.0,
        ap75=mean(valid[5, :, :, 0]) or 0.0,
        by_size={name: mean(valid[..., at]) for at, name in enumerate(SIZES, 1)},
        by_class=by_class,
    )


def _coco_precision(judged: Sequence[Judged], classes: Sequence[str]) -> np.ndarray | None:
    """pycocotools' precision (IoU, recall, class, area: all and SIZES), -1 where there is no
    object; None where nothing is labelled or found."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    images, annotations, results = [], [], []
    for number, item in enumerate(judged, 1):
        images.append({"id": number, "width": item.width, "height": item.height})
        for box, label in zip(item.picture.boxes, item.picture.labels, strict=True):
            x0, y0, x1, y1 = map(float, box)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": classes.index(label) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0),
                    "iscrowd": 0,
                }
            )
        for box, score, class_id in zip(
            item.found.boxes, item.found.scores, item.found.class_ids, strict=True
        ):
            x0, y0, x1, y1 = map(float, box)
            results.append(
                {
                    "image_id": number,
                    "category_id": int(class_id) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "score": float(score),
                }
            )
    if not annotations or not results:
        return None
    truth = COCO()
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, 1)]
    truth.dataset = {"images": images, "annotations": annotations, "categories": categories}
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools talks
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(results), "bbox")
        judge.params.maxDets = [1, 10, MAX_DETECTIONS]
        judge.evaluate()
        judge.accumulate()
    return judge.eval["precision"][..., -1]


def best_threshold(judged: Sequence[Judged], classes: Sequence[str], name: str) -> float:
    """The score threshold, in steps of 0.01, at which the mean relative count error is smallest."""
    candidates = np.arange(0.10, 0.91, 0.01)
    errors = []
    for threshold in candidates:
        counts = [
            (int((item.found.scores > threshold).sum()), len(item.picture.boxes)) for item in judged
        ]
        errors.append(np.mean([abs(found - true) / max(true, 1) for found, true in counts]))
    smooth = np.convolve(np.pad(errors, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    return float(round(candidates[int(np.argmin(smooth))], 2))


def observe(item: Judged, classes: Sequence[str], score_threshold: float) -> baseline.Observation:
    """What the picture's PredictionRecord would tell a baseline."""
    shown = item.found.select(item.found.scores > score_threshold)
    sides = shown.boxes[:, 2:].astype(float) - shown.boxes[:, :2]
    brightness, contrast, sharpness = item.statistics
    return baseline.Observation(
        scores=shown.scores.astype(float).tolist(),
        areas=(sides.prod(1) / (item.width * item.height)).tolist(),
        labels=[classes[class_id] for class_id in shown.class_ids],
        near_misses=min(len(item.found) - len(shown), MAX_NEAR_MISSES),
        brightness=brightness,
        contrast=contrast,
        sharpness=sharpness,
        megapixels=item.width * item.height / 1e6,
    )


def calibrate(
    judged: Sequence[Judged], limits: bundle.DefaultThresholds, *, coverage: float, name: str,
    command: str,
) -> bundle.CountCalibration:  # fmt: skip
    """The calibration of the count on judged pictures. Raises CalibrationError."""
    return count_calibration.calibrate(
        [item.count(limits.score) for item in judged],
        [len(item.picture.boxes) for item in judged],
        coverage=coverage,
        dataset=name,
        score_threshold=limits.score,
        iou_threshold=limits.iou,
        command=command,
    )


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
        "like, for monitoring")  # fmt: skip
    add("--pictures", action="store_true", help="also print each picture's counts")
    add("--json", action="store_true", help="print the figures as JSON")
    add("--threads", type=int, default=1, help="of ONNX Runtime (%(default)s)")
    options = parser.parse_args(argv)
    try:
        _run(options)
    except (
        bundle.BundleError,
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
    loaded = bundle.load(options.bundle)
    detector, manifest = Detector.load(loaded, threads=options.threads), loaded.manifest
    sets = {set_name(folder): run(detector, dataset.read(folder)) for folder in options.folders}
    for name, judged in sets.items():
        if options.find_threshold or options.write_threshold:
            best = best_threshold(judged, manifest.classes, name)
            print(f"{name}: counts best at score_threshold {best:.2f}", file=sys.stderr)
            if options.write_threshold:
                limits = dataclasses.replace(manifest.thresholds, score=best)
                manifest = dataclasses.replace(manifest, thresholds=limits)
    limits = manifest.thresholds
    threshold = limits.score if asked is None else asked
    rows = [figures(judged, manifest.classes, name, threshold) for name, judged in sets.items()]
    command = (
        f"python -m scripts.model.evaluate {options.bundle} {' '.join(map(str, options.folders))}"
    )
    if options.calibrate:
        name = set_name(options.calibrate)
        calibration = calibrate(
            sets.get(name) or run(detector, dataset.read(options.calibrate)),
            limits,
            coverage=options.coverage,
            name=name,
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
        manifest = dataclasses.replace(manifest, monitoring_baseline=made)
    if options.write or options.write_threshold:
        kept = [entry for entry in manifest.evaluation if entry.dataset not in sets]
        entries = (*kept, *(_entry(row, command) for row in rows))
        manifest = dataclasses.replace(manifest, evaluation=entries)
    if manifest != loaded.manifest:
        bundle.write(manifest, options.bundle)
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


def _counts(judged: Sequence[Judged], threshold: float) -> tuple[list[int], list[int]]:
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


def _entry(row: Figures, command: str) -> bundle.Evaluation:
    return bundle.Evaluation(
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
