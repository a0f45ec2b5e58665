"""`monitor sample` over a folder and a bucket, from records to a folder that trains."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from scripts.model.dataset import read_dataset
from scripts.monitor.__main__ import main
from tests.scripts.monitor.labelling.kept import record_pictures, write_bucket
from tests.support.moto_s3 import make_bucket
from tests.support.pictures import RED, RED_AND_GREEN, png

WINDOW = "2026-11-01..2026-12-01"
PICTURES = {f"p{n:02d}": png(RED if n % 2 else RED_AND_GREEN) for n in range(12)}


@pytest.fixture(scope="module")
def bucket(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bucket")
    kept = {name: body for name, body in PICTURES.items() if name != "p00"}
    return write_bucket(root, record_pictures(tiny_bundle, PICTURES), kept)


def sample(source: Path | str, out: Path, *options: str) -> int:
    return main(["sample", str(source), "--window", WINDOW, "--out", str(out), *options])


def read_selection(out: Path) -> list[dict[str, str]]:
    with (out / "selection.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("format", ["voc", "coco"])
def test_chosen_pictures_come_with_what_the_model_found(
    bucket: Path, tmp_path: Path, format: str
) -> None:
    out = tmp_path / "to-label"
    assert sample(bucket, out, "--count", "8", "--format", format) == 0
    dataset = read_dataset(out)
    assert dataset.corrections == {}
    assert len(dataset.pictures) == 8
    for picture in dataset.pictures:
        expected = RED if int(picture.path.stem[1:]) % 2 else RED_AND_GREEN
        assert sorted(picture.labels) == sorted(label for label, _ in expected)
        assert picture.path.read_bytes() == PICTURES[picture.path.stem]
    rows = read_selection(out)
    assert {row["prediction_id"] for row in rows} == {each.path.stem for each in dataset.pictures}
    assert "p00" not in {row["prediction_id"] for row in rows}  # not kept
    chances = [float(row["chance"]) for row in rows]
    assert sum(1 / chance for chance in chances) == pytest.approx(11, abs=0.01)
    assert all(row["part"] == ("informative" if float(row["chance"]) == 1 else "random")
               for row in rows)  # fmt: skip


def test_a_second_run_leaves_labels_alone(bucket: Path, tmp_path: Path) -> None:
    out = tmp_path / "to-label"
    sample(bucket, out, "--count", "3")
    (label,) = list(out.rglob("*.xml"))[:1]
    label.write_text("a person's work")
    with pytest.raises(SystemExit, match="may have labels"):
        sample(bucket, out, "--count", "3")
    assert label.read_text() == "a person's work"


def test_nothing_kept_says_how_to_keep(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bucket(tmp_path / "log", record_pictures(tiny_bundle, {"p00": PICTURES["p00"]}), {})
    with pytest.raises(
        SystemExit, match=r"CAPTURE_RATE above 0 \(CaptureRate.*also with CAPTURE=uncertain"
    ):
        sample(tmp_path / "log", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_expired_and_damaged_pictures_are_replaced_by_others(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_bucket(tmp_path / "log", record_pictures(tiny_bundle, PICTURES), PICTURES)
    captures = sorted(root.glob("captures/**/*.png"))
    for path in captures[:4]:
        path.unlink()
    captures[4].write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    out = tmp_path / "to-label"
    assert sample(root, out, "--count", "7") == 0
    assert len(read_dataset(out).pictures) == 7
    assert "could no longer be had" in capsys.readouterr().out
    assert sorted(each.name for each in tmp_path.iterdir()) == ["log", "to-label"]


def test_all_pictures_gone_leaves_no_folder(tiny_bundle: Path, tmp_path: Path) -> None:
    root = write_bucket(tmp_path / "log", record_pictures(tiny_bundle, PICTURES), PICTURES)
    for path in root.glob("captures/**/*.png"):
        path.unlink()
    with pytest.raises(SystemExit, match="there still"):
        sample(root, tmp_path / "out")
    assert [each.name for each in tmp_path.iterdir()] == ["log"]


def test_a_bucket_is_read_as_a_folder(
    s3: Any, bucket: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = make_bucket(s3, "icebox-kept")
    for path in bucket.rglob("*"):
        if path.is_file():
            key = f"log/{path.relative_to(bucket).as_posix()}"
            s3.put_object(Bucket=name, Key=key, Body=path.read_bytes())
    assert sample(f"s3://{name}/log", tmp_path / "s3", "--count", "5") == 0
    assert sample(bucket, tmp_path / "folder", "--count", "5") == 0
    assert read_selection(tmp_path / "s3") == read_selection(tmp_path / "folder")


@pytest.mark.parametrize("option", [("--count", "0"), ("--random-share", "2")])
def test_senseless_options_are_refused(
    bucket: Path, tmp_path: Path, option: tuple[str, str]
) -> None:
    with pytest.raises(SystemExit, match="at least 1"):
        sample(bucket, tmp_path / "out", *option)
