"""What was released on a stage, what is live and since when: scripts/releases dev | prod"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from scripts.deployment.aws.account import aws_errors_explained, check_account, select
from scripts.deployment.aws.stack import Alias, deployed_version, read_alias, read_stack
from scripts.deployment.parameters import STAGES, deploy_region, read_samconfig, stack_name
from scripts.deployment.releases import Release, ReleaseStore, list_releases, live_release
from scripts.tool import ToolError, exit_on_error

_COLUMNS = (
    "",
    "release",
    "when (UTC)",
    "model",
    "AP50",
    "count error",
    "commit",
    "version",
    "status",
)


def format_releases(
    releases: Sequence[Release], alias: Alias | None, stack_version: str | None
) -> str:
    """The table, the newest first, under a line of what is live.

    alias: None where there is no function. stack_version: that CloudFormation takes to be live.
    """
    live = live_release(releases, alias.version) if alias else None
    rows = [_COLUMNS, *(_row(release, release is live) for release in releases)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(_COLUMNS))]
    lines = [_describe_live(live, alias, stack_version), ""]
    for row, release in zip(rows, [None, *releases], strict=True):
        lines.append(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
        if release:
            lines += [f"{' ' * (widths[0] + 2)}{reason}" for reason in _reasons(release)]
    return "\n".join(lines if releases else lines[:1])


def _describe_live(live: Release | None, alias: Alias | None, stack_version: str | None) -> str:
    if alias is None:
        return "nothing is live"
    if live is None:
        text = f"live is version {alias.version}, of no recorded release"
    else:
        text = (
            f"live is release {live.number}: {live.model}, since "
            f"{_time(live)} UTC, version {alias.version}"
        )
    for version, share in alias.weights.items():
        text += f"; version {version} gets {share:.0%} of the calls"
    if stack_version and stack_version != alias.version and not alias.weights:
        text += f"; the stack takes version {stack_version} to be live: scripts/rollback settles it"
    return text


def _row(release: Release, is_live: bool) -> tuple[str, ...]:
    commit, _, dirty = release.commit.partition("-")
    return (
        "*" if is_live else "",
        str(release.number),
        _time(release),
        release.model,
        _figure(release, "ap50", "{:.3f}"),
        _figure(release, "count_error", "{:.1%}"),
        commit[:8] + ("+" if dirty else ""),
        release.function_version or "-",
        release.status,
    )


def _time(release: Release) -> str:
    return release.time.replace("T", " ").removesuffix("Z")[:16]


def _figure(release: Release, name: str, form: str) -> str:
    """Of the first evaluation set, which is the one that model.json names first."""
    for figures in release.figures.values():
        value = figures.get(name) if isinstance(figures, dict) else None
        return form.format(value) if isinstance(value, int | float) else "-"
    return "-"


def _reasons(release: Release) -> list[str]:
    return [
        text
        for text in (
            release.restores and f"release {release.restores} again",
            release.allow_worse and f"allowed to be worse: {release.allow_worse}",
            release.expected_change and f"expected change: {release.expected_change}",
            release.note,
        )
        if text
    ]


def show(stage: str) -> str:
    """The table of a stage. Raises ToolError."""
    samconfig = read_samconfig()
    select(region=deploy_region(samconfig, stage))
    account = check_account()
    name = stack_name(samconfig, stage)
    with aws_errors_explained():
        stack = read_stack(name)
        if stack is None:
            raise ToolError(
                f"there is no stack {name} in {account.region}; scripts/deploy makes it"
            )
        alias = read_alias(stack.function) if stack.function else None
        releases = list_releases(ReleaseStore(stack.bucket)) if stack.bucket else []
        table = format_releases(releases, alias, deployed_version(stack) if alias else None)
        return f"{table}\n{stack.name} is {stack.status}" if stack.is_in_progress else table


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/releases",
        description="List the releases of a stage. A + behind the commit: with changes not in it.",
    )
    parser.add_argument("stage", choices=STAGES, metavar="dev|prod")
    options = parser.parse_args(argv)
    with exit_on_error("scripts/releases"):
        print(show(options.stage))
    return 0


if __name__ == "__main__":
    sys.exit(main())
