"""Remove from installed packages what nothing in the images uses: a step of the Dockerfile.

    python slim.py FOLDER

One list for both images, since they share a layer. What is here is removed before byte code is
made, so none is made for it. Licence files and the packages' metadata stay. The module needs the
standard library only: it runs in the base image.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

# botocore describes hundreds of services of AWS. These are the ones that handler/, scripts/monitor
# and scripts/records make a client of,
SERVICES = frozenset({"codedeploy", "firehose", "lambda", "logs", "s3", "sns"})
# and those that botocore itself may ask for credentials, outside of Lambda.
CREDENTIALS = frozenset({"signin", "sso", "sso-oidc", "sts"})

# Patterns below the folder, and why nothing misses what they match.
UNUSED = {
    "**/tests": "packages' own tests",
    "**/*.pyi": "types, for checkers",
    "**/*.px[di]": "what Cython compiles against",
    "**/*.pyx": "what Cython has compiled",
    "bin": "commands for a terminal",
    "boto3/data": "boto3's resources; only clients are made",
    "boto3/examples": "texts of its documentation",
    "numpy/_core/_simd.*.so": "numpy's tests call it",
    "numpy/_core/include": "what C compiles against",
    "numpy/_core/lib": "what C links",
    "numpy/random/lib": "what C links",
    # Python's module, onnxruntime_pybind11_state, has all of it once more in itself.
    "onnxruntime/capi/libonnxruntime.so.*": "for programs in C",
    "onnxruntime/backend": "the interface of the package onnx",
    "onnxruntime/datasets": "examples",
    "onnxruntime/quantization": "a tool",
    "onnxruntime/tools": "tools",
    "onnxruntime/transformers": "a tool",
}


def find_unused(packages: Path) -> Iterator[Path]:
    """What of a folder of installed packages is to go."""
    for pattern in UNUSED:
        yield from packages.glob(pattern)
    for path in packages.glob("botocore/data/*/"):
        if path.name not in SERVICES | CREDENTIALS:
            yield path


def remove_unused(packages: Path) -> None:
    for path in list(find_unused(packages)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)  # in a folder that is gone already


if __name__ == "__main__":
    remove_unused(Path(sys.argv[1]))
