"""A bundle in; the same detector with weights of 8 or 16 bits out, kept only where that pays.

    python -m scripts.model.quantize BUNDLE --calibrate PICTURES --evaluate LABELLED --out out/int8
    python -m scripts.model.quantize BUNDLE --half --out out/half

--calibrate makes it static int8: ONNX Runtime's quantisation by Quantize/Dequantize pairs, a scale
for each output channel of a weight, activations' ranges from the pictures (their least and largest
values), sent through the handler's own decoding and letterbox. The layers before the first
convolution and behind the last ones, the decoding and NMS stay float. Of the rest, each group of
layers is quantised alone and the error it brings into the candidates' boxes and scores measured;
while AP50 loses more than --max-loss points, the worst groups go back to float, an eighth of all a
round. The result is kept where it loses no more than that on any folder of --evaluate and one
thread of this machine is faster with it; else the figures are printed and nothing is written
(exit code 0). Without --evaluate, AP50 is of the calibration folder's labels, and where it has
none, of the float model's own detections.

--half stores the weights as float16, turned back to float32 when the model is loaded: half the
file, at the speed of float32. Both store large constants of few different values (anchors) as a
byte each, without loss.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
import importlib.metadata
import io
import itertools
import json
import logging
import shlex
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image
from tqdm import tqdm

from handler.bundle.files import Bundle, load_bundle, write_bundle
from handler.bundle.manifest import Manifest
from handler.bundle.reader import BundleError
from handler.detection import letterbox
from handler.detection.detector import Detector
from handler.images.decode import decode
from handler.problems import Problem
from scripts.model import dataset, graph
from scripts.model.dataset import LabelledPicture
from scripts.model.evaluate import accuracy, evaluate
from scripts.model.tradeoff import tradeoff

CALIBRATION_PICTURES = 32
SENSITIVITY_PICTURES = 6
MOST_GROUPS = 48  # layers are measured one by one up to this many, in runs of neighbours beyond
ROUNDS_BACK = 8  # in each an eighth of the groups goes back to float; the last eighth never does
MAX_LOSS = 1.0  # points of AP50
TIMED_ROUNDS = 41
WON_ROUNDS = 0.75  # the share of timed rounds that the faster graph must win
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".heic", ".heif"}
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# What ONNX Runtime computes in int8 on a CPU: between two layers of int8, a step left in float
# costs a Dequantize and a Quantize, which took the whole gain on the default model.
QUANTISED = [
    *("Conv", "Gemm", "MatMul", "Add", "Mul", "Relu", "Clip", "LeakyRelu", "Sigmoid", "Concat"),
    *("MaxPool", "AveragePool", "GlobalAveragePool", "Resize"),
]
_LEAST_VALUES = 256  # of smaller tensors a node more would outweigh what is saved


class QuantizeError(ValueError):
    """A bundle or pictures that cannot be used here; the text says what is wrong and what to do."""


@dataclass(frozen=True)
class Group:
    """Neighbouring layers that are quantised together: their nodes' names, in order."""

    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Sensitivity:
    """What quantising `layer`'s group alone does to the candidates: 0 is nothing, 2 everything."""

    layer: str
    layers: int
    error: float


@dataclass(frozen=True)
class Loss:
    """AP50 and AP before and after on one set of pictures; `truth` says whose boxes are right."""

    dataset: str
    truth: str
    pictures: int
    ap50_before: float
    ap50_after: float
    ap_before: float
    ap_after: float
    count_error_before: float
    count_error_after: float

    @property
    def points(self) -> float:
        """Points of AP50 lost; negative where it gained."""
        return (self.ap50_before - self.ap50_after) * 100


@dataclass(frozen=True)
class Pace:
    """Inference on one thread, medians of interleaved rounds, and how many of them `after` won."""

    before_ms: float
    after_ms: float
    rounds: int
    won: int

    @property
    def faster(self) -> bool:
        return self.after_ms < self.before_ms and self.won >= WON_ROUNDS * self.rounds


