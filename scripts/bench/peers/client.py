"""Clients in a closed loop: each sends its next request when it has the answer to its last."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from scripts.bench.peers.running import Ask, Running


@dataclass(frozen=True)
class Turn:
    """What a client measured. seconds: of each request."""

    seconds: tuple[float, ...]
    answers: tuple[bytes, ...]


def take_turn(ask: Ask, picture: bytes, requests: int, limit_s: float) -> Turn:
    """Up to `requests` requests, the first one always, no new one after `limit_s` seconds."""
    deadline = time.perf_counter() + limit_s
    seconds, answers = list[float](), list[bytes]()
    while not seconds or (len(seconds) < requests and time.perf_counter() < deadline):
        timed = ask(picture)
        seconds.append(timed.seconds)
        answers.append(timed.answer)
    return Turn(tuple(seconds), tuple(answers))


def ask_at_once(running: Running, picture: bytes, clients: int, busy_s: float) -> float:
    """Answers a second with several clients, each on a connection of its own, for `busy_s` s.

    Each asks once at least. What a request under way at the end still brings counts, and so does
    its time. Raises what asking raises.
    """
    counts, failures = [0] * clients, list[BaseException]()
    starts, ends = list[float](), [0.0] * clients
    gate = threading.Barrier(clients, action=lambda: starts.append(time.perf_counter()))

    def loop(number: int) -> None:
        try:
            with running.connect() as ask:
                gate.wait()
                deadline = starts[0] + busy_s
                while (not counts[number] or time.perf_counter() < deadline) and not failures:
                    ask(picture)
                    counts[number] += 1
                    ends[number] = time.perf_counter()
        except BaseException as error:
            failures.append(error)
            gate.abort()

    threads = [threading.Thread(target=loop, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for failure in failures:
        if not isinstance(failure, threading.BrokenBarrierError):
            raise failure
    return sum(counts) / (max(ends) - starts[0])
