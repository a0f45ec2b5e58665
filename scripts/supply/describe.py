"""Describe built images: labels on them, and out/sbom/NAME.cdx.json. The end of scripts/build.

Labels are put on the finished image, by a build that adds nothing else: so they change no layer,
and a commit that changes no file of a layer uploads none. A package whose licence is not in
licences.toml stops the build. The module needs the standard library only: scripts/build runs it
with the system's Python.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handler.storage.location import write_atomically
from scripts.paths import ROOT
from scripts.supply.contents import inspect, read_contents
from scripts.supply.licences import find_problems, load_licences
from scripts.supply.sbom import Subject, make_sbom
from scripts.tool import ToolError, exit_on_error

OUT = ROOT / "out" / "sbom"
BASE_NAME = "org.opencontainers.image.base.name"  # put there by the Dockerfile
BASE_DIGEST = "org.opencontainers.image.base.digest"
TITLE = "org.opencontainers.image.title"
_IMAGE = re.compile(r"^\s+ImageUri: (?P<image>\S+)$", re.M)


def find_images(template: Path) -> list[str]:
    """The images that a built template names, each once. Raises ToolError."""
    try:
        text = template.read_text(encoding="utf-8")
    except OSError as error:
        raise ToolError(f"{template}: {error.strerror}; scripts/build makes it") from None
    return list(dict.fromkeys(match["image"] for match in _IMAGE.finditer(text)))


def describe(image: str) -> str:
    """Label an image and write its SBOM. Returns a line of what was done. Raises ToolError."""
    before = inspect(image)
    labels: dict[str, str] = before["Config"].get("Labels") or {}
    subject = find_subject(labels)
    contents, licences = read_contents(image), load_licences()
    if problems := find_problems(contents, licences):
        raise ToolError(
            f"{image}: licences that nobody has looked at yet, so it is not to be deployed. Read "
            "them, then list them in scripts/supply/licences.toml:\n  " + "\n  ".join(problems)
        )
    wanted = {**labels, **make_labels(subject)}
    if wanted != labels:  # else it would be another image for nothing
        put_labels(image, wanted, f"{before['Os']}/{before['Architecture']}")
    path = OUT / f"{subject.name.removeprefix('icebox-')}.cdx.json"
    sbom = make_sbom(subject, contents, licences)
    write_atomically(path, (json.dumps(sbom, indent=2) + "\n").encode())
    return (
        f"{image}: {len(contents.packages)} packages, all of known licences; "
        f"{path.relative_to(ROOT)}"
    )


def find_subject(labels: Mapping[str, str]) -> Subject:
    """What an image of this checkout is."""
    manifest: dict[str, Any] = json.loads((ROOT / "handler/model/model.json").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    base = labels.get(BASE_NAME, "")
    return Subject(
        name=labels.get(TITLE, "icebox-detect"),
        version=project["version"],
        revision=find_revision(),
        base_name=base or "unknown",
        base_digest=_digest_of(base) if base else "",
        model={
            "name": manifest["name"],
            "version": manifest["version"],
            "sha256": manifest["sha256"],
        },
    )


def find_revision() -> str:
    """The commit, with -dirty where tracked files differ from it; unknown outside of git."""
    try:
        commit = _git("rev-parse", "HEAD")
        return (
            f"{commit}-dirty" if _git("status", "--porcelain", "--untracked-files=no") else commit
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def make_labels(subject: Subject) -> dict[str, str]:
    """https://github.com/opencontainers/image-spec/blob/main/annotations.md, and the model."""
    labels = {
        "org.opencontainers.image.version": subject.version,
        "org.opencontainers.image.revision": subject.revision,
        "org.opencontainers.image.licenses": "Apache-2.0",
        "icebox.model.name": subject.model["name"],
        "icebox.model.version": subject.model["version"],
        "icebox.model.sha256": subject.model["sha256"],
    }
    if subject.base_digest:
        labels[BASE_DIGEST] = subject.base_digest
    # In CI: GitHub's own variables
    if os.environ.get("GITHUB_SERVER_URL") and os.environ.get("GITHUB_REPOSITORY"):
        labels["org.opencontainers.image.source"] = (
            f"{os.environ['GITHUB_SERVER_URL']}/{os.environ['GITHUB_REPOSITORY']}"
        )
    return labels


def put_labels(image: str, labels: Mapping[str, str], platform: str) -> None:
    """Give an image these labels, under the name that it has. platform: the image's, which may be
    another than this machine's. Raises ToolError."""
    pairs = " ".join(
        f"{json.dumps(name)}={_quote(value)}" for name, value in sorted(labels.items())
    )
    ran = subprocess.run(
        ["docker", "build", "--quiet", "--platform", platform, "--tag", image, "-"],
        input=f"FROM {image}\nLABEL {pairs}\n",
        # An attestation would make a list of the image, which Lambda does not take.
        env={**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise ToolError(f"{image} takes no labels: {ran.stderr.strip()[-300:]}")


def _quote(value: str) -> str:
    """A value of LABEL, in which Docker would replace variables."""
    return json.dumps(value).replace("$", "\\$")


def _digest_of(base: str) -> str:
    """The digest by which a registry knows the base image, empty where it came from none."""
    if "@" in base:
        return base.partition("@")[2]
    try:
        digests = inspect(base).get("RepoDigests") or [""]
    except ToolError:  # the builder had it, and not the engine
        return ""
    return str(digests[0]).partition("@")[2]


def _git(*arguments: str) -> str:
    ran = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts.supply.describe", description="Label built images, and list what is in them."
    )
    parser.add_argument("template", type=Path, help="the template that `sam build` wrote")
    options = parser.parse_args(argv)
    with exit_on_error("scripts/build"):
        for image in find_images(options.template):
            print(describe(image))
    return 0


if __name__ == "__main__":
    sys.exit(main())
