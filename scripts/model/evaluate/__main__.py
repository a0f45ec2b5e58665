"""The accuracy of a bundle on labelled pictures, measured through the handler's own code.

    scripts/run evaluate handler/model ../shared/data/microalgae/labeled

AP, AP50 and AP75 are COCO's (pycocotools), overall, by size (COCO's areas in px of the picture:
small under 32 x 32, large from 96 x 96) and by class. Precision, recall and the counts are taken at
the bundle's own score threshold. A detection is right when it overlaps, by IoU >= 0.5, a labelled
box of its class that no better detection has.

Every false find and every miss is in one kind, which says why: a loose box, a second box, one over
several objects, scored too low and so on. report.html (--out) shows them as small crops.

The threshold that counts best is the one with the smallest mean absolute error of a picture's
count. Figures of counts that no one should rely on are said to be so: where found and labelled
counts don't go together, or one number for all pictures would count as well, or a fifth too many or
too few are found. Detections that score above 0.8 where nothing is labelled are listed as labels
that look missing.

Each option writes its own part of model.json: the figures (--write); the score threshold that
counts best (--write-threshold); how far a count may be off, and on pictures like which, which the
API then answers as count_interval (--calibrate FOLDER …, each a kind of pictures); of which
pictures the monitor's reference is, and how large objects are in the model's input, which
tiles=auto aims at (--write-baseline). The reference itself is reference.parquet beside it: the
predictions on these pictures, and on some of them made darker, blurred, compressed and so on, by
which the monitor knows a cause again. 300 pictures or more.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from scripts.model.evaluate.count_calibration import describe_coverage
from scripts.model.evaluate.counting import MEASURE, BestThreshold
from scripts.model.evaluate.findings import format_findings
from scripts.model.evaluate.report.page import REPORT_FILE, write_report
from scripts.model.evaluate.run import EvaluateOptions, EvaluateResult, run_evaluation
from scripts.model.evaluate.table import format_table
from scripts.model.plurals import counted
from scripts.tool import exit_on_error


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/run evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("bundle", type=Path, help="folder with model.onnx and model.json")
    add("folders", type=Path, nargs="+", help="labelled pictures, Pascal VOC or COCO")
    add("--out", type=Path, help="folder for report.html: curves, errors by kind, the worst "
        "pictures and labels that look missing, drawn")  # fmt: skip
    add("--score-threshold", type=float, help="instead of the bundle's")
    add("--find-threshold", action="store_true", help="also print the threshold that counts best, "
        "by the mean absolute error of a picture's count")  # fmt: skip
    add(
        "--write", action="store_true", help="write the figures, with this command, into model.json"
    )
    add("--write-threshold", action="store_true", help="and the threshold that counts best")
    add("--calibrate", type=Path, nargs="+", default=[], metavar="FOLDER", help="write how far a "
        "count may be off, from these labelled pictures that training never saw; each folder "
        "is a kind of pictures, on which the interval shall hold")  # fmt: skip
    add("--coverage", type=float, default=0.9, help="of that interval (%(default)s)")
    add("--write-baseline", action="store_true", help="write what predictions on the folders look "
        "like, for the monitor, and how large objects are, for tiles=auto")  # fmt: skip
    add("--pictures", action="store_true", help="also print each picture's counts")
    add("--json", action="store_true", help="print the figures as JSON")
    add("--threads", type=int, default=1, help="of ONNX Runtime (%(default)s)")
    arguments = parser.parse_args(argv)
    options = EvaluateOptions(
        bundle_dir=arguments.bundle,
        folders=tuple(arguments.folders),
        score_threshold=arguments.score_threshold,
        find_threshold=arguments.find_threshold,
        write_figures=arguments.write,
        write_threshold=arguments.write_threshold,
        calibration_folders=tuple(arguments.calibrate),
        coverage=arguments.coverage,
        write_baseline=arguments.write_baseline,
        threads=arguments.threads,
    )
    with exit_on_error("evaluate"):
        result = run_evaluation(options, _print_best_threshold, _print_warning)
        if arguments.out:
            write_report(arguments.out, result, options.command)
    if arguments.json:
        _print_json(result)
        return
    if arguments.pictures:
        _print_counts(result)
    print(format_table(result.figures))
    _print_interval_coverage(result)
    for name, findings in result.findings.items():
        if lines := format_findings(name, findings, result.manifest.classes):
            print(lines)
    if arguments.out:
        print(f"report: {arguments.out / REPORT_FILE}")


def _print_best_threshold(dataset: str, best: BestThreshold) -> None:
    counts = best.counts
    of_mean = ""
    if counts.mae_by_mean is not None and counts.bias is not None:
        of_mean = f", {counts.mae_by_mean:.1%} of the mean count, bias {counts.bias:+.1%}"
    print(
        f"{dataset}: counts best at score_threshold {best.score_threshold:.2f}, by {MEASURE}: "
        f"{counts.mae:.2f}{of_mean}",
        file=sys.stderr,
    )


def _print_warning(sentence: str) -> None:
    print(f"evaluate: {sentence}", file=sys.stderr)


def _print_json(result: EvaluateResult) -> None:
    rows = []
    for row in result.figures:
        findings = result.findings[row.dataset]
        interval = result.interval_coverage.get(row.dataset)
        rows.append(
            {
                **dataclasses.asdict(row),
                "interval": interval._asdict() if interval else None,
                "count_doubts": findings.count_doubts,
                "errors_by_kind": [
                    {
                        "kind": each.kind.key,
                        "false_finds": each.false_finds,
                        "misses": each.misses,
                        "f1_mended": each.f1_mended,
                    }
                    for each in findings.errors.kinds
                ],
                "confusions": [
                    {"labelled": labelled, "found": found, "boxes": boxes}
                    for labelled, found, boxes in findings.confusions
                ],
                "labels_that_look_missing": [
                    {
                        "picture": str(each.picture.ground_truth.path),
                        "boxes": each.detections.to_json(result.manifest.classes),
                    }
                    for each in findings.missing_labels.pictures
                ],
            }
        )
    print(json.dumps(rows, indent=2))


def _print_counts(result: EvaluateResult) -> None:
    for pictures in result.datasets.values():
        for picture in pictures:
            predicted = picture.predicted_count(result.score_threshold)
            print(
                f"  {picture.ground_truth.path.name}: {predicted} found, "
                f"{picture.true_count} labelled",
                file=sys.stderr,
            )


def _print_interval_coverage(result: EvaluateResult) -> None:
    if result.interval_coverage and (calibration := result.manifest.count_calibration):
        pictures = counted(calibration.pictures, "picture")
        print(f"count interval: {calibration.coverage:.0%} asked of {pictures} of "
              f"{calibration.dataset}")  # fmt: skip
    for name, coverage in result.interval_coverage.items():
        print(f"  {name}: {describe_coverage(coverage)}")


if __name__ == "__main__":
    main()
