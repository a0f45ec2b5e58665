"""Bundles and labelled pictures in; a table and a plot of what each costs and reaches out.

    python -m scripts.model.tradeoff handler/model out/int8 --data data/heldout --out out/tradeoff

Speed is measured through the handler's own code, on one thread and on two: the bundles take turns,
so that a busy moment of the machine meets all of them, and the median of the rounds is told.
"inference" is the graph's run; "predict" is all from a JPEG's bytes to boxes. "load" is reading,
checking and warming the bundle, a part of a cold start, and "memory" the highest resident size,
both of fresh processes that load it and predict; Python and ONNX Runtime are in the memory. AP50
and count error are those of scripts.model.evaluate, at each bundle's own score threshold.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import platform
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnxruntime
from tqdm import tqdm

from handler.bundle.files import load_bundle
from handler.bundle.reader import BundleError
from handler.detection.detector import Detector, Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import PredictRequest
from handler.problems import Problem
from scripts.model import dataset
from scripts.model.evaluate import accuracy, evaluate
from scripts.paths import ROOT

THREADS = (1, 2)
ROUNDS = 31
TIMED_PICTURES = 5
STARTS = 3  # fresh processes a bundle and thread count
MEASURED = ("inference ms", "predict ms", "load ms", "memory MB")
PAGE, PLOT = "tradeoff.md", "tradeoff.svg"
_BEGIN, _END = "<!-- tradeoff -->", "<!-- /tradeoff -->"
# Run in a process of its own. VmHWM is of that process alone; ru_maxrss would begin at the size of
# the process that started it.
_FRESH = """
import re, resource, sys, time
from pathlib import Path
from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import PredictRequest
started = time.perf_counter()
detector = Detector.load(load_bundle(Path(sys.argv[1])), threads=int(sys.argv[2]))
print((time.perf_counter() - started) * 1000)
limits = detector.manifest.thresholds
thresholds = Thresholds(limits.score, limits.iou, limits.max_detections)
ask = PredictRequest(Path(sys.argv[3]).read_bytes(), thresholds)
for _ in range(3):
    predict(ask, detector=detector, max_pixels=400_000_000)
