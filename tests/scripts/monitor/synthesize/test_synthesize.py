"""Synthetic traffic: records as the function leaves them, with the statistics asked for."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from handler.bundle.manifest import Manifest
from handler.records.record import Image, PredictionRecord
from scripts.monitor.quality.corrected import estimate
from scripts.monitor.synthesize.__main__ import main
from scripts.monitor.synthesize.pictures import PictureMaker
from scripts.monitor.synthesize.plausible import make_plausible_reference
from scripts.monitor.synthesize.records import Line, RecordMaker
from scripts.monitor.synthesize.shifts import CAUSES, Shift, parse_shift
from scripts.monitor.synthesize.traffic import Plan, split_traffic
from scripts.monitor.synthesize.write import write_traffic
from scripts.paths import ROOT
from scripts.records.observations import Observations
from scripts.records.observe import observe_records
from scripts.records.read import read_feedback, read_observations, read_records
from scripts.records.source import open_source
from scripts.records.window import Window
from scripts.tool import ToolError

END = datetime(2026, 11, 29, 12, tzinfo=UTC)
HALF = "2026-11-22T12"
DEFAULT = Manifest.from_json((ROOT / "handler" / "model" / "model.json").read_text())
# at the threshold and the floor that the plausible reference below has
MANIFEST = DEFAULT._replace(thresholds=DEFAULT.thresholds._replace(score=0.32, score_floor=0.05))
REFERENCE = make_plausible_reference(
    MANIFEST.name, MANIFEST.version, MANIFEST.classes, threshold=0.32, floor=0.05
)


def make_plan(records: int, *shifts: str, **fields: object) -> Plan:
    plan = Plan(
        MANIFEST, REFERENCE, END - timedelta(days=14), END, records, tuple(map(parse_shift, shifts))
    )
    return dataclasses.replace(plan, **fields)


def make_lines(plan: Plan) -> Iterator[Line]:
    maker = RecordMaker(plan)
    for chunk in split_traffic(plan):
        yield from maker.make(chunk)


def make_records(plan: Plan) -> list[PredictionRecord]:
    return [PredictionRecord.from_json(line.text) for line in make_lines(plan)]


def observe(records: list[PredictionRecord]) -> tuple[Observations, Observations]:
    """Predictions of before and after day 7."""
    observed = observe_records([each for each in records if each.image])
    is_after = observed.facts["time"] >= np.datetime64(HALF, "ms")
    return observed.select(~is_after), observed.select(is_after)


def medians(observations: Observations, *names: str) -> list[float]:
    return [float(np.nanmedian(observations.properties[name])) for name in names]


@pytest.fixture(scope="module")
def quiet_lines() -> list[Line]:
    """Traffic without a shift."""
    return list(make_lines(make_plan(500)))


def test_records_are_those_of_the_function(quiet_lines: list[Line]) -> None:
    lines = quiet_lines
    fields = [field.name for field in dataclasses.fields(PredictionRecord)]
    for line in lines:
        raw, record = json.loads(line.text), PredictionRecord.from_json(line.text)
        assert list(raw) == fields
        assert record.time == line.time
        if record.image is None:
            assert record.outcome == "rejected"
            continue
        assert list(raw["image"]) == [field.name for field in dataclasses.fields(Image)]
        threshold = record.thresholds["score"]
        assert record.count == len(record.detections) == sum(record.counts.values())
        assert all(each["score"] >= threshold for each in record.detections)
        assert all(each["score"] <= threshold for each in record.near_misses)
        scores = [each["score"] for each in (*record.detections, *record.near_misses)]
        assert scores == sorted(scores, reverse=True)
        for each in record.detections:
            box = each["box"]
            assert 0 <= box["xmin"] < box["xmax"] <= record.image.width
            assert 0 <= box["ymin"] < box["ymax"] <= record.image.height
    outcomes = [PredictionRecord.from_json(line.text).outcome for line in lines]
    assert 0 < outcomes.count("rejected") < 0.05 * len(lines)
    sizes = [len(line.text) for line in lines if line.picture]
    assert 8_000 < np.mean(sizes) < 13_000


def test_the_statistics_are_the_references(quiet_lines: list[Line]) -> None:
    observed = observe_records([PredictionRecord.from_json(line.text) for line in quiet_lines])
    observed = observed.select(observed.is_prediction)
    for name, column in REFERENCE.observations.properties.items():
        made, asked = observed.properties[name], column
        deviation = max(float(np.nanstd(asked)), 1e-3)
        moved = (np.nanmean(made) - np.nanmean(asked)) / deviation
        assert abs(moved) < 0.22, f"{name} moved by {moved:.2f}"  # 5 standard errors of 500
        assert np.nanstd(made) < 1.15 * deviation, name


def test_the_same_seed_gives_the_same_bytes_whatever_the_processes(tmp_path: Path) -> None:
    plan = make_plan(1100, "blur@day7", capture_share=0.002)
    for name, processes in (("one", 1), ("two", 2)):
        written = list(write_traffic(plan, str(tmp_path / name), processes=processes))
        assert sum(each.records for each in written) == 1100
    one, two = (
        {path.relative_to(tmp_path / name): path.read_bytes()
         for path in (tmp_path / name).rglob("*.*") if path.is_file()}
        for name in ("one", "two")
    )  # fmt: skip
    assert one == two
    assert len(one) >= 1100
    other = next(make_lines(dataclasses.replace(plan, seed=1)))
    assert other.prediction_id != next(make_lines(plan)).prediction_id


def test_traffic_is_busy_by_day_and_quiet_at_weekends() -> None:
    times = np.concatenate([chunk.times for chunk in split_traffic(make_plan(20_000))])
    assert len(times) == 20_000
    assert (np.diff(times) >= np.timedelta64(0)).all()
    hours = (times.astype("datetime64[h]").astype(int)) % 24
    assert (hours == 13).sum() > 4 * (hours == 2).sum()
    weekdays = (times.astype("datetime64[D]").astype(int) + 3) % 7  # 0: Monday
    assert (weekdays < 5).sum() / 5 > 2 * (weekdays >= 5).sum() / 2


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        ("blur", {"focus": -1, "sharpness": -1, "score_mean": -1}),
        ("dark", {"brightness": -1}),
        ("bright", {"brightness": 1}),
        ("noise", {"noise": 1}),
        ("cast", {"red_to_green": 1}),
        ("zoom", {"log_box_area_mean": -1}),
        ("jpeg", {"jpeg_quality": -1, "log_bytes_per_pixel": -1}),
        ("fewer", {"log_count": -1}),
        ("more", {"log_count": 1}),
        ("foreign", {"log_count": -1, "contrast": -1}),
        ("worse", {"score_mean": -1, "log_near_misses": 1}),
        ("camera", {"log_megapixels": 1}),
    ],
)
def test_a_shift_moves_its_properties(name: str, moved: dict[str, int]) -> None:
    before, after = observe(make_records(make_plan(100, f"{name}@day7")))
    for each, direction in moved.items():
        (old,), (new,) = medians(before, each), medians(after, each)
        deviation = max(float(np.nanstd(before.properties[each])), 1e-3)
        assert direction * (new - old) > 0.7 * deviation, (each, old, new)
    if name not in ("dark", "bright", "foreign", "camera"):
        (old,), (new,) = medians(before, "brightness"), medians(after, "brightness")
        assert abs(new - old) < 0.03


def test_a_stronger_shift_moves_further() -> None:
    focus = []
    for strength in ("mild", "medium", "strong"):
        _, after = observe(make_records(make_plan(40, f"blur:{strength}@day7")))
        focus.append(medians(after, "focus")[0])
    assert focus == sorted(focus, reverse=True)


def test_a_stuck_camera_sends_one_picture() -> None:
    records = [each for each in make_records(make_plan(120, "stuck@day7")) if each.image]
    after = [each for each in records if each.time >= HALF]
    assert (
        len({each.image.sha256 for each in after}) == len({each.image.dhash for each in after}) == 1
    )
    assert len({len(each.detections) + len(each.near_misses) for each in after}) == 1
    assert len({each.image.sha256 for each in records}) == len(records) - len(after) + 1


def test_a_changed_threshold_is_told_and_moves_counts() -> None:
    before, after = observe(make_records(make_plan(160, "threshold:strong@day7")))
    assert set(before.facts["model_threshold"]) == {0.32}
    assert set(after.facts["model_threshold"]) == {0.62}
    assert np.nanmedian(after.facts["detections"]) < np.nanmedian(before.facts["detections"])


def test_a_signature_is_followed() -> None:
    from scripts.records.fingerprint import compare, measure_scale
    from scripts.records.reference import Signature

    signature = Signature("cast", 1.0, 100, {"focus": -1.5, "noise": 0.8}, {"contrast": 0.5}, None)
    reference = dataclasses.replace(REFERENCE, signatures=(signature,))
    plan = make_plan(250, "cast@day0", reference=reference)
    scale = measure_scale(REFERENCE.observations)
    observed = observe_records([each for each in make_records(plan) if each.image])
    found = compare(scale, scale.transform(REFERENCE.observations), scale.transform(observed))
    assert found.effects["focus"] == pytest.approx(-1.5, abs=0.25)
    assert found.effects["noise"] == pytest.approx(0.8, abs=0.25)
    assert found.spreads["contrast"] == pytest.approx(0.5, abs=0.2)
    assert found.effects["red_to_green"] == pytest.approx(0, abs=0.25)


def test_the_first_days_may_be_of_prediction_1() -> None:
    records = make_records(make_plan(100, schema_1_days=7.0))
    old = [each for each in records if each.schema == "prediction/1"]
    assert old and len(old) < len(records)
    assert (
        max(each.time for each in old)
        < HALF
        <= min(each.time for each in records if each.schema == "prediction/2")
    )
    assert all(each.at_model_threshold is None for each in old)
    assert all(each.image is None or each.image.focus is None for each in old)


def test_kept_pictures_show_what_the_record_says(tmp_path: Path) -> None:
    plan = make_plan(60, capture_share=0.2)
    list(write_traffic(plan, str(tmp_path)))
    records = [
        PredictionRecord.from_json(gzip.decompress(path.read_bytes()))
        for path in (tmp_path / "predictions").rglob("*.json.gz")
    ]
    kept = [each for each in records if each.capture]
    assert 0 < len(kept) < len(records)
    for record in kept:
        picture = PillowImage.open(io.BytesIO((tmp_path / record.capture).read_bytes()))
        assert picture.size == (record.image.width, record.image.height)
        luma = np.asarray(picture.convert("L")).mean() / 255
        assert luma == pytest.approx(record.image.brightness, abs=0.15)


def test_people_correct_a_share_by_a_made_up_truth(tmp_path: Path) -> None:
    """By a reference without labels, a score is its candidate's chance to be an object."""
    plan = make_plan(400, feedback_share=0.5)
    list(write_traffic(plan, str(tmp_path)))
    source, window = open_source(str(tmp_path)), Window(plan.start, END)
    read = read_observations(source, window, processes=1)
    ids = read.observations.facts["prediction_id"].tolist()
    feedback = read_feedback(source, window, ids)
    predictions = int(read.observations.is_prediction.sum())
    assert len(feedback) == pytest.approx(predictions / 2, abs=50)  # 5 standard errors
    records = read_records(source, window, ids)
    expected = 0.0
    for each in feedback:
        record = records[each.prediction_id]
        assert each.time > record.time and each.model.sha256 == MANIFEST.sha256
        assert each.count == len(each.detections or ()) == sum((each.counts or {}).values())
        for found in each.detections or ():
            box = found["box"]
            assert 0 <= box["xmin"] < box["xmax"] <= record.image.width
            assert 0 <= box["ymin"] < box["ymax"] <= record.image.height
        scores = [found["score"] for found in (*record.detections, *record.near_misses)]
        expected += sum(scores) / 0.95
    assert sum(each.count or 0 for each in feedback) == pytest.approx(expected, rel=0.05)
    quality = estimate(records, feedback)
    assert quality is not None and quality.corrections == len(feedback)
    assert 0.5 < quality.recall.value < 0.95
    where = {path.parent.relative_to(tmp_path / "feedback")
             for path in tmp_path.glob("feedback/**/*.gz")}  # fmt: skip
    assert all((tmp_path / "predictions" / each).is_dir() for each in where)


