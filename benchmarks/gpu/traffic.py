"""How many bytes a run has to move, from what it counted. A model, not a measurement: it is stated here and in every result."""

import numpy as np
from snnsim_models import Model

from snnsim import Network
from snnsim.placement import plan_of

__all__ = ["MODEL", "bytes_moved"]

MODEL = (
    "A synaptic event reads its target (2 bytes where 16 bits tell the targets of the projection apart, else 4; none in dense "
    "and convolutional projections) and its weight (4 or 8; none where the projection has one), and reads and writes the "
    "target's state (2 x 4 or 2 x 8). A neuron's update reads and writes every state variable and reads 4 bytes of "
    "refractoriness. Left out: pointers, spike lists, per-neuron constants, Poisson input (added where the neuron is updated), "
    "plasticity, and that caches serve part of it."
)


def bytes_moved(net: Network, precision: str, updates: float, events: dict[str, float] | float) -> float:
    """Return the bytes that so many updates of neurons and so many events moved.

    events : per projection; or of all projections together, which are then taken to be spread as their synapses are
    """
    real = np.dtype(precision).itemsize
    populations = list(net.populations.values())
    sizes = np.array([population.size for population in populations])
    per_update = np.array([2 * real * len(_states(population.model)) + 4 for population in populations])
    moved = updates * float(per_update @ sizes / sizes.sum())
    per_event, synapses = {}, {}
    for projection in net.projections:
        plan = plan_of(projection, net.dt)
        index = 0 if plan.kind.connectivity != "sparse" else 2 if plan.kind.narrow else 4
        per_event[projection.name] = 2 * real + index + (0 if plan.kind.one_weight else real)
        synapses[projection.name] = projection.n_synapses
    if not isinstance(events, dict):
        total = max(sum(synapses.values()), 1)
        events = {name: events * number / total for name, number in synapses.items()}
    return moved + sum(per_event[name] * number for name, number in events.items())


def _states(model: Model) -> tuple[str, ...]:
    """Return the state variables that an update touches: one that is always zero is not read."""
    return tuple(name for name in model.states if name != model.DORMANT)
