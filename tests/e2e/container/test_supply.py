"""What is in the images: all of it known, told in an SBOM, and the same when built again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from scripts.supply import describe, reproducible
from scripts.supply.contents import inspect, read_contents
from scripts.supply.licences import find_problems, load_licences
from scripts.supply.slim import CREDENTIALS, SERVICES
from tests.support.docker import base_image, docker
from tests.support.lock_files import locked_in_the_images
from tests.support.paths import ROOT

pytestmark = pytest.mark.needs_engine

# Imports all that a function may, makes every client, and tells whose byte code is not there.
LOADED = """
import importlib, json, pathlib, pkgutil, sys
import boto3
services, rooms, modules = (each.split() for each in sys.argv[1:])
for room in rooms:
    folder = importlib.import_module(room).__path__
    modules += [each.name for each in pkgutil.walk_packages(folder, f"{room}.")]
for module in modules:
    importlib.import_module(module)
for service in services:
    boto3.client(service)
found = [each.__spec__ for each in list(sys.modules.values()) if getattr(each, "__spec__", None)]
sources = [each for each in found if (each.origin or "").endswith(".py")]
missing = [each.name for each in sources if not pathlib.Path(each.cached).exists()]
print(json.dumps({"sources": len(sources), "missing": missing}))
"""
FUNCTIONS = {
    "detect": "handler.app",
    "monitor": "scripts.monitor.cloud.function scripts.monitor.canary.function",
}
SETTINGS = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "MONITOR_SOURCE": "s3://records",
    "CANARY_SOURCE": "s3://records",
    "CANARY_FUNCTION": "detect",
    "CANARY_ALIAS": "live",
    "CANARY_VERSION": "1",
    "CANARY_KEYED": "false",
}


@pytest.fixture(scope="module", params=["detect", "monitor"])
def image(request: pytest.FixtureRequest, template: Path) -> Iterator[str]:
    """A built image under a name of its own."""
    name = f"icebox-test-supply:{request.param}"
    docker("tag", f"{request.param}function:icebox", name)
    yield name
    docker("rmi", name)


def test_every_licence_is_known_and_every_package_is_the_locks(image: str) -> None:
    contents = read_contents(image)
    assert find_problems(contents, load_licences()) == []
    files = ("handler",) if image.endswith("detect") else ("handler", "monitor")
    assert {each.name: each.version for each in contents.packages} == {
        each.name: each.version for each in locked_in_the_images(*files)
    }
    assert len(contents.libraries) >= 20


def test_every_client_is_made_and_nothing_is_compiled_when_it_runs(image: str) -> None:
    """Of the base image's modules, too: what has no byte code is compiled in every cold start."""
    ran = docker(
        *("run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp"),
        *(part for pair in SETTINGS.items() for part in ("--env", "=".join(pair))),
        *("--entrypoint", "python", image, "-c", LOADED),
        *(" ".join(sorted(SERVICES | CREDENTIALS)), "handler", FUNCTIONS[image.rpartition(":")[2]]),
    )
    loaded = json.loads(ran.stdout.splitlines()[-1])
    assert loaded["missing"] == []
    assert loaded["sources"] > 400


def test_an_image_is_described_without_a_new_layer(
    image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describe, "OUT", ROOT / "out" / "test-sbom")
    before = inspect(image)
    describe.describe(image)
    after = inspect(image)
    assert after["RootFS"] == before["RootFS"]
    for name in ("Cmd", "Entrypoint", "Env", "User", "WorkingDir"):
        assert after["Config"].get(name) == before["Config"].get(name)
    labels = after["Config"]["Labels"]
    manifest = json.loads((ROOT / "handler" / "model" / "model.json").read_text())
    assert labels["icebox.model.sha256"] == manifest["sha256"]
    assert labels["org.opencontainers.image.base.name"] == base_image()
    assert re.match("[0-9a-f]{40}|unknown", labels["org.opencontainers.image.revision"])
    assert labels["org.opencontainers.image.title"] == f"icebox-{image.rpartition(':')[2]}"
    path = ROOT / "out" / "test-sbom" / f"{image.rpartition(':')[2]}.cdx.json"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(path.read_text()) is None
    # A second time nothing changes.
    describe.describe(image)
    assert inspect(image)["Id"] == after["Id"]


@pytest.mark.parametrize("target", ["detect", "monitor"])
def test_two_builds_of_one_checkout_have_the_same_files(target: str) -> None:
    """Code and model, twice anew; `scripts/run reproducible --all` builds the packages, too."""
    count, different = reproducible.compare(target, base_image(), everything=False)
    assert different == [] and count > 100


def test_a_build_that_differs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the time of the build in a file, as compiled modules have it by default."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    stamped = dockerfile.replace(
        "RUN $COMPILE code &&", "RUN date +%N > code/made && $COMPILE code &&"
    )
    assert stamped != dockerfile
    monkeypatch.setattr(reproducible, "read_dockerfile", lambda: stamped)
    _, different = reproducible.compare("detect", base_image(), everything=False)
    assert different == ["made"]
