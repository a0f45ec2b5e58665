"""Layers weigh what their files do, whatever form the engine saves them in."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from scripts.bench.image.layers import Part, read_layers, sum_of_kinds
from scripts.tool import ToolError
from tests.support.docker import docker

FILES = {
    "var/task/numpy/__init__.py": 1_000,
    "var/task/numpy/__pycache__/__init__.cpython-313.pyc": 2_000,
    "var/task/numpy.libs/libblas.so.3.1": 50_000,
    "var/task/six.py": 300,
    "etc/passwd": 70,
}


def make_layer(files: dict[str, int]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, size in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = size
            archive.addfile(entry, io.BytesIO(bytes(size)))
        folder = tarfile.TarInfo("var/task/empty")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    return stream.getvalue()


def save(path: Path, *layers: bytes) -> Path:
    """As `docker save` does."""
    names = [f"blobs/sha256/{number}" for number in range(len(layers))]
    with tarfile.open(path, "w") as archive:
        manifest = json.dumps([{"Config": "config.json", "Layers": names}]).encode()
        for name, data in {
            **dict(zip(names, layers, strict=True)),
            "manifest.json": manifest,
        }.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def test_a_layer_weighs_what_its_files_do(tmp_path: Path) -> None:
    plain = make_layer(FILES)
    packed = gzip.compress(plain)
    first, second = read_layers(save(tmp_path / "image.tar", plain, packed))
    assert first.unpacked == second.unpacked == sum(FILES.values())
    assert second.compressed == len(packed)  # as it is kept
    assert 0 < first.compressed < first.unpacked / 50  # zeros
    assert first.parts == second.parts


def test_parts_are_what_lies_in_the_task_root(tmp_path: Path) -> None:
    (layer,) = read_layers(save(tmp_path / "image.tar", make_layer(FILES)))
    assert layer.parts == {
        "numpy": Part(size=3_000, byte_code=2_000),
        "numpy.libs": Part(size=50_000, native=50_000),
        "six.py": Part(size=300),
    }
    assert [name for name, _ in layer.largest(2)] == ["numpy.libs", "numpy"]
    kinds = {"native code": 50_000, "byte code": 2_000, "the rest": 1_300}
    assert sum_of_kinds(layer) == kinds


def test_another_archive_is_told(tmp_path: Path) -> None:
    path = tmp_path / "layer.tar"
    path.write_bytes(make_layer(FILES))
    with pytest.raises(ToolError, match=r"layer\.tar is not what docker save writes"):
        list(read_layers(path))


@pytest.mark.needs_engine
def test_what_an_engine_saves_is_read(tmp_path: Path) -> None:
    (tmp_path / "six.py").write_bytes(bytes(12_345))
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY six.py /var/task/\nCMD none\n")
    name = "icebox-test-layers:1"
    docker("build", "--quiet", "--tag", name, str(tmp_path))
    try:
        docker("save", "--output", str(tmp_path / "image.tar"), name)
    finally:
        docker("rmi", name)
    (layer,) = read_layers(tmp_path / "image.tar")
    assert (layer.unpacked, layer.parts) == (12_345, {"six.py": Part(size=12_345)})
