"""What INIT's imports cost in an image: with its byte code, without it, and in another image."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from tqdm import tqdm

from scripts.bench.image.engine import run_python

# Byte code is looked for in an empty folder, so all is compiled: as in an image that has none.
NO_BYTE_CODE = {"PYTHONPYCACHEPREFIX": "/tmp/none", "PYTHONDONTWRITEBYTECODE": "1"}
_IMPORT = """
import time
started = time.process_time()
import handler.app
print((time.process_time() - started) * 1e3)
"""
_MODULES = """
import json, pathlib, sys
import handler.app
found = [each.__spec__ for each in list(sys.modules.values()) if getattr(each, "__spec__", None)]
sources = [each for each in found if (each.origin or "").endswith(".py")]
missing = [each.name for each in sources if not pathlib.Path(each.cached).exists()]
print(json.dumps([len(sources), missing]))
"""


@dataclass(frozen=True)
class ByteCode:
    """modules: that `import handler.app` loads from sources. missing: those without byte code."""

    modules: int
    missing: tuple[str, ...]


def find_byte_code(image: str) -> ByteCode:
    modules, missing = json.loads(run_python(image, _MODULES).splitlines()[-1])
    return ByteCode(modules, tuple(missing))


def time_imports(
    variants: Mapping[str, tuple[str, Mapping[str, str]]], runs: int
) -> dict[str, float]:
    """CPU time of `import handler.app` in milliseconds, the median of interleaved runs.

    variants: by name, an image and environment variables. Each run is a container of its own.
    """
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in tqdm(range(runs), "imports", disable=None):
        for name, (image, environment) in variants.items():
            printed = run_python(image, _IMPORT, **environment)
            times[name].append(float(printed.splitlines()[-1]))
    return {name: statistics.median(each) for name, each in times.items()}
