"""Coroutines in tests: beside Playwright, whose loop stays in the main thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result, by an event loop in a thread of its own."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(lambda: asyncio.run(coroutine)).result()
