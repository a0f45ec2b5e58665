"""Why records changed: what is exact first, then the known cause that the fingerprint is like.

A stuck camera, a threshold that moved, and pictures of a size or format that was never seen are
told by the records outright. Everything else is compared with the reference's signatures
(scripts.monitor.drift.fingerprints). A change that none of them explains is unknown, or, where what
the pictures look like has moved far, pictures of something else, and where they look as before, a
worse model: no signature holds all that there is beside what a model knows, nor all that can be
wrong with one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from scripts.monitor.drift.fingerprints import Ranking, rank_causes
from scripts.monitor.result import Cause, CauseName, Finding
from scripts.monitor.words import is_readable, property_words
from scripts.records.observations import IMAGE_PROPERTIES, OUTPUT_PROPERTIES, Observations
from scripts.records.reference import Reference

MIN_RECORDS = 20  # under which a window has no cause
MIN_SHARE = 0.2  # of a window that an exact cause must be true of
MAX_SIZES = 20  # of pictures, up to which a reference knows its cameras
MIN_EXPLAINED = 0.25  # of a fingerprint, by a cause that is named
FAR = 1.2  # root mean square effect on what pictures look like, when they show something else
AS_BEFORE = 0.2  # up to which they look as before, and it is the model that answers otherwise
MAX_EVIDENCE = 4
_CAMERA_FACTS = ("picture size", "picture format")  # of the exact check's findings


def name_cause(
    reference: Reference, window: Observations, findings: tuple[Finding, ...] = ()
) -> Cause:
    """The cause of a change that was found in a window. findings: of the exact checks."""
    window = window.select(window.is_prediction)
    ranking = rank_causes(reference, window) if len(window) >= MIN_RECORDS else None
    exact = _exact_cause(reference.observations, window, findings)
    if exact:
        others = [each.name for each in ranking.candidates] if ranking else []
        runner_up = next((other for other in others if other != exact[0]), None)
        return Cause(exact[0], 0.99, runner_up, (exact[1],))
    if not ranking:
        reason = (
            f"fewer than {MIN_RECORDS} predictions have no cause"
            if len(window) < MIN_RECORDS
            else "the reference has no signatures of known causes"
        )
        return Cause("unknown", 0.0, None, (reason,))
    evidence = tuple(describe_moves(reference.observations, window, ranking))
    best = ranking.candidates[0]
    names = [each.name for each in ranking.candidates]
    if best.explained >= MIN_EXPLAINED:
        runner_up = names[1] if len(names) > 1 else None
        return Cause(best.name, best.probability, runner_up, evidence)
    name: CauseName = "unknown"
    moved = _how_far_looks_moved(ranking, len(window), len(reference.observations))
    if moved > FAR:
        name = "foreign pictures"
    elif moved < AS_BEFORE and _rms(ranking, OUTPUT_PROPERTIES) > 2 * AS_BEFORE:
        name = "worse model"
    return Cause(name, min(1 - max(best.explained, 0.0), 0.9), best.name, evidence)


def describe_moves(
    reference: Observations, window: Observations, ranking: Ranking
) -> Iterator[str]:
    """What moved most, as sentences of at most MAX_EVIDENCE properties that people know."""
    half = len(ranking.names)
    effects, spreads = ranking.vector[:half], ranking.vector[half:]
    told = 0
    for index in np.argsort(-np.abs(effects), kind="stable"):
        name = ranking.names[index]
        if not is_readable(name) or abs(effects[index]) < 0.2 or told == MAX_EVIDENCE:
            continue
        words = property_words(name)
        before, after = (
            words.value(float(np.nanmedian(each.properties[name]))) for each in (reference, window)
        )
        if before != after:
            verb = "rose" if effects[index] > 0 else "fell"
            told += 1
            yield f"{words.title} {verb} from {before} to {after}."
    if told:
        return
    readable = [index for index in range(half) if is_readable(ranking.names[index])]
    if not readable:
        yield "Only what the pictures look like moved, in ways that have no name."
        return
    index = max(readable, key=lambda each: abs(float(spreads[each])))
    factor = float(np.exp(spreads[index]))
    title = property_words(ranking.names[index]).title
    yield f"{title} varies {factor:.1f} times as much as in the reference."


def _exact_cause(
    reference: Observations, window: Observations, findings: tuple[Finding, ...]
) -> tuple[CauseName, str] | None:
    """A cause that the records tell outright, with its sentence."""
    alarms = [finding for finding in findings if finding.is_alarm]
    for finding in alarms:
        if finding.name == "stuck camera":
            return "stuck camera", finding.sentence
    for finding in alarms:
        share = finding.evidence.get("records", 0) / max(len(window), 1)
        if finding.evidence.get("fact") in _CAMERA_FACTS and share >= MIN_SHARE:
            return "new camera", finding.sentence
    if sentence := _moved_threshold(reference, window):
        return "changed threshold", sentence
    if sentence := _new_size(reference, window):
        return "new camera", sentence
    return None


def _moved_threshold(reference: Observations, window: Observations) -> str | None:
    """The model's own threshold; in records that do not know it, that of the requests."""
    for fact, whose in (("model_threshold", "model's own"), ("score_threshold", "requests'")):
        before, after = reference.facts[fact], window.facts[fact]
        before, after = before[~np.isnan(before)], after[~np.isnan(after)]
        if not len(before) or not len(after):
            continue
        is_new = ~np.isin(after, before)
        if is_new.mean() < MIN_SHARE:
            return None
        values, counts = np.unique(after[is_new], return_counts=True)
        return (
            f"The {whose} score threshold is {values[counts.argmax()]:g} in {is_new.sum()} of "
            f"{len(after)} records; in the reference it is {np.median(before):g}."
        )
    return None


