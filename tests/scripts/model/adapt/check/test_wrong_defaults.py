"""Real detectors whose format has a wrong default: what --check makes of it on six photos.

The table that docs/models.md shows is printed with -s.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from scripts.model.adapt.check.decision import CheckDecision, decide
from scripts.model.adapt.check.labels import collect_labels
from scripts.model.adapt.check.option_text import option_text
from scripts.model.adapt.check.pictures import CheckPicture, read_check_pictures
from scripts.model.adapt.check.run import VariantRunner
from scripts.model.adapt.check.search import try_readings
from scripts.model.adapt.check.trial import VariantTrial
from scripts.model.adapt.loading.foreign_model import load_foreign_model
from scripts.model.adapt.options import AdaptOptions
from scripts.model.adapt.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from scripts.model.adapt.recognition.recognise import Recognition, recognise_format
from scripts.model.classes import read_class_names
from tests.support.paths import SHARED_DATA

PHOTOS = SHARED_DATA / "fridge_samples"
MODELS = {
    "yolox_nano": SHARED_DATA / "onnx" / "yolox_nano_416" / "model.onnx",
    "mmdeploy": SHARED_DATA / "onnx" / "mmdeploy_style" / "mmdeploy_style.onnx",
}
IMAGENET = {"order": "rgb", "scale": 1.0, "mean": IMAGENET_MEAN, "std": IMAGENET_STD}


def try_photos(
    model: str, wrong: dict[str, Any], *, is_labelled: bool
) -> tuple[Sequence[VariantTrial], int]:
    """The trials where the format's default is BGR 0..255, as is right, but for `wrong`, and the
    number of labelled objects."""
    class_names = read_class_names(str(SHARED_DATA / "onnx" / "coco_names.txt"))
    foreign = load_foreign_model(MODELS[model])
    right = recognise_format(foreign).reading
    preprocessing = dataclasses.replace(right.preprocessing, **wrong)
    reading = dataclasses.replace(right, preprocessing=preprocessing)
    pictures: tuple[CheckPicture, ...] = read_check_pictures([PHOTOS]).pictures
    if not is_labelled:
        pictures = tuple(dataclasses.replace(each, truth=None) for each in pictures)
    labels = collect_labels(pictures, class_names)
    runner = VariantRunner(foreign, class_names, pictures, labels)
    trials, _ = try_readings(runner, Recognition(reading), AdaptOptions())
    return trials, labels.objects if labels else 0


def check(model: str, wrong: dict[str, Any], *, is_labelled: bool) -> CheckDecision:
    decision = decide(*try_photos(model, wrong, is_labelled=is_labelled))
    default = decision.default
    print(
        f"{model:10} {'labels' if is_labelled else 'photos':6} {default.variant.title:56} "
        f"{decision.outcome:8} {option_text(decision.chosen.variant, default.variant):24} "
        f"best beside it: {decision.rival.variant.title if decision.rival else ''}"
    )
    return decision


@pytest.mark.needs_shared_data
@pytest.mark.parametrize(
    ("model", "wrong", "is_labelled", "outcome", "scale"),
    [
        ("yolox_nano", {}, False, "default", 255),
        ("yolox_nano", {"scale": 1.0}, False, "decided", 255),
        ("mmdeploy", IMAGENET, True, "decided", 255),
    ],
)
def test_a_wrong_scale_is_found_out_on_photos(
    model: str, wrong: dict[str, Any], is_labelled: bool, outcome: str, scale: float
) -> None:
    decision = check(model, wrong, is_labelled=is_labelled)
    preprocessing = decision.chosen.variant.reading.preprocessing
    assert (decision.outcome, preprocessing.scale) == (outcome, scale)
    assert preprocessing.mean == (0, 0, 0)


@pytest.mark.needs_shared_data
def test_a_wrong_order_is_told_though_it_is_not_decisive() -> None:
    """On six photos this detector finds 5.7 in RGB where it finds 5.8 in BGR."""
    decision = check("yolox_nano", {"order": "rgb"}, is_labelled=False)
    assert decision.outcome == "proposed" and decision.rival is not None
    assert option_text(decision.rival.variant, decision.default.variant) == "--order bgr"


@pytest.mark.needs_shared_data
def test_no_choice_of_the_photos_replaces_a_right_default_and_most_mend_a_wrong_one() -> None:
    trials, _ = try_photos("yolox_nano", {}, is_labelled=False)
    [wrong] = [trial for trial in trials if trial.variant.title == "yolox, BGR, 0..1, top left"]
    mended: dict[int, list[bool]] = {}
    for count in range(1, 7):
        for chosen in itertools.combinations(range(6), count):
            of_these = [
                dataclasses.replace(trial, pictures=tuple(trial.pictures[i] for i in chosen))
                for trial in trials
            ]
            assert decide(of_these, 0).outcome != "decided", chosen
            start = trials.index(wrong)
            decision = decide([of_these[start], *of_these[:start], *of_these[start + 1 :]], 0)
            preprocessing = decision.chosen.variant.reading.preprocessing
            is_right = (preprocessing.order, preprocessing.scale) == ("bgr", 255)
            mended.setdefault(count, []).append(is_right)
    for count, choices in mended.items():
        print(f"{count} of 6 photos: {sum(choices)} of {len(choices)} choices mend BGR 0..1")
    assert all(mended[6]) and sum(mended[4]) > 0.8 * len(mended[4])
