"""The kernels of one network, packed once.

Numba takes milliseconds to hand a tuple of functions to compiled code, at every call; a struct that holds them takes a microsecond.
The tuples have a fixed length, because their length is part of a type: one compiled run loop serves every network.
"""

from collections.abc import Sequence
from typing import Any

from numba import types
from numba.experimental import structref

from ._jit import jit

__all__ = ["KernelSet", "kernel_set"]

_SLOTS = 8


@structref.register
class KernelSetType(types.StructRef):  # type: ignore[misc, unused-ignore]
    """Numba's type of a KernelSet."""


class KernelSet(structref.StructRefProxy):  # type: ignore[misc, unused-ignore]
    """Update, reset and delivery kernels, each a tuple that the KIND and RESET columns index, and the filler of words."""


structref.define_proxy(KernelSet, KernelSetType, ["updates", "resets", "deliveries", "fillers"])


@jit()
def _pack(updates: Any, resets: Any, deliveries: Any, fillers: Any) -> Any:
    return KernelSet(updates, resets, deliveries, fillers)


def kernel_set(updates: Sequence[Any], resets: Sequence[Any], deliveries: Sequence[Any], filler: Any) -> Any:
    """Return a KernelSet of compiled kernels, at least one of each role; empty places hold the first of their role."""
    return _pack(*(_padded(list(kernels)) for kernels in (updates, resets, deliveries)), (filler,))


def _padded(kernels: list[Any]) -> tuple[Any, ...]:
    slots = -(-len(kernels) // _SLOTS) * _SLOTS
    return tuple(kernels + kernels[:1] * (slots - len(kernels)))
