"""What the comparison found, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.load.machine import Usage
from scripts.bench.peers.peers import Peer
from scripts.paths import ROOT

FLOAT_BUNDLE = ROOT / "tests" / "golden" / "microalgae-float"
DEFAULT_BUNDLE = ROOT / "handler" / "model"
MAX_DIFFERENCE = 0.1  # of the reference's count


@dataclass(frozen=True)
class Plan:
    """What is measured, and how often.

    names: of peers, empty for all. picture: a JPEG, None for the default one. labelled: a folder of
    labelled pictures, or None. starts: of each peer, after one that does not count. rounds: in
    which the peers take turns; a peer's turn is `requests` requests, or as many as `turn_s` seconds
    take. busy_rounds: turns of `busy_s` seconds with `clients` clients at once.
    """

    names: tuple[str, ...] = ()
    picture: Path | None = None
    labelled: Path | None = None
    starts: int = 3
    rounds: int = 25
    requests: int = 4
    turn_s: float = 1.0
    busy_rounds: int = 3
    busy_s: float = 1.5
    clients: int = 4


@dataclass(frozen=True)
class Accuracy:
    """On labelled pictures. count_error: of the cells, as scripts.model.evaluate counts it."""

    pictures: int
    f1: float
    count_error: float


@dataclass(frozen=True)
class Agreement:
    """A peer's boxes against Icebox's own of the float model, on the measured picture.

    f1: of boxes that overlap one of the other side by an IoU of 0.5.
    """

    count: int
    reference_count: int
    f1: float

    @property
    def is_alike(self) -> bool:
        """Whether the counts differ by a tenth at most, or by one: everybody resizes in an own
        way."""
        difference = abs(self.count - self.reference_count)
        return difference <= max(1.0, MAX_DIFFERENCE * self.reference_count)


@dataclass(frozen=True)
class Measured:
    """One peer's figures. A peer's list has a value for each round, so that lists of two peers can
    be compared round by round.

    first_s: from its start to its first answer. round_ms: medians of the turns. requests: all of
    them; p50_ms, p99_ms over all. per_s: answers a second with one client. busy_per_s: with
    several at once, None on Lambda, where each would have an environment of its own. cpu_ms: CPU
    time of an answer. memory_mb: of its processes together, after all that.
    """

    peer: Peer
    first_s: tuple[float, ...]
    round_ms: tuple[float, ...]
    requests: int
    p50_ms: float
    p99_ms: float
    per_s: float
    busy_per_s: float | None
    cpu_ms: float
    memory_mb: float
    agreement: Agreement
    accuracy: Accuracy | None


@dataclass(frozen=True)
class Comparison:
    """A whole run. missing: why a peer has no figures, by its title. versions: of packages, by
    peer. picture: its name, width, height and bytes. cores: of services and clients."""

    measured: Sequence[Measured]
    missing: Mapping[str, str]
    versions: Mapping[str, str]
    plan: Plan
    picture: tuple[str, int, int, int]
    cores: tuple[int | None, int | None]
    usage: Usage
    seconds: float
    is_default_float: bool

    def find(self, name: str) -> Measured | None:
        return next((one for one in self.measured if one.peer.name == name), None)
