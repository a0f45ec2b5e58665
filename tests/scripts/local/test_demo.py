"""scripts/demo prints count and best boxes, and writes annotated picture and record."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.local.demo import format_report
from scripts.paths import ROOT, SAMPLE

PREDICTION = {
    "image": {"width": 20, "height": 10, "format": "PNG"},
    "model": {"name": "m", "version": "1"},
    "thresholds": {"score": 0.5, "iou": 0.5, "max_detections": 9},
    "timing_ms": {"decode": 1.0, "inference": 2.0, "total": 3.0},
    "counts": {"cell": 0},
    "count": 0,
    "count_interval": None,
    "detections": [],
}
DETECTION = {"label": "cell", "score": 0.9, "box": {"xmin": 1, "ymin": 2, "xmax": 3, "ymax": 4}}


def demo(
    tiny_bundle: Path, out: Path, *arguments: str, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"MODEL_DIR": str(tiny_bundle), "PYTHONPATH": str(ROOT), "ORT_THREADS": "1"}
    env.pop("PREDICTION_LOG", None)
    return subprocess.run(
        [sys.executable, "-m", "scripts.local.demo", "--out", str(out), *arguments],
        cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_nothing_found_is_reported() -> None:
    lines = format_report(Path("a.png"), PREDICTION)
    assert "count      0  (nothing found)" in lines
    assert not any("score " in line and "xmin" in line for line in lines)


def test_only_classes_that_were_found_are_counted() -> None:
    classes = dict.fromkeys((f"class {number}" for number in range(80)), 0)
    prediction = PREDICTION | {"counts": classes | {"class 7": 2, "class 3": 1}, "count": 3}
    lines = format_report(Path("a.png"), prediction)
    assert "count      3  (1 class 3, 2 class 7)" in lines


def test_only_the_best_are_listed_and_aligned() -> None:
    lines = format_report(
        Path("a.png"),
        PREDICTION | {"count": 12, "count_interval": None, "detections": [DETECTION] * 12},
    )
    table = [line for line in lines if line.startswith(("cell ", "label"))]
    assert len({len(line) for line in table}) == 1
    assert len(table) == 1 + 3
    assert "… and 9 more" in lines


def test_the_sample_is_counted_annotated_and_recorded(tiny_bundle: Path, tmp_path: Path) -> None:
    ran = demo(tiny_bundle, tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    lines = dict(line.split(maxsplit=1) for line in ran.stdout.splitlines() if " " in line)
    assert lines["events/sample.jpg"] == "1400 x 1400 px JPEG"
    assert lines["model"] == "squares 1.0.0"
    assert Path(lines["annotated"]).read_bytes()[:3] == b"\xff\xd8\xff"
    assert Path(lines["record"]).is_file()
    assert "model=squares" in lines["record"]
    assert "{" not in ran.stdout  # neither log lines nor metrics


def test_ones_own_picture_from_another_folder(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "my picture.jpg").write_bytes(SAMPLE.read_bytes())
    ran = demo(tiny_bundle, tmp_path / "out", "my picture.jpg", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("my picture.jpg  1400 x 1400")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.jpg", None, "No such file"),
        ("empty.jpg", b"", "empty"),
        ("text.jpg", b"hello", "Not a supported picture (415)"),
        ("big.bmp", b"BM" + bytes(5_000_000), "Save it smaller"),
    ],
)
def test_a_file_that_is_no_picture_ends_in_one_line(
    tiny_bundle: Path, tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    ran = demo(tiny_bundle, tmp_path / "out", name, cwd=tmp_path)
    assert ran.returncode == 1
    assert words in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
