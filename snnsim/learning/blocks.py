"""Images that are answered in blocks, on as many threads as there are cores: threads change nothing that is computed."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from snnsim._cores import cores, in_parallel

__all__ = ["in_blocks"]


def in_blocks(
    work: Callable[[int, int, NDArray[np.int64]], None], n: int, block: int, n_counts: int, threads: int | None
) -> NDArray[np.int64]:
    """Call ``work(first, last, counts)`` for blocks of ``block`` images of ``n``; return the sum of their counts, (n_counts,).

    threads : at least 1; None: one per core
    """
    counts = np.zeros((-(-n // block), n_counts), np.int64)
    ranges = [(first, min(first + block, n)) for first in range(0, n, block)]
    in_parallel(lambda first, last: work(first, last, counts[first // block]), ranges, threads or cores())
    return np.asarray(counts.sum(axis=0))
