"""COBA: the conductance-based balanced network of Vogels & Abbott, as a benchmark of simulators.

4,000 x ``scale`` LIF neurons, 80 % of them excitatory, 80 random inputs each, exponential conductances. Random input of 50 ms
starts asynchronous irregular activity at about 20 Hz, which then sustains itself.

References
----------
Vogels & Abbott 2005, Signal propagation and logic gating in networks of integrate-and-fire neurons, J. Neurosci. 25:10786.
Brette et al. 2007, Simulation of networks of spiking neurons, J. Comput. Neurosci. 23:349, benchmark 1.
"""

import numpy as np
from snnsim_models import LIF, ExponentialConductance, Poisson

from .._errors import NetworkError
from ..network import Network
from ..rules import FixedInDegree, FixedProbability, Rule

__all__ = ["coba"]


def coba(scale: float = 1.0, seed: int = 0, *, delay: float = 0.0, fixed_in_degree: bool = False) -> Network:
    """Return the network, with populations ``exc``, ``inh`` and ``start``, the sources of the first 50 ms.

    scale : at least 0.025, of the number of neurons; each keeps 80 inputs. The activity of few neurons ends by itself
    delay : ms, a multiple of 0.1
    fixed_in_degree : exactly 64 excitatory and 16 inhibitory inputs for each neuron, instead of these means
    """
    if not scale >= 0.025:
        raise NetworkError(f"coba: scale must be at least 0.025 (100 neurons), got {scale:g}")
    n_exc, n_inh = round(3200 * scale), round(800 * scale)
    net = Network(dt=0.1, seed=seed)
    v_initial = np.random.default_rng(seed).uniform(-60.0, -50.0, n_exc + n_inh)

    def neurons(v_initial: np.ndarray) -> LIF:
        return LIF(
            tau_m=20.0,  # ms
            r_m=0.1,  # GOhm: a leak of 10 nS
            v_rest=-60.0,  # mV
            v_threshold=-50.0,
            v_reset=-60.0,
            v_initial=v_initial,
            t_ref=5.0,
            receptors={
                "exc": ExponentialConductance(tau=5.0, e_rev=0.0),
                "inh": ExponentialConductance(tau=10.0, e_rev=-80.0),
            },
        )

    exc = net.population("exc", n_exc, neurons(v_initial[:n_exc]))
    inh = net.population("inh", n_inh, neurons(v_initial[n_exc:]))
    start = net.population("start", n_inh, Poisson(rate=300.0), active=(0.0, 50.0))
    probability = 80 / (n_exc + n_inh)
    for target in (exc, inh):
        for source, inputs, weight in ((exc, 64, 6.0), (inh, 16, 67.0)):  # nS
            rule: Rule = FixedInDegree(inputs) if fixed_in_degree else FixedProbability(probability)
            net.connect(source, target, rule, weight=weight, delay=delay, receptor=source.name)
        net.connect(start, target, FixedInDegree(2), weight=6.0, receptor="exc")
    return net
