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
    """Update, reset, delivery and learning kernels, each a tuple that the KIND and RESET columns index, and those without kinds."""


structref.define_proxy(
    KernelSet,
    KernelSetType,
    ["updates", "resets", "deliveries", "learners", "fillers", "stimulators", "competitions", "corrections"],
)


@jit()
def _pack(
    updates: Any, resets: Any, deliveries: Any, learners: Any, fillers: Any, stimulators: Any, competitions: Any, corrections: Any
) -> Any:  # fmt: skip
    return KernelSet(updates, resets, deliveries, learners, fillers, stimulators, competitions, corrections)


def kernel_set(
    updates: Sequence[Any],
    resets: Sequence[Any],
    deliveries: Sequence[Any],
    learners: Sequence[Any],
    singles: Sequence[Any],
) -> Any:
    """Return a KernelSet of compiled kernels, at least one of each role; empty places hold the first of their role.

    ``singles`` have no kinds: what fills random words, stimulates, lets neurons compete, and acts after delivery. They are values
    all the same: inlined into the run loop, their loops would not vectorise, and it would have to be compiled with those of no use.
    """
    return _pack(
        *(_padded(list(kernels)) for kernels in (updates, resets, deliveries, learners)),
        *((single,) for single in singles),
    )


def _padded(kernels: list[Any]) -> tuple[Any, ...]:
    slots = -(-len(kernels) // _SLOTS) * _SLOTS
    return tuple(kernels + kernels[:1] * (slots - len(kernels)))
