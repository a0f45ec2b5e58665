"""A bundle, its IceVision checkpoint and pictures in; whether both answer the same, out.

    python -m scripts.model.parity BUNDLE CHECKPOINT PICTURES...

IceVision's own predict against the handler's own code, on the same files, stage by stage:

- pixels: the decoded, upright picture, identical;
- resized: the letterboxed input in bytes, identical;
- input: the same normalised, identical bit for bit (the graph is cut at its normalised tensor);
- network: every candidate's box and scores before NMS, PyTorch against ONNX Runtime, both given the
  same normalised tensor;
- boxes: the detections above 0.5, 0.3 and 0.05 in px of the picture, compared as sets: as many,
  each box within 0.01 px of its partner, its score within 0.0001, its label the same.

Both sides run with IceVision's NMS overlap and its cap on detections, whatever the bundle's own
defaults; where those differ, it is said. A picture's last stage can differ by chance where a score
lies within 0.00001 of the threshold (or of another's), or an overlap within 0.0001 of NMS's limit:
such decisions are counted as "on edge", reported and stored, and more than one of them in a hundred
detections is a failure.

A bundle whose resize is not IceVision's (rule "antialias": its training pictures went through the
handler's own code) cannot begin at the file. With --from-input IceVision is given the handler's
letterboxed input: all but decoding and resizing is compared, and the verdict says so.

The verdict is stored in the bundle's model.json, also when it is a failure. Nothing is stored where
the comparison could not be made, or found no detection to compare. Exit code 0: the same.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.metadata
import json
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import scripts.model.icevision  # noqa: F401  (before icevision)
import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper
from torch import nn
from tqdm import tqdm

from handler.bundle.files import Bundle, load_bundle, write_manifest
from handler.bundle.reader import MANIFEST_FILE
from handler.bundle.manifest import Manifest, Parity, ParityAt
from handler.bundle.reader import BundleError
from handler.detection.detector import Detector, Thresholds
from handler.images.decode import Picture, decode
from handler.problems import Problem
from scripts.model import dataset
from scripts.model.icevision.checkpoint import Checkpoint
from scripts.model.parity.detection_sets import (
    BOX_PX,
    SCORE,
    Compared,
    DetectionSet,
    most_on_edge,
    same_sets,
)
from scripts.model.evaluate.evaluate import MAX_PIXELS
from icevision.all import ClassMap, Dataset, tfms
from icevision.tfms.albumentations.albumentations_helpers import py3round
from icevision.utils.imageio import open_img
from handler.detection import letterbox
from scripts.model.export import export
from scripts.model.icevision import checkpoint, families, heads

THRESHOLDS = (0.5, 0.3, 0.05)
LOWEST = min(THRESHOLDS) - SCORE  # below it a candidate is never compared
STAGES = ("pixels", "resized", "input", "network", "boxes")
# Tensors of the graph that scripts.model.graph makes.
NORMALISED, BOXES, SCORES = "normalised", "network/boxes", "network/scores"


class ParityError(ValueError):
    """A comparison that cannot be made; the text says why and what to do."""


@dataclass(frozen=True)
class Difference:
    """Where a picture's two answers part: the first stage that differs, and how."""

    picture: str
    stage: str
    how: str