def test_corrections_change_no_record_and_lie_where_they_came(tmp_path: Path) -> None:
    plan = make_plan(60)
    list(write_traffic(plan, str(tmp_path / "plain"), records_per_object=4))
    corrected = dataclasses.replace(plan, feedback_share=1.0)
    for name in ("one", "two"):
        list(write_traffic(corrected, str(tmp_path / name), records_per_object=4))
    plain, one, two = (
        {path.relative_to(tmp_path / name): path.read_bytes()
         for path in (tmp_path / name).rglob("*.gz")}
        for name in ("plain", "one", "two")
    )  # fmt: skip
    assert one == two
    given = {path: body for path, body in one.items() if path.parts[0] == "feedback"}
    assert one == plain | given
    for path, body in given.items():
        time = json.loads(gzip.decompress(body))["time"]
        assert f"/dt={time[:10]}/hour={time[11:13]}/" in path.as_posix()
    observed = read_observations(open_source(str(tmp_path / "one")), Window(plan.start, END),
                                 processes=1).observations  # fmt: skip
    assert len(given) == observed.is_prediction.sum()


def test_the_command_writes_what_is_read_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"--out {tmp_path} --records 150 --days 2 --end 2026-11-29T12:00Z --processes 1"
    assert main([*command.split(), "--format", "parquet"]) == 0
    assert "150 records of microalgae" in capsys.readouterr().out
    assert not list(tmp_path.rglob("*.json.gz")) and list(tmp_path.rglob("*.parquet"))
    window = Window(END - timedelta(days=2), END)
    read = read_observations(open_source(str(tmp_path)), window, processes=1)
    assert read.counts.records == 150


