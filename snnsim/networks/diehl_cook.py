"""Diehl & Cook's network as they published it: excitatory neurons that learn images, each with an inhibitory neuron of its own.

    pixels (Poisson) -> exc (dense, plastic),  exc -> inh (one to one),  inh -> exc (all but the one it is excited by)

784 pixels spike at up to 63.75 Hz, in proportion to their brightness, which is the input of the population ``pixels``, 0 to 1. Each
image is followed by 150 ms without input, in which conductances decay; then the weights onto each neuron are scaled to their sum.
The rule is that of the published program; its random delays of up to 10 ms between pixels and neurons are left out.
:class:`snnsim.learning.diehl_cook.DiehlCookLearner` trains it, or a shorter network, in a loop of its own, several times faster.

References
----------
Diehl & Cook 2015, Unsupervised learning of digit recognition using spike-timing-dependent plasticity, Frontiers in Computational
Neuroscience 9:99.
"""

import numpy as np
from numpy.typing import ArrayLike
from snnsim_models import LIF, AdaptiveThresholdLIF, ExponentialConductance, Poisson, TripletSTDP

from .._checks import whole_number
from .._errors import NetworkError
from ..connections import Dense
from ..inputs import TimedInput
from ..network import Network
from ..regulation import Normalisation
from ..rules import OneToOne

__all__ = ["IMAGE", "INHIBITORY", "PIXELS", "REST", "TOTAL", "TO_INHIBITORY", "TO_OTHERS", "diehl_cook", "shown"]

PIXELS = 784
IMAGE, REST = 350.0, 150.0
"""ms for which an image is shown, and after it nothing."""
TOTAL = 78.4
"""nS, the sum of the weights onto each excitatory neuron, after each image and its rest."""
TO_INHIBITORY, TO_OTHERS = 10.4, 17.0
"""nS, from an excitatory neuron to its inhibitory one, and from that to all other excitatory neurons."""
INHIBITORY = LIF(
    tau_m=10.0,
    v_rest=-60.0,
    v_reset=-45.0,
    v_initial=-60.0,
    v_threshold=-40.0,
    t_ref=2.0,
    receptors={"exc": ExponentialConductance(tau=1.0, e_rev=0.0)},
    conductances="backward_euler",
)
"""An inhibitory neuron."""


def diehl_cook(
    neurons: int = 400,
    seed: int = 0,
    *,
    dt: float = 0.5,
    weights: ArrayLike | None = None,
    theta: ArrayLike = 20.0,
    learns: bool = True,
) -> Network:
    """Return the network, with populations ``pixels``, ``exc`` and ``inh``; the projection ``pixels->exc`` is the plastic one.

    neurons : at least 2, excitatory ones and as many inhibitory ones
    dt : ms
    weights : nS, shape (784, neurons), each in 0 to 1, from pixels to excitatory neurons; by default random ones that sum to TOTAL
    theta : mV, what the thresholds of excitatory neurons exceed -72 mV by, one value or one per neuron; it rises by 0.05 at a spike
    learns : False for the same network without plasticity and normalisation

    Raises NetworkError for fewer neurons, and for weights of another shape.
    """
    neurons = whole_number("diehl_cook: neurons", neurons, 2, 2**20, NetworkError)
    net = Network(dt=dt, seed=seed)
    pixels = net.population("pixels", PIXELS, Poisson(rate=63.75))
    exc = net.population(
        "exc",
        neurons,
        AdaptiveThresholdLIF(
            tau_m=100.0,  # ms
            v_rest=-65.0,  # mV
            v_reset=-65.0,
            v_initial=-65.0,
            v_threshold=-72.0,
            theta_initial=np.broadcast_to(np.asarray(theta, float), neurons),
            theta_plus=0.05,
            tau_theta=1e7,
            t_ref=5.0,
            receptors={
                "exc": ExponentialConductance(tau=1.0, e_rev=0.0),
                "inh": ExponentialConductance(tau=2.0, e_rev=-100.0),
            },
            conductances="backward_euler",
        ),
    )
    inh = net.population("inh", neurons, INHIBITORY)
    if weights is None:
        weights = 0.003 + 0.3 * np.random.default_rng(seed).random((PIXELS, neurons))
        weights *= TOTAL / weights.sum(axis=0)
    rule = TripletSTDP(
        w_max=1.0, a2_plus=0.0, a3_plus=0.01, a2_minus=1e-4, a3_minus=0.0,
        tau_plus=20.0, tau_minus=20.0, tau_x=20.0, tau_y=40.0, pairing="nearest",
    )  # fmt: skip
    plastic = net.connect(pixels, exc, Dense(np.asarray(weights)), receptor="exc", plasticity=rule if learns else None)
    net.connect(exc, inh, OneToOne(), weight=TO_INHIBITORY, receptor="exc")
    net.connect(inh, exc, Dense(TO_OTHERS * (1 - np.eye(neurons))), receptor="inh")
    if learns:
        net.regulate(plastic, Normalisation(total=TOTAL, every=IMAGE + REST))
    return net


def shown(images: ArrayLike) -> TimedInput:
    """Return the input of ``pixels`` for a run from time 0 that shows images, shape (images, 784), 0 to 1, a rest after each."""
    given = np.asarray(images, float)
    values = np.zeros((2 * len(given), PIXELS))
    values[::2] = given
    starts = np.arange(len(given)) * (IMAGE + REST)
    return TimedInput(np.column_stack([starts, starts + IMAGE]).ravel(), values)
