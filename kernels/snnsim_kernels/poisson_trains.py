"""Poisson spike trains of many inputs at once, drawn spike by spike instead of step by step."""

import math
from typing import Any

import numpy as np

from ._jit import jit
from .random import fill_row, open_uniform

__all__ = ["WORDS", "poisson_trains"]

WORDS = 512
"""How many random words are drawn at a time."""


@jit()
def poisson_trains(
    brightness: Any, rate: Any, n_steps: Any, seed: Any, number: Any, attempt: Any, purpose: Any, words: Any, first: Any,
    following: Any, inputs: Any,
) -> Any:  # fmt: skip
    """Draw a spike train for each input, with probability rate * brightness (float) in each step; return the number of spikes.

    Spike q is of input inputs[q]; first[t] is the first of step t, following[q] the next of the same step, -1 none, in ascending
    order of inputs; ``words``, uint32 (WORDS,), is scratch. The random numbers
    belong to seed, ``number`` of the image, ``attempt`` and ``purpose``.
    """
    first[:n_steps] = -1
    used, drawn, k = WORDS, 0, 0
    for j in range(brightness.size - 1, -1, -1):
        p = rate * brightness[j]
        if p <= 0:
            continue
        # Steps without a spike before the next one: geometric.
        scale = 1.0 / math.log1p(-min(p, 0.999))
        t = np.int64(-1)
        while True:
            if used == WORDS:
                fill_row(words, WORDS, drawn, seed, number, attempt, purpose)
                drawn += WORDS
                used = 0
            gap = math.log(open_uniform(words[used])) * scale
            used += 1
            if gap >= n_steps - 1 - t:
                break
            t += 1 + np.int64(gap)
            inputs[k] = j
            following[k] = first[t]
            first[t] = k
            k += 1
    return k