def test_objects_may_hold_many_records(tmp_path: Path) -> None:
    plan = make_plan(60)
    list(write_traffic(plan, str(tmp_path), records_per_object=4))
    batches = list(tmp_path.rglob("batch-*.jsonl.gz"))
    lines = [gzip.decompress(path.read_bytes()).splitlines() for path in batches]
    assert 15 <= len(batches) < 60
    assert sum(map(len, lines)) == 60
    assert max(map(len, lines)) <= 4
    read = read_observations(open_source(str(tmp_path)), Window(plan.start, END), processes=1)
    assert read.counts.records == 60


@pytest.mark.parametrize("text", ["blur", "blur@21", "smudge@day3", "blur:huge@day3", "blur@day-1"])
def test_what_is_no_shift_is_told(text: str) -> None:
    with pytest.raises(ToolError, match="expected such as blur@day21"):
        parse_shift(text)


def test_shifts_are_read() -> None:
    assert parse_shift("blur@day21") == Shift("blur", "medium", 21.0)
    assert parse_shift("fewer:strong@day3.5") == Shift("fewer", "strong", 3.5)
    assert {parse_shift(f"{name}@day1").cause for name in CAUSES} == set(CAUSES.values())


@pytest.mark.parametrize("wrong", ["--records 0", "--days 0", "--captures 2", "--feedback 2"])
def test_a_number_out_of_range_is_a_usage_error(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--out", str(tmp_path), *wrong.split()])
    assert ended.value.code == 2


def test_pictures_of_several_classes_have_their_shares() -> None:
    classes = ("cell", 'a "quoted" 50 % label')
    manifest = MANIFEST._replace(classes=classes)
    reference = make_plausible_reference("m", "1", classes, threshold=0.32, floor=0.05)
    plan = make_plan(60, manifest=manifest, reference=reference)
    records = make_records(plan)
    assert {each["label"] for record in records for each in record.detections} == set(classes)
    assert PictureMaker(plan)
