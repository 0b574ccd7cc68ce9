"""Work in two threads at a time: Arrow, DuckDB and compression leave Python's lock, so two cores are used."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")
Done = TypeVar("Done")

AT_ONCE = 2


def abreast(work: Callable[[Item], Done], items: Iterable[Item]) -> Iterator[Done]:
    """The results of some work in the order of its items; a few are made ahead, never all, so that memory is bounded.

    Args:
        work: Runs in a thread.
        items: Taken one by one in the caller's thread.

    Raises:
        Exception: What the work raised, where its result would have come.
    """
    waiting: deque[object] = deque()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="abreast") as threads:
        try:
            for item in items:
                waiting.append(threads.submit(work, item))
                if len(waiting) > AT_ONCE:
                    yield waiting.popleft().result()  # type: ignore[attr-defined]
            while waiting:
                yield waiting.popleft().result()  # type: ignore[attr-defined]
        finally:
            for left in waiting:
                left.cancel()  # type: ignore[attr-defined]
