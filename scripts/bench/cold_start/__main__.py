"""What the first answer of a new environment costs, from the process's start on.

    scripts/run cold_start
    scripts/run cold_start --python PATH   # another Python with the image's packages

Runs the function and the floor (numpy, ONNX Runtime, Pillow's JPEG plugin, the session and its
first run: what nobody can do without) in turns, as plain processes on one CPU and on two, and as
functions under Lambda's emulator. The last line has the ratio of the two.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from handler.bundle.files import ONNX_FILE
from scripts.bench.cold_start.emulated import measure_first_answers
from scripts.bench.cold_start.processes import import_times, make_programs, measure
from scripts.bench.cold_start.report import Result, format_result
from scripts.bench.load.machine import Watch
from scripts.bench.page import write_block
from scripts.local.http_event import HttpRequest, to_http_api
from scripts.paths import ROOT, SAMPLE
from scripts.tool import exit_on_error
from tests.support import emulator

PAGE, BLOCK = ROOT / "docs" / "performance.md", "cold-start"
FLOAT_BUNDLE = ROOT / "tests" / "golden" / "microalgae-float"
MAX_RUNS = 100


def main(argv: Sequence[str] | None = None) -> None:
    options = _parse(argv)
    with exit_on_error("cold_start"), tempfile.TemporaryDirectory() as folder:
        event = make_event(options.image)
        event_path = Path(folder) / "event.json"
        event_path.write_text(event)
        result = _measure(options, event, event_path)
        text = format_result(result)
        print(text)
        if options.write:
            write_block(PAGE, BLOCK, text)


def make_event(image_path: Path) -> str:
    """A picture's bytes, sent to the native API."""
    request = HttpRequest("POST", "/v1/detect", body=image_path.read_bytes())
    return json.dumps(to_http_api(request))


def _measure(options: argparse.Namespace, event: str, event_path: Path) -> Result:
    watch = Watch()
    float_bundle = FLOAT_BUNDLE if FLOAT_BUNDLE.is_dir() else None
    programs = make_programs(sys.executable, options.python, options.bundle, float_bundle)
    runs = measure(programs, options.runs, event_path)
    function = next(program for program in programs if not program.is_floor)
    imports = import_times(function, options.runs)
    first_answers = None
    if emulator.find() is not None:
        first_answers = measure_first_answers(
            sys.executable, options.bundle, event.encode(), max(1, options.runs // 2)
        )
    return Result(programs, runs, imports, first_answers, watch.usage())


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/run cold_start",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--runs", type=int, default=7, help="processes of each kind (default: %(default)s)"
    )
    parser.add_argument("--python", help="another Python to compare, such as the image's 3.13")
    parser.add_argument(
        "--bundle", type=Path, default=ROOT / "handler" / "model", help="default: %(default)s"
    )
    parser.add_argument(
        "--image", type=Path, default=SAMPLE, help="of the first request (default: %(default)s)"
    )
    parser.add_argument(
        "--write", action="store_true", help="put the figures into docs/performance.md"
    )
    options = parser.parse_args(argv)
    if not 1 <= options.runs <= MAX_RUNS:
        parser.error(f"--runs: expected 1 to {MAX_RUNS}")
    if not (options.bundle / ONNX_FILE).is_file():
        parser.error(f"--bundle: {options.bundle} has no {ONNX_FILE}")
    if not options.image.is_file():
        parser.error(f"--image: {options.image} is no file")
    return options


if __name__ == "__main__":
    main()
