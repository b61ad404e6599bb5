"""What is measured, in which order, and how much of it a quick run leaves."""

import dataclasses
from collections.abc import Callable

from snnsim import Network
from snnsim.networks import brunel, cuba, microcircuit, stdp

__all__ = ["CASES", "GROUPS", "MNIST", "NetworkCase", "expected_s"]

MNIST = "mnist"


@dataclasses.dataclass(frozen=True)
class NetworkCase:
    """One large network.

    describe : makes the description; quickly : makes a small one of the same kind
    duration, discard : biological ms that are timed, and those before them that are not
    expected_s : what it takes, builds and CPU runs included, on 16 cores beside a card: only what fits into the budget is begun
    goals : real-time factors that the design aims at
    """

    name: str
    describe: Callable[[], Network]
    quickly: Callable[[], Network]
    duration: float
    expected_s: float
    discard: float = 0.0
    goals: tuple[float, ...] = ()


def _cuba(neurons: int, expected_s: float) -> NetworkCase:
    scale = neurons / 4000
    return NetworkCase(f"cuba-{neurons}", lambda: cuba(scale), lambda: cuba(max(scale / 100, 0.1)), 1000.0, expected_s)


def _brunel(neurons: int, expected_s: float) -> NetworkCase:
    scale = neurons / 12_500
    return NetworkCase(
        f"brunel-{neurons}",
        lambda: brunel(scale, fixed_in_degree=True),
        lambda: brunel(max(scale / 10, 0.1), fixed_in_degree=True),
        1000.0,
        expected_s,
    )


def _stdp(neurons: int, expected_s: float) -> NetworkCase:
    scale = neurons / 5000
    return NetworkCase(
        f"stdp-{neurons}",
        lambda: stdp(scale, fixed_in_degree=True),
        lambda: stdp(max(scale / 10, 0.1), fixed_in_degree=True),
        1000.0,
        expected_s,
    )


def _microcircuit(name: str, background: str, expected_s: float) -> NetworkCase:
    return NetworkCase(
        name,
        lambda: microcircuit(background=background),
        # A direct current has no variance: below a third of the inputs too little fluctuates.
        lambda: microcircuit(n_scaling=0.05, k_scaling=0.3, background=background),
        10_000.0,
        expected_s,
        discard=500.0,
        goals=(0.25, 0.05),
    )


MNIST_EXPECTED_S = 75.0

GROUPS: tuple[tuple[str, ...], ...] = (
    ("microcircuit", "microcircuit-dc"),
    (MNIST,),
    ("cuba-4000", "cuba-40000", "cuba-400000"),
    ("brunel-12500", "brunel-100000"),
    ("stdp-5000", "stdp-50000"),
    ("cuba-4000000",),
)
"""All benchmarks, those first that matter most. One process runs a group: its networks share compiled kernels, and what breaks
one group, a device's context included, leaves the others."""

CASES = {
    case.name: case
    for case in (
        _microcircuit("microcircuit", "poisson", 60.0),
        _microcircuit("microcircuit-dc", "dc", 45.0),
        _cuba(4_000, 12.0),
        _cuba(40_000, 12.0),
        _cuba(400_000, 20.0),
        _brunel(12_500, 15.0),
        _brunel(100_000, 35.0),
        _stdp(5_000, 15.0),
        _stdp(50_000, 25.0),
        _cuba(4_000_000, 50.0),
    )
}
"""The large networks by name: all benchmarks but MNIST."""


def expected_s(name: str) -> float:
    """Return what a benchmark is expected to take at full size, in seconds."""
    return MNIST_EXPECTED_S if name == MNIST else CASES[name].expected_s