@dataclass
class _Tally:
    """What the pictures seen so far come to."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STAGES, 0))  # differing
    input_difference: float = 0.0
    candidates: int = 0
    candidate_box_px: float = 0.0
    candidate_score: float = 0.0
    at: dict[float, list[Compared]] = field(default_factory=lambda: {t: [] for t in THRESHOLDS})
    edges: dict[float, dict[str, int]] = field(default_factory=lambda: {t: {} for t in THRESHOLDS})
    differences: list[Difference] = field(default_factory=list)


@dataclass(frozen=True)
class ParityResult:
    """The verdict as it is stored, and what only the reader sees."""

    parity: Parity
    candidates: int
    differing: dict[str, int]  # pictures, by stage
    differing_at: dict[float, int]  # pictures, by threshold
    differences: tuple[Difference, ...]  # the first of each picture
    notes: tuple[str, ...]


def compare(
    loaded: Bundle,
    reference: Checkpoint,
    pictures: Sequence[Path],
    *,
    from_input: bool,
    threads: int,
) -> ParityResult:
    """Compare both sides on every picture. Raises ParityError, BundleError, and
    handler.problems.Problem's text as a ParityError."""
    manifest = loaded.manifest
    check_kin(manifest, reference, from_input=from_input)
    torch.set_num_threads(threads)
    framework = heads.of(reference)
    detector = Detector.load(loaded, threads=threads)
    inner = _inner_session(loaded, threads)
    tally = _Tally()
    for path in tqdm(pictures, unit="picture", desc="comparing", disable=None, file=sys.stderr):
        _one(path, manifest, reference, framework, detector, inner, tally, from_input=from_input)
    return _outcome(manifest, reference, framework, tally, len(pictures), from_input=from_input)


def check_kin(manifest: Manifest, reference: Checkpoint, *, from_input: bool) -> None:
    """That the bundle was made of the checkpoint, and can be compared as asked. Raises
    ParityError."""
    made_of = manifest.provenance.checkpoint_sha256
    if made_of is None:
        raise ParityError(
            "the bundle's provenance names no checkpoint; export it from the checkpoint "
            "with scripts.model.export"
        )
    if made_of != reference.sha256:
        raise ParityError(
            f"the bundle was exported from the checkpoint of sha256 {made_of[:12]}…, this one has "
            f"{reference.sha256[:12]}…; give that checkpoint, or export this one"
        )
    if manifest.classes != reference.classes:
        raise ParityError(
            f"the bundle's classes {list(manifest.classes)} are not the checkpoint's "
            f"{list(reference.classes)}; export it again"
        )
    size = (manifest.input.width, manifest.input.height)
    if size != (reference.width, reference.height):
        raise ParityError(
            f"the bundle's input is {size[0]} x {size[1]} px, the checkpoint's {reference.width} x "
            f"{reference.height}; give --size as it was given to export, or export it again"
        )
    if manifest.resize.fit not in ("centre", "stretch"):
        raise ParityError(
            f"the bundle's resize.fit {manifest.resize.fit!r} is none that IceVision has; "
            "export the checkpoint with scripts.model.export"
        )
    theirs = resizes_as_icevision(manifest)
    if not theirs and not from_input:
        raise ParityError(
            f"the bundle resizes pictures in its own way (rule {manifest.resize.rule!r}, "
            f"fit {manifest.resize.fit!r}, {size[0]} x {size[1]} px), not in IceVision's, so its "
            "boxes cannot equal those of IceVision from a file; add --from-input to compare all "
            "that follows the resize"
        )
    if theirs and from_input:
        raise ParityError(
            "the bundle resizes as IceVision does, and --from-input would leave that out of the "
            "comparison; run without it"
        )


def resizes_as_icevision(manifest: Manifest) -> bool:
    """Whether the bundle's resize is one that IceVision's tfms.A.resize_and_pad does: a number
    makes a letterboxed square, a pair (width, height) stretches."""
    square = manifest.input.width == manifest.input.height
    fits = manifest.resize.fit == "stretch" or (manifest.resize.fit == "centre" and square)
    return manifest.resize.rule == "opencv-linear" and fits


