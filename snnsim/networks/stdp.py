"""Brunel's network with spike-timing-dependent plasticity between its excitatory neurons.

5,000 x ``scale`` neurons as in :func:`brunel`, 80 % of them excitatory, with 400 excitatory and 100 inhibitory inputs each at
weights of 0.2 and -1 mV, delays of 1.5 ms, and Poisson input of 10 kHz at 0.2 mV. The 1.6 million excitatory synapses onto
excitatory neurons learn: additive pair STDP, all-to-all, 20 ms for both windows, weights between 0 and 0.4 mV that start at 0.2 mV,
a_plus 0.001 of the largest weight, a_minus 1.05 times that. About 43 Hz; in the first second the mean weight falls to 0.199 mV.

References
----------
Brunel 2000, J. Comput. Neurosci. 8:183. Song, Miller & Abbott 2000, Nat. Neurosci. 3:919. Morrison, Aertsen & Diesmann 2007,
Neural Comput. 19:1437 (a network of this kind).
"""

from snnsim_models import LIF, Delta, PairSTDP

from .._errors import NetworkError
from ..network import Network
from ..rules import FixedInDegree, FixedProbability, Rule
from ..stimuli import PoissonInput

__all__ = ["stdp"]

W_MAX = 0.4  # mV


def stdp(scale: float = 1.0, seed: int = 0, *, fixed_in_degree: bool = False, learns: bool = True) -> Network:
    """Return the network, with populations ``exc`` and ``inh``; the projection ``exc->exc`` is the plastic one.

    scale : at least 0.1, of the number of neurons; each keeps 500 inputs
    fixed_in_degree : exactly 400 excitatory and 100 inhibitory inputs for each neuron, instead of these means
    learns : False for the same network without plasticity
    """
    if not scale >= 0.1:
        raise NetworkError(f"stdp: scale must be at least 0.1 (500 neurons), got {scale:g}")
    net = Network(dt=0.1, seed=seed)
    neuron = LIF(
        tau_m=20.0,  # ms
        v_rest=0.0,  # mV
        v_threshold=20.0,
        v_reset=10.0,
        v_initial=0.0,
        t_ref=2.0,
        receptors={"delta": Delta()},
    )
    exc = net.population("exc", round(4000 * scale), neuron)
    inh = net.population("inh", round(1000 * scale), neuron)
    rule = PairSTDP(w_max=W_MAX, a_plus=0.001 * W_MAX, a_minus=1.05 * 0.001 * W_MAX, tau_plus=20.0, tau_minus=20.0)
    for source, inputs, weight in ((exc, 400, 0.2), (inh, 100, -1.0)):  # mV
        wiring: Rule = FixedInDegree(inputs) if fixed_in_degree else FixedProbability(inputs / len(source))
        for target in (exc, inh):
            plasticity = rule if learns and source is exc and target is exc else None
            net.connect(source, target, wiring, weight=weight, delay=1.5, plasticity=plasticity)
    for target in (exc, inh):
        net.stimulate(target, PoissonInput(rate=10_000.0), weight=0.2, receptor="delta")
    return net
