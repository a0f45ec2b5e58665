"""Plant shifts into labelled pictures, for scripts.bench.monitoring.drift to look for.

    scripts/run plant out/pictures --out out/planted

The pictures must be new to the model: such as `scripts/run render --seed 500000` draws. The first
ones become reference.jsonl, the rest null.jsonl, and of these, shifted, each SHIFT@K.jsonl: one
prediction record a line. What is there already is not made again.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from pathlib import Path

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector
from handler.records.record import PredictionRecord
from scripts.model.baseline.planted import PLANTED
from scripts.model.baseline.signatures import plant, record_picture
from scripts.model.dataset import read_labelled_pictures
from scripts.paths import ROOT
from scripts.tool import ToolError, exit_on_error

REFERENCE_PICTURES = 300
MIN_NULL = 100


def plant_folder(
    pictures: Path, out: Path, *, bundle: Path, shifted: int, strengths: Iterable[int], threads: int
) -> None:
    """shifted: pictures of each shift. Raises ToolError where there are too few pictures."""
    from tqdm import tqdm

    labelled = read_labelled_pictures(pictures)
    if len(labelled) < REFERENCE_PICTURES + MIN_NULL:
        raise ToolError(
            f"{pictures} has {len(labelled)} labelled pictures; "
            f"{REFERENCE_PICTURES + MIN_NULL} are needed"
        )
    out.mkdir(parents=True, exist_ok=True)
    loaded = load_bundle(bundle)
    detector = Detector.load(loaded, threads=threads)
    null = labelled[REFERENCE_PICTURES:]
    sets = {"reference": labelled[:REFERENCE_PICTURES], "null": null}
    shifts = [(each, strength) for each in PLANTED for strength in strengths]
    total = len(labelled) + len(shifts) * len(null[:shifted])
    with tqdm(total=total, unit="picture", disable=None) as progress:
        for name, chosen in sets.items():
            path = out / f"{name}.jsonl"
            if path.exists():
                progress.update(len(chosen))
                continue
            records = []
            for index, picture in enumerate(chosen):
                data = picture.path.read_bytes()
                records.append(record_picture(detector, picture, data, f"{name}-{index:05d}"))
                progress.update()
            _write(path, records)
        for corruption, strength in shifts:
            path = out / f"{corruption.name}@{strength}.jsonl"
            if path.exists():
                progress.update(len(null[:shifted]))
                continue
            planted = plant(
                loaded,
                detector,
                null[:shifted],
                corruption,
                corruption.strengths[strength],
                on_picture=progress.update,
            )
            _write(path, planted.records)


def _write(path: Path, records: Iterable[PredictionRecord]) -> None:
    lines = [json.dumps({"record": json.loads(record.to_json())}) for record in records]
    path.with_suffix(".part").write_text("\n".join(lines) + "\n")
    path.with_suffix(".part").replace(path)


def main(argv: list[str] | None = None) -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(
        prog="scripts/run plant",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pictures", type=Path, help="a folder of labelled pictures")
    parser.add_argument("--out", type=Path, default=Path("out/planted"))
    parser.add_argument("--bundle", type=Path, default=ROOT / "handler" / "model")
    parser.add_argument("--shifted", type=int, default=200, help="pictures of each shift")
    parser.add_argument("--strengths", default="0,1,2", help="such as 1 for the medium ones alone")
    options = parser.parse_args(argv)
    with exit_on_error("plant"):
        plant_folder(
            options.pictures,
            options.out,
            bundle=options.bundle,
            shifted=options.shifted,
            strengths=[int(each) for each in options.strengths.split(",")],
            threads=os.cpu_count() or 1,
        )


if __name__ == "__main__":
    main()
