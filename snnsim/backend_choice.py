"""Which backend runs a network, and why: ``backend="auto"`` takes the GPU only where that is predicted to pay.

The thresholds are predictions; measured: not yet. They rest on what a core was measured to need (``benchmarks/results/growth.md``:
0.4 to 0.7 ns per neuron and step, 0.4 to 2.5 ns per synaptic event), and on what a card is expected to: 10 us for a step, however
little there is to do in it, with as many copies side by side as fill it. A step of 100,000 neurons takes a core 40 us and more,
and one of 10,000 no longer than the card. On top of that each process compiles the kernels anew, for about ten seconds: a run that
would take the CPU a few seconds does not earn these back, and nobody knows beforehand how long the runs will be.
"""

from typing import NamedTuple

from ._card import Card, NoCard, find_card, require_numba_cuda, simulated
from ._errors import SimulationError
from .network import Network

__all__ = [
    "BATCH_COPIES",
    "BATCH_NEURONS",
    "LARGE_NEURONS",
    "LARGE_SYNAPSES",
    "Choice",
    "NoCard",
    "choose",
    "default_precision",
    "usable_card",
]

LARGE_NEURONS = 100_000
"""Neurons of a copy from which on the whole card runs it faster than the CPU does."""

LARGE_SYNAPSES = 50_000_000
"""Synapses of a copy from which on it does, however few neurons there are: they no longer fit into any cache of the CPU."""

BATCH_COPIES = 256
"""Copies from which on they fill a card, a block each; for fewer a copy must be large..."""

BATCH_NEURONS = 100_000
"""...and the neurons that they have together at least."""


class Choice(NamedTuple):
    """The name of a backend, and a line that begins with it and says why it was taken."""

    backend: str
    reason: str


def default_precision(backend: str) -> str:
    """Return the precision where the user gives none: single on a card that was asked for, else double.

    "auto" has the same on every machine, so that results do not depend on whether there is a card.
    """
    return "float32" if backend == "cuda" else "float64"


def choose(wanted: str, network: Network, copies: int) -> Choice:
    """Return the backend for ``copies`` of a network, where the user wants one, or "auto".

    The card is asked for only where it is wanted or would pay. Raises SimulationError where "cuda" is wanted and cannot be had.
    """
    if wanted == "cuda":
        try:
            return Choice(
                "cuda", "cuda: asked for, in Numba's simulator" if simulated() else f"cuda: asked for, {usable_card()}"
            )
        except NoCard as problem:
            raise SimulationError(f"Simulator.backend 'cuda': no CUDA device ({problem})") from problem
    if wanted != "auto":
        return Choice(wanted, f"{wanted}: asked for")
    pays, size = _pays(network, copies)
    if not pays:
        return Choice("cpu", f"cpu: {size}")
    try:
        card = usable_card()
    except NoCard as problem:
        return Choice("cpu", f"cpu: no CUDA device ({problem})")
    return Choice("cuda", f"cuda: {size}, on {card}")


def usable_card() -> Card:
    """Return the card that kernels can be compiled for and run on. Raises NoCard, with the reason, where there is none."""
    if simulated():
        raise NoCard("NUMBA_ENABLE_CUDASIM is set, and the simulator is no card")
    card = find_card()
    require_numba_cuda()
    return card


def _pays(network: Network, copies: int) -> tuple[bool, str]:
    """Return whether a card is predicted to be faster, and the size that says so."""
    neurons = network.n_neurons
    if copies >= BATCH_COPIES:
        size = f"{copies:,} copies of {neurons:,} neurons"
        if copies * neurons >= BATCH_NEURONS:
            return True, size
        return False, f"{size} are too few for a GPU to pay (from {BATCH_NEURONS:,} neurons in all)"
    if neurons >= LARGE_NEURONS:
        return True, f"{neurons:,} neurons"
    synapses = network.n_synapses
    size = f"{neurons:,} neurons with {synapses:,} synapses"
    if synapses >= LARGE_SYNAPSES:
        return True, size
    few = f"{size} are too few for a GPU to pay"
    return False, f"{few} (from {LARGE_NEURONS:,} neurons, {LARGE_SYNAPSES:,} synapses or {BATCH_COPIES:,} copies)"
