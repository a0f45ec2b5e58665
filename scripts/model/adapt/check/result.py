"""What --check found out: the readings that were tried, and the one that the bundle gets."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.model.adapt.check.decision import CheckDecision
from scripts.model.adapt.check.pictures import CheckPicture
from scripts.model.adapt.check.trial import VariantTrial


@dataclass(frozen=True, eq=False)
class CheckResult:
    """trials: the default's first. notes, warnings: sentences for the user.

    sheet_jpeg: the contact sheet.
    """

    pictures: tuple[CheckPicture, ...]
    trials: tuple[VariantTrial, ...]
    decision: CheckDecision
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    sheet_jpeg: bytes
