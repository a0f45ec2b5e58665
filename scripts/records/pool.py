"""Reads chunks in processes of their own where that is possible, and here where it is not."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

from scripts.records.chunk import Chunk, Part, read_chunk
from scripts.records.source import Source
from scripts.tool import ToolError

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

MAX_PROCESSES = 8  # each takes up to a quarter of a gigabyte
_WORTH_IT = 3  # chunks; fewer are read before a process has started


def read_chunks(
    source: Source, chunks: Iterable[Chunk], processes: int | None
) -> Iterator[tuple[Chunk, Part]]:
    """Read chunks, and give each with what it held, in their order.

    Few chunks are asked for ahead. processes: None takes one for each CPU. Raises ToolError where a
    process ends without an answer.
    """
    wanted = processes or min(_cpus(), MAX_PROCESSES)
    rest = iter(chunks)
    first = list(islice(rest, _WORTH_IT if wanted > 1 else 0))
    pool = _make_pool(wanted) if wanted > 1 and len(first) == _WORTH_IT else None
    if pool is None:
        for chunk in chain(first, rest):
            yield chunk, read_chunk(chunk, source)
        return
    from concurrent.futures.process import BrokenProcessPool

    try:
        pending: deque[tuple[Chunk, Future[Part]]] = deque()
        for chunk in chain(first, rest):
            pending.append((chunk, pool.submit(read_chunk, chunk)))
            if len(pending) > 2 * wanted:
                done, future = pending.popleft()
                yield done, future.result()
        while pending:
            done, future = pending.popleft()
            yield done, future.result()
    except BrokenProcessPool:
        raise ToolError(
            "a process that reads records ended, perhaps for want of memory; read with fewer "
            "processes"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _make_pool(processes: int) -> ProcessPoolExecutor | None:
    """None where there are no semaphores, as in Lambda, which has no /dev/shm."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    try:
        return ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
    except (OSError, ImportError, NotImplementedError):
        return None


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
