"""Take a bundle from the machine that trained it to AWS, if it is no worse than what is live.

    scripts/release data/mine prod

In this order: the gate checks the bundle (files, parity, evaluation), and compares its figures with
the live model's, both measured now on the live model's own evaluation sets; the bundle is put into
handler/model, under a version that means no other model; the function answers the sample events
with it; the image is built and deployed. Whatever fails before something is deployed puts the
former bundle back. docs/releases.md has the rules.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from handler.bundle.reader import BundleError
from scripts.deployment.gate.check import CheckedBundle, check_bundle
from scripts.deployment.gate.compare import compare, describe_class_change, model_id
from scripts.deployment.gate.comparison import Comparison, format_comparison
from scripts.deployment.gate.hand_over import (
    Deploy,
    HandOver,
    ReadStage,
    known_in_place,
    name_version,
    read_in_place,
    short,
    tell_cut_off,
)
from scripts.deployment.gate.live import (
    LiveModel,
    StageReleases,
    fetch_live_model,
    read_live_bundle,
    read_stage,
)
from scripts.deployment.gate.place import KEPT_DIR, MODEL_DIR, Placement
from scripts.deployment.gate.trial import format_trial, try_bundle
from scripts.deployment.gate.versions import choose_version, is_same_model
from scripts.deployment.parameters import STAGES
from scripts.tool import ToolError, exit_on_error


@dataclass(frozen=True)
class ReleaseOptions:
    """What to release, and where to.

    pictures: labelled folders to compare on, instead of those that the live model's evaluation
    commands name. allow_worse, expect_change: reasons, for the release's record. version: instead
    of the bundle's own, or the next one. live: the live model's bundle, instead of its release's.
    again: a model that was rolled back before.
    """

    bundle: Path
    stage: str = "dev"
    pictures: tuple[Path, ...] = ()
    allow_worse: str | None = None
    expect_change: str | None = None
    version: str | None = None
    live: Path | None = None
    again: bool = False
    dry_run: bool = False


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    options = ReleaseOptions(
        bundle=arguments.bundle,
        stage=arguments.stage,
        pictures=tuple(arguments.pictures),
        allow_worse=arguments.allow_worse,
        expect_change=arguments.expect_change,
        version=arguments.version,
        live=arguments.live,
        again=arguments.again,
        dry_run=arguments.dry_run,
    )
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # in order with the steps' own output
    with exit_on_error("release"):
        run_release(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/release",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("bundle", type=Path, help="folder with model.onnx and model.json")
    add("stage", nargs="?", choices=STAGES, default="dev", help="default: %(default)s")
    add("--pictures", type=Path, action="append", default=[], metavar="FOLDER", help="where the "
        "live model's labelled evaluation pictures are; again for another set")  # fmt: skip
    add("--allow-worse", type=_reason, metavar="REASON", help="release it though it is worse than "
        "the live one; the release's record keeps the reason")  # fmt: skip
    add("--expect-change", type=_reason, metavar="REASON", help="it will behave otherwise: the "
        "release's watch reports differences, and rolls nothing back for them")  # fmt: skip
    add("--version", metavar="X.Y.Z", help="of the model; by default the bundle's own, or the next "
        "one where that is taken")  # fmt: skip
    add("--live", type=Path, metavar="BUNDLE", help="the live model, where its release cannot say")
    add("--again", action="store_true", help="release a model that was rolled back before")
    add("--dry-run", action="store_true", help="the gate and the sample events; nothing is placed "
        "or deployed")  # fmt: skip
    return parser


def _reason(text: str) -> str:
    if len(text.strip()) < 5:
        raise argparse.ArgumentTypeError("give a reason that says something to those who read it")
    return " ".join(text.split())


def run_release(
    options: ReleaseOptions,
    *,
    deploy: Deploy | None = None,
    read: ReadStage = read_stage,
    placement: Placement | None = None,
) -> None:
    """Release a bundle, telling each step on stdout. Raises ToolError, BundleError and OSError.

    deploy, read, placement: what reaches beyond this machine and its folders.
    """
    placement = placement or Placement(MODEL_DIR, KEPT_DIR)
    with placement.alone():
        _run(options, HandOver(options.stage, placement, deploy or _load_deploy(), read))


def _run(options: ReleaseOptions, hand_over: HandOver) -> None:
    placement = hand_over.placement
    tell_cut_off(placement)
    checked = check_bundle(options.bundle)
    _print_checked(options.bundle, checked)
    with tempfile.TemporaryDirectory(prefix="icebox-live-") as folder:
        stage, live = _find_live(options, Path(folder), hand_over.read)
        if live and is_same_model(live.manifest, checked.manifest):
            print(f"already live on {options.stage}: {model_id(live.manifest)}, {live.where}")
            return
        comparison = _compare(options, checked, live) if live else None
    in_place = read_in_place(placement)
    version = choose_version(
        checked.manifest,
        [*stage.known, *known_in_place(placement, in_place)],
        wanted=options.version,
        live=live.manifest if live else None,
        in_place=in_place,
    )
    if options.dry_run:
        print(f"tried: {format_trial(try_bundle(options.bundle))}")
        print(f"dry run: it would be released as {name_version(checked.manifest, version)}")
        return
    record = {
        "comparison": comparison.to_dict() if comparison else None,
        "allow_worse": options.allow_worse,
        "expected_change": options.expect_change,
        "again": options.again,
    }
    evaluations = comparison.evaluations(short(placement.model_dir)) if comparison else ()
    hand_over.run(options.bundle, version, evaluations, record)


def _print_checked(bundle_dir: Path, checked: CheckedBundle) -> None:
    print(f"checked {bundle_dir}: {model_id(checked.manifest)}")
    for subject, sentence in checked.findings:
        print(f"  {subject:<11} {sentence}")
    for warning in checked.warnings:
        print(f"warning: {warning}", file=sys.stderr)


def _find_live(
    options: ReleaseOptions, folder: Path, read: ReadStage
) -> tuple[StageReleases, LiveModel | None]:
    """The stage's releases, and its live model, None for a first release."""
    try:
        stage = read(options.stage)
        live = None if options.live else fetch_live_model(stage, folder)
    except (ToolError, BundleError) as error:
        if options.live is None:
            raise ToolError(f"{error}; or name the live model's bundle: --live BUNDLE") from None
        print(f"warning: {error}", file=sys.stderr)
        print("warning: versions of earlier releases could not be looked up", file=sys.stderr)
        stage = StageReleases(None, None, ())
    if options.live:
        live = read_live_bundle(options.live)
    if live:
        print(f"live on {options.stage}: {model_id(live.manifest)}, {live.where}")
    else:
        print(f"live on {options.stage}: nothing yet; a first release has nothing to compare with")
    return stage, live


