"""Who may import whom: the contracts in pyproject.toml hold, and each of them bites."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
TRAINING = "The handler knows nothing of the scripts or of training"
APP = "Only the runtime imports handler.app"
HTTP = "One direction through http"
SCRIPTS = "One direction through the scripts"
TOOLS = "Tools of the model know what they share, not each other"
ROUTES = "Routes know what they share, not each other"
RECORDS = "One direction through records"
LAYERS = "One direction through the handler"
RECORD = "A record is read without anything of ours"
DETECTION = "One direction through detection"
IMAGES = "One direction through images"
BUNDLE = "One direction through the bundle"
STORAGE = "One direction through storage"
READERS = "One direction through the records' readers"
DEPLOYMENT = "One direction through a deployment"
MONITOR = "One direction through the monitor"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("handler", "scripts"):
        shutil.copytree(
            ROOT / package,
            tmp_path / package,
            ignore=shutil.ignore_patterns("__pycache__", "*.onnx"),
        )
    return tmp_path


def test_the_contracts_hold(copy: Path) -> None:
    checked = lint(copy)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("path", "line", "broken"),
    [
        ("handler/detection/predict.py", "import torch", TRAINING),
        ("handler/bundle/files.py", "import scripts.model.graph", TRAINING),
        ("scripts/local/serve.py", "import handler.app", APP),
        ("handler/images/decode.py", "import handler.detection.detector", LAYERS),
        ("handler/records/log.py", "import handler.http.gateway", LAYERS),
        ("handler/records/record.py", "import numpy", RECORD),
        ("handler/new.py", "import handler.records.record", LAYERS),
        ("handler/storage/store.py", "import handler.bundle.files", LAYERS),
        ("handler/detection/tiling.py", "import handler.detection.detector", DETECTION),
        ("handler/images/sniff.py", "import handler.images.decode", IMAGES),
        ("handler/bundle/reader.py", "import handler.bundle.files", BUNDLE),
        ("handler/storage/uploads.py", "import handler.storage.store", STORAGE),
        ("handler/storage/new.py", "import handler.storage.location", STORAGE),
        ("handler/http/route.py", "import handler.http.gateway", HTTP),
        ("scripts/model/graph.py", "import scripts.local.serve", SCRIPTS),
        ("scripts/records/read.py", "import scripts.monitor.result", SCRIPTS),
        ("scripts/records/observe.py", "import scripts.records.read", READERS),
        ("scripts/monitor/drift/decide.py", "import scripts.monitor.report.make", MONITOR),
        ("scripts/deployment/aws/stack.py", "import scripts.deployment.releases", DEPLOYMENT),
        ("scripts/model/quantize/edits.py", "import scripts.model.tradeoff.table", TOOLS),
        ("handler/routes/roboflow.py", "import handler.routes.detect", ROUTES),
        ("handler/records/log.py", "import handler.records.build", RECORDS),
        ("handler/records/record.py", "import handler.problems", RECORD),
    ],
)
def test_an_import_against_them_is_found(copy: Path, path: str, line: str, broken: str) -> None:
    with (copy / path).open("a") as file:
        file.write(f"\n{line}\n")
    checked = lint(copy)
    assert checked.returncode == 1
    assert [line for line in checked.stdout.splitlines() if line.endswith("BROKEN")] == [
        f"{broken} BROKEN"
    ]


def test_only_the_composition_root_reads_the_environment() -> None:
    """It hands it to Settings.from_env as a mapping."""
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "handler").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute | ast.Name)
        and (node.attr if isinstance(node, ast.Attribute) else node.id)
        in {"environ", "environb", "getenv"}
    }
    # The package itself writes one variable, for a library.
    assert readers == {"handler/__init__.py", "handler/app.py"}
