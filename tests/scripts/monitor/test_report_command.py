"""monitor report: from records in a folder to report.html, report.json and an exit status."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import html
import json
import shutil
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from handler.bundle.manifest import Manifest
from handler.records.feedback import Feedback
from handler.records.record import PredictionRecord
from scripts.monitor.__main__ import main
from scripts.monitor.synthesize.plausible import make_plausible_reference
from scripts.monitor.synthesize.shifts import parse_shift
from scripts.monitor.synthesize.traffic import Plan
from scripts.monitor.synthesize.write import write_traffic
from scripts.paths import ROOT
from scripts.records.reference import write_reference

END = datetime(2026, 11, 29, tzinfo=UTC)
WEEK = "2026-11-22..2026-11-29"
DEFAULT = Manifest.from_json((ROOT / "handler" / "model" / "model.json").read_text())
# at the threshold and the floor that the plausible reference below has
MANIFEST = DEFAULT._replace(thresholds=DEFAULT.thresholds._replace(score=0.32, score_floor=0.05))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reference") / "reference.parquet"
    made = make_plausible_reference(
        MANIFEST.name, MANIFEST.version, MANIFEST.classes, threshold=0.32, floor=0.05
    )
    write_reference(dataclasses.replace(made, model_sha256=MANIFEST.sha256), path)
    return path


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory, reference: Path) -> Path:
    """240 records of a week, dark from its fourth day on, with some pictures kept."""
    return synthesize(tmp_path_factory.mktemp("shifted"), 240, "dark:strong@day4", captures=0.1)


def synthesize(folder: Path, records: int, *shifts: str, captures: float = 0.0) -> Path:
    reference = make_plausible_reference(
        MANIFEST.name, MANIFEST.version, MANIFEST.classes, threshold=0.32, floor=0.05
    )
    plan = Plan(
        MANIFEST, reference, END - timedelta(days=7), END, records,
        tuple(map(parse_shift, shifts)), capture_share=captures,
    )  # fmt: skip
    list(write_traffic(plan, str(folder)))
    return folder


def report(source: Path, reference: Path, out: Path, *more: str) -> int:
    arguments = [str(source), "--reference", str(reference), "--out", str(out), "--processes", "1"]
    return main(["report", *arguments, "--window", WEEK, *more])


def test_a_change_is_status_1_with_page_json_and_summary(
    shifted: Path, reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(shifted, reference, tmp_path) == 1
    said = capsys.readouterr().out
    assert "Something changed" in said
    assert f"{tmp_path}/report.html" in said
    result = json.loads((tmp_path / "report.json").read_text())
    assert result["schema"] == "monitor/1"
    assert result["status"] == "changed"
    assert "2026-11-25" <= result["since"]["time"] <= "2026-11-27"
    assert result["histograms"]["brightness"]["effect"] < -2
    page = (tmp_path / "report.html").read_text()
    assert "<h1>Something changed" in page
    assert page.count('src="data:image/jpeg;base64,') >= 1  # kept ones are drawn
    assert len(page.encode()) < 1_000_000
    assert {each.name for each in tmp_path.iterdir()} == {"report.html", "report.json"}


def test_no_change_is_status_0(reference: Path, tmp_path: Path) -> None:
    folder = synthesize(tmp_path / "records", 120)
    assert report(folder, reference, tmp_path / "out") == 0


def test_too_few_is_status_3(reference: Path, tmp_path: Path) -> None:
    folder = synthesize(tmp_path / "records", 12)
    assert report(folder, reference, tmp_path / "out") == 3
    assert "Too few" in (tmp_path / "out" / "report.html").read_text()


def test_a_folder_without_records_is_too_few(reference: Path, tmp_path: Path) -> None:
    assert report(tmp_path, reference, tmp_path / "out") == 3


def test_records_of_another_version_are_refused_unless_asked_for(
    reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = synthesize(tmp_path / "records", 60)
    stream = folder / "predictions" / f"model={MANIFEST.name}"
    for path in list(stream.rglob("*.json.gz")):
        record = PredictionRecord.from_json(_unzip(path))
        model = dataclasses.replace(record.model, version="2.0.0")
        moved = dataclasses.replace(record, model=model)
        target = folder / moved.key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(moved.to_bytes())
    shutil.rmtree(stream / f"version={MANIFEST.version}")
    assert report(folder, reference, tmp_path / "out") == 2
    assert "only of microalgae 2.0.0" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert report(folder, reference, tmp_path / "out", "--version", "2.0.0") == 2
    assert f"the reference is of microalgae {MANIFEST.version}" in capsys.readouterr().err
    assert report(folder, reference, tmp_path / "out", "--any-version") == 0
    assert "other versions are compared" in (tmp_path / "out" / "report.html").read_text()


def test_records_of_another_file_of_the_version_are_refused(
    shifted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "reference.parquet"
    other = make_plausible_reference(
        MANIFEST.name, MANIFEST.version, MANIFEST.classes, threshold=0.32, floor=0.05
    )
    write_reference(dataclasses.replace(other, model_sha256="f" * 64), path)
    assert report(shifted, path, tmp_path / "out") == 2
    assert "ffffffffffff" in capsys.readouterr().err


def test_only_a_route_may_be_asked_for(shifted: Path, reference: Path, tmp_path: Path) -> None:
    report(shifted, reference, tmp_path, "--route", "/predict/")
    result = json.loads((tmp_path / "report.json").read_text())
    assert result["stream"] == "/predict/"
    assert 0 < result["read"]["records"] < 60


def test_log_lines_count_as_well(shifted: Path, reference: Path, tmp_path: Path) -> None:
    records = sorted(shifted.rglob("*.json.gz"))
    known = PredictionRecord.from_json(_unzip(records[0]))
    lost = dataclasses.replace(known, prediction_id="3f8a1c52-0000-4000-8000-000000000001")
    log = tmp_path / "log.txt"
    log.write_text(
        "".join(json.dumps({"prediction_record": json.loads(each.to_json())}) + "\n"
                for each in (known, lost, lost))
    )  # fmt: skip
    report(shifted, reference, tmp_path / "out", "--log", str(log))
    result = json.loads((tmp_path / "out" / "report.json").read_text())
    assert result["read"]["records"] == 241
    assert any(note.startswith("1 record of the logs is not in the") for note in result["notes"])


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Records, and a sample of their pictures of which a person corrected the informative ones: in
    each the last box has nothing in it."""
    folder = synthesize(tmp_path_factory.mktemp("labelled"), 100, captures=0.25)
    out = folder.parent / f"{folder.name}-to-label"
    options = ["--window", WEEK, "--count", "12", "--random-share", "0.5", "--out", str(out)]
    assert main(["sample", str(folder), *options]) == 0
    for row in read_selection(out):
        if row["part"] == "informative":
            path = out / "Annotations" / f"{Path(row['picture']).stem}.xml"
            tree = ElementTree.parse(path)
            tree.getroot().remove(tree.getroot().findall("object")[-1])
            tree.write(path)
    return folder, out


