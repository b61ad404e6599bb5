"""What a neuron, a receptor, a source or a plasticity rule IS: parameters with units and scalar equations.

A new one is one file and its line here.
"""

from ._model import FOREVER, Model
from ._parameters import Parameter
from ._plasticity import Eligibility, Plasticity, Trace
from ._receptor import Receptor
from .adaptive_current import AdaptiveCurrentLIF
from .adaptive_threshold import AdaptiveThresholdLIF
from .alpha_current import AlphaCurrent
from .anti_hebbian import AntiHebbian
from .bcm import BCM
from .charge_stdp import ChargeSTDP
from .covariance import Covariance
from .delta_rule import DeltaRule
from .direct import Delta, StepCurrent
from .escape_noise import EscapeNoiseLIF
from .exponential_conductance import ExponentialConductance
from .exponential_current import ExponentialCurrent
from .integrate_and_fire import IF
from .leaky_integrate_and_fire import LIF
from .noisy import NoisyLIF
from .oja import Oja
from .pair_stdp import PairSTDP
from .post_triggered_stdp import PostTriggeredSTDP
from .reward_stdp import RewardSTDP
from .sources import Graded, Latency, Poisson, SpikeArray
from .time_to_first_spike import TTFS
from .triplet_stdp import TripletSTDP
from .volley_stdp import VolleySTDP

__all__ = [
    "BCM",
    "FOREVER",
    "IF",
    "LIF",
    "MODELS",
    "PLASTICITY",
    "RECEPTORS",
    "TTFS",
    "AdaptiveCurrentLIF",
    "AdaptiveThresholdLIF",
    "AlphaCurrent",
    "AntiHebbian",
    "ChargeSTDP",
    "Covariance",
    "Delta",
    "DeltaRule",
    "Eligibility",
    "EscapeNoiseLIF",
    "ExponentialConductance",
    "ExponentialCurrent",
    "Graded",
    "Latency",
    "Model",
    "NoisyLIF",
    "Oja",
    "PairSTDP",
    "Parameter",
    "Plasticity",
    "Poisson",
    "PostTriggeredSTDP",
    "Receptor",
    "RewardSTDP",
    "SpikeArray",
    "StepCurrent",
    "Trace",
    "TripletSTDP",
    "VolleySTDP",
]

# What is listed is what the tests cover; a model of a user's own runs without standing here.
MODELS: tuple[type[Model], ...] = (
    SpikeArray, IF, LIF, AdaptiveThresholdLIF, AdaptiveCurrentLIF, EscapeNoiseLIF, NoisyLIF, TTFS, Poisson, Latency, Graded,
)  # fmt: skip
RECEPTORS: tuple[type[Receptor], ...] = (Delta, StepCurrent, ExponentialCurrent, AlphaCurrent, ExponentialConductance)
PLASTICITY: tuple[type[Plasticity], ...] = (
    PairSTDP, TripletSTDP, PostTriggeredSTDP, Oja, BCM, Covariance, RewardSTDP, DeltaRule, AntiHebbian,
    ChargeSTDP, VolleySTDP,
)  # fmt: skip