@dataclass(frozen=True)
class QuantizeResult:
    """What was made, what it costs, and whether it is kept, and why (not)."""

    kind: str
    kept: bool
    verdict: str
    mb_before: float
    mb_after: float
    pace: Pace
    losses: tuple[Loss, ...]
    layers: int
    float_layers: tuple[str, ...]
    sensitivity: tuple[Sensitivity, ...]


def pictures_of(folder: Path, most: int) -> list[Path]:
    """At most `most` pictures of a folder, evenly over their names' order. Raises QuantizeError."""
    if not folder.is_dir():
        raise QuantizeError(f"{folder}: no such folder")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise QuantizeError(
            f"{folder}: no picture in it ({', '.join(sorted(SUFFIXES))}); "
            "give some tens that look like those the model will see"
        )
    if len(found) <= most:
        return found
    return [found[int(at)] for at in np.linspace(0, len(found) - 1, most)]


def inputs_of(detector: Detector, paths: Sequence[Path]) -> list[dict[str, np.ndarray]]:
    """Each picture as the graph's inputs, made by the handler's own steps. Raises QuantizeError for
    one that does not decode."""
    manifest = detector.manifest
    size, resize, limits = manifest.input, manifest.resize, manifest.thresholds
    feeds = []
    for path in tqdm(paths, unit="picture", desc="reading", disable=None, leave=False):
        try:
            picture = decode(
                path.read_bytes(),
                max_pixels=evaluate.MAX_PIXELS,
                at_least=detector.at_least,
            )
        except (Problem, OSError) as error:
            raise QuantizeError(f"{path}: {error}; take it out of the folder") from None
        box = letterbox.fit(picture.width, picture.height, size.width, size.height, resize.fit)
        model_input = letterbox.apply(picture.rgb, box, rule=resize.rule, fill=resize.fill)
        feeds.append(
            {
                "image": model_input[np.newaxis],
                "score_threshold": np.array(limits.score_floor, np.float32),
                "iou_threshold": np.array(limits.iou, np.float32),
                "max_detections": np.array(limits.max_detections, np.int64),
            }
        )
    return feeds


