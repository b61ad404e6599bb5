"""How k traces of a spike train are read and raised at once, for any fixed k: as ``snnsim_kernels.traces`` does it on the CPU."""

import math
from functools import cache
from typing import Any

import numpy as np

from ..registry import PRECISIONS
from ._jit import device

__all__ = ["powers_of", "raiser", "reader"]


@cache
def reader(n: int) -> Any:
    """Return the function that reads n traces, ``stride`` apart, times a factor each, as a tuple."""
    if n == 0:

        def read(traces: Any, at: Any, stride: Any, factors: Any) -> Any:
            return ()

    elif n == 1:

        def read(traces: Any, at: Any, stride: Any, factors: Any) -> Any:
            return (traces[np.uint64(at)] * factors[0],)

    else:
        half = n // 2
        first, second = reader(half), reader(n - half)

        def read(traces: Any, at: Any, stride: Any, factors: Any) -> Any:
            return first(traces, at, stride, factors[:half]) + second(
                traces, at + half * stride, stride, factors[half:]
            )

    return device(read)


@cache
def raiser(n: int) -> Any:
    """Return the function that has a spike raise n traces."""
    if n == 0:

        def raised(traces: Any, at: Any, stride: Any, kept: Any, powers: Any) -> None:
            pass

    elif n == 1:

        def raised(traces: Any, at: Any, stride: Any, kept: Any, powers: Any) -> None:
            traces[np.uint64(at)] = kept[0] * traces[np.uint64(at)] + powers[0]

    else:
        half = n // 2
        first, second = raiser(half), raiser(n - half)

        def raised(traces: Any, at: Any, stride: Any, kept: Any, powers: Any) -> None:
            first(traces, at, stride, kept[:half], powers[:half])
            second(traces, at + half * stride, stride, kept[half:], powers[half:])

    return device(raised)


@cache
def powers_of(n: int, precision: str) -> Any:
    """Return the function that makes exp(age * rate) of n successive rates."""
    real = PRECISIONS[precision]
    if n == 0:

        def powers(rates: Any, o: Any, age: Any) -> Any:
            return ()

    elif n == 1:

        def powers(rates: Any, o: Any, age: Any) -> Any:
            return (real(math.exp(age * rates[o])),)

    else:
        half = n // 2
        first, second = powers_of(half, precision), powers_of(n - half, precision)

        def powers(rates: Any, o: Any, age: Any) -> Any:
            return first(rates, o, age) + second(rates, o + half, age)

    return device(powers)