def _compare(options: ReleaseOptions, checked: CheckedBundle, live: LiveModel) -> Comparison | None:
    """The comparison, printed; None of detectors of other things, which no labelled picture
    compares. Raises ToolError where the bundle is refused."""
    reason = options.allow_worse or options.expect_change
    change = describe_class_change(live.manifest, checked.manifest)
    if change and not reason:
        raise ToolError(
            f"{options.bundle} has other classes than the live model ({change}); clients that know "
            'the old ones break. If they are told: --expect-change "REASON"'
        )
    if live.manifest.name != checked.manifest.name:
        print(
            f"note: the name changes from {live.manifest.name} to {checked.manifest.name}; records "
            "and reports begin anew under it"
        )
    if not set(live.manifest.classes) & set(checked.manifest.classes):
        print("note: it has no class in common with the live model; nothing can be compared")
        return None
    print()
    comparison = compare(live.bundle_dir, options.bundle, options.pictures)
    print(format_comparison(comparison))
    print()
    if not comparison.sets and not reason:
        raise ToolError("nothing could be compared; bring the live model's pictures: --pictures")
    if comparison.worse and options.allow_worse is None:
        raise ToolError(
            f"{options.bundle} is worse than the live model by more than the margin: "
            f"{', '.join(comparison.worse)}. Train it further, or, if there is a reason to have "
            'it: --allow-worse "REASON"'
        )
    if comparison.worse:
        print(f"released though it is worse: {options.allow_worse}")
    return comparison


def _load_deploy() -> Deploy:
    from scripts.deployment.deploy import deploy

    return cast(Deploy, deploy)


if __name__ == "__main__":
    main()
