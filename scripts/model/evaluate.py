"""A bundle and labelled folders in, its accuracy out, measured through the handler's own code.

    python -m scripts.model.evaluate handler/model ../shared/data/microalgae/labeled

AP50 and AP are COCO's (pycocotools); precision, recall and the counts are taken at the bundle's own
threshold, a detection counting as right when it overlaps a box of its label, not yet taken, by IoU
>= 0.5.
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
from handler.detector import Detector, Thresholds
from scripts.model import dataset
from scripts.model.dataset import LabelledPicture

MAX_DETECTIONS = 300
MAX_PIXELS = 400_000_000  # these pictures are ours


@dataclass(frozen=True)
class Judged:
    """One picture's truth beside its detections (every one above the score floor, best first)."""

    picture: LabelledPicture
    found: Detections
    width: int
    height: int


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


def run(detector: Detector, pictures: Sequence[LabelledPicture]) -> list[Judged]:
    """Decode and detect every picture with the handler's code, down to the bundle's score floor."""
    thresholds = detector.manifest.thresholds
    wide = Thresholds(
        score=thresholds.score_floor, iou=thresholds.iou, max_detections=MAX_DETECTIONS
    )
    judged = []
    for item in tqdm(pictures, unit="picture", desc="detecting", disable=None):
        picture = image.decode(
            item.path.read_bytes(), max_pixels=MAX_PIXELS, at_least=detector.at_least
        )
        found = detector.detect(picture, wide).detections
        judged.append(Judged(item, found, picture.width, picture.height))
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
    ap, ap50 = average_precision(judged, classes)
    hits = found = true = 0
    errors = []
    for item in judged:
        shown = item.found.select(item.found.scores > score_threshold)
        hits += matches(item.picture, shown, classes)
        found += len(shown)
        true += len(item.picture.boxes)
        errors.append(abs(len(shown) - len(item.picture.boxes)) / max(len(item.picture.boxes), 1))
    return Figures(
        dataset=name,
        pictures=len(judged),
        objects=true,
        ap50=ap50,
        ap=ap,
        precision=hits / found if found else 0.0,
        recall=hits / true if true else 0.0,
        count_error=float(np.mean(errors)) if errors else 0.0,
        count_bias=(found - true) / true if true else 0.0,
        score_threshold=score_threshold,
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


def matches(picture: LabelledPicture, found: Detections, classes: Sequence[str]) -> int:
    """How many detections, best first, hit a box of their label that no better one took."""
    overlaps = iou(found.boxes.astype(np.float64), picture.boxes)
    truth = np.array([classes.index(label) for label in picture.labels], np.int64)
    hits = 0
    for row, class_id in zip(overlaps, found.class_ids, strict=True):
        row = np.where(truth == class_id, row, 0.0)
        if len(row) and row.max() >= 0.5:
            overlaps[:, row.argmax()] = 0
            hits += 1
    return hits


def average_precision(judged: Sequence[Judged], classes: Sequence[str]) -> tuple[float, float]:
    """COCO's AP (IoU 0.50 to 0.95) and AP50 over all classes, at up to MAX_DETECTIONS a picture."""
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
        return 0.0, 0.0
    truth = COCO()
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, 1)]
    truth.dataset = {"images": images, "annotations": annotations, "categories": categories}
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools talks
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(results), "bbox")
        judge.params.maxDets = [1, 10, MAX_DETECTIONS]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][:, :, :, 0, -1]  # IoU, recall, class; all areas
    valid = np.where(precision > -1, precision, np.nan)
    return float(np.nanmean(valid)), float(np.nanmean(valid[0]))


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


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.model.evaluate", description=__doc__.splitlines()[0]
    )
    parser.add_argument("bundle", type=Path, help="folder with model.onnx and model.json")
    parser.add_argument(
        "folders", type=Path, nargs="+", help="labelled pictures, Pascal VOC or COCO"
    )
    parser.add_argument("--score-threshold", type=float, help="instead of the bundle's")
    parser.add_argument(
        "--find-threshold", action="store_true", help="also print the threshold that counts best"
    )
    parser.add_argument(
        "--write", action="store_true", help="write the figures, with this command, into model.json"
    )
    parser.add_argument(
        "--write-threshold", action="store_true", help="write the threshold that counts best, too"
    )
    parser.add_argument("--pictures", action="store_true", help="also print each picture's counts")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument(
        "--threads", type=int, default=1, help="of ONNX Runtime (default: %(default)s)"
    )
    options = parser.parse_args(argv)
    try:
        loaded = bundle.load(options.bundle)
        detector = Detector.load(loaded, threads=options.threads)
        manifest = loaded.manifest
        rows = []
        for folder in options.folders:
            name = (
                folder.name
                if folder.name not in ("labeled", "images")
                else f"{folder.parent.name}/{folder.name}"
            )
            judged = run(detector, dataset.read(folder))
            threshold = options.score_threshold
            threshold = manifest.thresholds.score if threshold is None else threshold
            if options.find_threshold or options.write_threshold:
                best = best_threshold(judged, manifest.classes, name)
                print(f"{name}: counts best at score_threshold {best:.2f}", file=sys.stderr)
                if options.write_threshold:
                    threshold = best
                    thresholds = dataclasses.replace(manifest.thresholds, score=best)
                    manifest = dataclasses.replace(manifest, thresholds=thresholds)
            rows.append(figures(judged, manifest.classes, name, threshold))
            if options.pictures:
                for item in judged:
                    shown = int((item.found.scores > threshold).sum())
                    print(
                        f"  {item.picture.path.name}: {shown} found, "
                        f"{len(item.picture.boxes)} labelled",
                        file=sys.stderr,
                    )
    except (bundle.BundleError, dataset.DatasetError) as error:
        sys.exit(f"evaluate: {error}")
    if options.write or options.write_threshold:
        bundle.write(
            dataclasses.replace(manifest, evaluation=_entries(manifest, rows, options)),
            options.bundle,
        )
    if options.json:
        print(json.dumps([dataclasses.asdict(row) for row in rows], indent=2))
        return
    print(
        f"{'pictures of':<24}{'n':>4}{'objects':>9}{'AP50':>8}{'AP':>8}"
        f"{'precision':>11}{'recall':>8}{'count error':>13}{'bias':>8}"
    )
    for row in rows:
        print(
            f"{row.dataset:<24}{row.pictures:>4}{row.objects:>9}{row.ap50:>8.3f}{row.ap:>8.3f}{row.precision:>11.3f}"
            f"{row.recall:>8.3f}{row.count_error:>12.1%} {row.count_bias:>+7.1%}"
        )


def _entries(manifest, rows: Sequence[Figures], options) -> tuple:
    kept = [
        entry for entry in manifest.evaluation if entry.dataset not in {row.dataset for row in rows}
    ]
    folders = " ".join(str(folder) for folder in options.folders)
    command = f"python -m scripts.model.evaluate {options.bundle} {folders}"
    new = [
        bundle.Evaluation(
            dataset=row.dataset,
            pictures=row.pictures,
            ap50=round(row.ap50, 4),
            ap=round(row.ap, 4),
            precision=round(row.precision, 4),
            recall=round(row.recall, 4),
            count_error=round(row.count_error, 4),
            command=command,
        )
        for row in rows
    ]
    return (*kept, *new)


if __name__ == "__main__":
    main()
