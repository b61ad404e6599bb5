"""Small networks that between them need every device function: what the kernels of the compile table are composed for."""

from collections.abc import Callable

import numpy as np

import snnsim as sn
from snnsim import networks
from snnsim.ann import shipped

__all__ = ["NETWORKS"]


def _alpha() -> sn.Network:
    """Currents with two states each, constants of each neuron, several delays."""
    net, rng = sn.Network(dt=0.1, seed=1), np.random.default_rng(1)
    receptors = {"exc": sn.AlphaCurrent(tau=rng.uniform(1, 3, 60)), "inh": sn.AlphaCurrent(tau=4.0)}
    cells = net.population("cells", 60, sn.LIF(tau_m=rng.uniform(10, 20, 60), t_ref=2.0, receptors=receptors))
    for receptor in receptors:
        net.connect(
            cells,
            cells,
            sn.FixedProbability(0.2),
            weight=sn.Normal(1.0, 0.1),
            delay=sn.Uniform(0.1, 2.0),
            receptor=receptor,
        )
    return net


def _adaptive() -> sn.Network:
    """An adaptive threshold and an adaptation current, driven by given spike trains."""
    net = sn.Network(dt=0.1, seed=1)
    train = net.population("train", 20, sn.SpikeArray())
    populations = [
        net.population("threshold", 40, sn.AdaptiveThresholdLIF(theta_plus=0.1, tau_theta=50.0, t_ref=1.0)),
        net.population("current", 40, sn.AdaptiveCurrentLIF(b=0.1, tau_w=30.0)),
    ]
    for population in populations:
        net.connect(train, population, sn.FixedProbability(0.3), weight=0.5)
        net.connect(population, population, sn.FixedInDegree(5), weight=-0.1, delay=1.0)
    return net


def _twin(name: str, code: str) -> sn.Network:
    """A network trained on MNIST, converted; whatever the images, weights are stored alike."""
    (ann,) = (ann for ann in shipped("mnist") if ann.name == name)
    return sn.convert(ann, code, calibration=np.random.default_rng(1).random((4, ann.widths[0]))).network


def _pooling() -> sn.Network:
    """Graded events through a convolution, then pooling: every connection that shares weights."""
    net = sn.Network(dt=1.0, seed=1)
    pixels = net.population("pixels", 64, sn.Graded())
    kernel = np.random.default_rng(1).normal(size=(1, 3, 3, 4))
    maps = net.population("maps", 6 * 6 * 4, sn.TTFS(v_threshold=4.0, ramp=0.5))
    pooled = net.population("pooled", 3 * 3 * 4, sn.IF(v_threshold=0.5))
    net.connect(pixels, maps, sn.Convolution(kernel, height=8, width=8))
    net.connect(maps, pooled, sn.OrPooling(kernel=2, stride=2, channels=4, height=6, width=6, weight=0.75))
    return net


def _competition() -> sn.Network:
    """Poisson sources, winners that take all, homeostasis, and weights that are normalised: dense and sparse ones."""
    net = sn.Network(dt=0.5, seed=1)
    pixels = net.population("pixels", 49, sn.Poisson(rate=50.0))
    cells = net.population("cells", 40, sn.AdaptiveThresholdLIF(theta_plus=0.05, tau_theta=1e4, t_ref=5.0))
    weights = np.random.default_rng(1).uniform(0.1, 0.3, (49, 40))
    dense = net.connect(pixels, cells, sn.Dense(weights))
    sparse = net.connect(cells, cells, sn.FixedProbability(0.2), weight=sn.Uniform(0.0, 0.1), delay=1.0)
    net.regulate(cells, sn.WinnerTakeAll(9.0))
    net.regulate(cells, sn.Homeostasis(0.05 / 40))
    for projection in (dense, sparse):
        net.regulate(projection, sn.Normalisation(total=5.0, every=50.0))
    return net


def _learning() -> sn.Network:
    """Traces on both sides, of dense and of sparse synapses, and an eligibility."""
    net, rng = sn.Network(dt=0.1, seed=1), np.random.default_rng(1)
    source, cells = net.population("source", 30, sn.Poisson(rate=50.0)), net.population("cells", 40, sn.LIF(t_ref=1.0))
    net.connect(source, cells, rng.uniform(0.1, 0.4, (30, 40)), plasticity=sn.PairSTDP())
    rule = sn.FixedProbability(0.2)
    net.connect(cells, cells, rule, weight=0.2, delay=sn.Uniform(0.1, 1.0), plasticity=sn.TripletSTDP())
    net.connect(source, cells, rule, weight=0.2, plasticity=sn.RewardSTDP(), delay_side="dendritic", delay=0.5)
    return net


def _noise() -> sn.Network:
    """Escape noise and white noise: uniform and normal draws."""
    net = sn.Network(dt=0.1, seed=1)
    escape = net.population("escape", 40, sn.EscapeNoiseLIF(rho_0=100.0, delta_v=0.2))
    noisy = net.population("noisy", 40, sn.NoisyLIF(sigma=0.5))
    net.connect(escape, noisy, sn.FixedProbability(0.2), weight=0.1)
    return net


NETWORKS: dict[str, Callable[[], sn.Network]] = {
    "CUBA": lambda: networks.cuba(0.05, delay=0.5),
    "Brunel": lambda: networks.brunel(0.1),
    "microcircuit": lambda: networks.microcircuit(0.02),
    "COBA": lambda: networks.coba(0.05),
    "alpha currents": _alpha,
    "adaptation": _adaptive,
    "MNIST first spikes": lambda: _twin("784-12c5s2-32c5s2-10", "ttfs"),
    "MNIST rates": lambda: _twin("784-128-10-pruned", "rate"),
    "convolution and pooling": _pooling,
    "competition": _competition,
    "noise": _noise,
    "learning": _learning,
}
"""By the name in the table; small, for only what they are made of matters."""
