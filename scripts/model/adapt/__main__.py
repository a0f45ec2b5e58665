"""Make a bundle (model.onnx and model.json) from an ONNX detector trained elsewhere.

    scripts/run adapt yolov8n.onnx --out data/yolov8n --name yolov8n --version 1.0.0 --check photo.jpg

The format is recognised from the graph's inputs and outputs, and printed with the reasons. What the
file does not say (colour order, scaling, letterbox, class names) has the format's default and an
option. --check tries them on pictures by the handler's own code, and takes what is decisively better.
"""  # noqa: E501

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np

from handler.bundle.files import ONNX_FILE
from handler.detection import letterbox
from scripts.model import graph
from scripts.model.adapt.adapter import CHECK_FILE, adapt
from scripts.model.adapt.check.words import format_check
from scripts.model.adapt.class_ids import Numbering
from scripts.model.adapt.formats import FORMATS
from scripts.model.adapt.options import AdaptOptions
from scripts.model.adapt.reading import (
    Activation,
    Background,
    CellCentre,
    Coding,
    Units,
)
from scripts.model.adapt.recognition.explain import list_formats
from scripts.model.adapt.report import format_finds, format_report, to_json
from scripts.tool import exit_on_error


def _parse_size(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    sides = [int(part) for part in (parts * 2)[:2]]
    if len(parts) > 2 or not all(0 < side <= 8192 for side in sides):
        raise argparse.ArgumentTypeError(f"{text}: WIDTHxHEIGHT in px, at most 8192")
    return sides[0], sides[1]


def _parse_three(text: str) -> tuple[float, float, float]:
    values = [float(part) for part in text.split(",")]
    values = values * 3 if len(values) == 1 else values
    if len(values) != 3 or not np.all(np.isfinite(values)):
        raise argparse.ArgumentTypeError(f"{text}: one number, or three with commas between")
    return values[0], values[1], values[2]


def _parse_anchors(text: str) -> tuple[float, ...]:
    values = tuple(float(part) for part in text.replace(",", " ").split())
    if not values or len(values) % 2 or not all(0 < value <= 8192 for value in values):
        raise argparse.ArgumentTypeError(f"{text}: a width and a height in px for each anchor")
    return values


def _parse_colour(text: str) -> tuple[int, int, int]:
    values = _parse_three(text)
    if not all(0 <= value <= 255 and value == int(value) for value in values):
        raise argparse.ArgumentTypeError(f"{text}: whole numbers from 0 to 255, as R,G,B")
    return int(values[0]), int(values[1]), int(values[2])


def _parse_fraction(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text}: from 0 to 1")
    return value


def _parse_scale(text: str) -> float:
    value = float(text)
    if not 0 < value <= 65535:
        raise argparse.ArgumentTypeError(f"{text}: 1 for pixels in 0..1, 255 for 0..255")
    return value


def _parse_setting(text: str) -> tuple[str, tuple[float, ...]]:
    name, _, values = text.partition("=")
    if not name or not values:
        raise argparse.ArgumentTypeError(f"{text}: NAME=VALUE[,VALUE…]")
    return name, tuple(float(value) for value in values.split(","))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/run adapt",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__,
        epilog=f"formats (A boxes, N detections, C classes):\n{list_formats()}",
    )
    add = parser.add_argument
    add(
        "onnx_path",
        metavar="model",
        type=Path,
        help="the ONNX file; weights beside it (model.onnx_data) are taken in",
    )
    add("--out", type=Path, required=True, help="folder for model.onnx and model.json")
    add("--name", required=True, help="the model's name, in every answer and record")
    add("--version", required=True, help="the model's version, in every answer and record")
    add(
        "--check",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="PICTURE",
        help="pictures, a folder of them, or a labelled folder (VOC, COCO): try what the options "
        "leave open on them, take what is decisively better, and draw it (check.jpg)",
    )
    add("--json", action="store_true", help="print one JSON object instead of text")
    add("--format", choices=[known.name for known in FORMATS], metavar="FORMAT", help="see below")
    add("--dataset", default="not said", help="what it was trained on, for the record")

    _add_class_options(parser.add_argument_group("classes").add_argument)
    _add_input_options(
        parser.add_argument_group(
            "how pictures go in (by default as the format's own code)"
        ).add_argument
    )
    _add_output_options(
        parser.add_argument_group("how boxes come out (by default as recognised)").add_argument
    )
    return parser


