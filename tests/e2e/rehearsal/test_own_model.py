"""docs/models.md's box: four commands, from a folder of pictures to a deployed model.

They run as they are written, in a checkout of their own, against the stand-in for AWS. Three things
differ from what a person does: FOLDER is a folder of rendered photos; the training gets options
behind those that stand there, to be one of seconds and not of an hour (its weights are a trained
network's, from a file); and a relative path is one of the copied checkout's.
"""

from __future__ import annotations

import json
import re
import shlex
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from handler.bundle.files import load_bundle
from scripts.model.render.photo import LABEL, write_photo
from tests.docs.pages import PAGES, block
from tests.e2e.rehearsal.client import Client
from tests.e2e.rehearsal.stage import Rehearsal, copy_checkout, rehearsal, replace
from tests.support.paths import ROOT
from tests.support.training import PYTHON, needs_training

pytestmark = [
    needs_training,
    pytest.mark.needs_engine,
    pytest.mark.needs_sam,
    pytest.mark.needs_registry,
]
STACK = "icebox-dev"
PICTURES, SIDE = 12, 700
NUT = "nut"  # the photos' cells by another name: the default model knows no such class
GOLDEN = load_bundle(ROOT / "tests" / "golden" / "microalgae-float").manifest.provenance
FEW_STEPS = (
    f"--model {GOLDEN.model}:{GOLDEN.backbone} --size 640 "
    "--pretrained tests/golden/microalgae.pth --steps 4 --batch 2 --rate 1e-5"
)


def test_four_commands_deploy_a_model_of_ones_own(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    checkout = copy_checkout(tmp_path / "checkout")
    (checkout / ".venv-train").symlink_to(PYTHON.parents[1])
    # images of its own, beside those of the other rehearsal
    replace(checkout / "template.yaml", "DockerTag: icebox-rehearsal", "DockerTag: icebox-own")
    folder = write_nuts(tmp_path / "nuts")
    train, export, evaluate, release = four_commands()
    train = (*(str(folder) if each == "FOLDER" else each for each in train), *FEW_STEPS.split())
    with rehearsal(checkout, tmp_path / "state") as aws:
        key = make_key(aws)
        times = {}
        for command in (train, export, evaluate, release):
            ran = aws.run(*command)
            assert ran.status == 0, f"{shlex.join(command)}\n{ran.output[-6000:]}"
            times[Path(command[0]).name + " " + command[1]] = ran.seconds
        assert "released  1: mine 1.0.0" in ran.output
        client = Client(port_of(aws), f"/api/{STACK}", next(folder.glob("*.jpg")).read_bytes(), key)
        answered = client.call()
        assert answered.status == 200 and answered.count
        with urllib.request.urlopen(f"{aws.api}/{STACK}/health") as response:
            assert json.loads(response.read())["model"]["name"] == "mine"
    told = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in times.items())
    record_property("figure", f"four commands: {told}")


def four_commands() -> list[tuple[str, ...]]:
    """The words of each line of the box."""
    lines = re.findall(r"^scripts/.*$", block(PAGES["docs/models.md"], "four-commands"), re.M)
    assert len(lines) == 4
    return [tuple(shlex.split(line)) for line in lines]


def write_nuts(folder: Path) -> Path:
    folder.mkdir()
    for seed in range(PICTURES):
        labels = write_photo(folder, seed, SIDE).with_suffix(".xml")
        labels.write_text(labels.read_text().replace(f">{LABEL}<", f">{NUT}<"))
    return folder


def make_key(aws: Rehearsal) -> str:
    made = aws.run("scripts/keys", "new", "dev")
    found = re.search(r"^key +(\S+)$", made.output, re.M)
    assert found, made.output
    return found[1]


def port_of(aws: Rehearsal) -> int:
    return int(aws.api.partition("//")[2].partition("/")[0].partition(":")[2])
