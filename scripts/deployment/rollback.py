"""Go back to an earlier release: scripts/rollback dev | prod [--to N] [--alias-only]

A deployment that is still under way is stopped, and CodeDeploy and CloudFormation take it back.
Otherwise the release before the live one is restored: `restore.py` has how.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from scripts.deployment.aws.account import aws_errors_explained, check_account, select
from scripts.deployment.aws.stack import (
    deployed_version,
    move_alias,
    read_stack,
)
from scripts.deployment.aws.update import stop_update
from scripts.deployment.parameters import STAGES, deploy_region, read_samconfig, stack_name
from scripts.deployment.releases import (
    Release,
    previous_good,
    read_release,
)
from scripts.deployment.restore import Situation, go_back, merged_parameters, settle
from scripts.tool import ToolError, exit_on_error


def rollback(
    stage: str, *, to: int | None = None, alias_only: bool = False, with_old_keys: bool = False,
    reason: str = "",
) -> None:  # fmt: skip
    """Go back from what is live, or being deployed, on a stage. Raises ToolError."""
    samconfig = read_samconfig()
    select(region=deploy_region(samconfig, stage))
    account = check_account()
    name = stack_name(samconfig, stage)
    with aws_errors_explained():
        stack = read_stack(name)
        if stack is None:
            raise ToolError(f"there is no stack {name} in {account.region}")
        began_in = stack.status
        stack = stop_update(stack)
        here = Situation.read(stage, stack)
        print(f"live      {_describe(here.live, here.alias.version)}")
        agrees = not here.alias.weights and deployed_version(stack) in (None, here.alias.version)
        if began_in != stack.status and to is None and agrees:
            print(f"done      what was under way is stopped, and {stack.name} is {stack.status}")
            return
        if here.alias.weights:
            move_alias(here.function, here.alias.version)
            print(f"alias     version {here.alias.version} gets all calls")
        target = _choose(here, to, settle=not agrees)
        if here.live and target.number == here.live.number:
            if agrees:
                print(f"done      release {target.number} is live already")
                return
            settle(here, here.live, merged_parameters(here, target))
            return
        go_back(
            here, target, alias_only=alias_only, with_old_keys=with_old_keys,
            reason=reason or "scripts/rollback",
        )  # fmt: skip


def _choose(here: Situation, to: int | None, *, settle: bool) -> Release:
    if to is not None:
        target = read_release(here.store, to)
        if target.status == "failed":
            raise ToolError(f"release {to} failed ({target.note}); there is nothing to go back to")
        if target.status == "rolled back":
            print(f"warning   release {to} was rolled back itself: {target.note}")
        return target
    if settle and here.live:
        print("stack     the alias was moved without it; settling it")
        return here.live
    good = here.live and previous_good(here.releases, here.live)
    if here.live is None:
        known = [
            release for release in here.releases if release.status in ("released", "superseded")
        ]
        good = known[0] if known else None
    if good is None:
        raise ToolError(
            "there is no earlier release to go back to; scripts/releases lists those that there are"
        )
    return good


def _describe(release: Release | None, version: str) -> str:
    if release is None:
        return f"version {version}, of no recorded release"
    return (
        f"release {release.number}, version {version}: {release.model_name} "
        f"{release.model_version}, since {release.time}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/rollback", description="Go back to an earlier release."
    )
    parser.add_argument("stage", choices=STAGES, metavar="dev|prod")
    parser.add_argument("--to", type=int, metavar="N", help="the release; else the one before")
    parser.add_argument(
        "--alias-only", action="store_true", help="leave the stack as it is: it is settled later"
    )
    parser.add_argument(
        "--with-old-keys", action="store_true",
        help="go back at once even where keys that were removed since become valid again",
    )  # fmt: skip
    parser.add_argument("--reason", default="", help="why, for the record")
    options = parser.parse_args(argv)
    with exit_on_error("scripts/rollback"):
        rollback(
            options.stage, to=options.to, alias_only=options.alias_only,
            with_old_keys=options.with_old_keys, reason=options.reason,
        )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
