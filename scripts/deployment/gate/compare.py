"""Measures the live model and a new one on the live model's own evaluation sets, side by side.

Both are measured now, through the handler's own code: figures that an older commit, another version
of a library or another machine wrote say nothing of a difference of a hundredth. The live model's
figures must come out as its model.json says, within MAX_CHANGE_OF_LIVE; else these are other
pictures, or others' labels, and nothing is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from handler.bundle.files import Bundle, load_bundle
from handler.bundle.manifest import Evaluation, Manifest
from handler.detection.detector import Detector
from scripts.deployment.gate.comparison import ComparedSet, Comparison, ModelId, Row
from scripts.deployment.gate.evaluation_sets import (
    FoundSet,
    describe,
    find_evaluation_sets,
    live_evaluations,
)
from scripts.deployment.gate.margins import ACCURACY, LATENCY, MAX_CHANGE_OF_LIVE, SIZE
from scripts.deployment.gate.resampling import PictureFigures, resample_changes
from scripts.model.dataset import LabelledPicture, read_labelled_pictures
from scripts.model.evaluate.accuracy import Figures, compute_figures
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture
from scripts.model.evaluate.evaluation import evaluate_pictures, name_dataset
from scripts.model.timing import median_timing, time_in_turns
from scripts.tool import ToolError

TIMED_ROUNDS = 31
TIMED_PICTURES = 5
_HELD_TO = ("ap50", "ap", "precision", "recall", "count_error")  # both in Evaluation and Figures


def model_id(manifest: Manifest) -> ModelId:
    """Which model a manifest is of."""
    return ModelId(manifest.name, manifest.version, manifest.sha256)


def describe_class_change(live: Manifest, new: Manifest) -> str | None:
    """What of the class list differs, which breaks clients that know the old one; None if
    nothing."""
    if live.classes == new.classes:
        return None
    gone = [name for name in live.classes if name not in new.classes]
    added = [name for name in new.classes if name not in live.classes]
    parts = [f"gone: {', '.join(gone)}"] if gone else []
    parts += [f"new: {', '.join(added)}"] if added else []
    return "; ".join(parts) or f"in another order: {', '.join(new.classes)}"


def compare(
    live_bundle_dir: Path,
    new_bundle_dir: Path,
    folders: Sequence[Path] = (),
    *,
    rounds: int = TIMED_ROUNDS,
) -> Comparison:
    """Evaluate both bundles on the live one's evaluation sets, and time them in turns.

    folders: labelled pictures, before those that the live model's evaluation commands name.
    rounds: of timing. Raises ToolError, BundleError and handler.problems.Problem.
    """
    live, new = load_bundle(live_bundle_dir), load_bundle(new_bundle_dir)
    detectors = [Detector.load(bundle, threads=1) for bundle in (live, new)]
    compared: list[ComparedSet] = []
    notes: list[str] = []
    timed: list[Path] = []
    seen: set[str] = set()
    for each in find_evaluation_sets(live.manifest, folders):
        found = each.without(seen)
        if not found.candidates:
            continue  # a folder that was given is this set
        pictures = _read(found)
        timed += [picture.path for picture in pictures]
        strange = _strange_labels(pictures, new.manifest)
        if strange:
            notes.append(
                f"not compared on {name_dataset(found.folder)}: its labels {', '.join(strange)} "
                "are no classes of the new model"
            )
            seen.update(candidate.dataset for candidate in found.candidates)
            continue
        compared.append(_compare_on(found, pictures, detectors))
        seen.add(compared[-1].dataset)
    notes += [
        f"not compared, its pictures are not here: {describe([evaluation])}"
        for evaluation in live_evaluations(live.manifest)
        if evaluation.dataset not in seen
    ]
    return Comparison(
        live=model_id(live.manifest),
        new=model_id(new.manifest),
        sets=tuple(compared),
        cost=_compare_cost([live, new], detectors, timed, rounds),
        classes_changed=describe_class_change(live.manifest, new.manifest),
        notes=tuple(notes),
    )


def _read(found: FoundSet) -> list[LabelledPicture]:
    pictures = read_labelled_pictures(found.folder)
    if not any(len(picture.boxes) for picture in pictures):
        raise ToolError(
            f"{found.folder}: not one labelled box in it; nothing can be compared on it"
        )
    return pictures


def _strange_labels(pictures: Sequence[LabelledPicture], manifest: Manifest) -> list[str]:
    return sorted({label for each in pictures for label in each.labels} - set(manifest.classes))


def _compare_on(
    found: FoundSet, pictures: Sequence[LabelledPicture], detectors: Sequence[Detector]
) -> ComparedSet:
    live_pictures, live_figures = _measure(detectors[0], pictures, found)
    evaluation = _hold_to_manifest(live_figures, found)
    new_pictures, new_figures = _measure(detectors[1], pictures, found)
    live, new = (
        PictureFigures.of(each, detector.manifest.classes, detector.manifest.thresholds.score)
        for each, detector in zip((live_pictures, new_pictures), detectors, strict=True)
    )
    intervals = resample_changes(live, new)
    rows = []
    for margin in ACCURACY:
        before, after = (getattr(each, margin.name) for each in (live_figures, new_figures))
        low, high = intervals[margin.name]
        rows.append(Row(margin, before, after, margin.judge(before, after, low, high), low, high))
    return ComparedSet(
        evaluation.dataset, found.named, len(pictures), live_figures.objects, tuple(rows)
    )


def _measure(
    detector: Detector, pictures: Sequence[LabelledPicture], found: FoundSet
) -> tuple[list[EvaluatedPicture], Figures]:
    manifest = detector.manifest
    evaluated = evaluate_pictures(detector, pictures)
    name = name_dataset(found.folder)
    return evaluated, compute_figures(evaluated, manifest.classes, name, manifest.thresholds.score)


def _hold_to_manifest(figures: Figures, found: FoundSet) -> Evaluation:
    """The evaluation in the live model.json that these figures are. Raises ToolError for none."""
    for each in found.candidates:
        if figures.pictures == each.pictures and _largest_change(figures, each)[1] <= (
            MAX_CHANGE_OF_LIVE
        ):
            return each
    reasons = "; ".join(_why_not(figures, each) for each in found.candidates)
    raise ToolError(
        f"{found.folder}: these are not the pictures, or not the labels, that the live model was "
        f"evaluated on: {reasons}. Name the folder that its model.json means with --pictures: "
        f"{'; '.join(each.command for each in found.candidates)}"
    )


def _why_not(figures: Figures, evaluation: Evaluation) -> str:
    if figures.pictures != evaluation.pictures:
        return (
            f"{evaluation.dataset} has {evaluation.pictures} pictures, this folder "
            f"{figures.pictures}"
        )
    name, _ = _largest_change(figures, evaluation)
    return (
        f"on {evaluation.dataset} its {name} is {getattr(evaluation, name):.3f} by its model.json, "
        f"and {getattr(figures, name):.3f} here, which differs by more than {MAX_CHANGE_OF_LIVE:g}"
    )


def _largest_change(figures: Figures, evaluation: Evaluation) -> tuple[str, float]:
    changes = {name: abs(getattr(figures, name) - getattr(evaluation, name)) for name in _HELD_TO}
    name = max(changes, key=lambda each: changes[each])
    return name, changes[name]


def _compare_cost(
    bundles: Sequence[Bundle], detectors: Sequence[Detector], timed: Sequence[Path], rounds: int
) -> tuple[Row, ...]:
    """Latency on one thread, in turns, and the size of model.onnx."""
    step = max(1, len(timed) // TIMED_PICTURES)
    encoded = [path.read_bytes() for path in timed[::step][:TIMED_PICTURES]]
    timings = time_in_turns(detectors, encoded, rounds)
    inference = [median_timing(each).inference_ms for each in timings]
    sizes = [bundle.onnx_path.stat().st_size / 1e6 for bundle in bundles]
    return tuple(
        Row(margin, before, after, margin.judge(before, after, None, None))
        for margin, (before, after) in ((LATENCY, inference), (SIZE, sizes))
    )
