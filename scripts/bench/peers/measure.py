"""Measures all peers in one run: they take turns, so that a busy moment of the machine meets all.

First each is started several times. Those of the last round stay, and are then asked in rounds,
one client at a time, and afterwards by several at once. A peer that fails is named with the reason
and left out; the others go on.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from handler.bundle.files import load_bundle
from scripts.bench.load.figures import percentile
from scripts.bench.load.machine import Watch, cpu_s, pinned
from scripts.bench.peers.accuracy import compare, find_reference, measure_accuracy
from scripts.bench.peers.client import ask_at_once, take_turn
from scripts.bench.peers.environments import ensure_environment
from scripts.bench.peers.peers import Peer
from scripts.bench.peers.pictures import Picture
from scripts.bench.peers.processes import choose_cores, memory_mb
from scripts.bench.peers.result import (
    DEFAULT_BUNDLE,
    FLOAT_BUNDLE,
    Accuracy,
    Agreement,
    Comparison,
    Measured,
    Plan,
)
from scripts.bench.peers.running import Model, Running, start
from scripts.bench.peers.versions import read_versions
from scripts.model.dataset import LabelledPicture
from scripts.tool import ToolError


@dataclass
class _Candidate:
    """A peer on its way through the run: what is measured of it so far."""

    peer: Peer
    python: Path
    model: Model
    running: Running | None = None
    first_s: list[float] = field(default_factory=list)
    turns: list[tuple[float, ...]] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    answer: bytes = b""
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    accuracy: Accuracy | None = None


class _Run:
    """The candidates that are left, and why others are not."""

    def __init__(self, plan: Plan, picture: Picture, folder: Path, steps: int) -> None:
        self.plan, self.picture, self.folder = plan, picture, folder
        self.candidates: list[_Candidate] = []
        self.missing: dict[str, str] = {}
        self.server_core, self.client_core = choose_cores()
        self.bar = tqdm(total=steps, desc="peers", unit="turn", disable=None)

    @contextmanager
    def step(self, peer: Peer, what: str) -> Iterator[None]:
        """A part of a peer's measurement: if it fails, the peer is left out."""
        self.bar.set_postfix_str(f"{peer.name}, {what}")
        try:
            yield
        except ToolError as error:
            self.leave_out(peer, str(error))
        self.bar.update()

    def leave_out(self, peer: Peer, reason: str) -> None:
        self.missing[peer.title] = reason
        for candidate in [each for each in self.candidates if each.peer is peer]:
            self.candidates.remove(candidate)
            if candidate.running:
                candidate.running.end()

    def end(self) -> None:
        for candidate in self.candidates:
            if candidate.running:
                candidate.running.end()
        self.bar.close()


def measure_peers(
    peers: Sequence[Peer],
    plan: Plan,
    picture: Picture,
    labelled: Sequence[LabelledPicture],
    folder: Path,
) -> Comparison:
    """Measure the peers. folder: for logs and temporary files. Raises ToolError where none is
    left, and what a bundle or picture raises."""
    float_model = _model(FLOAT_BUNDLE)
    shipped = _model(DEFAULT_BUNDLE)
    is_default_float = _checksum(FLOAT_BUNDLE) == _checksum(DEFAULT_BUNDLE)
    if is_default_float:  # the rows would be the same ones
        peers = [peer for peer in peers if not (peer.is_icebox and peer.is_extra)]
    reference = find_reference(FLOAT_BUNDLE, picture.content)
    turns = plan.starts + 1 + plan.rounds + plan.busy_rounds + (1 if labelled else 0)
    run = _Run(plan, picture, folder, turns * len(peers))
    started, watch = time.monotonic(), Watch()
    try:
        for peer in peers:
            try:
                python = ensure_environment(peer.environment)
            except ToolError as error:
                run.leave_out(peer, str(error))
                continue
            model = shipped if peer.has_default_model else float_model
            run.candidates.append(_Candidate(peer, python, model))
        with pinned(run.client_core):
            _start_all(run)
            _take_turns(run)
            _ask_at_once(run)
            for each in run.candidates:
                assert each.running
                each.memory_mb = memory_mb(each.running.pid)
            if labelled:
                _ask_labelled(run, labelled)
        usage = watch.usage()
        if not run.candidates:
            reasons = "; ".join(f"{title}: {reason}" for title, reason in run.missing.items())
            raise ToolError(f"no peer could be measured ({reasons})")
        measured = []
        for each in list(run.candidates):
            with run.step(each.peer, "reading its answer"):
                assert each.running
                found = each.running.read(each.answer)
                measured.append(_summarize(each, compare(found, reference)))
    finally:
        run.end()
    return Comparison(
        measured=measured,
        missing=run.missing,
        versions={each.peer.title: read_versions(each.python) for each in run.candidates},
        plan=plan,
        picture=(picture.name, picture.width, picture.height, len(picture.content)),
        cores=(run.server_core, run.client_core),
        usage=usage,
        seconds=time.monotonic() - started,
        is_default_float=is_default_float,
    )


