"""Build and deploy a stage, and leave a record of it: scripts/deploy dev | prod

Checks come first, then the build, then CloudFormation, then a call of what is live. A deployment
that fails leaves what was live before, says why in plain words, and is recorded as failed; one that
does not answer the call is taken back.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from handler.bundle.files import load_bundle
from scripts.deployment import sam
from scripts.deployment.aws import images
from scripts.deployment.aws.account import aws_errors_explained, check_account, select
from scripts.deployment.aws.quotas import check_quotas
from scripts.deployment.aws.stack import (
    last_event_time,
    read_alias,
)
from scripts.deployment.checks import (
    all_parameters,
    check_alias,
    check_model,
    check_parameters,
    check_snapshots,
    ready_stack,
    remove_unreleased_versions,
    template_defaults,
)
from scripts.deployment.outcome import MODEL, NOT_FINISHED, Plan, conclude, files_of, record_of
from scripts.deployment.parameters import (
    STAGES,
    deploy_region,
    read_samconfig,
    stack_name,
)
from scripts.deployment.releases import (
    Release,
    ReleaseStore,
    list_releases,
    live_release,
    next_number,
    version_name,
    write_release,
)
from scripts.paths import ROOT
from scripts.tool import exit_on_error

TEMPLATE = ROOT / "template.yaml"


def deploy(
    stage: str,
    *,
    comparison: Mapping[str, Any] | None = None,
    allow_worse: str | None = None,
    expected_change: str | None = None,
    again: bool = False,
    overrides: Mapping[str, str] | None = None,
    sam_options: Sequence[str] = (),
) -> Release:
    """Deploy the checkout to a stage, and return the record of it.

    comparison: the gate's, kept in the record. allow_worse, expected_change: reasons, kept there,
    too; the second tells the canary that this release may behave otherwise. again: deploy a model
    that was rolled back. overrides: parameters before those of samconfig.toml. sam_options: more
    options of `sam deploy`. Raises ToolError; DeployError once something was begun.
    """
    samconfig = read_samconfig()
    select(region=deploy_region(samconfig, stage))
    parameters = all_parameters(
        samconfig,
        stage,
        template_defaults(TEMPLATE),
        {**_change(expected_change), **(overrides or {})},
    )
    warnings = check_parameters(parameters, stage)
    bundle = load_bundle(MODEL)
    account = check_account()
    plan = Plan(
        stage, stack_name(samconfig, stage), account, parameters, bundle,
        comparison, allow_worse, expected_change, datetime.now(UTC),
    )  # fmt: skip
    print(
        f"deploy    stack {plan.name} in {account.region}, account {account.number}, "
        f"as {account.caller.rpartition('/')[2]}"
    )
    with aws_errors_explained():
        stack = ready_stack(plan.name, stage)
        alias = read_alias(stack.function) if stack and stack.function else None
        store = ReleaseStore(stack.bucket) if stack and stack.bucket else None
        releases = list_releases(store) if store else []
        live = live_release(releases, alias.version) if alias else None
        check_model(bundle.manifest, releases, live, again=again)
        if stack:
            check_alias(stack, alias, stage)
        warnings += check_snapshots(parameters, stack.function if stack else None)
        warnings += check_quotas(parameters, stack.function if stack else None, account.region)
        for warning in warnings:
            print(f"warning   {warning}")
        repository = images.deploy_repository(plan.name, {"project": "icebox", "stage": stage})
        sam.build(stage, parameters)
        template = sam.package(stage, repository)
        parameters["Release"] = version_name(template.read_bytes(), parameters)
        if stack:
            remove_unreleased_versions(stack, alias, releases)
        record = None
        if store:
            record = record_of(plan, template, next_number(store), "failed", NOT_FINISHED)
            write_release(store, record, files_of(plan, template), new=True)
        since = last_event_time(stack)
        succeeded = sam.deploy(stage, plan.name, parameters, template, repository, sam_options)
        return conclude(plan, template, stack, since, record, succeeded)


def _change(expected_change: str | None) -> dict[str, str]:
    """The reason counts for one release: without one, that of the release before is taken away."""
    return {"ExpectedChange": expected_change or ""}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/deploy",
        description="Build and deploy a stage. Other options go to sam deploy.",
        allow_abbrev=False,
    )
    parser.add_argument("stage", choices=STAGES, metavar="dev|prod")
    parser.add_argument(
        "--expect-change", metavar="REASON",
        help="why this release may behave otherwise: the canary reports differences only",
    )  # fmt: skip
    parser.add_argument(
        "--again", action="store_true", help="deploy a model that was rolled back all the same"
    )
    parser.add_argument(
        "--parameter-overrides", nargs="+", action="extend", default=[], metavar="Name=value",
        help="parameters before those of samconfig.toml",
    )  # fmt: skip
    parser.add_argument("--region", help="instead of the one that AWS's settings name")
    parser.add_argument("--profile", help="of AWS's settings")
    options, rest = parser.parse_known_args(argv)
    with exit_on_error("scripts/deploy"):
        select(options.region, options.profile)
        deploy(
            options.stage,
            expected_change=options.expect_change,
            again=options.again,
            overrides=sam.parse_overrides(options.parameter_overrides),
            sam_options=rest,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
