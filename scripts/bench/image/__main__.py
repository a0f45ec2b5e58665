"""Measure the image of the function that detects, and write it into docs/performance.md.

    scripts/run image

Size by layer, the largest packages, whether byte code is there, and what the imports of a cold
start take: as the image is, without byte code, and with all that slim.py leaves out. Needs a Docker
engine; about two minutes, and one more where the packages are not in the builder's cache.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.bench.image import engine
from scripts.bench.image.imports import NO_BYTE_CODE, find_byte_code, time_imports
from scripts.bench.image.layers import Layer, read_layers
from scripts.bench.image.report import NAMES, Measured, format_report
from scripts.bench.page import write_block
from scripts.paths import ROOT
from scripts.tool import exit_on_error

PAGE, BLOCK = ROOT / "docs" / "performance.md", "image"
SLIM, WHOLE = "icebox-bench-image:slim", "icebox-bench-image:whole"


def measure(base: str, runs: int) -> Measured:
    """Build both images, and remove the larger one. runs: of each import. Raises ToolError."""
    engine.build(SLIM, base, slim=True)
    engine.build(WHOLE, base, slim=False)
    try:
        imports = time_imports(
            {
                "as it is": (SLIM, {}),
                "with all that slim.py leaves out": (WHOLE, {}),
                "without byte code": (SLIM, NO_BYTE_CODE),
            },
            runs,
        )
        whole = sum(layer.unpacked for layer in _layers(WHOLE, compress=False))
    finally:
        engine.docker("rmi", WHOLE)
    layers = _layers(SLIM)
    of_base = layers[: engine.layer_count(base)]
    return Measured(
        base_name=base,
        base=Layer(
            sum(each.unpacked for each in of_base), sum(each.compressed for each in of_base)
        ),
        layers=layers[-len(NAMES) :],
        whole=whole,
        byte_code=find_byte_code(SLIM),
        imports=imports,
    )


def _layers(image: str, *, compress: bool = True) -> list[Layer]:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "image.tar")
        engine.save(image, archive)
        return list(read_layers(archive, compress=compress))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/run image", description="Measure the image of the function that detects."
    )
    parser.add_argument("--base-image", help="default: the stand-in where it was made, else AWS's")
    parser.add_argument("--runs", type=int, default=9, help="of each import; default: %(default)s")
    parser.add_argument("--no-page", action="store_true", help="print it only")
    options = parser.parse_args(argv)
    with exit_on_error("image"):
        measured = measure(options.base_image or engine.default_base(), options.runs)
        report = format_report(measured)
        print(report)
        if not options.no_page:
            write_block(PAGE, BLOCK, f"```sh\nscripts/run image\n```\n\n{report}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