def _start_all(run: _Run) -> None:
    """The first start of each does not count: it compiles what it imports, and fills the page
    cache."""
    for number in range(run.plan.starts + 1):
        is_last = number == run.plan.starts
        for each in list(run.candidates):
            with run.step(each.peer, "start"):
                folder = run.folder / each.peer.name
                shutil.rmtree(folder / "tmp", ignore_errors=True)
                content = run.picture.content
                running = start(
                    each.peer, each.python, each.model, content, folder, run.server_core
                )
                if is_last:
                    each.running = running
                else:
                    running.end()
                if number:
                    each.first_s.append(running.first_s)


def _take_turns(run: _Run) -> None:
    plan = run.plan
    for _ in range(plan.rounds):
        for each in list(run.candidates):
            with run.step(each.peer, "one client"):
                assert each.running
                before = cpu_s([each.running.pid])
                with each.running.connect() as ask:
                    turn = take_turn(ask, run.picture.content, plan.requests, plan.turn_s)
                each.cpu_s += cpu_s([each.running.pid]) - before
                each.turns.append(turn.seconds)
                each.answer = turn.answers[-1]


def _ask_at_once(run: _Run) -> None:
    plan = run.plan
    for _ in range(plan.busy_rounds):
        for each in list(run.candidates):
            with run.step(each.peer, f"{plan.clients} clients"):
                assert each.running
                if not each.peer.is_on_lambda:
                    content = run.picture.content
                    each.busy.append(ask_at_once(each.running, content, plan.clients, plan.busy_s))


def _ask_labelled(run: _Run, labelled: Sequence[LabelledPicture]) -> None:
    for each in list(run.candidates):
        with run.step(each.peer, "labelled pictures"):
            assert each.running
            with each.running.connect() as ask:
                answers = [ask(picture.path.read_bytes()).answer for picture in labelled]
            founds = [each.running.read(answer) for answer in answers]
            each.accuracy = measure_accuracy(founds, labelled)


def _summarize(each: _Candidate, agreement: Agreement) -> Measured:
    seconds = [value for turn in each.turns for value in turn]
    return Measured(
        peer=each.peer,
        first_s=tuple(each.first_s),
        round_ms=tuple(1000 * statistics.median(turn) for turn in each.turns),
        requests=len(seconds),
        p50_ms=1000 * statistics.median(seconds),
        p99_ms=1000 * percentile(seconds, 0.99),
        per_s=len(seconds) / sum(seconds),
        busy_per_s=statistics.median(each.busy) if each.busy else None,
        cpu_ms=1000 * each.cpu_s / len(seconds),
        memory_mb=each.memory_mb,
        agreement=agreement,
        accuracy=each.accuracy,
    )


def _model(bundle_dir: Path) -> Model:
    return Model(bundle_dir, load_bundle(bundle_dir).manifest.thresholds.score)


def _checksum(bundle_dir: Path) -> str:
    return load_bundle(bundle_dir).manifest.sha256