def _one(
    path: Path,
    manifest: Manifest,
    reference: Checkpoint,
    framework: heads.Head,
    detector: Detector,
    inner: onnxruntime.InferenceSession,
    tally: _Tally,
    *,
    from_input: bool,
) -> None:
    """Compare one picture and add it to the tally. Raises ParityError."""
    found: list[Difference] = []

    def differs(stage: str, how: str | None) -> None:
        if how is not None:
            if stage not in (each.stage for each in found):
                tally.counts[stage] += 1
            found.append(Difference(path.name, stage, how))

    picture, ours = _handlers_input(path, manifest, detector)
    if from_input:
        given, steps = ours, []
        if manifest.resize.fill != families.FILL:
            differs("resized", _of_fill(manifest))
    else:
        given = _icevisions_pixels(path)
        how = _pixels_differ(picture.rgb, given)
        differs("pixels", how)
        if how is not None and picture.rgb.shape != given.shape:
            tally.differences.append(found[0])
            for threshold in THRESHOLDS:  # boxes of pictures of two sizes cannot be compared
                tally.at[threshold].append(Compared(0, None, None, 0, how))
            return
        steps = _icevisions_resize(manifest)
        with _named(f"{path}: IceVision cannot resize it"):
            resized = _records([given], steps, reference)[0].img
        differs("resized", _resized_differ(ours, resized, manifest, picture))
    steps = [*steps, tfms.A.Normalize(mean=reference.mean, std=reference.std)]
    theirs = _icevisions_tensor(given, steps, reference)
    normalised, boxes, scores = inner.run(
        [NORMALISED, BOXES, SCORES], {"image": ours[np.newaxis], **_no_thresholds()}
    )
    gap, how = _tensors_differ(normalised, theirs)
    tally.input_difference = max(tally.input_difference, gap)
    differs("input", how)
    expected = _candidates(framework.core, normalised)
    differs("network", _network_differs(expected, (boxes, scores), tally))
    kind = families.family(reference.model_name)
    placed = _placement(picture, manifest)
    shown = expected[1] > LOWEST
    if framework.nms == "best-class":
        shown &= expected[1] == expected[1].max(1, keepdims=True)
    group, label, at = np.nonzero(shown)
    candidates = DetectionSet(
        _in_picture(expected[0][group, at], placed, picture),
        expected[1][group, label, at].astype(float),
        group * expected[1].shape[1] + label,
    )
    for threshold in THRESHOLDS:
        with _named(f"{path}: IceVision's predict fails on it"):
            (prediction,) = kind.predict(
                reference.model,
                _records([given], steps, reference),
                detection_threshold=threshold,
                keep_images=True,
            )
        limits = Thresholds(threshold, framework.iou_threshold, framework.max_detections)
        answer = detector.detect(picture, limits).detections
        result = same_sets(
            DetectionSet(answer.boxes.astype(float), answer.scores.astype(float), answer.class_ids),
            _icevisions_found(prediction.pred.detection, placed, picture),
            candidates,
            threshold,
            iou_threshold=framework.iou_threshold,
            max_detections=framework.max_detections,
        )
        tally.at[threshold].append(result)
        if result.on_edge:
            tally.edges[threshold][path.name] = result.on_edge
        differs("boxes", None if result.how is None else f"above {threshold}: {result.how}")
    tally.differences.extend(found[:1])


def _handlers_input(
    path: Path, manifest: Manifest, detector: Detector
) -> tuple[Picture, np.ndarray]:
    """The picture as the handler decodes it, and its input uint8 (H, W, 3). Raises ParityError."""
    try:
        picture = decode(path.read_bytes(), max_pixels=MAX_PIXELS, min_frame=detector.min_frame)
    except OSError as error:
        raise ParityError(f"{path}: cannot be read ({error.strerror})") from None
    except Problem as problem:
        raise ParityError(f"{path}: the handler refuses it, {problem.detail}") from None
    size, resize = manifest.input, manifest.resize
    box = letterbox.fit(picture.width, picture.height, size.width, size.height, resize.fit)
    return picture, letterbox.apply(picture.rgb, box, rule=resize.rule, fill=resize.fill)


def _icevisions_pixels(path: Path) -> np.ndarray:
    """The file as IceVision's own records open it: EXIF turned, converted to RGB. Raises
    ParityError."""
    with _named(f"{path}: IceVision cannot open it"):
        return np.asarray(open_img(path))


