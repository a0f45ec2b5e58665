"""What the prediction log asks of a way that records take to where they are kept.

A delivery tries once and tells what became of each record. The log calls it after the response,
tries again where that may help, and prints at last what no delivery takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from handler.records.record import PredictionRecord

CONNECT_S, READ_S = 1.0, 2.0  # the longest that one try takes


class UnavailableError(Exception):
    """A record was not taken but may be taken soon: a timeout, a throttle, a 5xx."""


class Delivery(Protocol):
    """One way of records to where they are kept."""

    @property
    def most(self) -> int:
        """The most records that `send` is given at once."""

    def send(self, records: Sequence[PredictionRecord]) -> Sequence[Exception | None]:
        """Try once to deliver the first record, and as many behind it as fit into one request.

        Returns what became of each record that was tried, in their order: None for a delivered one,
        UnavailableError where another try may help, any other exception for a refusal.
        """
