"""What a training is started with, and whether a run may be resumed with it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scripts.tool import ToolError

DEFAULT_MINUTES = 60  # of a run without --steps, --epochs or --minutes
MAX_STEPS = 20_000  # of a run without --steps
# These must be the same when a run is resumed.
RESUMED_SETTINGS = (
    "data", "val", "held_out", "model", "size", "batch", "rate", "seed", "any_orientation", "init",
    "pretrained",
)  # fmt: skip
# Peak learning rates of AdamW: from nothing, and from weights. torchvision's models diverge sooner.
RATES = {
    "ross.efficientdet": (3e-3, 1e-3),
    "torchvision.retinanet": (2e-4, 1e-4),
    "torchvision.faster_rcnn": (2e-4, 1e-4),
    "ultralytics.yolov5": (2e-3, 1e-3),
}
CROP_FAMILY = "ross.efficientdet"


@dataclass(frozen=True)
class TrainOptions:
    """The command's options, under the names that settings.json has.

    data, val: VOC or COCO folder, or COCO file; without val a fraction held_out of data is kept for
    validation. model: FAMILY:BACKBONE. size: side of the model's input, px. crop: side of the crops
    to train on, px, None for whole pictures. rate: peak learning rate, None for the family's. init:
    a checkpoint to start from. pretrained: a file of weights to start from, True for the published
    ones. loaders: processes that prepare crops.
    """

    data: Path
    val: Path | None
    held_out: float
    out: Path
    model: str
    size: int
    crop: int | None
    batch: int
    rate: float | None
    steps: int | None
    epochs: float | None
    minutes: float | None
    init: Path | None
    pretrained: Path | Literal[True] | None
    resume: bool
    any_orientation: bool
    evaluate_every: int
    save_minutes: float
    seed: int
    threads: int | None
    loaders: int

    @property
    def family(self) -> str:
        return self.model.partition(":")[0]

    @property
    def backbone(self) -> str:
        return self.model.partition(":")[2]

    @property
    def checkpoint_path(self) -> Path:
        return self.out / "checkpoint.pth"

    @property
    def state_path(self) -> Path:
        """What a resume needs."""
        return self.out / "state.pt"

    @property
    def metrics_path(self) -> Path:
        """A line of figures for every evaluation; curves.png is drawn beside it."""
        return self.out / "metrics.jsonl"

    @property
    def settings_path(self) -> Path:
        return self.out / "settings.json"

    @property
    def held_out_path(self) -> Path:
        """The pictures kept from training, for evaluate."""
        return self.out / "held-out.json"

    def check(self) -> None:
        """Raises ToolError for values that exclude each other or are out of range."""
        steps = 1 if self.steps is None else self.steps
        if min(self.size, self.batch, steps, self.evaluate_every) < 1:
            raise ToolError("--size, --batch, --steps and --evaluate-every must be 1 or more")
        if self.crop and (self.resume or self.val or self.epochs):
            raise ToolError("--crop has no --resume, --val or --epochs; leave them out")
        if self.crop and self.family != CROP_FAMILY:
            raise ToolError(f"--crop trains {CROP_FAMILY} only, not {self.family}; leave it out")
        if self.init and self.pretrained:
            raise ToolError("--init and --pretrained both say where to start; give one of them")
        if self.rate is not None and not self.rate > 0:
            raise ToolError("--rate must be above 0")
        if not self.crop and self.batch < 2:
            raise ToolError("--batch must be 2 or more: BatchNorm takes statistics over a batch")
        if not 0 <= self.held_out < 1:
            raise ToolError("--held-out must be from 0 to under 1")

    def with_defaults(self) -> TrainOptions:
        """The same with the default limits and learning rate where none is set."""
        rate = self.rate
        if rate is None:
            from_nothing, from_weights = RATES.get(self.family, RATES[CROP_FAMILY])
            rate = from_weights if self.pretrained else from_nothing
        if self.steps is not None:
            return dataclasses.replace(self, rate=rate)
        minutes = self.minutes
        if self.epochs is None and minutes is None:
            minutes = DEFAULT_MINUTES
        return dataclasses.replace(self, rate=rate, steps=MAX_STEPS, minutes=minutes)

    def to_json(self) -> str:
        """The text of settings.json."""
        return json.dumps(self._settings(), indent=2) + "\n"

    def check_resumes(self) -> None:
        """Raises ToolError where the run in `out` began with other settings."""
        try:
            before = json.loads(self.settings_path.read_text())
        except ValueError:
            raise ToolError(
                f"{self.settings_path}: not JSON; train anew without --resume"
            ) from None
        now = self._settings()
        changed = [name for name in RESUMED_SETTINGS if before.get(name) != now[name]]
        if changed:
            former = " and ".join(_format_option(name, before.get(name)) for name in changed)
            raise ToolError(
                f"the run to resume began {former}; give the same, or leave out --resume"
            )

    def _settings(self) -> dict[str, object]:
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in dataclasses.asdict(self).items()
        }


def _format_option(name: str, value: object) -> str:
    option = f"--{name.replace('_', '-')}"
    if value is None or value is False:
        return f"without {option}"
    return f"with {option}" if value is True else f"with {option} {value}"