@contextlib.contextmanager
def _named(what: str) -> Iterator[None]:
    """Whatever the framework raises, as a ParityError that says on which picture."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ParityError(f"{what} ({reason}); leave it out, or save it anew as PNG") from error


def _icevisions_resize(manifest: Manifest) -> list:
    size = (manifest.input.width, manifest.input.height)
    return tfms.A.resize_and_pad(size if manifest.resize.fit == "stretch" else size[0])


def _records(pictures: list[np.ndarray], steps: list, reference: Checkpoint) -> Dataset:
    """IceVision's data set of pictures uint8 (h, w, 3) in memory."""
    return Dataset.from_images(
        pictures, tfms.A.Adapter(steps), class_map=ClassMap(list(reference.classes))
    )


def _icevisions_tensor(given: np.ndarray, steps: list, reference: Checkpoint) -> np.ndarray:
    """What IceVision's batch holds: float32 (1, 3, H, W)."""
    kind = families.family(reference.model_name)
    (images, *_), _ = kind.build_infer_batch([_records([given], steps, reference)[0]])
    return np.stack([each.numpy() for each in images])


def _pixels_differ(ours: np.ndarray, theirs: np.ndarray) -> str | None:
    if ours.shape != theirs.shape:
        return (
            f"the handler decodes {ours.shape[1]} x {ours.shape[0]} px, "
            f"IceVision {theirs.shape[1]} x {theirs.shape[0]}"
        )
    apart = np.abs(ours.astype(np.int16) - theirs)
    if not apart.any():
        return None
    return (
        f"{int(apart.any(-1).sum())} decoded pixels differ, by up to {apart.max()} of 255; "
        "transparency and 16-bit grey are known to (the handler puts white behind, and scales): "
        "save the picture as plain 8-bit RGB to compare the rest"
    )


def _resized_differ(
    ours: np.ndarray, theirs: np.ndarray, manifest: Manifest, picture: Picture
) -> str | None:
    if ours.shape != theirs.shape:
        return (
            f"the handler's input is {ours.shape[1]} x {ours.shape[0]} px, "
            f"IceVision's {theirs.shape[1]} x {theirs.shape[0]}"
        )
    apart = np.abs(ours.astype(np.int16) - theirs)
    if not apart.any():
        return None
    size = manifest.input
    box = letterbox.fit(picture.width, picture.height, size.width, size.height, manifest.resize.fit)
    if not letterbox.content(apart, box).any():
        return _of_fill(manifest)
    return (
        f"{int(apart.any(-1).sum())} pixels of the letterboxed input differ, "
        f"by up to {apart.max()} of 255, not only in the padding"
    )


def _of_fill(manifest: Manifest) -> str:
    return (
        f"the bundle pads with {manifest.resize.fill}, IceVision with {families.FILL}; "
        "see resize.fill in model.json"
    )


def _tensors_differ(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, str | None]:
    """The largest difference between two inputs float32 (1, 3, H, W), and how they differ."""
    if np.array_equal(ours, theirs):
        return 0.0, None
    apart = np.abs(ours.astype(np.float64) - theirs)
    _, channel, row, column = np.unravel_index(int(apart.argmax()), apart.shape)
    return float(apart.max()), (
        f"{int((apart > 0).sum())} of {apart.size} values of the normalised input differ, by up to "
        f"{apart.max():.2g} (channel {channel}, row {row}, column {column}); where the resized "
        "pixels do not, mean or std of the graph are not IceVision's"
    )