def _add_class_options(add: Callable[..., object]) -> None:
    add(
        "--classes",
        metavar="NAMES",
        help="a file of a name a line, or a,b,c; by default the file's own (ultralytics writes "
        "them). 'N: name' gives a class its label in the graph",
    )
    add(
        "--class-ids",
        choices=get_args(Numbering),
        default="auto",
        help="coco: 80 names for labels 1 to 90; auto: where the format's zoo has it so",
    )
    add("--class-offset", type=int, metavar="N", help="the label, or column, of the first class")


def _add_input_options(add: Callable[..., object]) -> None:
    add("--size", type=_parse_size, metavar="WxH", help="in px, where the graph leaves it open")
    add("--layout", choices=get_args(graph.Layout), help="by default read off the input's shape")
    add("--order", choices=get_args(graph.Order), help="of the colour channels")
    add(
        "--scale",
        type=_parse_scale,
        metavar="1|255",
        help="what a pixel of 255 is before mean and std",
    )
    add(
        "--mean",
        type=_parse_three,
        metavar="A,B,C",
        help="taken off then, in the network's channel order",
    )
    add("--std", type=_parse_three, metavar="A,B,C", help="divided by then")
    add(
        "--fit",
        choices=get_args(letterbox.Fit),
        help="letterboxes, with the rounding of their code: centre (YOLOv8 on, albumentations) "
        "and yolov5 (both centred), yolox and mmdet (top left); or stretch",
    )
    add("--fill", type=_parse_colour, metavar="R,G,B", help="of the padding")
    add("--resize", choices=get_args(letterbox.Rule), help="the filter")
    add(
        "--set",
        type=_parse_setting,
        action="append",
        default=[],
        metavar="NAME=V[,V]",
        help="the value of another input of the graph",
    )


def _add_output_options(add: Callable[..., object]) -> None:
    add("--coding", choices=get_args(Coding), help="grid: YOLOX before decoding")
    add("--units", choices=get_args(Units), help="px of the input, or 0..1")
    add("--activation", choices=get_args(Activation), help="of the scores")
    add("--background", choices=get_args(Background), help="column of no class")
    add(
        "--cell-centre",
        choices=get_args(CellCentre),
        help="NanoDet: corner (Plus), middle (before it), opencv ((stride - 1) / 2)",
    )
    add(
        "--anchors",
        type=_parse_anchors,
        metavar="W,H,…",
        help="of a YOLO before decoding, in px of the input, the finest level first",
    )
    add("--nms", choices=("per-class", "class-agnostic", "none"))
    add("--labels-per-box", choices=("one", "many"), help="one: a box has its best class only")
    add("--score-threshold", type=_parse_fraction, metavar="T", help="the default of requests")
    add(
        "--iou-threshold", type=_parse_fraction, metavar="T", help="of NMS, the default of requests"
    )


def parse_arguments(argv: list[str] | None) -> tuple[argparse.Namespace, AdaptOptions]:
    """All arguments, and those of them that are options about the model."""
    arguments = _parser().parse_args(argv)
    names = {field.name for field in dataclasses.fields(AdaptOptions)} - {"input_values"}
    values = {name: getattr(arguments, name) for name in names}
    return arguments, AdaptOptions(**values, input_values=dict(arguments.set))


def main(argv: list[str] | None = None) -> None:
    arguments, options = parse_arguments(argv)
    with exit_on_error("adapt"):
        result = adapt(
            arguments.onnx_path,
            arguments.out,
            name=arguments.name,
            version=arguments.version,
            options=options,
            check_paths=arguments.check,
        )
    if arguments.json:
        print(to_json(result))
        return
    print(format_report(result))
    size_mb = (arguments.out / ONNX_FILE).stat().st_size / 1e6
    print(f"written    {arguments.out}: {arguments.name} {arguments.version}, {size_mb:.1f} MB")
    if result.check is not None:
        print(f"\n{format_check(result.check)}\n\n{format_finds(result.check)}")
        print(f"drawn      {arguments.out / CHECK_FILE}")


if __name__ == "__main__":
    main()
