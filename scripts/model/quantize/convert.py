"""Converts a bundle to int8 or float16 weights, and decides whether the result is worth keeping."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from handler.bundle.files import write_bundle
from scripts.model.quantize.calibration import read_feeds, select_pictures
from scripts.model.quantize.conversion import (
    Conversion,
    FloatBundle,
    evaluate_conversion,
    make_converted_manifest,
)
from scripts.model.quantize.edits import fuse, prepare_graph, to_float16, to_int8
from scripts.model.quantize.layers import group_layers
from scripts.model.quantize.measure import (
    FloatAccuracy,
    SpeedComparison,
    compare_speed,
    make_calibration_set,
    read_evaluation_sets,
)
from scripts.model.quantize.options import QuantizeOptions
from scripts.model.quantize.report import QuantizeResult
from scripts.model.quantize.sensitivity import measure_sensitivity
from scripts.tool import ToolError

FALLBACK_STEPS = 8  # each returns an eighth of the groups to float; the last eighth never returns
TIMED_PICTURES = 5


def convert_bundle(options: QuantizeOptions) -> QuantizeResult:
    """Convert a bundle, and write it to `out_dir` where it is worth keeping, or with `anyway`.

    Raises ToolError, handler.bundle.reader.BundleError and handler.problems.Problem, and then
    writes nothing.
    """
    source = FloatBundle.load(options.bundle_dir)
    if options.out_dir.resolve() == options.bundle_dir.resolve():
        raise ToolError(
            f"{options.out_dir}: --out is the bundle itself, which stays; give another folder"
        )
    if options.out_dir.exists() and not options.out_dir.is_dir():
        raise ToolError(f"{options.out_dir}: --out is a file; give a folder")
    with tempfile.TemporaryDirectory(prefix="quantize-") as work_dir:
        if options.calibration_dir is None:
            result, onnx_bytes = _convert_to_float16(options, source, Path(work_dir))
        else:
            result, onnx_bytes = _convert_to_int8(
                options, options.calibration_dir, source, Path(work_dir)
            )
    if result.kept or options.anyway:
        manifest = make_converted_manifest(
            source.manifest, onnx_bytes, result.kind, options.command
        )
        write_bundle(onnx_bytes, manifest, options.out_dir)
    return result


def _convert_to_float16(
    options: QuantizeOptions, source: FloatBundle, work_dir: Path
) -> tuple[QuantizeResult, bytes]:
    """Kept where accuracy stays: float16 weights halve the file and are no faster."""
    model = to_float16(source.model)
    sets = read_evaluation_sets(options.evaluation_dirs)
    float_accuracy = FloatAccuracy.measure(sets, source.detector)
    conversion = evaluate_conversion(source, model, float_accuracy, work_dir)
    image_paths = [item.path for item in sets[0].pictures[:TIMED_PICTURES]] if sets else []
    timed = [path.read_bytes() for path in image_paths] or [_grey_picture()]
    verdict = "AP50 was not measured: give --evaluate LABELLED"
    if sets:
        verdict = _accuracy_verdict(conversion, options.max_loss)
    result = QuantizeResult(
        kind="half",
        kept=conversion.worst_loss <= options.max_loss,
        verdict=verdict,
        mb_before=source.megabytes,
        mb_after=conversion.megabytes,
        speed=compare_speed(source.detector, conversion.detector, timed, options.rounds),
        losses=conversion.losses,
    )
    return result, conversion.onnx_bytes


def _convert_to_int8(
    options: QuantizeOptions, calibration_dir: Path, source: FloatBundle, work_dir: Path
) -> tuple[QuantizeResult, bytes]:
    """Kept where accuracy stays and one thread is faster with it."""
    image_paths = select_pictures(calibration_dir, options.max_calibration_pictures)
    prepared = prepare_graph(source.model, work_dir)
    groups = group_layers(prepared)
    feeds = read_feeds(source.detector, image_paths)
    sets = read_evaluation_sets(options.evaluation_dirs) or [
        make_calibration_set(calibration_dir, image_paths, source.detector)
    ]
    float_accuracy = FloatAccuracy.measure(sets, source.detector)
    reduce_range = options.reduce_range
    sensitivity = measure_sensitivity(
        prepared,
        feeds,
        groups,
        work_dir,
        score_floor=source.manifest.thresholds.score_floor,
        reduce_range=reduce_range,
    )

    def attempt(float_groups: frozenset[int]) -> Conversion:
        int8_groups = [group for index, group in enumerate(groups) if index not in float_groups]
        model = to_int8(prepared, feeds, int8_groups, work_dir, reduce_range=reduce_range)
        model = fuse(model, work_dir)
        return evaluate_conversion(source, model, float_accuracy, work_dir, float_groups)

    most_sensitive_first = sorted(range(len(groups)), key=lambda index: -sensitivity[index].error)
    conversion = _find_accurate_conversion(attempt, most_sensitive_first, options.max_loss)
    step = max(1, len(image_paths) // TIMED_PICTURES)
    timed = [path.read_bytes() for path in image_paths[::step]]
    speed = compare_speed(source.detector, conversion.detector, timed, options.rounds)
    objections = _int8_objections(conversion, speed, len(groups), options.max_loss)
    approval = (
        f"faster in {speed.won} of {speed.rounds} rounds, "
        f"and {_accuracy_verdict(conversion, options.max_loss)}"
    )
    float_groups = sorted(conversion.float_groups)
    result = QuantizeResult(
        kind="int8",
        kept=not objections,
        verdict="; ".join(objections) or approval,
        mb_before=source.megabytes,
        mb_after=conversion.megabytes,
        speed=speed,
        losses=conversion.losses,
        layers=sum(item.layers for item in sensitivity),
        float_layers=tuple(sensitivity[index].layer for index in float_groups),
        sensitivity=tuple(sensitivity),
    )
    return result, conversion.onnx_bytes


def _find_accurate_conversion(
    attempt: Callable[[frozenset[int]], Conversion],
    most_sensitive_first: Sequence[int],
    max_loss: float,
) -> Conversion:
    """Return the most sensitive groups to float, an eighth a step, until accuracy stays.

    attempt: converts with these groups in float. Where accuracy never stays, the result is the most
    accurate conversion.
    """
    best: Conversion | None = None
    count = len(most_sensitive_first)
    for float_count in range(0, count, -(-count // FALLBACK_STEPS)):
        conversion = attempt(frozenset(most_sensitive_first[:float_count]))
        if best is None or conversion.worst_loss < best.worst_loss:
            best = conversion
        if conversion.worst_loss <= max_loss:
            break
    assert best is not None
    return best


def _int8_objections(
    conversion: Conversion, speed: SpeedComparison, groups: int, max_loss: float
) -> list[str]:
    """The reasons not to keep an int8 conversion; none where it is worth keeping."""
    objections = []
    if conversion.worst_loss > max_loss:
        objections.append(
            f"AP50 loses {conversion.worst_loss:.2f} points, more than the {max_loss:g} allowed, "
            f"even with {len(conversion.float_groups)} of {groups} groups of layers in float"
        )
    if not speed.faster:
        objections.append(
            f"one thread of this machine is not faster with it ({speed.before_ms:.1f} ms before, "
            f"{speed.after_ms:.1f} after, {speed.won} of {speed.rounds} rounds won)"
        )
    return objections


def _accuracy_verdict(conversion: Conversion, max_loss: float) -> str:
    return f"AP50 loses {max(conversion.worst_loss, 0):.2f} points of {max_loss:g} allowed"


def _grey_picture() -> bytes:
    """A PNG to time with where no pictures are given: inference time hardly depends on them."""
    buffer = io.BytesIO()
    Image.new("RGB", (640, 640), (128, 128, 128)).save(buffer, "PNG")
    return buffer.getvalue()
