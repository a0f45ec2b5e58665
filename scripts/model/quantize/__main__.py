"""Convert a bundle to int8 or float16 weights, and keep the result only where it pays.

    scripts/run quantize BUNDLE --calibrate PICTURES --evaluate LABELLED --out out/int8
    scripts/run quantize BUNDLE --half --out out/half

--calibrate makes it static int8: ONNX Runtime's quantisation by Quantize/Dequantize pairs, a scale
for each output channel of a weight, activations' ranges from the pictures (their least and largest
values), sent through the handler's own decoding and letterbox. The layers before the first
convolution and behind the last ones, the decoding and NMS stay float. Of the rest, each group of
layers is quantised alone and the error it brings into the candidates' boxes and scores measured;
while AP50 loses more than --max-loss points, the worst groups go back to float, an eighth of all a
round. The result is kept where it loses no more than that on any folder of --evaluate and one
thread of this machine is faster with it; else the figures are printed and nothing is written
(exit code 0). Without --evaluate, AP50 is of the calibration folder's labels, and where it has
none, of the float model's own detections.

--half stores the weights as float16, turned back to float32 when the model is loaded: half the
file, at the speed of float32. Both store large constants of few different values (anchors) as a
byte each, without loss.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from scripts.model.quantize.convert import convert_bundle
from scripts.model.quantize.options import (
    CALIBRATION_PICTURES,
    MAX_LOSS,
    TIMED_ROUNDS,
    QuantizeOptions,
)
from scripts.model.quantize.report import format_json, format_text
from scripts.tool import exit_on_error


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/run quantize",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path, help="folder with model.onnx and model.json, float")
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        "--calibrate",
        type=Path,
        metavar="FOLDER",
        help="make int8; pictures like those the model will see, labels not needed",
    )
    kind.add_argument("--half", action="store_true", help="float16 weights instead of int8")
    parser.add_argument("--out", type=Path, required=True, help="folder for the new bundle")
    parser.add_argument(
        "--evaluate",
        type=Path,
        nargs="+",
        default=[],
        metavar="LABELLED",
        help="labelled folders (VOC or COCO) to measure AP50 on; best not those of --calibrate",
    )
    parser.add_argument(
        "--pictures",
        type=int,
        default=CALIBRATION_PICTURES,
        help="how many of --calibrate's to use (default: %(default)s)",
    )
    parser.add_argument(
        "--max-loss",
        type=float,
        default=MAX_LOSS,
        help="points of AP50 that may be lost (default: %(default)s)",
    )
    parser.add_argument(
        "--rounds", type=int, default=TIMED_ROUNDS, help="timed runs (default: %(default)s)"
    )
    parser.add_argument(
        "--reduce-range",
        action="store_true",
        help="7 bits a weight: for x86 CPUs without VNNI, whose 16-bit sums overflow with 8",
    )
    parser.add_argument("--anyway", action="store_true", help="write the bundle even if it fails")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    arguments = parser.parse_args(argv)
    if arguments.pictures < 1 or arguments.rounds < 1:
        parser.error("--pictures and --rounds count from 1")
    command_line = sys.argv[1:] if argv is None else argv
    options = QuantizeOptions(
        bundle_dir=arguments.bundle,
        out_dir=arguments.out,
        calibration_dir=arguments.calibrate,
        evaluation_dirs=tuple(arguments.evaluate),
        max_calibration_pictures=arguments.pictures,
        max_loss=arguments.max_loss,
        rounds=arguments.rounds,
        reduce_range=arguments.reduce_range,
        anyway=arguments.anyway,
        command=shlex.join(["python", "-m", "scripts.model.quantize", *command_line]),
    )
    with exit_on_error("quantize"):
        result = convert_bundle(options)
    if arguments.json:
        print(format_json(result))
    else:
        print(format_text(result, options.out_dir, written=result.kept or options.anyway))


if __name__ == "__main__":
    main()
