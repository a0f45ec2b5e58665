"""A release's record has the list of its image's parts, where scripts/build wrote one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.deployment import outcome
from scripts.deployment.releases import SBOM_FILE


def test_the_sbom_is_kept_with_the_release(
    tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = tmp_path / "template.json"
    template.write_text("{}")
    bundle = SimpleNamespace(onnx_path=tiny_bundle / "model.onnx")
    plan: Any = SimpleNamespace(parameters={}, bundle=bundle)
    monkeypatch.setattr(outcome, "SBOM", tmp_path / "detect.cdx.json")
    assert SBOM_FILE not in outcome.files_of(plan, template)
    (tmp_path / "detect.cdx.json").write_bytes(b'{"bomFormat": "CycloneDX"}')
    assert outcome.files_of(plan, template)[SBOM_FILE] == b'{"bomFormat": "CycloneDX"}'
