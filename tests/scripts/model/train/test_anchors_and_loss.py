"""Every labelled box has anchors that learn it, and a score's target is how well its box fits."""

from __future__ import annotations

import json

import pytest

from tests.support.training import Training, needs_training

pytestmark = needs_training


@pytest.fixture(scope="module")
def facts(training: Training) -> dict:
    ran = training.run("tests.scripts.model.train.small_detector")
    assert ran.code == 0, ran.error
    return json.loads(ran.out)


def test_thin_boxes_get_as_many_anchors_as_others(facts: dict) -> None:
    assert min(facts["by_effdet"]) <= 1  # why the default model found thin cells with low scores
    assert min(facts["closest"]) >= 4
    assert facts["closest_of_nothing"] == []


def test_the_loss_is_least_where_scores_say_how_well_boxes_fit(facts: dict) -> None:
    losses = facts["losses"]
    assert losses["perfect"] == pytest.approx([0, 0], abs=1e-3)
    assert losses["loose"][1] == pytest.approx(losses["honest"][1])
    assert losses["loose"][1] > 0.3
    assert losses["honest"][0] < losses["loose"][0] / 3


def test_a_detector_learns_by_it(facts: dict) -> None:
    first, last = facts["learns"]
    assert last < 0.7 * first
    assert 0 <= facts["nothing_labelled"] < 100
    assert facts["state"] == []  # its checkpoints stay IceVision's
