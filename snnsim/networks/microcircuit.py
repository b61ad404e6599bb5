"""The microcircuit of Potjans & Diesmann: 1 mm2 of early sensory cortex, four layers of excitatory and inhibitory neurons.

77,169 LIF neurons and 299 million synapses at full scale, spontaneous activity at 0.9 to 8.6 Hz (``RATES``). A smaller network
keeps the mean and the variance of a neuron's input: weights grow by 1 / sqrt(k_scaling), and a direct current replaces the mean
that is lost. Fewer neurons share more of their inputs, so that correlations are larger than at full scale.

References
----------
Potjans & Diesmann 2014, The cell-type specific cortical microcircuit: relating structure and activity in a full-scale spiking
network model, Cerebral Cortex 24:785, with the parameters of its public reference implementation.
van Albada, Helias & Diesmann 2015, Scalability of asynchronous networks is limited by one-to-one mapping between effective
connectivity and correlations, PLoS Comput. Biol. 11:e1004490: the scaling.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from snnsim_models import LIF, ExponentialCurrent

from .._errors import NetworkError
from ..distributions import Normal
from ..network import Network
from ..rules import FixedTotalNumber
from ..stimuli import PoissonInput

__all__ = ["microcircuit"]

POPULATIONS = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
NEURONS = np.array([20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948])
PROBABILITIES = np.array(
    [
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0000, 0.0076, 0.0000],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0000, 0.0042, 0.0000],
        [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0000],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0000, 0.1057, 0.0000],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0000],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0000],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
    ]
)
"""That a pair has at least one synapse: a row for each target, a column for each source."""
RATES = np.array([0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829])
"""Mean rates at full scale, Hz."""
V_MEAN = np.array([-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43])
"""Initial potentials, mV, and their standard deviations: chosen so that the start makes no synchronous volley."""
V_STD = np.array([5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48])
BACKGROUND_INPUTS = np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])
BACKGROUND_RATE = 8.0  # Hz, of each background input

TAU_M, TAU_SYN = 10.0, 0.5  # ms
CAPACITY = 250.0  # pF
DELAYS = (1.5, 0.75)  # ms, of excitatory and inhibitory sources; the standard deviation is half of them


def psc(psp: float) -> float:
    """Return the amplitude (pA) of the exponential current that moves a potential by at most ``psp`` (mV): 87.8 pA for 0.15 mV."""
    # v(t) = psc / CAPACITY * slope * (exp(-t / TAU_M) - exp(-t / TAU_SYN)), largest at `peak`.
    slope = TAU_M * TAU_SYN / (TAU_M - TAU_SYN)
    peak = slope * math.log(TAU_M / TAU_SYN)
    return psp * CAPACITY / (slope * (math.exp(-peak / TAU_M) - math.exp(-peak / TAU_SYN)))


def weights() -> NDArray[np.float64]:
    """Return the mean weights at full scale, pA, shape (targets, sources)."""
    excitatory, inhibitory = psc(0.15), -4 * psc(0.15)
    means = np.tile([excitatory, inhibitory], (8, 4))
    means[POPULATIONS.index("L23E"), POPULATIONS.index("L4E")] *= 2
    return means


def synapses() -> NDArray[np.float64]:
    """Return the numbers of synapses at full scale, shape (targets, sources), such that a pair is joined with its probability."""
    pairs = np.outer(NEURONS, NEURONS).astype(np.float64)
    return np.asarray(np.log1p(-PROBABILITIES) / np.log1p(-1 / pairs))


def compensation(k_scaling: float, background: str) -> NDArray[np.float64]:
    """Return the direct currents (pA, one per population) that stand for input which the network lacks.

    This is the mean of recurrent input at ``RATES`` that scaled in-degrees lose; and of the background what these lose, or, with
    ``background`` "dc", all of it.
    """
    # Weights grow by 1 / sqrt(k), inputs shrink by k: sqrt(k) of the mean is left.
    lost = 1 - math.sqrt(k_scaling)
    recurrent = (synapses() / NEURONS[:, None] * weights()) @ RATES
    external = BACKGROUND_INPUTS * BACKGROUND_RATE * psc(0.15)
    per_second = lost * recurrent + (external if background == "dc" else lost * external)
    return np.asarray(per_second * TAU_SYN / 1000.0)


def microcircuit(
    scale: float = 1.0,
    seed: int = 0,
    *,
    n_scaling: float | None = None,
    k_scaling: float | None = None,
    background: Literal["poisson", "dc"] = "poisson",
) -> Network:
    """Return the network, with populations ``L23E`` to ``L6I``.

    scale : above 0, at most 1, of the numbers of neurons and of inputs of each; ``n_scaling`` and ``k_scaling`` set one of them
    background : input from outside, as independent Poisson spikes or as the direct current of the same mean. A current has no
        variance, and below a ``k_scaling`` of about 0.3 too little is left of it: the network falls nearly silent

    Where a drawn delay is below one step of 0.1 ms (3 to 4 % of them), it is one step; the reference implementation draws again.
    Raises NetworkError for values out of bounds.
    """
    n_scaling = scale if n_scaling is None else n_scaling
    k_scaling = scale if k_scaling is None else k_scaling
    for name, value in (("scale", scale), ("n_scaling", n_scaling), ("k_scaling", k_scaling)):
        if not 0 < value <= 1:
            raise NetworkError(f"microcircuit: {name} must be above 0 and at most 1, got {value:g}")
    sizes = np.rint(NEURONS * n_scaling).astype(np.int64)
    if sizes.min() < 1:
        raise NetworkError(f"microcircuit: n_scaling = {n_scaling:g} leaves a population without neurons")
    if background not in ("poisson", "dc"):
        raise NetworkError(f"microcircuit: background must be 'poisson' or 'dc', got {background!r}")

    net = Network(dt=0.1, seed=seed)
    rng = np.random.default_rng(seed)
    currents = compensation(k_scaling, background)
    populations = [
        net.population(
            name,
            int(size),
            LIF(
                tau_m=TAU_M,
                r_m=TAU_M / CAPACITY,  # GOhm
                v_rest=-65.0,  # mV
                v_reset=-65.0,
                v_threshold=-50.0,
                v_initial=rng.normal(mean, std, size),
                t_ref=2.0,
                i_offset=float(current),
                receptors={"current": ExponentialCurrent(tau=TAU_SYN)},
            ),
        )
        for name, size, mean, std, current in zip(POPULATIONS, sizes, V_MEAN, V_STD, currents, strict=True)
    ]
    numbers = np.rint(synapses() * n_scaling * k_scaling).astype(np.int64)
    means = weights() / math.sqrt(k_scaling)
    for i, target in enumerate(populations):
        for j, source in enumerate(populations):
            if numbers[i, j] == 0:
                continue
            delay = DELAYS[j % 2]
            net.connect(
                source,
                target,
                FixedTotalNumber(int(numbers[i, j])),
                # 0 lies ten standard deviations away: no weight changes its sign.
                weight=Normal(means[i, j], 0.1 * abs(means[i, j])),
                delay=Normal(delay, 0.5 * delay, low=0.1),
            )
        if background == "poisson":
            rate = BACKGROUND_RATE * round(BACKGROUND_INPUTS[i] * k_scaling)
            net.stimulate(target, PoissonInput(rate=rate), weight=psc(0.15) / math.sqrt(k_scaling), receptor="current")
    return net
