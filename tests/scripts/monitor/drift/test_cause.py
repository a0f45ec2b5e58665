"""The cause of a change: by its fingerprint, at other strengths and in parts of a window, or exact.

The records are drawn, and so are the causes: each moves some properties, as the real ones do.
tests of scripts.bench.monitoring.drift try it on pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from scripts.monitor.drift.cause import name_cause
from scripts.monitor.result import Finding
from scripts.records.fingerprint import compare, measure_scale
from scripts.records.observations import FACTS, PROPERTIES, SCORE_BINS, Observations
from scripts.records.reference import Reference, Signature

# By cause, how far properties move, in standard deviations at full strength.
CAUSES: Mapping[str, Mapping[str, float]] = {
    "darker": {"brightness": -4, "contrast": -1, "luma_12": -2, "luma_3": 3, "embedding_1": 1},
    "brighter": {"brightness": 4, "contrast": -1, "luma_14": 4, "luma_12": -2, "embedding_1": -1},
    "defocused": {"focus": -5, "sharpness": -4, "noise": -1, "score_mean": -2, "log_count": -1},
    "cast": {"red_to_green": 4, "blue_to_green": -4, "embedding_2": 1},
    "fewer objects": {"log_count": -4, "log_near_misses": -2, "near_miss_share": 2},
    "worse model": {"score_mean": -3, "score_std": 2, "below_floor_score": 4, "log_below_floor": 3},
}
NEW_IN_SCHEMA_2 = ("focus", "noise", "red_to_green", "blue_to_green", "luma_", "embedding_",
                   "jpeg_quality", "log_below_floor", "below_floor_score")  # fmt: skip


def observe(n: int, seed: int, moves: Mapping[str, float] | None = None) -> Observations:
    """Records whose properties are correlated, some of them moved by standard deviations."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, 3))
    mixing = np.random.default_rng(99).normal(size=(3, len(PROPERTIES))) / 3
    values = common @ mixing + rng.normal(size=(n, len(PROPERTIES))) * 0.8
    properties = {name: values[:, column] for column, name in enumerate(PROPERTIES)}
    for name, move in (moves or {}).items():
        properties[name] = properties[name] + move
    facts = {
        name: np.full(n, "", object)
        if kind == "O"
        else np.zeros(n, kind)
        if kind != "f8"
        else np.full(n, np.nan)
        for name, kind in FACTS.items()
    }
    facts["outcome"] = np.full(n, "ok", object)
    facts["format"] = np.full(n, "JPEG", object)
    facts["model_threshold"] = facts["score_threshold"] = np.full(n, 0.3)
    facts["width"], facts["height"] = np.full(n, 640.0), np.full(n, 480.0)
    return Observations(facts, properties, np.zeros((n, SCORE_BINS), np.uint16))


def moved(cause: str, strength: float) -> dict[str, float]:
    return {name: strength * move for name, move in CAUSES[cause].items()}


@pytest.fixture(scope="module")
def reference() -> Reference:
    """300 records, and signatures of every cause at two strengths, of 30 of them."""
    observations = observe(300, seed=1)
    scale = measure_scale(observations)
    some = observe(30, seed=2)
    signatures = []
    for cause in CAUSES:
        for strength in (0.4, 1.0):
            planted = observe(30, seed=2, moves=moved(cause, strength))
            fingerprint = compare(scale, scale.transform(some), scale.transform(planted))
            signatures.append(
                Signature(
                    cause, strength, 30, fingerprint.effects, fingerprint.spreads, None, cause
                )
            )
    return Reference("m", "1", "drawn", observations, None, tuple(signatures))


def unlike(moves: Mapping[str, float], seed: int) -> dict[str, float]:
    """Another way to bring about the same: each property moves a third more or less."""
    rng = np.random.default_rng(seed)
    return {name: move * rng.uniform(0.67, 1.33) for name, move in moves.items()}


@pytest.mark.parametrize("strength", [0.25, 0.6, 1.3])
@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_is_known_at_other_strengths(
    reference: Reference, cause: str, strength: float
) -> None:
    for seed in range(3):
        window = observe(50, seed=10 + seed, moves=unlike(moved(cause, strength), seed))
        named = name_cause(reference, window)
        assert named.name == cause
        assert named.confidence > 0.3 and named.runner_up not in (None, cause)


@pytest.mark.parametrize("cause", CAUSES)
def test_half_a_window_is_enough(reference: Reference, cause: str) -> None:
    before, after = observe(50, seed=20), observe(50, seed=21, moves=moved(cause, 0.8))
    window = Observations(
        {name: np.concatenate([before.facts[name], after.facts[name]]) for name in FACTS},
        {
            name: np.concatenate([before.properties[name], after.properties[name]])
            for name in PROPERTIES
        },
        np.concatenate([before.score_histogram, after.score_histogram]),
    )
    assert name_cause(reference, window).name == cause