def prepared(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    """The graph as quantisation wants it: normalisations folded into their convolutions, shapes
    known, every node named. Uses `folder` for files of its own. Raises QuantizeError."""
    source, made = folder / "plain.onnx", folder / "prepared.onnx"
    onnx.save(model, source)
    try:
        quant_pre_process(source, made, skip_symbolic_shape=True)
    except Exception as error:  # onnxruntime has no public error type
        raise QuantizeError(f"ONNX Runtime cannot prepare the graph ({error})") from error
    whole = onnx.load(made)
    names: set[str] = set()
    for at, node in enumerate(whole.graph.node):
        if not node.name or node.name in names:
            node.name = f"{node.op_type}_{at}"
        names.add(node.name)
    _one_opset(whole, model)
    return whole


def _one_opset(made: onnx.ModelProto, model: onnx.ModelProto) -> None:
    """ONNX Runtime writes every domain it knows, and its own name for the default one."""
    versions = {item.domain: item.version for item in made.opset_import}
    used = {node.domain for node in made.graph.node} - {"", "ai.onnx"}
    del made.opset_import[:]
    standard = max(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    made.opset_import.append(helper.make_opsetid("", standard))
    made.opset_import.extend(helper.make_opsetid(name, versions[name]) for name in sorted(used))
    made.ir_version = model.ir_version


def groups_of(model: onnx.ModelProto) -> list[Group]:
    """The layers that may become int8, in order: each convolution or matrix product by weights,
    with the steps after it that can be int8, too.

    Left out are all nodes from the image to the first such layers, and from the last ones to NMS,
    those layers among them. Raises QuantizeError where nothing is left, or is int8 already.
    """
    nodes = model.graph.node
    if any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in nodes):
        raise QuantizeError("the graph is quantised already; give the float bundle it was made of")
    weights = {tensor.name for tensor in model.graph.initializer}
    made_by = {name: node for node in nodes for name in node.output}
    used_by: dict[str, list[onnx.NodeProto]] = {}
    for node in nodes:
        for name in node.input:
            used_by.setdefault(name, []).append(node)

    def is_layer(node: onnx.NodeProto) -> bool:
        return node.op_type in WEIGHTED and len(node.input) > 1 and node.input[1] in weights

    kept: set[str] = set()
    waiting = list(_last_nms(model).input[:2])
    while waiting:  # from NMS back
        node = made_by.get(waiting.pop())
        if node is not None and node.name not in kept:
            kept.add(node.name)
            waiting += [] if is_layer(node) else list(node.input)
    waiting = ["image"]
    while waiting:  # from the image on
        for node in used_by.get(waiting.pop(), []):
            if node.name not in kept:
                kept.add(node.name)
                waiting += [] if is_layer(node) else list(node.output)
    runs: list[list[str]] = []
    for node in nodes:
        if node.name in kept or node.op_type not in QUANTISED:
            continue
        if is_layer(node):
            runs.append([])
        if runs:
            runs[-1].append(node.name)
    if not runs:
        raise QuantizeError(
            "the graph has no layers between its first convolution and its last ones: "
            "nothing to quantise"
        )
    count = min(len(runs), MOST_GROUPS)
    bounds = np.linspace(0, len(runs), count + 1).round().astype(int)
    return [
        Group(tuple(name for run in runs[start:stop] for name in run))
        for start, stop in itertools.pairwise(bounds)
    ]


def _last_nms(model: onnx.ModelProto) -> onnx.NodeProto:
    """The bundle's own NMS; a network may have others inside. Raises QuantizeError."""
    found = [node for node in model.graph.node if node.op_type == "NonMaxSuppression"]
    if not found:
        raise QuantizeError(
            "the graph has no NonMaxSuppression, so its candidates cannot be found; "
            "make the bundle with scripts.model.export or scripts.model.adapt"
        )
    return found[-1]


class _Reader(quantization.CalibrationDataReader):
    """The pictures, as ONNX Runtime's calibration asks for them."""

    def __init__(self, feeds: Sequence[dict[str, np.ndarray]]) -> None:
        self._feeds = iter(
            tqdm(feeds, unit="picture", desc="calibrating", disable=None, leave=False)
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def to_int8(
    model: onnx.ModelProto,
    feeds: Sequence[dict[str, np.ndarray]],
    groups: Sequence[Group],
    folder: Path,
    *,
    reduce_range: bool = False,
) -> onnx.ModelProto:
    """`model`, as `prepared` made it, with these groups in int8.

    The activations' ranges are measured at the first call with a `folder` and kept there. Raises
    QuantizeError.
    """
    source, made = folder / "prepared.onnx", folder / "quantised.onnx"
    onnx.save(model, source)
    try:
        with _without_advice():
            quantization.quantize_static(
                source,
                made,
                _Reader(feeds),
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=QUANTISED,
                nodes_to_quantize=[name for group in groups for name in group.nodes],
                per_channel=True,
                reduce_range=reduce_range,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                calibrate_method=quantization.CalibrationMethod.MinMax,
                calibration_cache_path=folder / "ranges.json",
            )
    except Exception as error:  # of many types, by what the graph holds
        raise QuantizeError(f"ONNX Runtime cannot quantise the graph ({error})") from error
    return onnx.load(made)


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """ONNX Runtime's quantisation logs to the root logger what no user can act on."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def sensitivity(
    model: onnx.ModelProto,
    feeds: Sequence[dict[str, np.ndarray]],
    groups: Sequence[Group],
    folder: Path,
    *,
    floor: float,
    reduce_range: bool = False,
) -> list[Sensitivity]:
    """For each group, what quantising it alone does to the candidates of the first pictures.

    The error is the mean over the float graph's candidates above the score `floor` of
    |score - float's score| + 1 - IoU(box, float's box).
    """
    few = feeds[:SENSITIVITY_PICTURES]
    expected = [_candidates(model, feed) for feed in few]
    found = []
    kinds = {node.name: node.op_type for node in model.graph.node}
    for group in tqdm(groups, unit="group", desc="sensitivity", disable=None, leave=False):
        alone = to_int8(model, feeds, [group], folder, reduce_range=reduce_range)
        session = _session(alone)
        error = np.mean(
            [
                _error(_run_candidates(session, feed), want, floor)
                for feed, want in zip(few, expected, strict=True)
            ]
        )
        layers = sum(kinds[name] in WEIGHTED for name in group.nodes)
        found.append(Sensitivity(group.nodes[0], layers, float(error)))
    return found


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """A session whose only outputs are what NMS takes: boxes and scores of all candidates."""
    inner = onnx.ModelProto.FromString(model.SerializeToString())
    boxes, scores = _last_nms(inner).input[:2]
    del inner.graph.output[:]
    for name in (boxes, scores):
        inner.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        inner.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _run_candidates(session, feed: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    taken = {item.name for item in session.get_inputs()}
    boxes, scores = session.run(None, {key: feed[key] for key in feed if key in taken})
    return boxes, scores


def _candidates(model: onnx.ModelProto, feed: dict[str, np.ndarray]):
    return _run_candidates(_session(model), feed)


def _error(
    found: tuple[np.ndarray, np.ndarray], expected: tuple[np.ndarray, np.ndarray], floor: float
) -> float:
    """How far candidates (boxes [B, A, 4], scores [B, C, A]) lie from those expected, 0 to 2."""
    (boxes, scores), (want_boxes, want_scores) = found, expected
    if boxes.shape != want_boxes.shape or scores.shape != want_scores.shape:
        return 2.0  # a network that picks its candidates itself picked others
    best = want_scores.max(1)
    rows = best > min(floor, float(best.max()) / 2)
    if not rows.any():
        return 0.0
    of_score = np.abs(scores - want_scores).max(1)[rows].mean()
    first, second = boxes[rows].astype(np.float64), want_boxes[rows].astype(np.float64)
    overlap = np.clip(
        np.minimum(first[:, 2:], second[:, 2:]) - np.maximum(first[:, :2], second[:, :2]), 0, None
    ).prod(1)
    areas = (first[:, 2:] - first[:, :2]).prod(1) + (second[:, 2:] - second[:, :2]).prod(1)
    of_box = 1 - (overlap / np.maximum(areas - overlap, 1e-9)).mean()
    return float(np.nan_to_num(of_score, nan=1.0) + np.nan_to_num(of_box, nan=1.0))


def to_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with the weights of its convolutions and matrix products stored as float16 and cast
    to float32, which ONNX Runtime does once, at loading.

    Other constants stay: anchors near 600 px would move by up to a quarter of one. Raises
    QuantizeError where there is nothing to halve.
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    weights = {
        node.input[1]
        for node in model.graph.node
        if node.op_type in WEIGHTED and len(node.input) > 1
    }
    casts = []
    for tensor in model.graph.initializer:
        if tensor.name not in weights or tensor.data_type != TensorProto.FLOAT:
            continue
        values, name = numpy_helper.to_array(tensor), tensor.name
        if values.size >= _LEAST_VALUES and np.abs(values).max() <= np.finfo(np.float16).max:
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}/half"))
            casts.append(helper.make_node("Cast", [f"{name}/half"], [name], to=TensorProto.FLOAT))
    if not casts:
        raise QuantizeError("the graph has no float32 weights of a size worth halving")
    _put_first(model, casts)
    return model


def tabled(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with large float constants of at most 256 different values (anchors' centres and
    sizes) stored as a byte a value and a table: the same numbers, looked up once, at loading."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    lookups, made = [], []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < 4 * _LEAST_VALUES:
            continue
        values, name = numpy_helper.to_array(tensor), tensor.name
        table, which = np.unique(values, return_inverse=True)
        if len(table) > 256 or np.isnan(table).any():
            continue
        which = which.reshape(values.shape).astype(np.uint8)
        tensor.CopyFrom(numpy_helper.from_array(which, f"{name}/which"))
        made.append(numpy_helper.from_array(table, f"{name}/table"))
        lookups += [
            helper.make_node("Cast", [f"{name}/which"], [f"{name}/row"], to=TensorProto.INT32),
            helper.make_node("Gather", [f"{name}/table", f"{name}/row"], [name]),
        ]
    model.graph.initializer.extend(made)
    _put_first(model, lookups)
    return model


def _put_first(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> None:
    others = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *others])


@dataclass(frozen=True)
class LabelledSet:
    """Pictures to measure AP50 on, and whose boxes count as right on them."""

    name: str
    truth: str
    pictures: tuple[LabelledPicture, ...]


def labelled_sets(
    evaluation: Sequence[Path], calibration: Sequence[Path], folder: Path | None, float32: Detector
) -> list[LabelledSet]:
    """The folders of --evaluate; without them the calibration folder by its labels, or, where it
    has none, its pictures with what the float model finds on them as truth.

    Raises dataset.DatasetError and QuantizeError.
    """
    if evaluation:
        sets = [(path, dataset.read(path)) for path in evaluation]
        for path, pictures in sets:
            if not any(len(item.boxes) for item in pictures):
                raise QuantizeError(f"{path}: not one labelled box in it; AP50 needs some")
        return [LabelledSet(str(path), "labels", tuple(found)) for path, found in sets]
    if folder is None:
        return []
    with contextlib.suppress(dataset.DatasetError):
        pictures = dataset.read(folder)
        known = set(float32.manifest.classes)
        fits = all(known.issuperset(item.labels) for item in pictures)
        if fits and any(len(item.boxes) for item in pictures):
            return [LabelledSet(str(folder), "labels", tuple(pictures))]
    empty = np.zeros((0, 4))
    plain = [LabelledPicture(path, empty, ()) for path in calibration]
    classes, threshold = float32.manifest.classes, float32.manifest.thresholds.score
    agreed = []
    for item in evaluate.run(float32, plain):
        sure = item.detections.select(item.detections.scores > threshold)
        names = tuple(classes[number] for number in sure.class_ids)
        agreed.append(LabelledPicture(item.picture.path, sure.boxes.astype(np.float64), names))
    if not any(item.labels for item in agreed):
        raise QuantizeError(
            f"{folder}: no labels in it, and the float model finds nothing on its pictures; "
            "give labelled ones with --evaluate"
        )
    return [LabelledSet(str(folder), "the float model's detections", tuple(agreed))]


def losses_of(sets: Sequence[LabelledSet], before: Detector, after: Detector) -> list[Loss]:
    """What `after` loses on each set."""
    return [_loss(item, _figures(item, before), _figures(item, after)) for item in sets]


def _figures(item: LabelledSet, detector: Detector) -> accuracy.Figures:
    manifest = detector.manifest
    judged = evaluate.run(detector, item.pictures)
    return accuracy.figures(judged, manifest.classes, item.name, manifest.thresholds.score)


def _loss(item: LabelledSet, before: accuracy.Figures, after: accuracy.Figures) -> Loss:
    return Loss(
        dataset=item.name,
        truth=item.truth,
        pictures=before.pictures,
        ap50_before=round(before.ap50, 4),
        ap50_after=round(after.ap50, 4),
        ap_before=round(before.ap, 4),
        ap_after=round(after.ap, 4),
        count_error_before=round(before.count_error, 4),
        count_error_after=round(after.count_error, 4),
    )


def pace(before: Detector, after: Detector, pictures: Sequence[bytes], rounds: int) -> Pace:
    """Time two detectors in turn."""
    times = tradeoff.take_turns([before, after], pictures, rounds)
    first, second = ([inference for inference, _ in part] for part in times)
    return Pace(
        before_ms=round(statistics.median(first), 2),
        after_ms=round(statistics.median(second), 2),
        rounds=rounds,
        won=sum(ours < theirs for theirs, ours in zip(first, second, strict=True)),
    )


def _finish(made: onnx.ModelProto, model: onnx.ModelProto) -> bytes:
    """The graph's bytes: of the same opset and IR as before, with no trace of its making."""
    made = tabled(made)
    _one_opset(made, model)
    made.producer_name, made.producer_version = "icebox", ""
    made.graph.name = model.graph.name
    graph.forget_its_making(made)
    onnx.checker.check_model(made)
    return made.SerializeToString()


def _manifest(manifest: Manifest, data: bytes, kind: str, command: str) -> Manifest:
    """The manifest of the converted graph: what was measured with the old weights is not of it."""
    provenance = manifest.provenance
    versions = {
        **provenance.versions,
        "onnx": importlib.metadata.version("onnx"),
        "onnxruntime": onnxruntime.__version__,
    }
    made_by = (
        f"{provenance.training_command}; {command}" if provenance.training_command else command
    )
    changed = dataclasses.replace(
        manifest,
        version=f"{manifest.version}-{kind}",
        sha256=hashlib.sha256(data).hexdigest(),
        provenance=dataclasses.replace(provenance, training_command=made_by, versions=versions),
        evaluation=(),
        count_calibration=None,
        monitoring_baseline=None,
        parity=None,
    )
    return Manifest.from_json(changed.to_json())


@dataclass(frozen=True)
class QuantizeOptions:
    """What the command line asks for."""

    source: Path
    out: Path
    calibrate: Path | None  # None: half
    evaluation: tuple[Path, ...]
    most_pictures: int = CALIBRATION_PICTURES
    max_loss: float = MAX_LOSS
    rounds: int = TIMED_ROUNDS
    reduce_range: bool = False
    anyway: bool = False
    command: str = "python -m scripts.model.quantize"


def convert(asked: QuantizeOptions) -> QuantizeResult:
    """Make the bundle in asked.out, or measure why not.

    Raises QuantizeError, BundleError, dataset.DatasetError and handler.problems.Problem,
    with nothing written.
    """
    loaded = load_bundle(asked.source)
    if asked.out.resolve() == asked.source.resolve():
        raise QuantizeError(
            f"{asked.out}: --out is the bundle itself, which stays; give another folder"
        )
    if asked.out.exists() and not asked.out.is_dir():
        raise QuantizeError(f"{asked.out}: --out is a file; give a folder")
    before = Detector.load(loaded, threads=1)
    model = onnx.load(loaded.onnx_path)
    with tempfile.TemporaryDirectory(prefix="quantize-") as place:
        if asked.calibrate is None:
            outcome, data, manifest = _half(asked, loaded, model, before, Path(place))
        else:
            outcome, data, manifest = _int8(asked, loaded, model, before, Path(place))
    if outcome.kept or asked.anyway:
        write_bundle(data, manifest, asked.out)
    return outcome


def _trial(loaded: Bundle, data: bytes, place: Path) -> Detector:
    """The handler's detector of a graph that is not written yet. Raises BundleError."""
    path = place / "trial.onnx"
    path.write_bytes(data)
    return Detector.load(Bundle(loaded.manifest, path), threads=1)


def _half(
    asked: QuantizeOptions, loaded: Bundle, model: onnx.ModelProto, before: Detector, place: Path
) -> tuple[QuantizeResult, bytes, Manifest]:
    data = _finish(to_float16(model), model)
    after = _trial(loaded, data, place)
    sets = labelled_sets(asked.evaluation, (), None, before)
    losses = losses_of(sets, before, after)
    paths = [item.path for item in sets[0].pictures] if sets else []
    timed = [path.read_bytes() for path in paths[:5]] or [_grey_picture()]
    worst = max((loss.points for loss in losses), default=0.0)
    kept = worst <= asked.max_loss
    verdict = f"AP50 loses {max(worst, 0):.2f} points of {asked.max_loss:g} allowed"
    if not losses:
        verdict = "AP50 was not measured: give --evaluate LABELLED"
    outcome = QuantizeResult(
        kind="half",
        kept=kept,
        verdict=verdict,
        mb_before=loaded.onnx_path.stat().st_size / 1e6,
        mb_after=len(data) / 1e6,
        pace=pace(before, after, timed, asked.rounds),
        losses=tuple(losses),
        layers=0,
        float_layers=(),
        sensitivity=(),
    )
    return outcome, data, _manifest(loaded.manifest, data, "half", asked.command)


def _grey_picture() -> bytes:
    """A PNG to time with where no pictures were given: a network's time hardly depends on them."""
    made = io.BytesIO()
    Image.new("RGB", (640, 640), (128, 128, 128)).save(made, "PNG")
    return made.getvalue()


def _int8(
    asked: QuantizeOptions, loaded: Bundle, model: onnx.ModelProto, before: Detector, place: Path
) -> tuple[QuantizeResult, bytes, Manifest]:
    assert asked.calibrate is not None
    manifest = loaded.manifest
    paths = pictures_of(asked.calibrate, asked.most_pictures)
    whole = prepared(model, place)
    groups = groups_of(whole)
    feeds = inputs_of(before, paths)
    sets = labelled_sets(asked.evaluation, paths, asked.calibrate, before)
    plain = [_figures(item, before) for item in sets]
    found = sensitivity(
        whole,
        feeds,
        groups,
        place,
        floor=manifest.thresholds.score_floor,
        reduce_range=asked.reduce_range,
    )
    worst_first = sorted(range(len(groups)), key=lambda at: -found[at].error)
    step = -(-len(groups) // ROUNDS_BACK)
    best: tuple[list[Loss], set[int], bytes, Detector] | None = None
    for back in range(0, len(groups), step):
        floating = set(worst_first[:back])
        kept_groups = [group for at, group in enumerate(groups) if at not in floating]
        made = to_int8(whole, feeds, kept_groups, place, reduce_range=asked.reduce_range)
        data = _finish(made, model)
        after = _trial(loaded, data, place)
        losses = [
            _loss(item, was, _figures(item, after)) for item, was in zip(sets, plain, strict=True)
        ]
        if best is None or _worst(losses) < _worst(best[0]):
            best = losses, floating, data, after
        if _worst(losses) <= asked.max_loss:
            break
    assert best is not None
    losses, floating, data, after = best
    step_timed = max(1, len(paths) // 5)
    timed = [path.read_bytes() for path in paths[::step_timed]]
    speed = pace(before, after, timed, asked.rounds)
    reasons = []
    if _worst(losses) > asked.max_loss:
        reasons.append(
            f"AP50 loses {_worst(losses):.2f} points, more than the {asked.max_loss:g} allowed, "
            f"even with {len(floating)} of {len(groups)} groups of layers in float"
        )
    if not speed.faster:
        reasons.append(
            f"one thread of this machine is not faster with it ({speed.before_ms:.1f} ms before, "
            f"{speed.after_ms:.1f} after, {speed.won} of {speed.rounds} rounds won)"
        )
    outcome = QuantizeResult(
        kind="int8",
        kept=not reasons,
        verdict="; ".join(reasons)
        or f"faster in {speed.won} of {speed.rounds} rounds, and AP50 loses "
        f"{max(_worst(losses), 0):.2f} points of {asked.max_loss:g} allowed",
        mb_before=loaded.onnx_path.stat().st_size / 1e6,
        mb_after=len(data) / 1e6,
        pace=speed,
        losses=tuple(losses),
        layers=sum(item.layers for item in found),
        float_layers=tuple(found[at].layer for at in sorted(floating)),
        sensitivity=tuple(found),
    )
    return outcome, data, _manifest(manifest, data, "int8", asked.command)


def _worst(losses: Sequence[Loss]) -> float:
    return max(loss.points for loss in losses)


def as_text(outcome: QuantizeResult, out: Path, written: bool) -> str:
    """The outcome for a person."""
    kind, speed = outcome.kind, outcome.pace
    smaller = outcome.mb_after / outcome.mb_before
    lines = [
        f"{'':<34}{'float':>10}{kind:>10}{'change':>12}",
        f"{'file, MB':<34}{outcome.mb_before:>10.2f}{outcome.mb_after:>10.2f}{smaller - 1:>+12.0%}",
        f"{'inference, ms (1 thread)':<34}{speed.before_ms:>10.1f}{speed.after_ms:>10.1f}"
        f"{speed.after_ms / speed.before_ms - 1:>+12.0%}",
    ]
    for loss in outcome.losses:
        lines += [
            f"{loss.dataset}, {loss.pictures} pictures, against {loss.truth}",
            f"{'  AP50':<34}{loss.ap50_before:>10.4f}{loss.ap50_after:>10.4f}"
            f"{-loss.points:>+9.2f} pt",
            f"{'  AP':<34}{loss.ap_before:>10.4f}{loss.ap_after:>10.4f}"
            f"{(loss.ap_after - loss.ap_before) * 100:>+9.2f} pt",
            f"{'  count error':<34}{loss.count_error_before:>10.1%}{loss.count_error_after:>10.1%}",
        ]
    if outcome.sensitivity:
        worst = sorted(outcome.sensitivity, key=lambda item: -item.error)[:5]
        lines.append(f"layers that may be int8: {outcome.layers}; the most sensitive, alone:")
        lines += [f"  {item.error:.4f}  {item.layer}" for item in worst]
    if outcome.float_layers:
        lines.append(f"left in float for accuracy: from {', '.join(outcome.float_layers)}")
    lines.append("")
    if outcome.kept:
        lines.append(f"{out}: kept; {outcome.verdict}")
    elif written:
        lines.append(f"{out}: written because of --anyway, though {outcome.verdict}")
    else:
        lines.append(f"Not kept, nothing written, float stays: {outcome.verdict}.")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.model.quantize",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path, help="folder with model.onnx and model.json, float")
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        "--calibrate",
        type=Path,
        metavar="FOLDER",
        help="make int8; pictures like those the model will see, labels not needed",
    )
    kind.add_argument("--half", action="store_true", help="float16 weights instead of int8")
    parser.add_argument("--out", type=Path, required=True, help="folder for the new bundle")
    parser.add_argument(
        "--evaluate",
        type=Path,
        nargs="+",
        default=[],
        metavar="LABELLED",
        help="labelled folders (VOC or COCO) to measure AP50 on; best not those of --calibrate",
    )
    parser.add_argument(
        "--pictures",
        type=int,
        default=CALIBRATION_PICTURES,
        help="how many of --calibrate's to use (default: %(default)s)",
    )
    parser.add_argument(
        "--max-loss",
        type=float,
        default=MAX_LOSS,
        help="points of AP50 that may be lost (default: %(default)s)",
    )
    parser.add_argument(
        "--rounds", type=int, default=TIMED_ROUNDS, help="timed runs (default: %(default)s)"
    )
    parser.add_argument(
        "--reduce-range",
        action="store_true",
        help="7 bits a weight: for x86 CPUs without VNNI, whose 16-bit sums overflow with 8",
    )
    parser.add_argument("--anyway", action="store_true", help="write the bundle even if it fails")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    options = parser.parse_args(argv)
    if options.pictures < 1 or options.rounds < 1:
        parser.error("--pictures and --rounds count from 1")
    arguments = sys.argv[1:] if argv is None else argv
    asked = QuantizeOptions(
        source=options.bundle,
        out=options.out,
        calibrate=options.calibrate,
        evaluation=tuple(options.evaluate),
        most_pictures=options.pictures,
        max_loss=options.max_loss,
        rounds=options.rounds,
        reduce_range=options.reduce_range,
        anyway=options.anyway,
        command=shlex.join(["python", "-m", "scripts.model.quantize", *arguments]),
    )
    try:
        outcome = convert(asked)
    except (QuantizeError, BundleError, dataset.DatasetError, Problem, OSError) as error:
        sys.exit(f"quantize: {error}")
    if options.json:
        print(json.dumps(dataclasses.asdict(outcome), indent=2))
    else:
        print(as_text(outcome, options.out, outcome.kept or options.anyway))


if __name__ == "__main__":
    main()
