"""An SBOM is CycloneDX's, says what is in the image, and is the same for the same image."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from scripts.supply import describe
from scripts.supply.sbom import Subject, make_sbom
from scripts.tool import ToolError
from tests.scripts.supply.test_licences import KNOWN, LICENCES

SUBJECT = Subject(
    name="icebox-detect",
    version="0.1.0",
    revision="a" * 40,
    base_name="public.ecr.aws/lambda/python:3.13",
    base_digest=f"sha256:{'b' * 64}",
    model={"name": "microalgae", "version": "1.0.0", "sha256": "c" * 64},
)


def test_it_satisfies_cyclonedxs_schema() -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    sbom = make_sbom(SUBJECT, KNOWN, LICENCES)
    assert validator.validate_str(json.dumps(sbom)) is None
    sbom["components"][0]["type"] = "picture"
    assert validator.validate_str(json.dumps(sbom)) is not None


def test_it_names_packages_their_libraries_the_model_and_the_base() -> None:
    sbom = make_sbom(SUBJECT, KNOWN, LICENCES)
    components = {each["name"]: each for each in sbom["components"]}
    assert components["microalgae"]["hashes"] == [{"alg": "SHA-256", "content": "c" * 64}]
    assert components[SUBJECT.base_name]["version"] == SUBJECT.base_digest
    heif = components["pi-heif"]
    assert heif["purl"] == "pkg:pypi/pi-heif@1.4.0"
    (library,) = heif["components"]
    assert library["licenses"] == [{"expression": "LGPL-3.0-or-later"}]
    assert library["externalReferences"][0]["url"].endswith("/libheif")


def test_the_same_image_has_the_same_text() -> None:
    first, second = (json.dumps(make_sbom(SUBJECT, KNOWN, LICENCES)) for _ in range(2))
    assert first == second
    other = make_sbom(dataclasses.replace(SUBJECT, version="0.2.0"), KNOWN, LICENCES)
    assert other["serialNumber"] not in first


def test_labels_say_version_commit_and_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    labels = describe.make_labels(SUBJECT)
    assert labels["org.opencontainers.image.revision"] == "a" * 40
    assert labels["org.opencontainers.image.base.digest"] == SUBJECT.base_digest
    assert labels["icebox.model.sha256"] == "c" * 64
    assert "org.opencontainers.image.source" not in labels
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "octocat/icebox")
    source = describe.make_labels(SUBJECT)["org.opencontainers.image.source"]
    assert source == "https://github.com/octocat/icebox"


def test_the_images_of_a_built_template(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(
        "Resources:\n  A:\n    Properties:\n      ImageUri: detectfunction:icebox\n"
        "  B:\n    Properties:\n      ImageUri: monitorfunction:icebox\n"
        "  C:\n    Properties:\n      ImageUri: monitorfunction:icebox\n"
    )
    assert describe.find_images(template) == ["detectfunction:icebox", "monitorfunction:icebox"]
    with pytest.raises(ToolError, match="scripts/build makes it"):
        describe.find_images(tmp_path / "none.yaml")


def test_the_revision_says_whether_the_checkout_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describe, "ROOT", tmp_path)
    assert describe.find_revision() == "unknown"
    commands = (
        ["init", "--quiet"],
        [
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@example.org",
            "commit",
            "-q",
            "--allow-empty",
            "-mx",
        ],
    )
    for command in commands:
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    commit = describe.find_revision()
    assert len(commit) == 40
    (tmp_path / "file").write_text("")
    assert describe.find_revision() == commit
    subprocess.run(["git", "add", "file"], cwd=tmp_path, check=True)
    assert describe.find_revision() == f"{commit}-dirty"
