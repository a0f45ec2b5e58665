"""A record says what was predicted, comes back as it went, and knows where it lies."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.detection.detections import Detections
from handler.records.record import Image, Model, PredictionRecord
from tests.support.paths import ROOT

SHA = "0" * 64
shares = st.floats(0, 1, allow_nan=False)
pixels = st.floats(-1e4, 1e5, allow_nan=False)
found = st.fixed_dictionaries(
    {
        "label": st.text(),
        "score": shares,
        "box": st.fixed_dictionaries(dict.fromkeys(("xmin", "ymin", "xmax", "ymax"), pixels)),
    }
)
names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
records = st.builds(
    PredictionRecord,
    prediction_id=st.uuids().map(str),
    time=st.datetimes().map(lambda at: at.isoformat(timespec="milliseconds") + "Z"),
    route=st.just("/v1/detect"),
    model=st.builds(Model, names, names, st.just(SHA)),
    image=st.none()
    | st.builds(Image, sha256=st.just(SHA), bytes=st.integers(0), width=st.none() | st.integers(1)),
    thresholds=st.none()
    | st.fixed_dictionaries({"score": shares, "iou": shares, "max_detections": st.integers(1)}),
    count=st.none() | st.integers(0),
    counts=st.none() | st.dictionaries(st.text(), st.integers(0)),
    detections=st.lists(found, max_size=5),
    near_misses=st.lists(found, max_size=5),
    timing_ms=st.dictionaries(st.sampled_from(["decode", "inference", "total"]), pixels),
    cold_start=st.booleans(),
    outcome=st.sampled_from(["ok", "rejected"]),
    problem=st.none() | st.text(),
    warnings=st.lists(st.text(), max_size=3),
    function_version=st.none() | st.sampled_from(["$LATEST", "7"]),
)


@given(records)
def test_a_record_comes_back_as_it_went(made: PredictionRecord) -> None:
    assert PredictionRecord.from_json(made.to_json()) == made
    assert PredictionRecord.from_json(gzip.decompress(made.to_bytes())) == made
    assert made.to_bytes()[4:8] == bytes(4)  # gzip's time stamp: the same record, the same bytes
    assert "\n" not in made.to_json()


@given(records)
def test_the_key_is_a_hive_path(made: PredictionRecord) -> None:
    pattern = (
        r"predictions/model=[a-z0-9._-]+/version=[a-z0-9._-]+"
        r"/dt=\d{4}-\d\d-\d\d/hour=\d\d/[0-9a-f-]{36}\.json\.gz"
    )
    assert re.fullmatch(pattern, made.key)
    assert f"/dt={made.time[:10]}/hour={made.time[11:13]}/" in made.key


def test_every_field_is_always_there() -> None:
    made = PredictionRecord(
        "id", "2026-11-23T04:05:06.789Z", "/v1/detect", Model("m", "1", SHA), None, None, None,
        None, [], [], {}, False, "rejected", "urn:icebox:problem:bad-request",
    )  # fmt: skip
    assert set(json.loads(made.to_json())) == {
        *(
            "schema",
            "prediction_id",
            "time",
            "route",
            "model",
            "image",
            "thresholds",
            "count",
            "counts",
        ),
        *("detections", "near_misses", "timing_ms", "cold_start", "outcome", "problem"),
        *("tiles", "warnings", "at_model_threshold", "below_floor", "capture"),
        "function_version",
    }
    assert made.key == "predictions/model=m/version=1/dt=2026-11-23/hour=04/id.json.gz"


@pytest.mark.parametrize(
    "names",
    [
        ["tiles", "warnings"],
        ["warnings"],
        ["at_model_threshold", "below_floor", "capture"],
        ["function_version"],
    ],
)
def test_a_record_from_before_tiles_or_warnings_is_read(names: list[str]) -> None:
    made = PredictionRecord(
        "id", "2026-11-23T04:05:06.789Z", "/v1/detect", Model("m", "1", SHA), None, None, None,
        None, [], [], {}, False, "rejected", "urn:icebox:problem:bad-request",
    )  # fmt: skip
    old = json.loads(made.to_json())
    for name in names:
        del old[name]
    assert PredictionRecord.from_json(json.dumps(old)) == made


@pytest.mark.parametrize(
    "text", ["{}", "[]", '{"schema": "prediction/2"}', '{"schema": "prediction/1"}', "no"]
)
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's own error is one
        PredictionRecord.from_json(text)


def test_an_unknown_field_is_refused() -> None:
    model = {"name": "m", "version": "1", "sha256": SHA, "size": 1}
    text = json.dumps({"schema": "prediction/2", "model": model, "image": None})
    with pytest.raises(ValueError, match="missing or unknown"):
        PredictionRecord.from_json(text)


def test_no_detections_are_an_empty_list() -> None:
    assert Detections.empty().to_json(("red",)) == []


def test_a_listing_names_labels_and_rounds() -> None:
    made = Detections(
        np.array([[1.005, 2, 3.14159, 4]], np.float32),
        np.array([0.1], np.float32),
        np.array([1], np.int64),
    )
    assert json.dumps(made.to_json(("red", "green"))) == (
        '[{"label": "green", "score": 0.1, '
        '"box": {"xmin": 1.0, "ymin": 2.0, "xmax": 3.14, "ymax": 4.0}}]'
    )


def test_reading_a_record_loads_nothing_heavy() -> None:
    """A monitor reads many: ONNX Runtime, Pillow and numpy would cost it most of a second."""
    program = (
        "import sys, handler.records.record; "
        "print(sorted({'numpy', 'PIL', 'onnxruntime', 'boto3', 'aws_lambda_powertools'}"
        " & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout == "[]\n", ran.stderr
