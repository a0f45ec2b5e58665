"""Puts a bundle into handler/model, whole or not at all, and puts the former one back if need be.

The new folder is made whole beside the old one and checked as the function will check it; two
renames change them. What is interrupted between the two is mended by `mend`, before anything else.
The former bundle waits in out/releases until the release is out.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from handler.bundle.files import ONNX_FILE, load_bundle, write_bundle, write_manifest
from handler.bundle.manifest import Evaluation, Manifest
from scripts.paths import ROOT
from scripts.records.reference import (
    REFERENCE_FILE,
    read_bundle_reference,
    read_reference,
    write_reference,
)
from scripts.tool import ToolError

MODEL_DIR = ROOT / "handler" / "model"
KEPT_DIR = ROOT / "out" / "releases"


def write_placed_bundle(
    source: Path, target: Path, version: str, evaluations: Sequence[Evaluation] = ()
) -> Manifest:
    """A bundle as it is placed: the source's files under this version; the source stays as it is.

    evaluations: figures measured by the gate, in place of those of the same sets.

    Other files of the source stay behind. The reference is of one version, so its own is changed,
    too, and with it the checksum in model.json. Raises BundleError and ToolError.
    """
    bundle = load_bundle(source)
    measured = {each.dataset for each in evaluations}
    others = [each for each in bundle.manifest.evaluation if each.dataset not in measured]
    manifest = bundle.manifest._replace(version=version, evaluation=(*others, *evaluations))
    write_bundle(bundle.onnx_path.read_bytes(), manifest, target)
    reference = source / REFERENCE_FILE
    if not reference.is_file():
        return load_bundle(target).manifest
    if version == bundle.manifest.version:
        shutil.copyfile(reference, target / REFERENCE_FILE)
    else:
        renamed = dataclasses.replace(read_reference(reference), model_version=version)
        write_reference(renamed, target / REFERENCE_FILE)
        baseline = manifest.monitoring_baseline
        if baseline and baseline.reference_sha256:
            digest = hashlib.sha256((target / REFERENCE_FILE).read_bytes()).hexdigest()
            baseline = baseline._replace(reference_sha256=digest)
            manifest = manifest._replace(monitoring_baseline=baseline)
            write_manifest(manifest, target)
    read_bundle_reference(target)  # raises where the two do not belong together
    return load_bundle(target).manifest


class Placement:
    """One bundle's way into place.

    model_dir: the folder that is built into the image. kept_dir: where the former bundle waits;
    kept: its folder there, None where it is not.
    """

    def __init__(self, model_dir: Path = MODEL_DIR, kept_dir: Path = KEPT_DIR) -> None:
        self.model_dir = model_dir
        self.kept_dir = kept_dir
        self.kept: Path | None = None
        # Beside the folder: a rename is at once only within one file system.
        self._coming = model_dir.with_name(f".{model_dir.name}.coming")
        self._leaving = model_dir.with_name(f".{model_dir.name}.leaving")

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from placing a bundle here meanwhile, as long as this process lives.

        Raises ToolError where another one does.
        """
        self.kept_dir.parent.mkdir(parents=True, exist_ok=True)
        with (self.kept_dir.parent / "release.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ToolError(
                    "another scripts/release works in this checkout; wait until it has ended"
                ) from None
            yield

    def mend(self) -> bool:
        """Undo what an interrupted placing left behind; whether there was something."""
        mended = False
        if self._leaving.is_dir():
            if (self.model_dir / ONNX_FILE).is_file():
                self._keep()
            else:
                self._leaving.rename(self.model_dir)
            mended = True
        if self._coming.is_dir():
            shutil.rmtree(self._coming)
            mended = True
        return mended

    def place(self, source: Path, version: str, evaluations: Sequence[Evaluation] = ()) -> Manifest:
        """Change the folder for `source` under this version, with these figures; the manifest in
        place from now on.

        Raises BundleError, ToolError and OSError, and then the former bundle is still there.
        """
        self.mend()
        try:
            manifest = write_placed_bundle(source, self._coming, version, evaluations)
            if self.model_dir.is_dir():
                self.model_dir.rename(self._leaving)
            self._coming.rename(self.model_dir)
        except BaseException:  # an interruption, too
            self.mend()
            raise
        try:
            self._keep()
        except BaseException:  # the disk is full, say
            self.model_dir.rename(self._coming)
            self._leaving.rename(self.model_dir)
            shutil.rmtree(self._coming)
            raise
        return manifest

    def put_back(self) -> None:
        """The former bundle in place again, and the new one gone."""
        if self.kept is None:
            return
        shutil.copytree(self.kept, self._coming)
        self.model_dir.rename(self._leaving)
        self._coming.rename(self.model_dir)
        shutil.rmtree(self._leaving)
        self.forget()

    def forget(self) -> None:
        """The former bundle is needed no more: the release is out, and the bucket has it."""
        if self.kept is not None:
            shutil.rmtree(self.kept)
            self.kept = None

    def _keep(self) -> None:
        if not self._leaving.is_dir():
            return
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        kept = self.kept_dir / f"former-{stamp}"
        number = 1
        while kept.exists():
            number += 1
            kept = self.kept_dir / f"former-{stamp}-{number}"
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(self._leaving, kept)
        self.kept = kept
