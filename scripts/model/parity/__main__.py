"""Check on pictures that a bundle answers what IceVision answers from its checkpoint.

    scripts/run parity BUNDLE CHECKPOINT PICTURES...

Compares IceVision's own predict with the handler's own code on the same files, stage by stage:

- pixels: the decoded, upright picture, identical;
- resized: the letterboxed input in bytes, identical;
- input: the same normalised, identical bit for bit (the graph is cut at its normalised tensor);
- network: every candidate's box and scores before NMS, PyTorch against ONNX Runtime, both given the
  same normalised tensor;
- boxes: the detections above 0.5, 0.3 and 0.05 in px of the picture, compared as sets: as many,
  each box within 0.01 px of its partner, its score within 0.0001, its label the same.

Both sides run with IceVision's NMS overlap and its cap on detections; a note says where the
bundle's own defaults differ. The last stage can differ by chance where a score lies within 0.00001
of the threshold (or of another's), or an overlap within 0.0001 of NMS's limit. Such decisions are
counted as "on edge", reported and stored; more than one in a hundred detections is a failure.

A bundle whose resize is not IceVision's (rule "antialias": its training pictures went through the
handler's own code) cannot begin at the file. With --from-input IceVision is given the handler's
letterboxed input: all but decoding and resizing is compared, and the verdict says so.

The verdict is stored in the bundle's model.json, also when it is a failure. Nothing is stored where
the comparison could not be made, or found no detection to compare. Exit code 0: the same.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from handler.bundle.files import load_bundle, write_manifest
from handler.bundle.reader import MANIFEST_FILE
from scripts.model.checkpoint_options import add_checkpoint_options, read_checkpoint_options
from scripts.tool import ToolError, exit_on_error

if TYPE_CHECKING:
    from scripts.model.parity.verdict import ParityResult


def main(argv: list[str] | None = None) -> None:
    options = _parser().parse_args(argv)
    # torch and IceVision take seconds to import, which --help does without.
    from scripts.model.parity.report import format_json, format_table

    with exit_on_error("parity"):
        result = _run(options)
    if options.json:
        print(format_json(result))
    else:
        print(format_table(result))
        for note in result.notes:
            print(f"note: {note}")
    if not result.parity.passed:
        sys.exit(f"parity: FAILED at {result.parity.first_difference}")
    if not options.json:
        print(f"parity: passed; stored in {options.bundle / MANIFEST_FILE}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/run parity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path, help="folder with model.onnx and model.json")
    parser.add_argument("checkpoint", type=Path, help="the checkpoint that was exported into it")
    parser.add_argument("pictures", type=Path, nargs="+", help="pictures, folders of "
        "them, or COCO files")  # fmt: skip
    parser.add_argument(
        "--from-input",
        action="store_true",
        help="for a bundle whose resize is not IceVision's: give IceVision the handler's input",
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="of PyTorch and ONNX Runtime (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    add_checkpoint_options(parser)
    return parser


def _run(options: argparse.Namespace) -> ParityResult:
    """Compare, and store the verdict in model.json. Raises ToolError and BundleError."""
    from scripts.model.icevision.checkpoint import load_checkpoint
    from scripts.model.parity.compare import compare_bundle, find_pictures

    if options.threads < 1:
        raise ToolError(f"--threads is {options.threads}; it must be at least 1")
    image_paths = find_pictures(options.pictures)
    bundle = load_bundle(options.bundle)
    overrides = read_checkpoint_options(options)
    if overrides.size is None:  # the bundle's own, whatever the checkpoint says
        size = bundle.manifest.input
        overrides = dataclasses.replace(overrides, size=(size.width, size.height))
    result = compare_bundle(
        bundle,
        load_checkpoint(options.checkpoint, overrides),
        image_paths,
        from_input=options.from_input,
        threads=options.threads,
    )
    manifest = bundle.manifest._replace(parity=result.parity)
    try:
        write_manifest(manifest, options.bundle)
    except OSError as error:
        raise ToolError(f"{error.filename}: {error.strerror}; the verdict was not stored") from None
    return result


if __name__ == "__main__":
    main()
