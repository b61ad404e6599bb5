"""What a neuron, a receptor or a source IS: parameters with units and scalar equations. A new one is one file and its line here."""

from ._model import FOREVER, Model
from ._parameters import Parameter
from ._receptor import Receptor
from .adaptive_current import AdaptiveCurrentLIF
from .adaptive_threshold import AdaptiveThresholdLIF
from .alpha_current import AlphaCurrent
from .direct import Delta, StepCurrent
from .escape_noise import EscapeNoiseLIF
from .exponential_conductance import ExponentialConductance
from .exponential_current import ExponentialCurrent
from .integrate_and_fire import IF
from .leaky_integrate_and_fire import LIF
from .noisy import NoisyLIF
from .sources import Graded, Latency, Poisson, SpikeArray
from .time_to_first_spike import TTFS

__all__ = [
    "FOREVER",
    "IF",
    "LIF",
    "MODELS",
    "RECEPTORS",
    "TTFS",
    "AdaptiveCurrentLIF",
    "AdaptiveThresholdLIF",
    "AlphaCurrent",
    "Delta",
    "EscapeNoiseLIF",
    "ExponentialConductance",
    "ExponentialCurrent",
    "Graded",
    "Latency",
    "Model",
    "NoisyLIF",
    "Parameter",
    "Poisson",
    "Receptor",
    "SpikeArray",
    "StepCurrent",
]

# What is listed is what the tests cover; a model of a user's own runs without standing here.
MODELS: tuple[type[Model], ...] = (
    SpikeArray, IF, LIF, AdaptiveThresholdLIF, AdaptiveCurrentLIF, EscapeNoiseLIF, NoisyLIF, TTFS, Poisson, Latency, Graded,
)  # fmt: skip
RECEPTORS: tuple[type[Receptor], ...] = (Delta, StepCurrent, ExponentialCurrent, AlphaCurrent, ExponentialConductance)
