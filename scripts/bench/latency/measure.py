"""Measures every picture in one process: the handler's calls, the floor and the network, in turn.

They take turns so that whatever else the machine does disturbs all of them alike. The process is
the function's: settings are read from its environment, and the log goes nowhere.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from handler.bundle.files import load_bundle
from scripts.bench.latency.floor import FLOOR_STEPS, Network, floor_of
from scripts.bench.latency.pictures import MeasuredPicture
from scripts.bench.latency.steps import AFTER, STEPS, time_call
from scripts.local.http_event import HttpRequest, to_http_api
from scripts.local.invoke import Context, load_function
from scripts.tool import ToolError

WARM_UPS = 3


@dataclass
class PictureTimes:
    """Milliseconds of every run on one picture, by step: STEPS, `total`, AFTER; and of the floor
    beside each of them."""

    name: str
    threads: int
    steps: dict[str, list[float]] = field(default_factory=dict)
    floor: dict[str, list[float]] = field(default_factory=dict)

    def ratios(self) -> list[float]:
        """The handler's total over the floor beside it, of each run."""
        floors = zip(*(self.floor[step] for step in FLOOR_STEPS), strict=True)
        return [
            total / sum(floor) for total, floor in zip(self.steps["total"], floors, strict=True)
        ]


def measure(
    bundle: Path, threads: int, pictures: Sequence[MeasuredPicture], runs: int
) -> list[PictureTimes]:
    """Measure in this process, which has loaded nothing of the handler yet, and ends with it.

    Raises ToolError for a picture that the function does not answer, BundleError, SettingsError.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the function's log and metrics
    with tempfile.TemporaryDirectory() as log:
        os.environ |= {
            "MODEL_DIR": str(bundle.resolve()),
            "ORT_THREADS": str(threads),
            "PREDICTION_LOG": Path(log).as_uri(),
            "CAPTURE_RATE": "",
            "API_KEY_SHA256": "",
        }
        return _measure(bundle, threads, pictures, runs)


def _measure(
    bundle: Path, threads: int, pictures: Sequence[MeasuredPicture], runs: int
) -> list[PictureTimes]:
    function = load_function()
    loaded = load_bundle(bundle)
    network = Network(str(loaded.onnx_path), threads)
    times, work = [], []
    for picture in pictures:
        request = HttpRequest("POST", "/v1/detect", (), picture.image_bytes)
        event = to_http_api(request)
        first = time_call(function.handler, event, Context())
        if "run" not in first.used:
            _, _, answer = first.used["answer"]
            raise ToolError(f"{picture.name}: the function answers {answer['body']}")
        body = base64.b64encode(picture.image_bytes).decode()
        work.append((event, floor_of(first, body, loaded.manifest)))
        times.append(PictureTimes(picture.name, threads))
    label = f"{threads} thread{'s' if threads > 1 else ''}"
    for number in tqdm(range(-WARM_UPS, runs), desc=label, unit="run", disable=None):
        for (event, floor), each in zip(work, times, strict=True):
            floor_taken = floor.run()
            call = time_call(function.handler, event, Context())
            taken = call.taken
            taken["network"] = network.run(floor.feeds["image"])
            taken["NMS"] = floor_taken["run"] - taken["network"]
            taken["below"] = taken["run"] - floor_taken["run"]
            if number < 0:
                continue
            for step in (*STEPS, "total", *AFTER):
                each.steps.setdefault(step, []).append(taken.get(step, 0.0) * 1000)
            for step in FLOOR_STEPS:
                each.floor.setdefault(step, []).append(floor_taken[step] * 1000)
    return times