def _new_size(reference: Observations, window: Observations) -> str | None:
    before, after = _sizes(reference), _sizes(window)
    if not all(format_ for format_, _, _ in before + after):  # one side does not know it
        before, after = ([("a picture", *size[1:]) for size in side] for side in (before, after))
    known = set(before)
    if not known or len(known) > MAX_SIZES or not after:
        return None
    new = [size for size in after if size not in known]
    if len(new) < MIN_SHARE * len(after):
        return None
    format_, width, height = max(new, key=new.count)
    return (
        f"{len(new)} of {len(after)} pictures are of a size or format that the reference has not, "
        f"such as {format_} of {width:.0f} x {height:.0f} px."
    )


def _sizes(observations: Observations) -> list[tuple[str, float, float]]:
    facts = observations.facts
    columns = (facts["format"], facts["width"], facts["height"])
    return [
        size for size in zip(*(column.tolist() for column in columns), strict=True)
        if size[1] == size[1] and size[2] == size[2]
    ]  # fmt: skip


def _how_far_looks_moved(ranking: Ranking, window: int, reference: int) -> float:
    """The root mean square effect, beyond chance, on what pictures look like: their embedding, or,
    where that has not moved far or is not known, everything of the pictures."""
    embedding = [name for name in IMAGE_PROPERTIES if name.startswith("embedding_")]
    by_chance = 1 / window + 1 / reference
    looks, everything = (
        float(np.sqrt(max(_rms(ranking, names) ** 2 - by_chance, 0.0)))
        for names in (embedding, IMAGE_PROPERTIES)
    )
    if not any(name in ranking.names for name in embedding):
        return everything
    return looks if looks > FAR else min(everything, FAR)


def _rms(ranking: Ranking, names: Sequence[str]) -> float:
    """The root mean square effect on those of the properties that are known; 0 on none."""
    effects = dict(zip(ranking.names, ranking.vector, strict=False))
    squares = [effects[name] ** 2 for name in names if name in effects]
    return float(np.sqrt(np.mean(squares))) if squares else 0.0
