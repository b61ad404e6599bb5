"""Brunel's sparsely connected network of excitatory and inhibitory neurons, in its asynchronous irregular state.

12,500 x ``scale`` LIF neurons, 80 % of them excitatory; 1,000 excitatory and 250 inhibitory inputs each, a connection probability
of 0.1 at scale 1; potentials that jump at the arrival of a spike, inhibition 5 times as strong as excitation (g = 5), and Poisson
input at twice the rate that brings a neuron to its threshold (eta = 2). About 37.5 Hz.

References
----------
Brunel 2000, Dynamics of sparsely connected networks of excitatory and inhibitory spiking neurons, J. Comput. Neurosci. 8:183.
"""

from snnsim_models import LIF, Delta

from .._errors import NetworkError
from ..network import Network
from ..rules import FixedInDegree, FixedProbability, Rule
from ..stimuli import PoissonInput

__all__ = ["brunel"]


def brunel(scale: float = 1.0, seed: int = 0, *, fixed_in_degree: bool = False) -> Network:
    """Return the network, with populations ``exc`` and ``inh``.

    scale : at least 0.1, of the number of neurons; each keeps 1,250 inputs, so that small networks fire more in step
    fixed_in_degree : exactly 1,000 excitatory and 250 inhibitory inputs for each neuron, instead of these means; the rate then
        depends much less on the seed (34 to 41 Hz with random in-degrees)
    """
    if not scale >= 0.1:
        raise NetworkError(f"brunel: scale must be at least 0.1 (1,250 neurons), got {scale:g}")
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
    exc = net.population("exc", round(10_000 * scale), neuron)
    inh = net.population("inh", round(2_500 * scale), neuron)
    for source, inputs, weight in ((exc, 1000, 0.1), (inh, 250, -0.5)):  # mV
        rule: Rule = FixedInDegree(inputs) if fixed_in_degree else FixedProbability(inputs / len(source))
        for target in (exc, inh):
            net.connect(source, target, rule, weight=weight, delay=1.5)
    for target in (exc, inh):
        net.stimulate(target, PoissonInput(rate=20_000.0), weight=0.1, receptor="delta")  # 1,000 sources at 20 Hz
    return net