def read_selection(out: Path) -> list[dict[str, str]]:
    with (out / "selection.csv").open() as file:
        return list(csv.DictReader(file))


def test_labels_of_a_sample_tell_the_quality_of_the_window(
    labelled: tuple[Path, Path], reference: Path, tmp_path: Path
) -> None:
    folder, labels = labelled
    assert report(folder, reference, tmp_path, "--labels", str(labels)) == 0
    result = json.loads((tmp_path / "report.json").read_text())
    quality = result["quality"][0]
    assert (quality["source"], quality["corrections"]) == ("corrected", 12)
    rows = read_selection(labels)
    wrong = sum(row["part"] == "informative" for row in rows)
    assert wrong == 6
    kept = sum(1 / float(row["chance"]) for row in rows)
    assert kept == pytest.approx(len(list(folder.glob("captures/**/*.jpg"))), rel=1e-4)
    boxes = sum(int(row["boxes"]) / float(row["chance"]) for row in rows)
    assert quality["precision"]["value"] == pytest.approx(1 - wrong / boxes, rel=1e-4)
    assert quality["recall"]["value"] == 1
    records = [PredictionRecord.from_json(_unzip(each)) for each in folder.rglob("*.json.gz")]
    counts = [each.at_model_threshold["count"] for each in records if each.at_model_threshold]
    found = sum(counts) / len(counts)
    assert quality["count_bias"]["value"] == pytest.approx(
        found / (found - wrong / kept) - 1, rel=1e-4
    )
    assert "weighted by its chance" in quality["sentence"]
    assert any("6 of 12 labelled pictures have just the boxes" in each for each in result["notes"])
    page = (tmp_path / "report.html").read_text()
    assert page.index("With 12 corrections by people") < page.index("Without labels, by the scores")


