"""The reference file: read as written, a wrong one refused in words, and its size held."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.records.observations import (
    FACTS,
    PROPERTIES,
    SCORE_BINS,
    Observations,
    round_property,
)
from scripts.records.reference import (
    MAX_BYTES,
    Accuracy,
    LabelledCounts,
    Reference,
    Signature,
    check_model,
    read_reference,
    to_bytes,
    write_reference,
)
from scripts.tool import ToolError


def make_observations(
    n: int, *, classes: tuple[str, ...] = ("cell",), seed: int = 0
) -> Observations:
    rng = np.random.default_rng(seed)
    facts = {
        name: {
            "O": np.array([f"{name} {row % 3}" for row in range(n)], object),
            "f8": np.where(rng.random(n) < 0.2, np.nan, rng.integers(0, 9, n).astype(float)),
            "?": rng.random(n) < 0.5,
        }.get(kind, np.datetime64("2026-11-01T10:00:00.123", "ms") + np.arange(n))
        for name, kind in FACTS.items()
    }
    names = (*PROPERTIES, *(f"class_share:{label}" for label in classes))
    properties = {name: rng.normal(size=n).round(4) for name in names}
    properties["noise"][: n // 2] = np.nan
    properties["log_megapixels"] = np.full(n, np.log(1.96))
    histogram = rng.integers(0, 40, (n, SCORE_BINS)).astype(np.uint16)
    return Observations(facts, properties, histogram)


def make_reference(n: int = 40, **options: object) -> Reference:
    observations = make_observations(n, **options)  # type: ignore[arg-type]
    rng = np.random.default_rng(1)
    moved = {name: float(rng.normal()) for name in observations.properties}
    signatures = tuple(
        Signature(
            cause="darker", strength=strength, pictures=30, effects=moved, spreads=moved,
            accuracy=Accuracy(0.9, 0.8, 0.7, -0.1) if strength else None, name="less light",
            score_counts=(1.5,) * SCORE_BINS, detections=12.5,
        )
        for strength in (0.0, 0.5)
    )  # fmt: skip
    labels = LabelledCounts(np.arange(n), rng.integers(0, 9, (n, SCORE_BINS)))
    return Reference("m", "1.0", "it's of ü", observations, labels, signatures, "ab" * 32)


def test_a_reference_is_read_as_it_was_written(tmp_path: Path) -> None:
    given = make_reference()
    path = tmp_path / "new folder" / "reference.parquet"
    assert write_reference(given, path) == ()
    read = read_reference(path)
    for field in ("model_name", "model_version", "origin", "model_sha256"):
        assert getattr(read, field) == getattr(given, field)
    for name, column in given.observations.facts.items():
        expected = column
        if name in ("image_sha256", "capture", "problem", "function_version"):  # not kept
            expected = np.full(len(column), "", object)
        np.testing.assert_array_equal(read.observations.facts[name], expected, name)
        assert read.observations.facts[name].dtype == expected.dtype, name
    for name, column in given.observations.properties.items():
        # Rounded as records are when they are read: compared for equality.
        np.testing.assert_array_equal(
            read.observations.properties[name], round_property(np.asarray(column, float)), name
        )
    assert set(read.observations.properties["log_megapixels"]) == {0.67294}
    np.testing.assert_array_equal(
        read.observations.score_histogram, given.observations.score_histogram
    )
    assert read.labels and given.labels
    np.testing.assert_array_equal(read.labels.objects, given.labels.objects)
    np.testing.assert_array_equal(read.labels.true_positives, given.labels.true_positives)
    for one, other in zip(read.signatures, given.signatures, strict=True):
        assert one.effects == pytest.approx(other.effects, abs=6e-4)
        assert one.spreads == pytest.approx(other.spreads, abs=6e-4)
        assert replace(one, effects={}, spreads={}) == replace(other, effects={}, spreads={})
    assert read_reference(path.read_bytes()).origin == given.origin
    assert to_bytes(read) == path.read_bytes()


@settings(max_examples=20, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=2, max_size=5),
)
def test_any_text_and_numbers_come_back(origin: str, values: list[float]) -> None:
    observations = make_observations(len(values))
    observations = observations.with_properties({"contrast": np.array(values)})
    observations.facts["route"][0] = origin
    read = read_reference(to_bytes(Reference(origin, "1", origin, observations, None, ())))
    assert read.origin == read.model_name == read.observations.facts["route"][0] == origin
    assert read.labels is None and read.signatures == ()
    np.testing.assert_allclose(
        read.observations.properties["contrast"], np.array(values), atol=5.1e-6, rtol=1e-15
    )


def test_a_large_reference_is_thinned_out_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "reference.parquet"
    (sentence,) = write_reference(make_reference(1200), path)
    assert path.stat().st_size <= MAX_BYTES
    kept = read_reference(path)
    assert sentence.startswith(f"{len(kept.observations)} of 1200 records were kept")
    assert len(kept.observations) >= 300
    assert kept.labels and kept.labels.objects[-1] == 1199  # evenly: the last one, too


def test_too_many_classes_are_refused(tmp_path: Path) -> None:
    classes = tuple(f"class {number}" for number in range(400))
    with pytest.raises(ToolError, match="more than 200 KB"):
        write_reference(make_reference(400, classes=classes), tmp_path / "reference.parquet")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_reference_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "reference.parquet"
    with pytest.raises(ToolError, match="no such file; make a reference with"):
        read_reference(path)
    path.write_bytes(b"not Parquet")
    with pytest.raises(ToolError, match="not a reference that can be read"):
        read_reference(path)
    duckdb.execute(f"COPY (SELECT 1 AS x) TO '{path}' (FORMAT parquet)")
    with pytest.raises(ToolError, match="a Parquet file of something else"):
        read_reference(path)
    whole = to_bytes(make_reference())
    for cut in (100, len(whole) // 2, len(whole) - 1):
        with pytest.raises(ToolError):
            read_reference(whole[:cut])
    marked = 'KV_METADATA {icebox_reference: \'{"schema": "reference/9"}\'}'
    duckdb.execute(f"COPY (SELECT 1 AS x) TO '{path}' (FORMAT parquet, {marked})")
    with pytest.raises(ToolError, match="reference/9"):
        read_reference(path)
    marked = marked.replace("9", "1")
    duckdb.execute(f"COPY (SELECT 1 AS x) TO '{path}' (FORMAT parquet, {marked})")
    with pytest.raises(ToolError, match="not a reference that can be read"):
        read_reference(path)


def test_a_reference_of_another_model_is_refused() -> None:
    reference = make_reference()
    check_model(reference, name="m", version="1.0")
    check_model(reference, name="m", version="1.0", sha256="ab" * 32)
    for name, version, sha256 in (("n", "1.0", ""), ("m", "2.0", ""), ("m", "1.0", "cd" * 32)):
        with pytest.raises(ToolError, match="not of"):
            check_model(reference, name=name, version=version, sha256=sha256)
