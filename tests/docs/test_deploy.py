"""docs/deploy.md says what the commands do."""

from __future__ import annotations

import re

from scripts.bench.monthly_cost import Usage, format_items, items
from scripts.deployment import deploy, rollback, table, teardown
from scripts.deployment.aws.quotas import CONCURRENCY_QUOTA
from scripts.deployment.checks import template_defaults
from scripts.deployment.restore import OF_TODAY
from tests.docs.pages import PAGES, block
from tests.support.paths import ROOT

PAGE = PAGES["docs/deploy.md"]


def test_the_cost_is_what_the_tool_reckons() -> None:
    assert block(PAGE, "monthly_cost") == format_items(items(Usage()))


def test_options_that_are_named_exist(capsys: object) -> None:
    for tool, command in (
        (deploy, "deploy"), (rollback, "rollback"), (table, "releases"), (teardown, "teardown"),
    ):  # fmt: skip
        assert (ROOT / "scripts" / command).exists()
        source = (ROOT / str(tool.__file__)).read_text()
        for option in re.findall(rf"`?scripts/{command} (?:dev|prod)[^`\n]*?(--[\w-]+)", PAGE):
            assert f'"{option}"' in source, f"scripts/{command} {option}"
    for option in ("--to", "--alias-only", "--with-old-keys", "--reason"):
        assert option in PAGE and f'"{option}"' in (ROOT / str(rollback.__file__)).read_text()


def test_parameters_that_are_named_exist() -> None:
    known = template_defaults(ROOT / "template.yaml")
    role = template_defaults(ROOT / "scripts" / "deploy-role.yaml")
    named = set(re.findall(r"`(\w+)=[^`]*`", PAGE))
    assert named - {"ApiKeySha256"} <= known.keys() | role.keys() | {"MaxConcurrency"}
    assert set(OF_TODAY) <= known.keys()


def test_what_does_not_go_back_is_on_the_page() -> None:
    section = PAGE.split("## Go back\n")[1].split("\n## ")[0]
    for name in ("ApiKeySha256", "AllowAnonymous", "AllowedOrigins", "ReadableBuckets"):
        assert name in OF_TODAY and f"`{name}`" in section


def test_the_quota_is_the_one_that_is_asked_for() -> None:
    assert f"--quota-code {CONCURRENCY_QUOTA}" in PAGE
