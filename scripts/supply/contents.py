"""What is in a built image: its files, read out of it without running it.

So images of another architecture can be read, too. The files are those that this project puts into
the image, below Lambda's task root.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import PurePosixPath
from typing import IO, Any

from scripts.tool import ToolError

TASK_ROOT = "/var/task"


@dataclass(frozen=True)
class Package:
    """A Python package, by the metadata that is installed with it. declared: what it says of its
    licence: the expression, else the text's first line, and the classifiers."""

    name: str
    version: str
    declared: str


@dataclass(frozen=True)
class File:
    """path: below the task root. mode: of the file's rights. sha256: in hexadecimal; of a link, of
    where it leads."""

    path: str
    mode: int
    sha256: str


@dataclass(frozen=True)
class Contents:
    """packages: by name. libraries: shared libraries that wheels bundle, in folders NAME.libs."""

    packages: tuple[Package, ...]
    libraries: tuple[File, ...]
    files: tuple[File, ...]


def inspect(image: str) -> dict[str, Any]:
    """What the engine says of an image. Raises ToolError where there is none."""
    found: list[dict[str, Any]] = json.loads(_docker("image", "inspect", image))
    return found[0]


def read_contents(image: str, root: str = TASK_ROOT) -> Contents:
    """The files below a folder. Raises ToolError where the engine or the image is not there."""
    packages, files = [], []
    with _archive(image, root) as archive:
        for member in archive:
            path = PurePosixPath(member.name).relative_to(PurePosixPath(root).name)
            if member.isdir():
                continue
            body = archive.extractfile(member) if member.isfile() else None
            data = body.read() if body else member.linkname.encode()
            files.append(File(str(path), member.mode, hashlib.sha256(data).hexdigest()))
            if path.name == "METADATA" and path.parent.suffix == ".dist-info":
                packages.append(_package(data.decode()))
    files.sort(key=lambda file: file.path)
    return Contents(
        packages=tuple(sorted(packages, key=lambda each: each.name)),
        libraries=tuple(
            file for file in files if PurePosixPath(file.path).parent.suffix == ".libs"
        ),
        files=tuple(files),
    )


def _package(text: str) -> Package:
    metadata = HeaderParser().parsestr(text)
    licence = metadata["License-Expression"] or (metadata["License"] or "").strip()
    classifiers = [
        each.rpartition(" :: ")[2]
        for each in metadata.get_all("Classifier") or ()
        if each.startswith("License :: OSI")
    ]
    parts = [*licence.splitlines()[:1], *sorted(classifiers)]
    name = metadata["Name"].lower().replace("_", "-").replace(".", "-")
    return Package(name, metadata["Version"], "; ".join(parts))


@contextmanager
def _archive(image: str, root: str) -> Iterator[tarfile.TarFile]:
    container = _docker("create", image).strip()
    try:
        command = ["docker", "cp", f"{container}:{root}", "-"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            stream: IO[bytes] | None = process.stdout
            assert stream is not None
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                yield archive
            stream.read()
    finally:
        _docker("rm", container)


def _docker(*arguments: str) -> str:
    try:
        ran = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ToolError(
            "docker is missing; on Debian and Ubuntu: apt-get install docker.io"
        ) from None
    if ran.returncode:
        raise ToolError(f"docker {' '.join(arguments)}: {ran.stderr.strip()[-300:]}")
    return ran.stdout
