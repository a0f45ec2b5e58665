"""The live model's own evaluation sets: which of them lie on this machine, and where."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from handler.bundle.manifest import Evaluation, Manifest
from scripts.deployment.gate.check import own_evaluations
from scripts.model.evaluate.evaluation import name_dataset
from scripts.paths import ROOT
from scripts.tool import ToolError


@dataclass(frozen=True)
class FoundSet:
    """A folder (or COCO file) of labelled pictures, and the live model's figures that it is held
    to: one of the candidates. named: the folder in the command's or the user's own words."""

    folder: Path
    named: str
    candidates: tuple[Evaluation, ...]

    def without(self, datasets: Set[str]) -> FoundSet:
        """The same where none of these is a candidate any more."""
        left = tuple(each for each in self.candidates if each.dataset not in datasets)
        return dataclasses.replace(self, candidates=left)


def find_evaluation_sets(live: Manifest, folders: Sequence[Path] = ()) -> tuple[FoundSet, ...]:
    """The sets to compare on: `folders`, then those that the live model's evaluation commands name.

    A folder that has no set's name may be any of them; what `folders` have already is not looked
    for elsewhere. Raises ToolError where no set is on this machine, or the live model was never
    evaluated.
    """
    evaluations = live_evaluations(live)
    if not evaluations:
        raise ToolError(
            f"the live model, {live.name} {live.version}, has no evaluation, so there is no set "
            "of pictures to compare on. Measure it: scripts/run evaluate LIVE_BUNDLE FOLDER "
            "--write, and name that bundle with --live LIVE_BUNDLE"
        )
    given = [FoundSet(each, str(each), _candidates(each, evaluations)) for each in folders]
    names = {name_dataset(each) for each in folders}
    located = [_folder_of(each) for each in evaluations if each.dataset not in names]
    found = (*given, *(each for each in located if each))
    if not found:
        raise ToolError(
            "the pictures that the live model was evaluated on are not on this machine: "
            f"{describe(evaluations)}. Bring one set here and name its folder: --pictures FOLDER"
        )
    return found


def describe(evaluations: Sequence[Evaluation]) -> str:
    """Each set's name, its number of pictures, and the command that measured it."""
    return "; ".join(
        f"{each.dataset} ({each.pictures} pictures, measured by: {each.command})"
        for each in evaluations
    )


def live_evaluations(live: Manifest) -> tuple[Evaluation, ...]:
    """What the live model.json says of it. Figures without a checksum count, too: they are measured
    again, and must come out."""
    unknown = tuple(each for each in live.evaluation if each.onnx_sha256 is None)
    return (*own_evaluations(live), *unknown)


def _candidates(folder: Path, evaluations: Sequence[Evaluation]) -> tuple[Evaluation, ...]:
    """The evaluations of that name; where none has it, all: the figures will tell which."""
    named = tuple(each for each in evaluations if each.dataset == name_dataset(folder))
    return named or tuple(evaluations)


def _folder_of(evaluation: Evaluation) -> FoundSet | None:
    """The folder that the evaluation's command names, if it is here; relative to the checkout, in
    which the project's commands run, or to the present folder."""
    try:
        words = shlex.split(evaluation.command)
    except ValueError:
        return None
    named = [word for word in words if name_dataset(Path(word)) == evaluation.dataset]
    for word in named or words[-1:]:  # a folder may have been moved; its figures tell
        for base in (Path.cwd(), ROOT):
            if (base / word).exists():
                return FoundSet(base / word, word, (evaluation,))
    return None
