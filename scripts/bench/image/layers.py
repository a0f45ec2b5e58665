"""What a saved image's layers weigh: unpacked, and compressed as a registry keeps them."""

from __future__ import annotations

import json
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from scripts.tool import ToolError

TASK_ROOT = PurePosixPath("var/task")
GZIP_LEVEL = 6  # of `docker push`
_CHUNK = 1 << 20


@dataclass
class Part:
    """A package, or a folder beside it: bytes of all its files, of byte code among them, and of
    native code."""

    size: int = 0
    byte_code: int = 0
    native: int = 0


@dataclass
class Layer:
    """unpacked: bytes of its files. compressed: bytes of its archive under gzip, 0 where that was
    not asked for. parts: what lies in Lambda's task root, by name."""

    unpacked: int = 0
    compressed: int = 0
    parts: dict[str, Part] = field(default_factory=dict)

    def largest(self, count: int) -> list[tuple[str, Part]]:
        return sorted(self.parts.items(), key=lambda item: (-item[1].size, item[0]))[:count]


def read_layers(archive: Path, *, compress: bool = True) -> Iterator[Layer]:
    """The layers of what `docker save` wrote, from the lowest. compress: them, to know their size
    in a registry; takes seconds. Raises ToolError for another file."""
    with tarfile.open(archive) as saved:
        try:
            manifest = saved.extractfile("manifest.json")
            assert manifest is not None
            names = json.load(manifest)[0]["Layers"]
        except KeyError:
            raise ToolError(f"{archive} is not what docker save writes") from None
        for name in names:
            layer = _read_files(_open(saved, name))
            if compress:
                layer.compressed = _compressed_size(_open(saved, name))
            yield layer


def _open(saved: tarfile.TarFile, name: str) -> IO[bytes]:
    member = saved.extractfile(name)
    assert member is not None
    return member


def _read_files(archive: IO[bytes]) -> Layer:
    layer = Layer()
    with tarfile.open(fileobj=archive, mode="r:*") as files:
        for member in files:
            if member.isfile():
                layer.unpacked += member.size
                _count(layer.parts, PurePosixPath(member.name), member.size)
    return layer


def _compressed_size(archive: IO[bytes]) -> int:
    if archive.read(2) == b"\x1f\x8b":  # containerd's store keeps them so
        return archive.seek(0, 2)
    archive.seek(0)
    packer, size = zlib.compressobj(GZIP_LEVEL, wbits=31), 0
    while chunk := archive.read(_CHUNK):
        size += len(packer.compress(chunk))
    return size + len(packer.flush())


def _count(parts: dict[str, Part], path: PurePosixPath, size: int) -> None:
    if not path.is_relative_to(TASK_ROOT):
        return
    below = path.relative_to(TASK_ROOT).parts
    # A package's metadata and the libraries that its wheel bundles are rows of their own.
    part = parts.setdefault(below[0], Part())
    part.size += size
    if path.suffix == ".pyc":
        part.byte_code += size
    elif ".so" in path.suffixes:
        part.native += size


def sum_of_kinds(layer: Layer) -> Counter[str]:
    """Bytes of a layer's parts by what they are: native code, byte code, and the rest."""
    kinds: Counter[str] = Counter()
    for part in layer.parts.values():
        kinds["native code"] += part.native
        kinds["byte code"] += part.byte_code
        kinds["the rest"] += part.size - part.native - part.byte_code
    return kinds
