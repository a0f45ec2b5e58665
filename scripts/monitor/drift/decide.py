"""Has anything changed? The window's permutation test and the martingale, at one error together.

The permutation test is the stronger one for a window as a whole and for its halves and quarters;
the martingale sees a change with the record that makes it evident, and says when that was. Each
spends its share of `level`, so that a window in which nothing changed raises an alarm, over all
properties and both tests, with a probability of at most `level`. With levels.DAILY_LEVEL a
monitor that looks once a day has at most one false alarm a year, however its windows overlap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.monitor.drift.columns import Columns, comparable_columns
from scripts.monitor.drift.effects import shift_of
from scripts.monitor.drift.levels import DAILY_LEVEL
from scripts.monitor.drift.martingale import run_martingale
from scripts.monitor.drift.permutation import compare
from scripts.monitor.drift.sample import Sample, draw_sample
from scripts.monitor.drift.seasons import find_seasons
from scripts.monitor.result import ChangeDecision, PropertyShift
from scripts.records.observations import Observations

MARTINGALE_SHARE = 0.2  # of the level; the permutation test has the rest
MIN_RECORDS = 20  # different pictures of the window
MIN_REFERENCE = 50
TEST_LIMIT = 2_000  # records of each side in the permutation test
MARTINGALE_LIMIT = 4_000  # of the window


def decide(
    reference: Observations, window: Observations, *, level: float = DAILY_LEVEL, seed: int = 0
) -> ChangeDecision:
    """Compare a window's predictions with a reference's. Rejections, repeated pictures and
    properties that one side does not know are left out; notes say what was.

    Below MIN_RECORDS pictures nothing is decided: is_changed is False, the p-value 1, and the
    first note says so (`is_decidable`).
    """
    before = draw_sample(reference, TEST_LIMIT)
    after = draw_sample(window, MARTINGALE_LIMIT)
    notes = list(_sample_notes(before, after))
    limit = 1 / (level * MARTINGALE_SHARE)
    if len(before) < MIN_REFERENCE or len(after) < MIN_RECORDS:
        few = (
            f"Too few to decide: {len(after)} different pictures in the window, of {MIN_RECORDS} "
            f"needed, and {len(before)} in the reference, of {MIN_REFERENCE}."
        )
        return ChangeDecision(False, level, 1.0, 1.0, limit, None, (), (few, *notes))

    seasons = find_seasons(before.rows, after.rows)
    if seasons.note:
        notes.append(seasons.note)
    rows, strata = after.rows, seasons.strata
    reference_rows = before.rows
    if strata is not None:
        known = strata >= 0
        if missing := int((~known[len(before) :]).sum()):
            notes.append(
                f"{missing} records are of hours or weekdays that the reference hardly knows; "
                "they are left out."
            )
        reference_rows = reference_rows.select(known[: len(before)])
        rows = rows.select(known[len(before) :])
        strata = strata[known]
    if len(rows) < MIN_RECORDS:
        few = f"Too few to decide: {len(rows)} pictures are of hours that the reference knows."
        return ChangeDecision(False, level, 1.0, 1.0, limit, None, (), (few, *notes))

    columns = comparable_columns(reference_rows, rows)
    if unknown := _properties_of_one_side(reference_rows, rows, columns):
        notes.append(
            f"{unknown} properties are not compared: too few records of one side know them, as "
            "those of prediction/1."
        )
    martingale = run_martingale(columns.reference, columns.window, strata)
    crossed = martingale.first_at(limit)

    tested = _evenly(len(rows), TEST_LIMIT)
    chosen = (
        None
        if strata is None
        else np.concatenate([strata[: len(reference_rows)], strata[len(reference_rows) :][tested]])
    )
    test = compare(columns.reference, columns.window[tested], chosen, seed=seed)
    is_changed = test.p_value <= level * (1 - MARTINGALE_SHARE) or crossed is not None
    return ChangeDecision(
        is_changed=is_changed,
        level=level,
        window_p_value=test.p_value,
        martingale=martingale.largest,
        martingale_limit=limit,
        alarm_time=None if crossed is None else format_time(rows.facts["time"][crossed]),
        shifts=_shifts(columns, test.property_p_values),
        notes=tuple(notes),
    )


def is_decidable(decision: ChangeDecision) -> bool:
    """Whether there were enough records to decide."""
    return not (decision.notes and decision.notes[0].startswith("Too few to decide"))


def format_time(time: np.datetime64) -> str:
    """RFC 3339, UTC, ms."""
    return f"{np.datetime_as_string(time, unit='ms')}Z"


def _evenly(count: int, limit: int) -> NDArray[np.int64]:
    """Indices, ascending, of at most `limit` of `count` rows."""
    if count <= limit:
        return np.arange(count)
    return np.linspace(0, count - 1, limit).astype(np.int64)


def _shifts(columns: Columns, p_values: NDArray[np.float64]) -> tuple[PropertyShift, ...]:
    shifts = []
    for index, name in enumerate(columns.names):
        before, after, effect = shift_of(columns.reference[:, index], columns.window[:, index])
        shifts.append(PropertyShift(name, before, after, effect, float(p_values[index])))
    return tuple(sorted(shifts, key=lambda shift: (-abs(shift.effect), shift.name)))


def _properties_of_one_side(reference: Observations, window: Observations, columns: Columns) -> int:
    """How many properties are not compared though one of the sides knows them well."""
    known = [
        {name for name, column in side.properties.items() if np.isfinite(column).mean() > 0.5}
        for side in (reference, window)
    ]
    return len((known[0] ^ known[1]) - set(columns.names))


def _sample_notes(before: Sample, after: Sample) -> list[str]:
    notes = []
    if after.repeats:
        notes.append(f"{after.repeats} records repeat a picture; each picture counts once.")
    if after.stride > 1:
        notes.append(
            "Pictures come in bursts that are alike: one of "
            f"{after.stride} that follow each other is compared."
        )
    if before.stride > 1:
        notes.append(
            f"The reference's pictures come in bursts, too: one of {before.stride} is compared."
        )
    return notes