def test_labels_hold_before_feedback_on_the_same_picture(
    labelled: tuple[Path, Path], reference: Path, tmp_path: Path
) -> None:
    folder, labels = tmp_path / "records", labelled[1]
    shutil.copytree(labelled[0], folder)
    ids = [row["prediction_id"] for row in read_selection(labels)]
    paths = list(folder.glob("predictions/**/*.json.gz"))
    records = [PredictionRecord.from_json(_unzip(path)) for path in paths]
    for path, record in zip(paths, records, strict=True):
        if record.outcome != "ok":
            continue
        given = Feedback("0" * 32, record.prediction_id, "2026-11-29T00:00:00.000Z", record.model,
                         count=1000, counts=None, detections=None, comment=None)  # fmt: skip
        target = folder / str(path.relative_to(folder)).replace("predictions/", "feedback/", 1)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(given.to_bytes())
    report(labelled[0], reference, tmp_path / "without", "--labels", str(labels))
    report(folder, reference, tmp_path / "with", "--labels", str(labels))
    one, two = (
        json.loads((tmp_path / name / "report.json").read_text())["quality"][0]
        for name in ("without", "with")
    )
    others = sum(each.outcome == "ok" for each in records) - len(ids)
    assert two.pop("sentence") == (
        f"{one.pop('sentence')} {others} corrections of other pictures are left out."
    )
    assert two == one
    report(folder, reference, tmp_path / "feedback")
    quality = json.loads((tmp_path / "feedback" / "report.json").read_text())["quality"][0]
    assert quality["count_bias"]["value"] < -0.9
    page = html.unescape((tmp_path / "feedback" / "report.html").read_text())
    assert f'<p class="soft">{quality["sentence"]}</p>' in page  # to its end


def test_labels_that_are_not_of_the_window_are_refused(
    labelled: tuple[Path, Path], shifted: Path, reference: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder, labels = labelled
    assert report(shifted, reference, tmp_path / "out", "--labels", str(labels)) == 2
    assert "none of the 12 labelled pictures is of a prediction" in capsys.readouterr().err
    bare = tmp_path / "bare"
    shutil.copytree(labels, bare)
    (bare / "selection.csv").unlink()
    assert report(folder, reference, tmp_path / "out", "--labels", str(bare)) == 2
    assert "selection.csv: no such file; it has each picture's chance" in capsys.readouterr().err
    twice = ["--labels", str(labels), "--labels", str(labels)]
    assert report(folder, reference, tmp_path / "out", *twice) == 2
    assert "12 of its pictures are in another --labels" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_labels_of_a_part_of_the_window_count_and_are_told(
    labelled: tuple[Path, Path], reference: Path, tmp_path: Path
) -> None:
    folder, labels = labelled
    part = tmp_path / "labels"
    shutil.copytree(labels, part)
    rows = sorted(read_selection(part), key=lambda row: row["time"])
    (part / "Annotations" / f"{Path(rows[-1]['picture']).stem}.xml").unlink()
    window = f"{rows[1]['time']}..2026-11-29"
    report(folder, reference, tmp_path / "out", "--labels", str(part), "--window", window)
    result = json.loads((tmp_path / "out" / "report.json").read_text())
    assert result["quality"][0]["corrections"] == 10
    notes = " ".join(result["notes"])
    assert "1 of 11 labelled pictures are not of this report's predictions" in notes
    assert "1 chosen picture without labels" in notes


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--window", "soon"], "expected a span"),
        (["--reference", "nowhere.parquet"], "nowhere.parquet: there is no such file"),
        (["--log", "nowhere.txt"], "nowhere.txt"),
        (["--labels", "nowhere"], "nowhere/selection.csv: no such file"),
    ],
)
def test_what_cannot_be_used_is_status_2_and_one_line(
    shifted: Path, reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    wrong: list[str], said: str,
) -> None:  # fmt: skip
    assert report(shifted, reference, tmp_path / "out", *wrong) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def _unzip(path: Path) -> bytes:

    return gzip.decompress(path.read_bytes())
