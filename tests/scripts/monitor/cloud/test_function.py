"""The entry point finds all that it imports in its image."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.support.paths import ROOT

IMPORTS = """
import json, sys
import scripts.monitor.cloud.function
import scripts.monitor.report.make  # which the function imports when it is called
print(json.dumps(sorted(sys.modules)))
"""


def test_it_imports_only_what_is_in_its_image() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", IMPORTS],
        cwd=ROOT,
        env={**os.environ, "MONITOR_SOURCE": "s3://bucket", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    modules = json.loads(ran.stdout)
    ours = {".".join(name.split(".")[:2]) for name in modules if name.startswith("scripts.")}
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    copied = {
        line.removeprefix("!").removesuffix(".py").replace("/", ".")
        for line in kept
        if line.startswith("!scripts/")
    }
    assert ours <= copied
    tops = {name.partition(".")[0] for name in modules}
    assert not tops & {"matplotlib", "onnx", "pandas", "pyarrow", "torch", "tqdm"}