status = Path("/proc/self/status")
if status.exists():
    print(int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) * 1024)
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak if sys.platform == "darwin" else peak * 1024)
"""


class TradeoffError(ValueError):
    """What cannot be compared; the text says why and what to do."""


@dataclass(frozen=True)
class Speed:
    """On `threads` threads: medians in ms over interleaved rounds, and of fresh processes the
    median time of loading the bundle and the peak memory in MB."""

    threads: int
    inference_ms: float
    predict_ms: float
    load_ms: float
    memory_mb: float


@dataclass(frozen=True)
class Reached:
    """What a bundle reaches on one folder of pictures, as scripts.model.evaluate has it."""

    dataset: str
    pictures: int
    objects: int
    ap50: float
    count_error: float


@dataclass(frozen=True)
class Row:
    """One bundle of the comparison."""

    bundle: str
    name: str
    version: str
    input: tuple[int, int]
    size_mb: float
    score_threshold: float
    speeds: tuple[Speed, ...]
    reached: tuple[Reached, ...]


def take_turns(
    detectors: Sequence[Detector], pictures: Sequence[bytes], rounds: int, *, desc: str = "timing"
) -> list[list[tuple[float, float]]]:
    """For each detector, (inference, predict) in ms of each round; round r takes picture r.

    One round more is run first and left out. Raises handler.problems.Problem for bytes that are no
    picture.
    """
    times: list[list[tuple[float, float]]] = [[] for _ in detectors]
    for number in tqdm(range(-1, rounds), unit="round", desc=desc, disable=None, leave=False):
        data = pictures[number % len(pictures)]
        # Every second round the other way about: who follows whom matters to the CPU's cache.
        order = range(len(detectors)) if number % 2 else reversed(range(len(detectors)))
        for at in order:
            limits = detectors[at].manifest.thresholds
            ask = PredictRequest(data, Thresholds(limits.score, limits.iou, limits.max_detections))
            started = time.perf_counter()
            made = predict(ask, detector=detectors[at], max_pixels=evaluate.MAX_PIXELS)
            ended = time.perf_counter()
            if number >= 0:
                times[at].append((made.output.inference_ms, (ended - started) * 1000))
    return times


def measure_cold_start(folder: Path, picture: Path, threads: int) -> tuple[float, float]:
    """Of a fresh process that loads the bundle and predicts: the time of loading in ms, and the
    highest resident size in MB.

    Raises TradeoffError where that process fails.
    """
    ran = subprocess.run(
        [sys.executable, "-c", _FRESH, str(folder.resolve()), str(threads), str(picture.resolve())],
        cwd=ROOT,  # where handler is found
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        said = ran.stderr.strip().splitlines() or ["no message"]
        raise TradeoffError(f"{folder}: its memory could not be measured ({said[-1]})")
    load_ms, peak = map(float, ran.stdout.split())
    return load_ms, peak / 1e6


def compare(
    folders: Sequence[Path],
    data: Sequence[Path],
    *,
    threads: Sequence[int] = THREADS,
    rounds: int = ROUNDS,
) -> list[Row]:
    """Measure every bundle on every folder of labelled pictures; a row a bundle.

    Raises BundleError, dataset.DatasetError, TradeoffError and handler.problems.Problem.
    """
    bundles = [load_bundle(folder) for folder in folders]
    labelled = {evaluate.set_name(folder): dataset.read(folder) for folder in data}
    if len(labelled) < len(data):
        raise TradeoffError("two of the folders of --data have one name; rename one")
    for name, pictures in labelled.items():
        if not pictures:
            raise TradeoffError(f"{name}: no labelled picture in it; give a folder of VOC or COCO")
    paths = [item.path for pictures in labelled.values() for item in pictures]
    step = max(1, len(paths) // TIMED_PICTURES)
    paths = paths[::step][:TIMED_PICTURES]
    timed = [path.read_bytes() for path in paths]
    speeds: list[list[Speed]] = [[] for _ in bundles]
    for count in threads:
        detectors = [Detector.load(loaded, threads=count) for loaded in bundles]
        times = take_turns(detectors, timed, rounds, desc=f"timing, {count} thread(s)")
        del detectors
        for at, folder in enumerate(folders):
            inference, whole = (statistics.median(part) for part in zip(*times[at], strict=True))
            started = [measure_cold_start(folder, paths[0], count) for _ in range(STARTS)]
            load = statistics.median(load_ms for load_ms, _ in started)
            memory = max(peak for _, peak in started)
            speeds[at].append(
                Speed(
                    threads=count,
                    inference_ms=round(inference, 1),
                    predict_ms=round(whole, 1),
                    load_ms=round(load),
                    memory_mb=round(memory),
                )
            )
    rows = []
    for at, (folder, loaded) in enumerate(zip(folders, bundles, strict=True)):
        manifest = loaded.manifest
        detector = Detector.load(loaded, threads=1)
        reached = []
        for name, pictures in labelled.items():
            judged = evaluate.run(detector, pictures)
            found = accuracy.figures(judged, manifest.classes, name, manifest.thresholds.score)
            reached.append(
                Reached(
                    dataset=name,
                    pictures=found.pictures,
                    objects=found.objects,
                    ap50=round(found.ap50, 4),
                    count_error=round(found.count_error, 4),
                )
            )
        rows.append(
            Row(
                bundle=str(folder),
                name=manifest.name,
                version=manifest.version,
                input=(manifest.input.width, manifest.input.height),
                size_mb=loaded.onnx_path.stat().st_size / 1e6,
                score_threshold=manifest.thresholds.score,
                speeds=tuple(speeds[at]),
                reached=tuple(reached),
            )
        )
    return rows


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """The table's cells, its header first."""
    first = rows[0]
    header = ["bundle", "version", "input", "MB"]
    for speed in first.speeds:
        many = f"{speed.threads} thread" + ("s" if speed.threads > 1 else "")
        header += [f"{what}, {many}" for what in MEASURED]
    header.append("threshold")
    for reached in first.reached:
        header += [f"AP50, {reached.dataset}", f"count error, {reached.dataset}"]
    table = [header]
    for label, row in zip(labels(rows), rows, strict=True):
        line = [label, row.version, "{} x {}".format(*row.input), f"{row.size_mb:.2f}"]
        for speed in row.speeds:
            line += [
                f"{speed.inference_ms:.1f}",
                f"{speed.predict_ms:.1f}",
                f"{speed.load_ms:.0f}",
                f"{speed.memory_mb:.0f}",
            ]
        line.append(f"{row.score_threshold:.2f}")
        for reached in row.reached:
            line += [f"{reached.ap50:.3f}", f"{reached.count_error:.1%}"]
        table.append(line)
    return table


