"""Tries the readings of a model on the pictures of --check, and decides."""

from __future__ import annotations

import time
from collections.abc import Sequence

from scripts.model.adapt.check import search
from scripts.model.adapt.check.decision import decide
from scripts.model.adapt.check.findings import list_findings
from scripts.model.adapt.check.labels import CheckLabels, collect_labels
from scripts.model.adapt.check.pictures import CheckPicture, CheckPictures, spread_evenly
from scripts.model.adapt.check.result import CheckResult
from scripts.model.adapt.check.run import VariantRunner
from scripts.model.adapt.check.search import try_readings
from scripts.model.adapt.check.sheet import draw_sheet
from scripts.model.adapt.check.variants import make_variant
from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.options import AdaptOptions
from scripts.model.adapt.recognition.recognise import Recognition
from scripts.model.plurals import counted
from scripts.tool import ToolError

_USUAL_VARIANTS = 14


def check_readings(
    foreign: ForeignModel,
    recognition: Recognition,
    class_names: Sequence[str] | None,
    options: AdaptOptions,
    pictures: CheckPictures,
) -> CheckResult:
    """Try the plausible readings on the pictures; what the options say is not varied.

    recognition: with the options applied. class_names: of the user or the file.
    Raises ToolError where no reading can be run.
    """

    def runner_of(tried: Sequence[CheckPicture]) -> VariantRunner:
        return VariantRunner(foreign, class_names, tried, collect_labels(tried, class_names))

    started = time.monotonic()
    runner_of(pictures.pictures[:1]).run(make_variant(recognition.reading, options, foreign.image))
    tried = _spread_to_time(pictures.pictures, time.monotonic() - started)
    runner = runner_of(tried)
    labels = runner.labels
    trials, is_cut_short = try_readings(runner, recognition, options)
    decision = decide(trials, labels.objects if labels else 0)
    if decision.chosen.failure:
        raise ToolError(f"--check: {decision.chosen.failure}")
    notes = [*pictures.notes]
    if len(tried) < len(pictures.pictures):
        notes.append(
            f"only {len(tried)} of {counted(len(pictures.pictures), 'picture')} are tried, since "
            "the network is slow"
        )
    notes += [*(_describe_labels(labels) if labels else [])]
    if is_cut_short:
        notes.append(
            f"--check ended after {counted(len(trials), 'reading')}; fewer pictures take less time"
        )
    return CheckResult(
        pictures=tuple(tried),
        trials=tuple(trials),
        decision=decision,
        notes=tuple(notes),
        warnings=tuple(list_findings(decision.chosen, runner)),
        sheet_jpeg=draw_sheet(tried, trials, decision),
    )


def _spread_to_time(
    pictures: Sequence[CheckPicture], seconds_for_one: float
) -> Sequence[CheckPicture]:
    """As many, spread evenly, as can be tried in the time that there is."""
    affordable = int(search.MAX_SECONDS / (_USUAL_VARIANTS * max(seconds_for_one, 1e-3)))
    return spread_evenly(pictures, max(1, affordable))


def _describe_labels(labels: CheckLabels) -> list[str]:
    unknown = ", ".join(labels.unknown[:6]) + ("…" if len(labels.unknown) > 6 else "")
    if labels.of_boxes_alone:
        return [
            f"the labels ({unknown}) are none of the model's classes, so AP50 is of the boxes alone"
        ]
    if labels.unknown:
        return [f"labels that are none of the model's classes are left out of AP50: {unknown}"]
    return []
