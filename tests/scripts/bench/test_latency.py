"""scripts.bench.latency: a line for each step of a prediction."""

from pathlib import Path

import pytest
from PIL import Image

from scripts.bench import latency
from tests.support.tiny_bundle import make_tiny_bundle


def test_every_step_is_timed(tmp_path: Path, capsys) -> None:
    bundle_dir, image_path = make_tiny_bundle(tmp_path / "bundle"), tmp_path / "picture.png"
    Image.new("RGB", (90, 60)).save(image_path)
    latency.main([str(bundle_dir), str(image_path), "--runs", "2"])
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["ms", "median", "min", "max"]
    assert [line.split()[0] for line in lines] == ["decode", "letterbox", "inference", "all"]


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    bundle_dir, image_path = make_tiny_bundle(tmp_path / "bundle"), tmp_path / "picture.png"
    image_path.write_bytes(b"no picture")
    with pytest.raises(SystemExit, match=r"^latency: "):
        latency.main([str(bundle_dir), str(image_path)])
