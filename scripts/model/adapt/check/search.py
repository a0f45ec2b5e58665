"""Tries readings on the pictures of --check: first pixels, then rival formats, then placings.

Not every combination is tried: each round starts from the best reading so far.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tqdm import tqdm

from scripts.model.adapt.check.decision import rank
from scripts.model.adapt.check.run import VariantRunner
from scripts.model.adapt.check.trial import VariantTrial
from scripts.model.adapt.check.variants import (
    ReadingVariant,
    make_variant,
    vary_back,
    vary_format,
    vary_pixels,
    vary_placing,
)
from scripts.model.adapt.options import AdaptOptions
from scripts.model.adapt.recognition.recognise import Recognition

MAX_VARIANTS, MAX_SECONDS = 40, 180.0


@dataclass
class ReadingSearch:
    """runner: on all pictures. trials: grows, the default's first. is_cut_short: by the time, or by
    the number of readings."""

    runner: VariantRunner
    deadline: float
    bar: tqdm
    trials: list[VariantTrial] = field(default_factory=list)
    is_cut_short: bool = False

    def try_all(self, variants: Iterable[ReadingVariant]) -> None:
        """Try those that were not tried yet, the default whatever the time is."""
        for variant in variants:
            if any(not variant.axes_from(trial.variant) for trial in self.trials):
                continue
            if self.trials and (
                len(self.trials) >= MAX_VARIANTS or time.monotonic() > self.deadline
            ):
                self.is_cut_short = True
                return
            self.trials.append(self.runner.run(variant))
            self.bar.update()

    def find_best(self) -> ReadingVariant:
        """The best so far; the default, where no other finds more."""
        labels = self.runner.labels
        return rank(self.trials, labels.objects if labels else 0)[0].variant


def try_readings(
    runner: VariantRunner,
    recognition: Recognition,
    given: AdaptOptions,
    max_seconds: float = MAX_SECONDS,
) -> tuple[Sequence[VariantTrial], bool]:
    """Trials of the plausible readings, the default's first; given: the user's options.

    Returns also whether it was cut short, after max_seconds or MAX_VARIANTS. Raises ToolError where
    the user's options do not fit the default.
    """
    image = runner.foreign.image
    default = make_variant(recognition.reading, given, image)
    with tqdm(unit="reading", desc="trying readings", disable=None, leave=False) as bar:
        search = ReadingSearch(runner, time.monotonic() + max_seconds, bar)
        search.try_all([default])
        search.try_all(vary_pixels(default, given, image))
        best = search.find_best()
        search.try_all(vary_format(best, recognition.rivals, given, image))
        if search.find_best() is not best:
            best = search.find_best()
            search.try_all(vary_pixels(best, given, image))
        search.try_all(vary_placing(search.find_best(), given, image))
        for _ in range(2):  # which of the differences matter
            search.try_all(vary_back(search.find_best(), default, image))
    return search.trials, search.is_cut_short
