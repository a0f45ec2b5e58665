"""Command-line options for what a checkpoint does not say: model, classes, input size, mean, std.

export and parity share them. torch is not imported here, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass

from scripts.model.classes import read_class_names
from scripts.tool import ToolError

CHECKPOINT_OPTIONS = ("model", "classes", "size", "mean", "std")


@dataclass(frozen=True)
class CheckpointOverrides:
    """What the user says about a checkpoint; it takes precedence over the checkpoint's own meta.

    None leaves the meta's value. size: width and height of the model's input, px. mean, std: RGB in
    0..1.
    """

    model_name: str | None = None
    backbone_name: str | None = None
    classes: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


def add_checkpoint_options(parser: argparse.ArgumentParser) -> None:
    """Add --model, --classes, --size, --mean and --std in a group of their own."""
    group = parser.add_argument_group("what the checkpoint does not say, or says wrongly")
    add = group.add_argument
    add("--model", metavar="FAMILY:BACKBONE", help="such as ross.efficientdet:tf_lite0")
    add("--classes", metavar="A,B,C", help="in training's order, without background; or a file "
        "with one a line")  # fmt: skip
    add("--size", metavar="SIDE|WxH", help="of the model's input, px: 512, or 640x384")
    add("--mean", metavar="R,G,B", help="of the normalisation, in 0..1 (default: ImageNet's)")
    add("--std", metavar="R,G,B", help="of the normalisation, in 0..1 (default: ImageNet's)")


def read_checkpoint_options(options: argparse.Namespace) -> CheckpointOverrides:
    """The values of these options. Raises ToolError."""
    model_name, _, backbone_name = (options.model or "").partition(":")
    if options.model and not backbone_name:
        raise ToolError(
            f"--model {options.model!r}: expected FAMILY:BACKBONE, such as "
            "ross.efficientdet:tf_lite0"
        )
    names = None if options.classes is None else read_class_names(options.classes)
    return CheckpointOverrides(
        model_name=model_name or None,
        backbone_name=backbone_name or None,
        classes=names,
        size=_parse_size(options.size),
        mean=_parse_rgb("--mean", options.mean),
        std=_parse_rgb("--std", options.std),
    )


def _parse_size(text: str | None) -> tuple[int, int] | None:
    """Width and height of "512" or "640x384". Raises ToolError."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{2,5})(?:[x×](\d{2,5}))?", text)
    if not match:
        raise ToolError(f"--size {text!r}: expected a side such as 512, or WIDTHxHEIGHT")
    return int(match[1]), int(match[2] or match[1])


def _parse_rgb(option: str, text: str | None) -> tuple[float, float, float] | None:
    """Three numbers in 0..1; those of --std above 0. Raises ToolError."""
    if text is None:
        return None
    try:
        red, green, blue = map(float, text.split(","))
    except ValueError:
        raise ToolError(f"{option} {text!r}: expected three numbers, such as 0.5,0.5,0.5") from None
    if not all(0 <= value <= 1 for value in (red, green, blue)) or (
        option == "--std" and not red * green * blue
    ):
        raise ToolError(
            f"{option} {text!r}: expected three numbers in 0..1 (divide those of 0..255 by 255)"
        )
    return red, green, blue
