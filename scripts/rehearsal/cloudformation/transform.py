"""The SAM transform, by SAM's own translator, which lives in the environment of SAM's command line.

CloudFormation runs the same translator (https://github.com/aws/serverless-application-model).
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Mapping

from scripts.paths import ROOT
from scripts.rehearsal.account import AwsError, UnknownError
from scripts.rehearsal.cloudformation.document import Template

SAM = "AWS::Serverless-2016-10-31"
SCRIPT = """
import json, sys
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
template, values = json.load(sys.stdin)
try:
    print(json.dumps(Translator({}, Parser()).translate(template, values)))
except InvalidDocumentException as error:
    print("; ".join([error.message, *(cause.message for cause in error.causes)]), file=sys.stderr)
    sys.exit(3)
"""


def expand(template: Template, values: Mapping[str, str], region: str) -> Template:
    """The template without its transform. Raises AwsError with what the translator says."""
    asked = template.get("Transform")
    if not asked:
        return template
    if asked not in (SAM, [SAM]):
        raise UnknownError(f"the transform {asked}")
    return _expand(json.dumps([template, dict(values)]), region)


@functools.lru_cache(maxsize=8)
def _translate(given: str, region: str) -> str:
    python = ROOT / ".venv-sam" / "bin" / "python"
    if not python.exists():
        raise AwsError(
            "ValidationError", "SAM's translator is missing: scripts/build makes .venv-sam"
        )
    environment = {"PATH": os.environ.get("PATH", ""), "AWS_DEFAULT_REGION": region}
    ran = subprocess.run(
        [python, "-c", SCRIPT], input=given, env=environment, capture_output=True, text=True
    )
    if ran.returncode:
        said = ran.stderr.strip() if ran.returncode == 3 else ran.stderr.strip()[-2000:]
        raise AwsError("ValidationError", f"Transform {SAM} failed with: {said}")
    return ran.stdout


def _expand(given: str, region: str) -> Template:
    translated: Template = json.loads(_translate(given, region))
    translated.pop("Transform", None)
    return translated