def test_the_evidence_is_of_what_moved(reference: Reference) -> None:
    named = name_cause(reference, observe(200, seed=30, moves=moved("darker", 0.7)))
    assert named.evidence[0].startswith("Brightness fell from ")
    assert all(sentence.endswith(".") for sentence in named.evidence)
    assert not any("axis" in sentence or "Pixels" in sentence for sentence in named.evidence)


def test_records_of_the_first_schema_are_named_by_what_they_know(reference: Reference) -> None:
    for cause in ("darker", "defocused", "fewer objects"):
        window = observe(100, seed=40, moves=moved(cause, 0.8))
        unknown = {
            name: np.full(100, np.nan) for name in PROPERTIES if name.startswith(NEW_IN_SCHEMA_2)
        }
        facts = {**window.facts, "model_threshold": np.full(100, np.nan)}
        window = replace(window.with_properties(unknown), facts=facts)
        assert name_cause(reference, window).name == cause


def test_what_no_signature_explains_is_unknown(reference: Reference) -> None:
    strange = {"box_x_std": 3.0, "edge_share": 4.0, "embedding_7": -3.0, "contrast": 3.0,
               "luma_5": 3.0, "luma_7": -3.0}  # fmt: skip
    named = name_cause(reference, observe(100, seed=50, moves=strange))
    assert named.name == "unknown" and named.confidence <= 0.9
    assert any(each.startswith("Boxes at the picture's edge rose") for each in named.evidence)


def test_pictures_of_something_else_are_told_from_the_unknown(reference: Reference) -> None:
    rng = np.random.default_rng(3)
    looks = [name for name in PROPERTIES if name.startswith(("luma_", "embedding_", "contrast"))]
    moves = {name: float(rng.choice([-6, 6])) for name in looks} | {"log_count": -5.0}
    assert name_cause(reference, observe(60, seed=60, moves=moves)).name == "foreign pictures"


def test_where_pictures_look_as_before_the_model_is_worse(reference: Reference) -> None:
    """A bad conversion may move boxes as no signature of bad weights does."""
    broken = {"log_box_area_std": 5.0, "box_elongation_mean": 5.0, "log_box_area_mean": -4.0}
    assert name_cause(reference, observe(60, seed=55, moves=broken)).name == "worse model"


def test_a_moved_threshold_is_exact(reference: Reference) -> None:
    window = observe(60, seed=70, moves=moved("fewer objects", 0.5))
    window = replace(window, facts={**window.facts, "model_threshold": np.full(60, 0.47)})
    named = name_cause(reference, window)
    assert (named.name, named.runner_up) == ("changed threshold", "fewer objects")
    assert named.evidence == (
        "The model's own score threshold is 0.47 in 60 of 60 records; in the reference it is 0.3.",
    )
    # What clients ask for is no cause as long as the model's own threshold is known.
    asked = replace(window, facts={**window.facts, "model_threshold": np.full(60, 0.3),
                                   "score_threshold": np.full(60, 0.9)})  # fmt: skip
    assert name_cause(reference, asked).name == "fewer objects"


def test_another_size_and_exact_findings_come_first(reference: Reference) -> None:
    window = observe(60, seed=80, moves=moved("darker", 0.8))
    wide = replace(window, facts={**window.facts, "width": np.full(60, 800.0)})
    named = name_cause(reference, wide)
    assert (named.name, named.runner_up) == ("new camera", "darker")
    assert "JPEG of 800 x 480 px" in named.evidence[0]
    stuck = Finding("stuck camera", True, "60 of 60 pictures are the same file.")
    png = Finding("new category", True, "60 PNG.", {"fact": "picture format", "records": 60})
    few = Finding("new category", True, "1 PNG.", {"fact": "picture format", "records": 1})
    for findings, name, sentence in (
        ((png, stuck), "stuck camera", stuck.sentence),
        ((png,), "new camera", png.sentence),
        ((few,), "darker", None),
        ((replace(stuck, is_alarm=False),), "darker", None),
    ):
        named = name_cause(reference, window, findings)
        assert named.name == name
        assert sentence is None or named.evidence == (sentence,)


def test_without_signatures_or_records_a_cause_is_unknown(reference: Reference) -> None:
    window = observe(60, seed=90, moves=moved("darker", 1.0))
    bare = name_cause(replace(reference, signatures=()), window)
    assert bare.name == "unknown" and "no signatures" in bare.evidence[0]
    few = name_cause(reference, window.select(slice(0, 19)))
    assert few.name == "unknown" and "fewer than 20" in few.evidence[0]
    rejected = replace(window, facts={**window.facts, "outcome": np.full(60, "rejected", object)})
    assert name_cause(reference, rejected).name == "unknown"
