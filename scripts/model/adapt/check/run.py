"""Runs one reading on the pictures of --check by the handler's own code."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime

from handler.detection.detections import Detections
from handler.detection.detector import Detector, Thresholds
from handler.images.picture import Picture
from scripts.model.adapt.assign_classes import assign_classes
from scripts.model.adapt.bundling import make_bundle
from scripts.model.adapt.check.labels import CheckLabels
from scripts.model.adapt.check.pictures import CheckPicture
from scripts.model.adapt.check.trial import PictureTrial, VariantTrial
from scripts.model.adapt.check.variants import ReadingVariant
from scripts.model.adapt.class_ids import ClassAssignment
from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.loading.trial_run import one_line
from scripts.tool import ToolError


@dataclass(frozen=True, eq=False)
class VariantRunner:
    """class_names: of the user or the file. labels: None where no picture is labelled."""

    foreign: ForeignModel
    class_names: Sequence[str] | None
    pictures: Sequence[CheckPicture]
    labels: CheckLabels | None

    def run(
        self,
        variant: ReadingVariant,
        change: Callable[[ClassAssignment], ClassAssignment] = lambda classes: classes,
    ) -> VariantTrial:
        """Try one reading at its default thresholds; one that cannot be run says why.

        change: what becomes of the classes before they are put into the graph.
        """
        try:
            return self._run(variant, change)
        except ToolError as error:
            return VariantTrial(variant, (), failure=str(error))
        except Exception as error:  # onnxruntime has no public error type
            return VariantTrial(variant, (), failure=f"the graph fails ({one_line(error)})")

    def _run(
        self, variant: ReadingVariant, change: Callable[[ClassAssignment], ClassAssignment]
    ) -> VariantTrial:
        reading = variant.reading
        assigned = assign_classes(self.class_names, self.foreign, reading, variant.options)
        classes = change(assigned)
        onnx_bytes, manifest = make_bundle(
            self.foreign, reading, classes, name="check", version="0", dataset=""
        )
        detector = Detector(manifest, _load_session(onnx_bytes), threads=1)
        defaults = manifest.thresholds
        thresholds = Thresholds(defaults.score, defaults.iou, defaults.max_detections)
        trials = tuple(_try_picture(detector, check, thresholds) for check in self.pictures)
        ap50 = None
        if self.labels is not None:
            candidates = [trial.candidates for trial in trials]
            ap50 = self.labels.average_precision(candidates, manifest.classes)
        return VariantTrial(variant, trials, manifest.classes, defaults.max_detections, ap50)


def _load_session(onnx_bytes: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = os.cpu_count() or 1
    # Threads that spin while they wait take other programs' time, and then their own.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])


def _try_picture(detector: Detector, check: CheckPicture, thresholds: Thresholds) -> PictureTrial:
    def detect(picture: Picture) -> tuple[Detections, Detections]:
        output = detector.detect(picture, thresholds, looks_below=False)
        return output.detections, output.all

    detections, candidates = detect(check.picture)
    _, mirrored = detect(check.mirrored)
    boxes = check.from_mirrored(mirrored.boxes).astype(np.float32)
    return PictureTrial(
        check.picture.width,
        check.picture.height,
        detections,
        candidates,
        dataclasses.replace(mirrored, boxes=boxes),
    )
