"""CUBA: the current-based balanced network of Vogels & Abbott, as a benchmark of simulators.

4,000 x ``scale`` LIF neurons, 80 % of them excitatory, 80 random inputs each, exponential currents, asynchronous irregular activity
at about 5.7 Hz.

References
----------
Vogels & Abbott 2005, Signal propagation and logic gating in networks of integrate-and-fire neurons, J. Neurosci. 25:10786.
Brette et al. 2007, Simulation of networks of spiking neurons, J. Comput. Neurosci. 23:349, benchmark 2.
"""

import numpy as np
from snnsim_models import LIF, ExponentialCurrent

from .._errors import NetworkError
from ..network import Network
from ..rules import FixedInDegree, FixedProbability, Rule

__all__ = ["cuba"]


def cuba(scale: float = 1.0, seed: int = 0, *, delay: float = 0.0, fixed_in_degree: bool = False) -> Network:
    """Return the network, with populations ``exc`` and ``inh``.

    scale : at least 0.025, of the number of neurons; each keeps 80 inputs
    delay : ms, a multiple of 0.1
    fixed_in_degree : exactly 64 excitatory and 16 inhibitory inputs for each neuron, instead of these means
    """
    if not scale >= 0.025:
        raise NetworkError(f"cuba: scale must be at least 0.025 (100 neurons), got {scale:g}")
    n_exc, n_inh = round(3200 * scale), round(800 * scale)
    net = Network(dt=0.1, seed=seed)
    start = np.random.default_rng(seed).uniform(-60.0, -50.0, n_exc + n_inh)

    def neurons(v_initial: np.ndarray) -> LIF:
        return LIF(
            tau_m=20.0,  # ms
            v_rest=-49.0,  # mV: above threshold, so that neurons fire without input
            v_threshold=-50.0,
            v_reset=-60.0,
            v_initial=v_initial,
            t_ref=5.0,
            receptors={"exc": ExponentialCurrent(tau=5.0), "inh": ExponentialCurrent(tau=10.0)},
        )

    exc = net.population("exc", n_exc, neurons(start[:n_exc]))
    inh = net.population("inh", n_inh, neurons(start[n_exc:]))
    probability = 80 / (n_exc + n_inh)
    for source, inputs, weight in ((exc, 64, 1.62), (inh, 16, -9.0)):  # mV, with r_m = 1
        rule: Rule = FixedInDegree(inputs) if fixed_in_degree else FixedProbability(probability)
        for target in (exc, inh):
            net.connect(source, target, rule, weight=weight, delay=delay, receptor=source.name)
    return net
