"""A checkout and an account to deploy to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from handler.bundle.files import load_bundle
from scripts.deployment import deploy, outcome, parameters, rollback, sam, table, teardown
from scripts.deployment.checks import template_defaults
from tests.support.cloud import FakeSam, cloud, detect_template
from tests.support.paths import ROOT

KEY = "ab" * 32
SAMCONFIG = f"[dev.deploy.parameters]\nparameter_overrides = 'Stage=dev ApiKeySha256={KEY}'\n"


@pytest.fixture
def fake_sam(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path
) -> Iterator[FakeSam]:
    """A stand-in for AWS, and in place of SAM's command line one that deploys a small template of
    all parameters there. The checkout's samconfig.toml and model are in tmp_path."""
    names = list(template_defaults(ROOT / "template.yaml"))
    (tmp_path / "samconfig.toml").write_text(SAMCONFIG)
    path = tmp_path / "samconfig.toml"
    for module in (deploy, rollback, table, teardown):
        monkeypatch.setattr(module, "read_samconfig", partial(parameters.read_samconfig, path))
    assert load_bundle(tiny_bundle)
    for module in (deploy, outcome):
        monkeypatch.setattr(module, "MODEL", tiny_bundle)
    monkeypatch.setattr(outcome, "SBOM", tmp_path / "sbom.json")
    with cloud(tmp_path / "aws", monkeypatch, speed=60.0) as stand_in:
        fake = FakeSam(
            lambda uri: detect_template(uri, names),
            tmp_path,
            stand_in.registry,  # type: ignore[arg-type]
        )
        for name in ("build", "package", "deploy"):
            monkeypatch.setattr(sam, name, getattr(fake, name))
        yield fake