def _candidates(core: nn.Module, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """PyTorch's boxes float32 [B, A, 4] in input px and scores [B, C, A]."""
    with torch.no_grad():
        boxes, scores = core(torch.from_numpy(np.ascontiguousarray(given)))
    return boxes.numpy(), scores.numpy()


def _network_differs(
    expected: tuple[np.ndarray, np.ndarray], got: tuple[np.ndarray, np.ndarray], tally: _Tally
) -> str | None:
    """Compare all candidates' scores, and the boxes of those that any threshold lets through."""
    shown = expected[1].max(1) > LOWEST
    if len(expected[0]) > 1:  # the network proposes regions itself, in an order of chance
        apart = export.candidates_apart(expected, got, 1.0)
        box_gap, score_gap = apart or (np.nan, np.nan)
    else:
        shapes, expected_shapes = [each.shape for each in got], [each.shape for each in expected]
        if shapes != expected_shapes:
            return f"the graph has boxes and scores of shape {shapes}, PyTorch {expected_shapes}"
        box_gap = float(np.abs(got[0] - expected[0])[shown].max(initial=0))
        score_gap = float(np.abs(got[1] - expected[1]).max(initial=0))
    tally.candidates += int(shown.sum())
    # A NaN is worse than any number, and model.json holds none.
    tally.candidate_box_px = max(tally.candidate_box_px, float(np.nan_to_num(box_gap, nan=1e9)))
    tally.candidate_score = max(tally.candidate_score, float(np.nan_to_num(score_gap, nan=1e9)))
    if score_gap <= SCORE and box_gap <= BOX_PX:
        return None
    return (
        f"before NMS, PyTorch and ONNX Runtime differ by up to {box_gap:.2g} px and "
        f"{score_gap:.2g} in score; the graph's weights are not the checkpoint's, were "
        "converted, or are of an older export"
    )


@dataclass(frozen=True)
class _Placement:
    left: int
    top: int
    width: int
    height: int


def _placement(picture: Picture, manifest: Manifest) -> _Placement:
    """Where albumentations' LongestMaxSize and PadIfNeeded put the picture; written apart from
    handler.letterbox, which it judges."""
    width, height = manifest.input.width, manifest.input.height
    if manifest.resize.fit == "stretch":
        return _Placement(0, 0, width, height)
    scale = min(width / picture.width, height / picture.height)
    inside = max(1, py3round(picture.width * scale)), max(1, py3round(picture.height * scale))
    left, top = int((width - inside[0]) / 2.0), int((height - inside[1]) / 2.0)
    return _Placement(left, top, *inside)


def _in_picture(boxes: np.ndarray, placed: _Placement, picture: Picture) -> np.ndarray:
    """Boxes (N, 4) of the input as float64 (N, 4) of the picture, cut to it as IceVision's
    end2end_detect does (which rounds them down before and after, and so is not used)."""
    offset = np.array([placed.left, placed.top] * 2, np.float64)
    inside = np.array([placed.width, placed.height] * 2, np.float64)
    whole = np.array([picture.width, picture.height] * 2, np.float64)
    return np.clip(boxes - offset, 0, inside) * (whole / inside)


def _icevisions_found(detection, placed: _Placement, picture: Picture) -> DetectionSet:
    boxes = np.array([each.xyxy for each in detection.bboxes], np.float64).reshape(-1, 4)
    scores = np.array(detection.scores, np.float64).reshape(-1)
    labels = np.array(detection.label_ids, np.int64).reshape(-1) - 1  # IceVision's 0: background
    return DetectionSet(_in_picture(boxes, placed, picture), scores, labels)


def _inner_session(loaded: Bundle, threads: int) -> onnxruntime.InferenceSession:
    """The bundle's graph with the normalised input and the candidates as outputs. Raises
    ParityError."""
    model = onnx.load(loaded.onnx_path)
    made = {name for node in model.graph.node for name in node.output}
    missing = sorted({NORMALISED, BOXES, SCORES} - made)
    if missing:
        raise ParityError(
            f"{loaded.onnx_path}: no tensor {', '.join(missing)} in it, which scripts.model.graph "
            "makes; export it again"
        )
    del model.graph.output[:]
    model.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in (NORMALISED, BOXES, SCORES)
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # it warns of the inputs that nothing takes now
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _no_thresholds() -> dict[str, np.ndarray]:
    """NMS's inputs, which the candidates do not depend on."""
    return {
        "score_threshold": np.array(1, np.float32),
        "iou_threshold": np.array(1, np.float32),
        "max_detections": np.array(1, np.int64),
    }


def _outcome(
    manifest: Manifest,
    reference: Checkpoint,
    framework: heads.Head,
    tally: _Tally,
    pictures: int,
    *,
    from_input: bool,
) -> ParityResult:
    """The verdict. Raises ParityError where there was nothing to compare."""
    rows = tuple(_row(threshold, tally.at[threshold]) for threshold in THRESHOLDS)
    if not any(row.detections for row in rows) and not tally.differences:
        raise ParityError(
            f"no detection above {min(THRESHOLDS)} in {pictures} "
            f"{'picture' if pictures == 1 else 'pictures'}, so nothing is proven; give pictures on "
            "which the model finds something, or train it longer"
        )
    first = next(iter(tally.differences), None)
    text = None if first is None else f"{first.picture}, stage {first.stage}: {first.how}"
    if text is None:
        crowded = [row for row in rows if row.on_edge > most_on_edge(row.detections)]
        if crowded:
            row, edges = crowded[0], tally.edges[crowded[0].threshold]
            text = (
                f"stage boxes: above {row.threshold}, {row.on_edge} decisions for "
                f"{row.detections} detections lie on their limit, too many for chance, most in "
                f"{max(edges, key=edges.__getitem__)}; an untrained model's scores are all alike, "
                "and so are those on one plain colour: leave such pictures out"
            )
    packages = ("icevision", "torch", "torchvision", "effdet", "albumentations", "onnxruntime")
    parity = Parity(
        passed=text is None,
        compared_from="input" if from_input else "picture",
        checkpoint_sha256=reference.sha256,
        onnx_sha256=manifest.sha256,
        versions={
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in (*packages, "pillow")},
        },
        pictures=pictures,
        input_difference=tally.input_difference,
        candidate_box_px=float(tally.candidate_box_px),
        candidate_score=float(tally.candidate_score),
        at=rows,
        first_difference=text,
    )
    differing_at = {t: sum(each.how is not None for each in tally.at[t]) for t in THRESHOLDS}
    notes = tuple(_notes(manifest, framework, from_input=from_input))
    return ParityResult(
        parity, tally.candidates, tally.counts, differing_at, tuple(tally.differences), notes
    )


