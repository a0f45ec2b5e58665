"""The repository of images: what its rules keep, and the tags by which they know releases."""

from __future__ import annotations

import fnmatch
import json
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.stub import Stubber

from scripts.deployment.aws import images
from tests.support.paths import ROOT

URI = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/images:detectfunction-58c5ceceac95-icebox"
RELEASE_TAG = "release-000007-detectfunction"


@pytest.fixture(scope="module")
def repository() -> dict[str, Any]:
    text = (ROOT / "scripts" / "image-repository.yaml").read_text()
    resource: dict[str, Any] = yaml.load(text, yaml.BaseLoader)["Resources"]["Repository"]
    return resource["Properties"]


@pytest.fixture
def ecr(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client that answers as it is told, and only what it is asked in that order."""
    client = boto3.client(
        "ecr", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    monkeypatch.setattr(images.boto3, "client", lambda name: client)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def asked_for(tag: str) -> dict[str, Any]:
    return {"repositoryName": "images", "imageIds": [{"imageTag": tag}]}


def found(stubber: Stubber) -> None:
    image = {"imageManifest": "{}", "imageManifestMediaType": "m"}
    stubber.add_response("batch_get_image", {"images": [image]}, asked_for(URI.rpartition(":")[2]))


def put() -> dict[str, str]:
    return {
        "repositoryName": "images", "imageManifest": "{}", "imageManifestMediaType": "m",
        "imageTag": RELEASE_TAG,
    }  # fmt: skip


def test_a_releases_tag_is_fixed_and_sams_own_is_not(repository: dict[str, Any]) -> None:
    """SAM pushes one image twice where two functions share it, which fails for a fixed tag."""
    assert repository["ImageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    [excluded] = repository["ImageTagMutabilityExclusionFilters"]
    pattern = excluded["ImageTagMutabilityExclusionFilterValue"]
    assert fnmatch.fnmatchcase(URI.rpartition(":")[2], pattern)
    assert not fnmatch.fnmatchcase(RELEASE_TAG, pattern)


def test_images_of_releases_are_kept_before_others(repository: dict[str, Any]) -> None:
    first, last = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert first["rulePriority"] < last["rulePriority"]
    assert [RELEASE_TAG.startswith(p) for p in first["selection"]["tagPrefixList"]] == [True]
    assert last["selection"]["tagStatus"] == "any"
    # two functions have an image each
    assert first["selection"]["countNumber"] == 2 * last["selection"]["countNumber"] == 60


def test_a_releases_image_gets_its_tag(ecr: Stubber, capsys: pytest.CaptureFixture[str]) -> None:
    found(ecr)
    ecr.add_response("put_image", {}, put())
    images.keep(7, {"DetectFunction": URI})
    found(ecr)
    ecr.add_client_error("put_image", "ImageTagAlreadyExistsException", expected_params=put())
    images.keep(7, {"DetectFunction": URI})
    assert capsys.readouterr().out == ""


def test_what_cannot_be_tagged_is_told(ecr: Stubber, capsys: pytest.CaptureFixture[str]) -> None:
    ecr.add_client_error("batch_get_image", "AccessDeniedException", "no")
    images.keep(7, {"DetectFunction": URI})
    ecr.add_response("batch_get_image", {"images": []})
    images.keep(7, {"DetectFunction": URI})
    assert capsys.readouterr().out.count("was not tagged release-000007-detectfunction") == 2


@pytest.mark.needs_checkov
def test_checkov_finds_nothing_that_is_not_excused(tmp_path: Path) -> None:
    ran = subprocess.run(
        [str(ROOT / ".venv-checkov" / "bin" / "checkov"), "--compact", "--quiet", "--framework",
         "cloudformation", "-f", str(ROOT / "scripts" / "image-repository.yaml"), "-o", "json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    report = json.loads(ran.stdout)
    assert report["summary"]["failed"] == 0 and report["summary"]["skipped"] == 2, ran.stdout
