"""The template as it is written, and as CloudFormation gets it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.docker import SAM
from tests.template import cloudformation
from tests.template.cloudformation import Resources

BIN = Path(sys.executable).parent
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/icebox:1"
TRANSLATE = """
import json, sys
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
for line in sys.stdin:
    template, parameters = json.loads(line)
    print(json.dumps(Translator({}, Parser()).translate(template, parameters)), flush=True)
"""  # a template and its parameters a line
# W2001: SAM has already put the parameters of the CORS section, and of the rollout, in place.
# W1001: SAM leaves out what needs EnableRollout; the linter knows conditions only.
IGNORED = ("W2001", "W1001")
REGIONS = ("eu-central-1", "cn-north-1", "us-gov-west-1")
Translate = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def written() -> dict[str, Any]:
    """The template as it is written."""
    return cloudformation.load()


@pytest.fixture(scope="session")
def translate(written: dict[str, Any]) -> Iterator[Translate]:
    """A function to the template that CloudFormation gets, by SAM's own translator: some
    parameters' values are put in place there already. Each combination is translated once."""
    known: dict[tuple[Any, ...], dict[str, Any]] = {}
    with subprocess.Popen(
        [SAM.parent / "python", "-c", TRANSLATE],
        env={"AWS_DEFAULT_REGION": "eu-central-1", "PATH": "/usr/bin:/bin"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as translator:

        def make(image: str = IMAGE, **parameters: str) -> dict[str, Any]:
            key = (image, *sorted(parameters.items()))
            if key not in known:
                asked = json.dumps([_packaged(written, image), parameters])
                assert translator.stdin and translator.stdout
                translator.stdin.write(asked + "\n")
                translator.stdin.flush()
                answer = translator.stdout.readline()
                assert answer, "SAM refuses the template; its reason is above"
                known[key] = json.loads(answer)
            return known[key]

        yield make


def _packaged(written: dict[str, Any], image: str) -> dict[str, Any]:
    """The template as `sam package` leaves it, once the images are pushed."""
    prepared: dict[str, Any] = json.loads(json.dumps(written))
    for resource in prepared["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["ImageUri"] = image
    return prepared


@pytest.fixture(scope="session")
def translated(translate: Translate, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The template that CloudFormation gets with the parameters' defaults, linted."""
    translated = translate()
    lint(translated, tmp_path_factory.mktemp("expanded"))
    return translated


def lint(translated: dict[str, Any], folder: Path) -> None:
    """Fail where CloudFormation would refuse the template, in a region of each partition."""
    path = folder / "template.json"
    path.write_text(json.dumps(translated))
    command = [BIN / "cfn-lint", "--ignore-checks", *IGNORED, "--regions", *REGIONS, "--", path]
    linted = subprocess.run(command, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.fixture(scope="session")
def expanded(translated: dict[str, Any]) -> Resources:
    """Its resources that every stack has."""
    resources: Resources = translated["Resources"]
    return {name: each for name, each in resources.items() if "Condition" not in each}