def _row(threshold: float, compared: Sequence[Compared]) -> ParityAt:
    boxes = [each.box_px for each in compared if each.box_px is not None]
    scores = [each.score for each in compared if each.score is not None]
    detections, on_edge = (
        sum(each.detections for each in compared),
        sum(each.on_edge for each in compared),
    )
    return ParityAt(
        threshold=threshold,
        detections=detections,
        box_px=max(boxes, default=None),
        score=max(scores, default=None),
        on_edge=on_edge,
        same=all(each.how is None for each in compared) and on_edge <= most_on_edge(detections),
    )


def _notes(manifest: Manifest, framework: heads.Head, *, from_input: bool) -> list[str]:
    notes, own = [], manifest.thresholds
    if from_input:
        notes.append(
            "decoding and resizing are the bundle's own and were not compared "
            f"(rule {manifest.resize.rule!r}): IceVision was given the handler's input"
        )
    for name, value, theirs in (
        ("iou", own.iou, framework.iou_threshold),
        ("max_detections", own.max_detections, framework.max_detections),
    ):
        if value != theirs:
            notes.append(
                f"compared at {name} {theirs:g}, IceVision's; a request that names none gets the "
                f"bundle's {value:g}"
            )
    return notes


def as_text(outcome: ParityResult) -> str:
    """The table: a line a stage, the last stage a line a threshold."""
    parity, differing = outcome.parity, outcome.differing
    own = parity.compared_from == "input"

    def verdict(stage: str, good: str) -> str:
        return good if not differing[stage] else f"DIFFERS in {differing[stage]}"

    lines = [("stage", "pictures", "compared", "worst difference", "verdict")]
    count = str(parity.pictures)
    for stage in ("pixels", "resized"):
        same = "not compared" if own and not differing[stage] else verdict(stage, "identical")
        lines.append((stage, count, "-" if own else count, "", same))
    gap = f"{parity.input_difference:.2g}" if parity.input_difference else "0"
    lines.append(("input", count, count, gap, verdict("input", "identical")))
    gaps = f"{parity.candidate_box_px:.1e} px, {parity.candidate_score:.1e}"
    lines.append(("network", count, str(outcome.candidates), gaps, verdict("network", "same")))
    for row in parity.at:
        gaps = "" if row.box_px is None else f"{row.box_px:.1e} px, {row.score:.1e}"
        parts = outcome.differing_at[row.threshold]
        said = f"DIFFERS in {parts}" if parts else "same" if row.same else "TOO MANY ON EDGE"
        said = said if row.detections or parts else "nothing found"
        said += f", {row.on_edge} on edge" if row.on_edge else ""
        lines.append((f"boxes > {row.threshold}", count, str(row.detections), gaps, said))
    widths = [max(len(line[at]) for line in lines) for at in range(5)]
    return "\n".join(
        f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}  {d:<{widths[3]}}  {e}".rstrip()
        for a, b, c, d, e in lines
    )


