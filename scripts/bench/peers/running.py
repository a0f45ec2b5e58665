"""A peer that runs: it is started, asked, and ended."""

from __future__ import annotations

import contextlib
import http.client
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scripts.bench.load.environment import Environment, EnvironmentDiedError
from scripts.bench.load.function import emulator_command, function_env
from scripts.bench.peers.dialects import Dialect, Event, Found, RefusedError
from scripts.bench.peers.peers import SERVICES, TRAINING, Peer
from scripts.bench.peers.processes import Process, last_line
from scripts.local.ports import free_ports
from scripts.paths import ROOT
from scripts.tool import ToolError

START_S, ANSWER_S = 120.0, 120.0
POLL_S = 0.002  # between two tries to reach a service that starts
QUIET = {  # nobody calls home, and nothing is looked for on the network
    "ORT_DISABLE_TELEMETRY": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "NO_PROXY": "127.0.0.1,localhost",
}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ORT_THREADS": "1"}
CHECKPOINT = ROOT / "tests" / "golden" / "microalgae.pth"


class PeerError(ToolError):
    """What a peer does not do; the text says which, and what it printed."""


@dataclass(frozen=True)
class Model:
    """The bundle that a peer serves, and its score threshold."""

    folder: Path
    score_threshold: float


@dataclass(frozen=True)
class Timed:
    """An answer, and the seconds from the request to its last byte. On Lambda's emulator: to the
    function's answer, since the emulator holds it back until the extension is done."""

    answer: bytes
    seconds: float


Ask = Callable[[bytes], Timed]


class Running(Protocol):
    """A started peer. first_s: from its start to its first answer."""

    first_s: float

    @property
    def pid(self) -> int: ...
    def connect(self) -> contextlib.AbstractContextManager[Ask]: ...
    def read(self, answer: bytes) -> Found: ...
    def end(self) -> None: ...


def start(
    peer: Peer, python: Path, model: Model, picture: bytes, folder: Path, core: int | None
) -> Running:
    """Start a peer on a core, and wait for its first answer.

    picture: to ask with. folder: for its log and temporary files. Raises PeerError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kind = Function if peer.is_on_lambda else Server
    return kind(peer, python, model, picture, folder, core)


class Server:
    """A peer with an HTTP server of its own."""

    def __init__(
        self, peer: Peer, python: Path, model: Model, picture: bytes, folder: Path, core: int | None
    ) -> None:
        assert not isinstance(peer.dialect, Event)
        self._dialect = peer.dialect
        [self._port] = free_ports(1)
        command = [str(python), *(part.format(port=self._port) for part in peer.command)]
        place = ROOT if peer.is_icebox else SERVICES
        started = time.perf_counter()
        self._process = Process(
            command, _variables(peer, model, folder), place, folder / "log.txt", core
        )
        try:
            self._wait(picture, started + START_S)
        except BaseException:
            self.end()
            raise
        self.first_s = time.perf_counter() - started

    @property
    def pid(self) -> int:
        return self._process.pid

    @contextlib.contextmanager
    def connect(self) -> Iterator[Ask]:
        """A connection that is kept alive. What is asked raises PeerError."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_S)

        def ask(picture: bytes) -> Timed:
            started = time.perf_counter()
            try:
                answer = self._dialect.ask(connection, picture)
            except (OSError, http.client.HTTPException, RefusedError, LookupError) as error:
                raise self._failure(error) from None
            return Timed(answer, time.perf_counter() - started)

        with contextlib.closing(connection):
            try:
                connection.connect()
            except OSError as error:
                raise self._failure(error) from None
            yield ask

    def read(self, answer: bytes) -> Found:
        return _read(self._dialect, answer)

    def end(self) -> None:
        self._process.end()

    def _wait(self, picture: bytes, deadline: float) -> None:
        """Until it answers. Servers listen before they can, so that a refusal is no failure yet."""
        last: Exception | None = None
        while time.perf_counter() < deadline:
            if self._process.has_ended():
                raise self._failure("it ended at its start")
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_S)
            try:
                self._dialect.ask(connection, picture)
                return
            except (OSError, http.client.HTTPException, RefusedError) as error:
                last = error
                time.sleep(POLL_S if isinstance(error, ConnectionRefusedError) else 10 * POLL_S)
            finally:
                connection.close()
        raise self._failure(f"no answer within {START_S:.0f} s, the last failure was {last}")

    def _failure(self, what: object) -> PeerError:
        return _failure(what, self._process.log_path)


class Function:
    """A peer in Lambda's emulator, which takes one request at a time."""

    def __init__(
        self, peer: Peer, python: Path, model: Model, picture: bytes, folder: Path, core: int | None
    ) -> None:
        assert isinstance(peer.dialect, Event)
        self._event = peer.dialect
        command = emulator_command(str(python), *peer.command)
        env = function_env() | _variables(peer, model, folder)
        started = time.monotonic()
        self._environment = Environment(command, env, folder / "log.txt", core)
        try:
            invoked = self._environment.invoke(self._event.payload(picture))
            self.read(invoked.body)
        except EnvironmentDiedError:
            self.end()
            raise self._failure("its environment ended at its start") from None
        except BaseException:
            self.end()
            raise
        self.first_s = invoked.answered - started

    @property
    def pid(self) -> int:
        return self._environment.pid

    @contextlib.contextmanager
    def connect(self) -> Iterator[Ask]:
        payloads: dict[bytes, bytes] = {}  # making an event is API Gateway's work

        def ask(picture: bytes) -> Timed:
            if picture not in payloads:
                payloads[picture] = self._event.payload(picture)
            try:
                invoked = self._environment.invoke(payloads[picture])
            except EnvironmentDiedError:
                raise self._failure("its environment ended") from None
            return Timed(invoked.body, invoked.answered - invoked.started)

        yield ask

    def read(self, answer: bytes) -> Found:
        return _read(self._event, answer)

    def end(self) -> None:
        self._environment.end()

    def _failure(self, what: str) -> PeerError:
        return _failure(what, self._environment.log_path)


def _failure(what: object, log_path: Path) -> PeerError:
    log = f"{log_path.parent.name}/{log_path.name}"
    return PeerError(f"{what}; the last line of {log}: {last_line(log_path)}")


def _read(dialect: Dialect | Event, answer: bytes) -> Found:
    try:
        return dialect.read(answer)
    except (ValueError, LookupError, TypeError, RefusedError) as error:
        begins = answer[:200].decode(errors="replace")
        raise PeerError(f"not its answer ({error}): {begins}") from None


def _variables(peer: Peer, model: Model, folder: Path) -> dict[str, str]:
    """A peer's whole environment, without this process's own variables."""
    temporary = (folder / "tmp").resolve()
    temporary.mkdir(exist_ok=True)
    bare = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    variables = bare | QUIET | ONE_THREAD | dict(peer.env)
    variables |= {
        "MODEL_DIR": str(model.folder.resolve()),
        "TMPDIR": str(temporary),
        "BENTOML_HOME": str(temporary / "bentoml"),
        "GRADIO_TEMP_DIR": str(temporary / "gradio"),
        "PYTHONPATH": f"{SERVICES}:{ROOT}" if peer.environment == TRAINING else str(SERVICES),
    }
    if peer.is_icebox:
        records = temporary / "records"
        records.mkdir(exist_ok=True)
        variables |= {"PYTHONPATH": str(ROOT), "PREDICTION_LOG": records.as_uri()}
    if peer.environment == TRAINING:
        variables |= {
            "CHECKPOINT": str(CHECKPOINT),
            "SCORE_THRESHOLD": str(model.score_threshold),
        }
    return variables
