"""A progress bar on stderr, by tqdm where it is installed: Lambda and the demo do without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class ProgressBar(Protocol):
    """What a bar can do."""

    total: float | None

    def update(self, n: float = 1) -> object:
        """Count `n` more as done."""

    def refresh(self) -> object:
        """Draw it again, such as after its total changed."""


def progress_bar(total: int | None, unit: str) -> AbstractContextManager[ProgressBar]:
    """A bar of `total` units, on a terminal only."""
    try:
        from tqdm import tqdm
    except ImportError:
        return _NoBar(total)
    bar: AbstractContextManager[ProgressBar] = tqdm(
        total=total, unit=f" {unit}", unit_scale=True, disable=None
    )
    return bar


@contextmanager
def progress_of(unit: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar that is told how many are done, and of how many, which is None while nobody knows."""
    with progress_bar(None, unit) as bar:
        last = 0

        def show(done: int, total: int | None) -> None:
            nonlocal last
            bar.total = total
            bar.update(done - last)
            last = done

        yield show


class _NoBar:
    def __init__(self, total: float | None) -> None:
        self.total = total

    def __enter__(self) -> _NoBar:
        return self

    def __exit__(self, *error: object) -> None: ...

    def update(self, n: float = 1) -> object: ...

    def refresh(self) -> object: ...
