"""The options of a quantisation, and their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CALIBRATION_PICTURES = 32
MAX_LOSS = 1.0  # points of AP50
TIMED_ROUNDS = 41


@dataclass(frozen=True)
class QuantizeOptions:
    """One float bundle to convert.

    calibration_dir: pictures for int8; None converts the weights to float16 instead.
    evaluation_dirs: labelled pictures to measure AP50 on. anyway: write the bundle even where it is
    not worth keeping. command: how the user called the tool, for the manifest's provenance.
    """

    bundle_dir: Path
    out_dir: Path
    calibration_dir: Path | None
    evaluation_dirs: tuple[Path, ...]
    max_calibration_pictures: int = CALIBRATION_PICTURES
    max_loss: float = MAX_LOSS
    rounds: int = TIMED_ROUNDS
    reduce_range: bool = False
    anyway: bool = False
    command: str = "python -m scripts.model.quantize"