def pictures_of(places: Sequence[Path]) -> list[Path]:
    """The pictures named, and those in the folders named, in order. Raises ParityError."""
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            inside = dataset.pictures_in(place)
            if not inside:
                raise ParityError(f"{place}: no picture in it; give a folder of JPEG or PNG")
            found += inside
        elif place.is_file():
            found.append(place)
        else:
            raise ParityError(f"{place}: no such file or folder; give pictures")
    return list(dict.fromkeys(found))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.model.parity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path, help="folder with model.onnx and model.json")
    parser.add_argument("checkpoint", type=Path, help="the checkpoint that was exported into it")
    parser.add_argument("pictures", type=Path, nargs="+", help="pictures, or folders of them")
    parser.add_argument(
        "--from-input",
        action="store_true",
        help="for a bundle whose resize is not IceVision's: give IceVision the handler's input",
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="of PyTorch and ONNX Runtime (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    export.add_given(parser)
    options = parser.parse_args(argv)
    try:
        if options.threads < 1:
            raise ParityError(f"--threads is {options.threads}; it must be at least 1")
        pictures = pictures_of(options.pictures)
        loaded = load_bundle(options.bundle)
        given = export.read_given(options)
        if given.size is None:  # as it was exported, whatever the checkpoint says
            size = loaded.manifest.input
            given = dataclasses.replace(given, size=(size.width, size.height))
        outcome = compare(
            loaded,
            checkpoint.load(options.checkpoint, given),
            pictures,
            from_input=options.from_input,
            threads=options.threads,
        )
        write_manifest(dataclasses.replace(loaded.manifest, parity=outcome.parity), options.bundle)
    except (
        ParityError,
        export.ExportError,
        BundleError,
        checkpoint.CheckpointError,
        families.UnknownModelError,
    ) as error:
        sys.exit(f"parity: {error}")
    except OSError as error:
        sys.exit(f"parity: {error.filename}: {error.strerror}; the verdict was not stored")
    if options.json:
        whole = dataclasses.asdict(outcome.parity)
        whole["notes"] = list(outcome.notes)
        whole["differences"] = [dataclasses.asdict(each) for each in outcome.differences]
        print(json.dumps(whole, indent=2))
    else:
        print(as_text(outcome))
        for note in outcome.notes:
            print(f"note: {note}")
    if not outcome.parity.passed:
        sys.exit(f"parity: FAILED at {outcome.parity.first_difference}")
    if not options.json:
        print(f"parity: passed; stored in {options.bundle / MANIFEST_FILE}")


if __name__ == "__main__":
    main()
