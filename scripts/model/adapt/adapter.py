"""Turns an ONNX detector made elsewhere into a bundle: model.onnx and model.json."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from handler.bundle.files import ONNX_FILE, load_bundle, write_bundle
from handler.bundle.manifest import Manifest
from handler.bundle.reader import MANIFEST_FILE
from handler.detection.detector import Detector
from scripts.model.adapt.assign_classes import assign_classes
from scripts.model.adapt.bundling import make_bundle
from scripts.model.adapt.check.check import check_readings
from scripts.model.adapt.check.pictures import read_check_pictures
from scripts.model.adapt.check.result import CheckResult
from scripts.model.adapt.class_ids import ClassAssignment
from scripts.model.adapt.graph_warnings import list_warnings
from scripts.model.adapt.loading.foreign_model import ForeignModel, load_foreign_model
from scripts.model.adapt.loading.trial_pictures import MAX_USER_PICTURES
from scripts.model.adapt.options import AdaptOptions, apply_options
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.explain import describe_reading
from scripts.model.adapt.recognition.recognise import Recognition, recognise_format
from scripts.model.classes import read_class_names
from scripts.tool import ToolError

CHECK_FILE = "check.jpg"


@dataclass(frozen=True, eq=False)
class AdaptResult:
    """A finished bundle's manifest, and how the model was read.

    notes, warnings: sentences for the user. check: what the pictures of --check told, if any.
    """

    manifest: Manifest
    options: AdaptOptions
    reading: FormatReading
    foreign: ForeignModel
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    check: CheckResult | None


def adapt(
    onnx_path: Path,
    bundle_dir: Path,
    *,
    name: str,
    version: str,
    options: AdaptOptions | None = None,
    check_paths: Sequence[Path] = (),
) -> AdaptResult:
    """Recognise the model's format and write its bundle, whole or not at all.

    check_paths: pictures, folders of pictures, or labelled folders. The plausible readings are
    tried on them; where one is decisively better than the format's default, the bundle gets it.
    They go into check.jpg with what the best ones detect.
    Raises ToolError and BundleError.
    """
    options = options or AdaptOptions()
    pictures = read_check_pictures(check_paths) if check_paths else None
    class_names = read_class_names(options.classes) if options.classes else None
    foreign = load_foreign_model(
        onnx_path,
        size=options.size,
        layout=options.layout,
        input_values=options.input_values,
        pictures=pictures.rgb(MAX_USER_PICTURES) if pictures else (),
    )
    class_names = class_names or foreign.class_names
    recognition = recognise_format(
        foreign,
        options.format,
        customise=lambda reading: apply_options(reading, options, foreign.image),
    )
    reading = recognition.reading
    classes = _assign_classes(class_names, foreign, recognition, options)
    check = None
    if pictures is not None:
        check = check_readings(foreign, recognition, class_names, options, pictures)
        if check.decision.outcome == "decided":
            reading = check.decision.chosen.variant.reading
            classes = assign_classes(class_names, foreign, reading, options)
    onnx_bytes, manifest = make_bundle(
        foreign, reading, classes, name=name, version=version, dataset=options.dataset
    )
    Manifest.from_json(manifest.to_json())  # raises before anything is written
    bundle_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=bundle_dir.parent, prefix=f".{bundle_dir.name}.partial"
    ) as folder:
        partial_dir = Path(folder)
        write_bundle(onnx_bytes, manifest, partial_dir)
        Detector.load(load_bundle(partial_dir), threads=1)  # raises where it cannot be served
        bundle_dir.mkdir(parents=True, exist_ok=True)
        (partial_dir / ONNX_FILE).replace(bundle_dir / ONNX_FILE)
        (partial_dir / MANIFEST_FILE).replace(bundle_dir / MANIFEST_FILE)
        if check is not None:
            (bundle_dir / CHECK_FILE).write_bytes(check.sheet_jpeg)
    notes = [*foreign.notes, *reading.notes, *([classes.note] if classes.note else [])]
    notes += [f"input {key} is set to {value}" for key, value in foreign.fixed_inputs.items()]
    warnings = [
        *recognition.warnings,
        *classes.warnings,
        *list_warnings(foreign, reading, classes.ids),
    ]
    if check is not None:
        notes += check.notes
        warnings += check.warnings
    return AdaptResult(manifest, options, reading, foreign, tuple(notes), tuple(warnings), check)


def _assign_classes(
    class_names: Sequence[str] | None,
    foreign: ForeignModel,
    recognition: Recognition,
    options: AdaptOptions,
) -> ClassAssignment:
    """Raises ToolError where the names do not fit the reading; its text names the readings that
    they would fit."""

    def assign(reading: FormatReading) -> ClassAssignment:
        return assign_classes(class_names, foreign, reading, options)

    try:
        return assign(recognition.reading)
    except ToolError as error:
        fitting = []
        for rival in recognition.rivals if class_names else ():
            try:
                assign(rival)
            except ToolError:
                continue
            fitting.append(describe_reading(rival))
        if not fitting:
            raise
        raise ToolError(f"{error}. The names fit another reading: {'; '.join(fitting)}") from None
