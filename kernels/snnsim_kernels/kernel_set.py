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
    """Update, reset and delivery kernels, each a tuple that the KIND and RESET columns index, and two without kinds."""


structref.define_proxy(KernelSet, KernelSetType, ["updates", "resets", "deliveries", "fillers", "stimulators"])


@jit()
def _pack(updates: Any, resets: Any, deliveries: Any, fillers: Any, stimulators: Any) -> Any:
    return KernelSet(updates, resets, deliveries, fillers, stimulators)


def kernel_set(
    updates: Sequence[Any], resets: Sequence[Any], deliveries: Sequence[Any], filler: Any, stimulator: Any
) -> Any:
    """Return a KernelSet of compiled kernels, at least one of each role; empty places hold the first of their role.

    The last two have no kinds. They are values all the same: inlined into the run loop, their loops would not vectorise.
    """
    return _pack(*(_padded(list(kernels)) for kernels in (updates, resets, deliveries)), (filler,), (stimulator,))


def _padded(kernels: list[Any]) -> tuple[Any, ...]:
    slots = -(-len(kernels) // _SLOTS) * _SLOTS
    return tuple(kernels + kernels[:1] * (slots - len(kernels)))