def labels(rows: Sequence[Row]) -> list[str]:
    """A short name for each bundle: its folder's, or its whole path where two folders share one."""
    names = [Path(row.bundle).resolve().name for row in rows]
    return [
        name if names.count(name) == 1 else row.bundle
        for name, row in zip(names, rows, strict=True)
    ]


def as_text(rows: Sequence[Row]) -> str:
    """The table for a terminal: headers broken at their words, columns aligned."""
    table = cells(rows)
    heads = [head.replace(", ", " ").split(" ") for head in table[0]]
    depth = max(map(len, heads))
    heads = [[""] * (depth - len(head)) + head for head in heads]
    lines = [[head[level] for head in heads] for level in range(depth)] + table[1:]
    widths = [max(len(line[at]) for line in lines) for at in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at < 2 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def as_markdown(rows: Sequence[Row], command: str, machine: str) -> str:
    """The table, how it was made and the plot, as Markdown."""
    table = cells(rows)
    lines = ["| " + " | ".join(line) + " |" for line in table]
    lines.insert(1, "| --- | --- |" + " ---: |" * (len(table[0]) - 2))
    sets = "; ".join(
        f"{r.dataset}: {r.pictures} pictures, {r.objects} objects" for r in rows[0].reached
    )
    return (
        f"![Inference time against AP50, area by file size]({PLOT})\n\n"
        + "\n".join(lines)
        + f"\n\n{sets}. {machine}.\n\n```sh\n{command}\n```\n"
    )


def machine() -> str:
    """The CPU and ONNX Runtime that the times are of."""
    model = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = {}
        for line in info.read_text().splitlines():
            key, _, value = line.partition(":")
            found.setdefault(key.strip(), value.strip())
        vnni = "with VNNI" if "vnni" in found.get("flags", "") else "without VNNI"
        if "model name" in found:
            model = f"{found['model name']} ({platform.machine()}, {vnni})"
    return f"Measured on {model}, ONNX Runtime {onnxruntime.__version__}"


def draw(rows: Sequence[Row]) -> bytes:
    """The plot as SVG: inference time at the first thread count against AP50, a panel a folder.

    A marker's area is the file's size; markers on one spot share a label.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "icebox"  # the same figures, the same file
    from matplotlib import pyplot

    names = labels(rows)
    panels = len(rows[0].reached)
    figure, axes = pyplot.subplots(
        1, panels, figsize=(6.4 * panels, 4.8), squeeze=False, layout="constrained"
    )
    colours = pyplot.get_cmap("tab10").colors
    largest = max(row.size_mb for row in rows)
    times = [row.speeds[0].inference_ms for row in rows]
    for panel, axis in enumerate(axes[0]):
        heights = [row.reached[panel].ap50 for row in rows]
        for at in sorted(range(len(rows)), key=lambda at: -rows[at].size_mb):
            axis.scatter(
                times[at],
                heights[at],
                s=500 * rows[at].size_mb / largest,
                color=colours[at % len(colours)],
                alpha=0.55,
                edgecolor="black",
                linewidth=0.8,
            )
        axis.margins(0.22)
        reached = rows[0].reached[panel]
        axis.set_title(f"{reached.dataset}, {reached.pictures} pictures", fontsize=11)
        threads = rows[0].speeds[0].threads
        axis.set_xlabel(f"inference, ms (median, {threads} thread{'s' if threads > 1 else ''})")
        axis.set_ylabel("AP50")
        axis.grid(alpha=0.3)
        _label(
            figure,
            axis,
            list(zip(times, heights, strict=True)),
            [f"{name}, {row.size_mb:.1f} MB" for name, row in zip(names, rows, strict=True)],
        )
    made = io.BytesIO()
    figure.savefig(made, format="svg", metadata={"Date": None, "Creator": "scripts.model.tradeoff"})
    pyplot.close(figure)
    # matplotlib ends lines of path data in a blank
    text = made.getvalue().decode()
    return ("\n".join(line.rstrip() for line in text.splitlines()) + "\n").encode()


def _label(figure, axis, points: Sequence[tuple[float, float]], texts: Sequence[str]) -> None:
    """Write each point's text near it, in the nearest place where it covers no other text or
    marker."""
    figure.canvas.draw()  # the scales are settled only now
    to_figure = figure.transFigure.inverted()  # a file may be of other dots per inch
    at = [axis.transData.transform(point) for point in points]
    taken = [(x - 9, y - 9, x + 9, y + 9) for x, y in at]
    inside = axis.get_window_extent()
    scale = figure.dpi / 72
    for (x, y), text, point in zip(at, texts, points, strict=True):
        width, height = len(text) * 4.4 * scale, 10 * scale
        places = [
            (x + dx - (width if dx < 0 else width / 2 if dx == 0 else 0), y + dy - height / 2)
            for reach in (14, 26, 40, 56, 74, 94)
            for dx, dy in (
                (reach, 0),
                (0, reach),
                (0, -reach),
                (-reach, 0),
                (reach * 0.7, reach),
                (reach * 0.7, -reach),
                (-reach * 0.7, reach),
                (-reach * 0.7, -reach),
            )
        ]

        def crowded(place: tuple[float, float], width=width, height=height) -> float:
            """How much of other things, in px², the text would cover there."""
            left, low = place
            covered = 0.0
            for x0, y0, x1, y1 in taken:
                across = min(left + width, x1) - max(left, x0)
                up = min(low + height, y1) - max(low, y0)
                covered += max(across, 0) * max(up, 0)
            outside = left < inside.x0 + 4 or left + width > inside.x1 - 4
            outside = outside or low < inside.y0 + 4 or low + height > inside.y1 - 4
            return covered + 1e6 * outside

        left, low = min(places, key=crowded)
        taken.append((left, low, left + width, low + height))
        axis.annotate(
            text,
            point,
            xytext=to_figure.transform((left + width / 2, low + height / 2)),
            textcoords="figure fraction",
            ha="center",
            va="center",
            fontsize=8,
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": "0.4", "shrinkB": 3},
        ).set_in_layout(False)


def write(rows: Sequence[Row], out: Path, command: str) -> None:
    """Write tradeoff.svg and tradeoff.md into `out`.

    Of a page that is there already, only what stands between its two marks is written anew.
    """
    block = f"{_BEGIN}\n{as_markdown(rows, command, machine())}{_END}"
    page = out / PAGE
    text = f"# What speed costs, and what accuracy costs\n\n{block}\n"
    if page.is_file():
        before = page.read_text(encoding="utf-8")
        if _BEGIN not in before or _END not in before:
            raise TradeoffError(
                f"{page} is there without the marks {_BEGIN} and {_END}; put them where the table "
                "belongs, or give another --out"
            )
        text = before[: before.index(_BEGIN)] + block + before[before.index(_END) + len(_END) :]
    drawn = draw(rows)
    out.mkdir(parents=True, exist_ok=True)
    for path, content in ((out / PLOT, drawn), (page, text.encode())):
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(content)
        partial.replace(path)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.model.tradeoff",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "bundles", type=Path, nargs="+", metavar="BUNDLE", help="folder with model.onnx, model.json"
    )
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        metavar="FOLDER",
        help="labelled pictures, Pascal VOC or COCO; a panel and two columns a folder",
    )
    parser.add_argument("--out", type=Path, help=f"folder for {PAGE} and {PLOT}")
    parser.add_argument(
        "--threads",
        type=int,
        nargs="+",
        default=list(THREADS),
        help="thread counts to time at; the plot shows the first (default: 1 2)",
    )
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="timed runs of each (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(argv)
    if options.rounds < 1 or min(options.threads) < 1:
        parser.error("--rounds and --threads count from 1")
    arguments = sys.argv[1:] if argv is None else argv
    command = shlex.join(["python", "-m", "scripts.model.tradeoff", *arguments])
    try:
        rows = compare(
            options.bundles, options.data, threads=options.threads, rounds=options.rounds
        )
        if options.out:
            write(rows, options.out, command)
    except (BundleError, dataset.DatasetError, TradeoffError, Problem, OSError) as error:
        sys.exit(f"tradeoff: {error}")
    if options.json:
        print(json.dumps([dataclasses.asdict(row) for row in rows], indent=2))
    else:
        print(as_text(rows))
        if options.out:
            print(f"\n{options.out / PAGE} and {options.out / PLOT}")


if __name__ == "__main__":
    main()
