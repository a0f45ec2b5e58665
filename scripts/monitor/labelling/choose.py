"""Chooses the pictures that are worth labelling next, out of those that were kept.

Most are chosen for what a label would teach: the model is unsure of them or they are unlike the
reference, and each is unlike those chosen before it (a greedy k-centre, Sener and Savarese 2018,
weighted by how informative a picture is). The rest are drawn at random from all others. So every
picture has a known chance of being chosen, 1 for the former and one number for the latter, and a
figure weighted by 1 / chance is unbiased for all kept pictures (a stratum taken whole beside a
simple random sample).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scripts.records.fingerprint import measure_scale
from scripts.records.observations import SCORE_BINS, Observations

MAX_BITS = 4  # of 64, by which the dHashes of near-duplicates differ
MAX_WEIGHED = 4000  # most informative pictures, among which the different ones are looked for
_NEAR = 0.15  # of the threshold: how far a score lies from it that the model is unsure of


@dataclass(frozen=True)
class Choice:
    """row: of the observations. uncertainty: how many candidates the model is unsure of. novelty:
    root mean square of the properties, in robust standard deviations of the reference (asinh)."""

    row: int
    part: Literal["informative", "random"]
    chance: float
    uncertainty: float
    novelty: float


def choose(
    kept: Observations,
    reference: Observations | None,
    count: int,
    *,
    random_share: float = 0.25,
    seed: int = 0,
    on_progress: Callable[[], None] = lambda: None,
) -> list[Choice]:
    """At most `count` of the kept pictures, the informative ones first, in the order of choice.

    reference: what novelty is measured from; None for the kept pictures themselves. random_share:
    of `count`, rounded up. Near-duplicates of a chosen picture are no informative choice; a random
    one may be any. on_progress: called after each choice.
    """
    total = min(count, len(kept))
    if total <= 0:
        return []
    uncertainty = measure_uncertainty(kept)
    space, novelty = measure_novelty(kept, reference)
    random_count = min(int(np.ceil(random_share * total)), total)
    if total == len(kept):
        random_count = 0
    rows = _choose_different(
        kept, _rank(uncertainty) + _rank(novelty), space, total - random_count, on_progress
    )
    others = np.setdiff1d(np.arange(len(kept)), rows)
    random_count = min(total - len(rows), len(others))
    drawn = np.random.default_rng(seed).choice(others, random_count, replace=False)
    choices = []
    for row in rows:
        choices.append(
            Choice(row, "informative", 1.0, float(uncertainty[row]), float(novelty[row]))
        )
    for row in drawn.tolist():
        chance = random_count / len(others)
        choices.append(Choice(row, "random", chance, float(uncertainty[row]), float(novelty[row])))
        on_progress()
    return choices


def measure_uncertainty(kept: Observations) -> NDArray[np.float64]:
    """How many candidates of each picture score near the model's threshold, (n,): 1 for one at it,
    falling to 0 at _NEAR."""
    own, asked = kept.facts["model_threshold"], kept.facts["score_threshold"]
    threshold = np.where(np.isfinite(own), own, np.where(np.isfinite(asked), asked, 0.5))
    middles = (np.arange(SCORE_BINS) + 0.5) / SCORE_BINS
    nearness = np.clip(1 - np.abs(middles - threshold[:, None]) / _NEAR, 0, 1)
    return np.asarray((kept.score_histogram * nearness).sum(1), np.float64)


def measure_novelty(
    kept: Observations, reference: Observations | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where each picture lies in the space of properties, (n, p), and how far out, (n,). A property
    that is not known is as in the reference."""
    scale = measure_scale(kept if reference is None else reference)
    space = np.nan_to_num(scale.transform(kept), nan=0.0)
    if not space.shape[1]:
        return np.zeros((len(kept), 1)), np.zeros(len(kept))
    return space, np.sqrt((space**2).mean(1))


def _choose_different(
    kept: Observations,
    worth: NDArray[np.float64],
    space: NDArray[np.float64],
    count: int,
    on_progress: Callable[[], None],
) -> list[int]:
    """Rows of great worth, each far from those before it and no near-duplicate of one."""
    pool = np.argsort(-worth, kind="stable")[: max(MAX_WEIGHED, count)]
    hashes = read_hashes(kept)[pool]
    space, worth = space[pool], worth[pool]
    is_left = np.ones(len(pool), bool)
    nearest = np.full(len(pool), np.inf)
    chosen: list[int] = []
    while len(chosen) < count and is_left.any():
        # Squared: measured, twice as many wrong or missed boxes as in pictures drawn at random.
        gain = np.where(is_left, worth**2 * np.where(np.isinf(nearest), 1.0, nearest), -1.0)
        best = int(gain.argmax())
        chosen.append(int(pool[best]))
        is_left[best] = False
        if hashes[best]:
            is_left &= (np.bitwise_count(hashes ^ hashes[best]) > MAX_BITS) | (hashes == 0)
        nearest = np.minimum(nearest, np.linalg.norm(space - space[best], axis=1))
        on_progress()
    return chosen


def read_hashes(kept: Observations) -> NDArray[np.uint64]:
    """dHashes as numbers, (n,); 0 where there is none, or nothing but one colour."""
    texts = kept.facts["dhash"].tolist()
    return np.array([int(text, 16) if _is_hash(text) else 0 for text in texts], np.uint64)


def _is_hash(text: str) -> bool:
    return len(text) == 16 and all(letter in "0123456789abcdef" for letter in text)


def _rank(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From near 0 for the smallest to 1 for the largest; equal ones alike."""
    order = np.sort(values)
    return np.searchsorted(order, values, side="right") / max(len(values), 1)
