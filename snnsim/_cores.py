"""How many cores there are to use, and how work is spread over them."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["cores", "in_parallel"]


def cores() -> int:
    """Return the number of cores that this process may use, which a container or ``taskset`` may limit."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_parallel(work: Callable[[int, int], None], ranges: Iterable[tuple[int, int]], threads: int) -> None:
    """Call ``work(first, last)`` for each range, on so many threads; useful where ``work`` releases the GIL."""
    todo = list(ranges)
    if threads == 1 or len(todo) < 2:
        for first, last in todo:
            work(first, last)
        return
    pool = ThreadPoolExecutor(threads)
    try:
        for future in [pool.submit(work, first, last) for first, last in todo]:
            future.result()
    finally:
        # After an error or Ctrl-C, what has not begun is not begun.
        pool.shutdown(cancel_futures=True)
