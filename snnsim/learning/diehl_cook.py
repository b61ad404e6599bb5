"""Diehl & Cook's network: Poisson input, conductance-based neurons with adaptive thresholds that inhibit each other, triplet STDP.

    pixels (Poisson, rate in proportion to brightness) -> neurons (dense, plastic) -> each spike inhibits all others

An image is shown for 350 ms, and again at a higher rate where fewer than five spikes answered it. By default each neuron inhibits
the others at once, each attempt at an image starts from a state at rest, and there is no pause between images. The paper's
architecture is there as well: each neuron excites an inhibitory neuron of its own, which inhibits the others, and 150 ms of rest
follow an image, in which all goes on. The rule is that of the paper's published program. After training, the neurons get labels
from how they answer training images; then, and in tests, each image starts from rest, whatever was shown before.
:meth:`DiehlCookLearner.network` is the same network for the general simulator, spike for spike.

References
----------
Diehl & Cook 2015, Unsupervised learning of digit recognition using spike-timing-dependent plasticity, Frontiers in Computational
Neuroscience 9:99.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels.competition import NEVER, CompetitionCount, present
from snnsim_kernels.poisson_trains import WORDS, poisson_trains
from snnsim_models import AdaptiveThresholdLIF, ExponentialConductance, SpikeArray, TripletSTDP

from snnsim._errors import NetworkError
from snnsim.connections import Dense
from snnsim.datasets import Split
from snnsim.network import Network
from snnsim.networks.diehl_cook import INHIBITORY, TO_INHIBITORY, TO_OTHERS
from snnsim.raster import draw_raster
from snnsim.rules import OneToOne
from snnsim.simulator import Simulator
from snnsim.spikes import SpikeTrain

from .assignment import mean_answers, rate_votes
from .blocks import in_blocks
from .learner import Answers, History, Learner, Progress, restore_arrays
from .notes import Notes
from .pictures import Deciding, draw_decision

__all__ = ["DiehlCookLearner", "DiehlCookSettings"]

_BLOCK = 250
_FORGOTTEN = 0.8
_REMEMBERED = 24 * math.log(2)
"""Time constants for which spikes leave traces: less than this is left of them is lost in float32."""
_BINS = np.linspace(0.0, 1.0, 51)
_LEARNING, _LABELS, _ANSWERS = 0, 1, 2
"""What random numbers are for."""


@dataclasses.dataclass(frozen=True)
class DiehlCookSettings:
    """What makes such a network, and how it is trained.

    neurons : at least 2
    passes : how often all training images are shown, each time in another order
    dt, duration : ms, the time step, and for how long an image is shown
    rate : Hz, of a pixel of full brightness, below 1000 / dt; it rises by rate_step after an attempt with fewer than ``least``
        spikes, in at most ``attempts`` attempts
    threshold, theta : mV, of the adaptive threshold, which starts at threshold + theta; theta_plus : mV, its rise at a spike
    tau_theta, pause : ms, its decay, which counts ``pause`` per attempt beside the duration
    inhibition : nS, what a spike adds to the inhibitory conductance of all other neurons: directly, or that of an inhibitory neuron
    eta_post, eta_pre : amplitudes of triplet STDP; total : nS, the sum of the weights onto a neuron, each in 0 to 1
    label_images : the last so many training images give the labels
    inhibitory : "direct", or "neurons": each neuron excites an inhibitory neuron of its own, which inhibits the others (in the
        paper by 17 nS), and ``pause``, a multiple of dt, is a rest without input after each attempt, in which all goes on
    """

    neurons: int = 400
    passes: int = 1
    dt: float = 0.5
    duration: float = 350.0
    rate: float = 63.75
    rate_step: float = 31.875
    least: int = 5
    attempts: int = 11
    threshold: float = -72.0
    theta: float = 20.0
    theta_plus: float = 0.05
    tau_theta: float = 1e7
    pause: float = 150.0
    inhibition: float = 34.0
    eta_post: float = 0.01
    eta_pre: float = 1e-4
    total: float = 78.4
    label_images: int = 10_000
    inhibitory: str = "direct"

    def __post_init__(self) -> None:
        whole = {"neurons": 2, "passes": 1, "least": 0, "attempts": 1, "label_images": 1}
        for name, least in whole.items():
            if getattr(self, name) < least:
                raise NetworkError(f"DiehlCookSettings.{name} must be at least {least}, got {getattr(self, name)}")
        for name in ("dt", "duration", "rate", "tau_theta", "total"):
            if not getattr(self, name) > 0:
                raise NetworkError(f"DiehlCookSettings.{name} must be above 0, got {getattr(self, name):g}")
        for name in ("rate_step", "theta_plus", "pause", "inhibition", "eta_post", "eta_pre"):
            if not 0 <= getattr(self, name) < math.inf:
                raise NetworkError(
                    f"DiehlCookSettings.{name} must be finite and at least 0, got {getattr(self, name):g}"
                )
        if (most := self.rates[-1]) >= 1:
            raise NetworkError(
                f"DiehlCookSettings.rate must be below 1000 / dt in all {self.attempts} attempts, got {1000 * most / self.dt:g}"
            )
        if self.inhibitory not in ("direct", "neurons"):
            raise NetworkError(f"DiehlCookSettings.inhibitory must be direct or neurons, got {self.inhibitory!r}")
        for name in ("duration", "pause") if self.explicit else ("duration",):
            time = getattr(self, name)
            if abs(time / self.dt - round(time / self.dt)) > 1e-6:
                raise NetworkError(f"DiehlCookSettings.{name} must be a multiple of dt, got {time:g} ms")
        if not self.threshold + self.theta > _RESET:
            raise NetworkError(
                f"DiehlCookSettings.theta must be above {_RESET - self.threshold:g} mV, got {self.theta:g}"
            )

    @property
    def steps(self) -> int:
        """Steps for which an image is shown."""
        return round(self.duration / self.dt)

    @property
    def rest_steps(self) -> int:
        """Steps without input after them."""
        return round(self.pause / self.dt) if self.explicit else 0

    @property
    def explicit(self) -> bool:
        """Whether there are inhibitory neurons."""
        return self.inhibitory == "neurons"

    @property
    def rates(self) -> NDArray[np.float64]:
        """The probability of a spike of a pixel of full brightness in a step, in each attempt."""
        return (self.rate + self.rate_step * np.arange(self.attempts)) * self.dt / 1000


_RESET, _REFRACTORY, _TAU_M = -65.0, 5.0, 100.0
_EXCITATORY, _INHIBITORY = (1.0, 0.0), (2.0, -100.0)
"""ms and mV of the conductances."""
_TAU, _TAU_SLOW = 20.0, 40.0


class DiehlCookLearner(Learner):
    """Trains such a network; see :class:`Learner`.

    ``weights`` : float32 (pixels, neurons), nS; ``theta`` : float32 (neurons,), mV; ``answered`` : int64 (neurons, classes), spikes
    for the images that give the labels, of which there were ``labelled`` (classes,).
    """

    MODEL: ClassVar[str] = "diehl-cook"
    ANSWERING: ClassVar[tuple[str, ...]] = ("weights", "theta", "answered", "labelled")
    SETTINGS: ClassVar[type[Any]] = DiehlCookSettings
    settings: DiehlCookSettings

    def __init__(self, settings: DiehlCookSettings, shape: tuple[int, int], n_classes: int, seed: int = 0) -> None:
        super().__init__(settings, shape, n_classes, seed)
        n = settings.neurons
        rng = np.random.default_rng([seed, 0])
        weights = 0.3 * rng.random((shape[0] * shape[1], n), np.float32) + np.float32(0.003)
        self.weights = weights * (np.float32(settings.total) / weights.sum(axis=0))
        if self.weights.max() > 1:
            raise NetworkError(
                f"DiehlCookSettings.total must leave weights below 1, so at most {len(weights) / 2:g}, got {settings.total:g}"
            )
        self.theta = np.full(n, settings.theta, np.float32)
        self._carried = self._at_rest() if settings.explicit else {}
        self.answered = np.zeros((n, n_classes), np.int64)
        self.labelled = np.zeros(n_classes, np.int64)
        self._online = np.zeros((n, n_classes)), np.zeros(n_classes)
        self._place = np.zeros(2, np.int64)  # images learned, images labelled
        self._counts = np.zeros((2, CompetitionCount.COUNT), np.int64)  # of learning, of labelling
        self._notes = Notes(n, _BINS)

    @classmethod
    def defaults(cls, neurons: int | None) -> DiehlCookSettings:
        """Return settings that were chosen on validation images of MNIST."""
        neurons = 400 if neurons is None else neurons
        # The fewer spikes a neuron has to give, the more each of them must raise its threshold for homeostasis to keep up.
        theta_plus = 0.0125 if neurons < 200 else 0.05 if neurons < 800 else 0.1
        return DiehlCookSettings(neurons=neurons, passes=1 if neurons < 800 else 3, theta_plus=theta_plus)

    @classmethod
    def settings_for(cls, neurons: int | None, given: Mapping[str, str]) -> DiehlCookSettings:
        """Return the settings; see :class:`Learner`. Inhibitory neurons inhibit as in the paper unless another value is given."""
        if given.get("inhibitory") == "neurons":
            given = {"inhibition": str(TO_OTHERS)} | dict(given)
        settings: DiehlCookSettings = super().settings_for(neurons, given)
        return settings

    @property
    def neurons(self) -> int:
        """How many neurons compete."""
        return self.settings.neurons

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that training changes."""
        return {
            "weights": self.weights, "theta": self.theta, "answered": self.answered, "labelled": self.labelled,
            "online": self._online[0], "online_images": self._online[1], "place": self._place, "counts": self._counts,
            **self._notes.state, **self._carried,
        }  # fmt: skip

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state. Raises SimulationError where something is missing or does not fit."""
        restore_arrays(type(self).__name__, self.state, state)

    def control(self) -> "DiehlCookLearner":
        """Return the same network with random weights: only its thresholds and labels are found from the training images."""
        settings = dataclasses.replace(self.settings, eta_post=0.0, eta_pre=0.0, passes=1)
        return DiehlCookLearner(settings, self.shape, self.n_classes, self.seed)

    # --- training -----------------------------------------------------------------------------------------------------

    def train(self, split: Split, every: int) -> Iterator[Progress]:
        """Learn without labels, then assign them; see :class:`Learner`."""
        n = len(split)
        total = n * self.settings.passes
        while (done := int(self._place[0])) < total:
            self._notes.take(done, total, self.theta, self.weights)
            epoch, first = divmod(done, n)
            images = np.random.default_rng([self.seed, 1, epoch]).permutation(n)[first : first + every]
            answers = self._present(split, images, done + np.arange(len(images)), _LEARNING, self._counts[0])
            labels = split.labels[images]
            accuracy = math.nan
            if self._online[1].all():
                classes = rate_votes(answers, mean_answers(*self._online))
                accuracy = float((classes == labels).mean())
            for held, new in zip(self._online, _tally(answers, labels, self.n_classes), strict=True):
                held *= _FORGOTTEN
                held += new
            self._place[0] += len(images)
            yield Progress("learning", int(self._place[0]), total, accuracy=accuracy)
        self._notes.take(total, total, self.theta, self.weights)
        total = min(self.settings.label_images, n)
        while (done := int(self._place[1])) < total:
            images = np.arange(n - total + done, min(n - total + done + every, n))
            answers, counts = self._answers(split, images, _LABELS)
            spikes, there = _tally(answers, split.labels[images], self.n_classes)
            self.answered += spikes
            self.labelled += there
            self._counts[1] += counts
            self._place[1] += len(images)
            yield Progress("labels", int(self._place[1]), total)

    def _present(
        self,
        split: Split,
        images: NDArray[np.int64],
        numbers: NDArray[np.int64],
        purpose: int,
        counts: NDArray[np.int64],
    ) -> NDArray[np.int32]:
        """Show some images and return the spikes of each neuron; what changes changes where the purpose is learning."""
        s, real = self.settings, np.float32
        answers = np.empty((len(images), s.neurons), np.int32)
        model = self._neuron()
        remembered = math.ceil(_REMEMBERED * _TAU_SLOW / s.dt) if s.explicit else 0
        ages = np.arange(s.steps + s.rest_steps + remembered + 1) * s.dt
        decays = [np.exp(-ages / tau).astype(real) for tau in (_TAU, _TAU, _TAU_SLOW)]
        first, rest, gain, _, reset, held, _ = (float(c) for c in model.constants(s.dt)[:7])
        leak, drive, share, threshold, start, left, _ = (float(c) for c in INHIBITORY.constants(s.dt)[:7])
        cell = (
            leak,
            drive,
            share,
            start,
            threshold,
            math.exp(-s.dt / _EXCITATORY[0]),
            _EXCITATORY[1],
            INHIBITORY.v_initial,
        )
        rule = tuple(real(c) for c in self._rule().constants())
        learns = purpose == _LEARNING
        forgetting = 1.0 if s.explicit else math.exp(-(s.duration + s.pause) / s.tau_theta)
        state = self._carried if learns and s.explicit else self._at_rest()
        present(
            split.images[images].reshape(len(images), -1), numbers, float(split.full_scale), s.rates, s.least, s.steps,
            s.rest_steps, np.uint64(self.seed), purpose, self.weights, self.theta, tuple(state.values()), s.explicit,
            tuple(real(c) for c in cell), real(TO_INHIBITORY), np.int32(left),
            (real(first), real(rest), real(gain), real(reset)),
            tuple(real(math.exp(-s.dt / tau)) for tau, _ in (_EXCITATORY, _INHIBITORY)),
            tuple(real(e_rev) for _, e_rev in (_EXCITATORY, _INHIBITORY)), real(s.threshold), np.int32(held),
            real(s.inhibition), real(s.theta_plus), real(-math.expm1(-s.dt / s.tau_theta)), real(forgetting), learns, rule,
            real(1.0), real(s.total), *decays, answers, counts,
        )  # fmt: skip
        return answers

    def _at_rest(self) -> dict[str, NDArray[Any]]:
        """Return the state of all neurons, and the steps of last spikes, as :func:`present` takes them."""
        n, n_pixels = self.neurons, len(self.weights)
        n_inhibitory = n if self.settings.explicit else 0
        return {
            "v": np.full(n, _RESET, np.float32), "g_exc": np.zeros(n, np.float32), "g_inh": np.zeros(n, np.float32),
            "held": np.zeros(n, np.int32), "last_input": np.full(n_pixels, NEVER), "last_spike": np.full(n, NEVER),
            "inhibitory_v": np.full(n_inhibitory, INHIBITORY.v_initial, np.float32),
            "inhibitory_g": np.zeros(n_inhibitory, np.float32), "inhibitory_held": np.zeros(n_inhibitory, np.int32),
            "inhibitory_awake": np.ones(n_inhibitory, np.uint8), "theta_carry": np.zeros(n_inhibitory, np.float32),
        }  # fmt: skip

    # --- answers ------------------------------------------------------------------------------------------------------

    def _answers(
        self, split: Split, images: NDArray[np.int64], purpose: int, threads: int | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the spikes of each neuron for some images, (images, neurons), and the operations. Nothing learns."""
        answers = np.empty((len(images), self.neurons), np.int32)

        def work(first: int, last: int, counts: NDArray[np.int64]) -> None:
            part = images[first:last]
            answers[first:last] = self._present(split, part, part, purpose, counts)

        return answers, in_blocks(work, len(images), _BLOCK, CompetitionCount.COUNT, threads)

    def answers(self, split: Split, threads: int | None = None) -> Answers:
        """Return the class for which spikes vote, each with the shares of the classes in the mean answers of its neuron."""
        answers, counts = self._answers(split, np.arange(len(split)), _ANSWERS, threads)
        return Answers(rate_votes(answers, mean_answers(self.answered, self.labelled)), _named(counts))

    @property
    def operations(self) -> dict[str, int]:
        """What training took so far, labelling included."""
        return _named(self._counts.sum(axis=0))

    # --- looking inside -----------------------------------------------------------------------------------------------

    def receptive_fields(self) -> NDArray[Any]:
        """Return the weights of each neuron as an image."""
        return np.ascontiguousarray(self.weights.T).reshape(self.neurons, *self.shape)

    @property
    def history(self) -> History:
        """Thresholds (theta) and weights over training."""
        return self._notes.history("nS")

    def pictures(self, split: Split) -> dict[str, Any]:
        """Return the raster of the first image, and the neurons whose spikes decided its class."""
        s = self.settings
        train = self.trains(split.images[0].ravel(), split.full_scale, 0, 0, _ANSWERS)
        result = Simulator(self.network(), precision="float32", frozen=True).run(
            (s.steps + s.rest_steps) * s.dt,
            inputs={"pixels": train},
            record={"pixels": ["spikes"], "neurons": ["spikes"]},
        )
        fired = result.spikes["neurons"]
        spikes = np.bincount(fired.neurons, minlength=self.neurons)
        means = mean_answers(self.answered, self.labelled)
        shares = means / np.maximum(means.sum(axis=1, keepdims=True), 1e-12)
        given = np.bincount(train.neurons, minlength=len(self.weights))
        most = [k for k in np.argsort(-spikes, kind="stable")[:5].tolist() if spikes[k] > 0]
        deciding = [
            Deciding(
                f"neuron {k}, {spikes[k]} spikes",
                (self.weights[:, k] * given).reshape(self.shape),
                shares[k] * spikes[k],
            )
            for k in most
        ]
        (answer,) = rate_votes(spikes[None].astype(np.int32), means)
        title = f"{len(fired)} spikes say {answer}, the label is {split.labels[0]}"
        return {
            "raster.png": draw_raster(result, "One image"),
            "decision.png": draw_decision(split.images[0], deciding, title),
        }

    def _neuron(self, theta: Any = 0.0) -> AdaptiveThresholdLIF:
        s = self.settings
        receptors = {
            name: ExponentialConductance(tau=tau, e_rev=e_rev)
            for name, (tau, e_rev) in (("exc", _EXCITATORY), ("inh", _INHIBITORY))
        }
        return AdaptiveThresholdLIF(
            tau_m=_TAU_M, v_rest=_RESET, v_reset=_RESET, v_initial=_RESET, v_threshold=s.threshold, t_ref=_REFRACTORY,
            theta_plus=s.theta_plus, tau_theta=s.tau_theta if s.explicit else math.inf,
            theta_initial=theta if np.ndim(theta) else s.theta,
            receptors=receptors, conductances="backward_euler",
        )  # fmt: skip

    def _rule(self) -> TripletSTDP:
        return TripletSTDP(
            w_max=1.0, a2_plus=0.0, a3_plus=self.settings.eta_post, a2_minus=self.settings.eta_pre, a3_minus=0.0,
            tau_plus=_TAU, tau_minus=_TAU, tau_x=_TAU, tau_y=_TAU_SLOW, pairing="nearest",
        )  # fmt: skip

    def network(self, *, plastic: bool = False) -> Network:
        """Return the same network for a :class:`Simulator`: populations "pixels" and "neurons", projection "pixels->neurons", and a
        population "inhibitory" if there is one.

        A run of ``duration`` ms from its start is one attempt at an image, with inhibitory neurons one of ``duration + pause`` that
        goes on from those before; between these, weights are normalised and, without inhibitory neurons, theta decays.
        """
        net = Network(dt=self.settings.dt)
        pixels = net.population("pixels", len(self.weights), SpikeArray())
        neurons = net.population("neurons", self.neurons, self._neuron(self.theta.astype(float)))
        rule = self._rule() if plastic else None
        net.connect(pixels, neurons, Dense(self.weights.astype(float)), receptor="exc", plasticity=rule)
        inhibiting = neurons
        if self.settings.explicit:
            inhibiting = net.population("inhibitory", self.neurons, INHIBITORY)
            net.connect(neurons, inhibiting, OneToOne(), weight=TO_INHIBITORY, receptor="exc")
        others = self.settings.inhibition * (1 - np.eye(self.neurons))
        net.connect(inhibiting, neurons, Dense(others), receptor="inh")
        return net

    def trains(self, image: NDArray[np.uint8], full_scale: int, number: int, attempt: int, purpose: int) -> SpikeTrain:
        """Return the spikes of the pixels in an attempt at an image, shape (pixels,): those of image ``number`` for a purpose,
        0 learning (``number`` counts images from the start of training), 1 labels, 2 answers (their places in the split)."""
        s = self.settings
        first, room = np.empty(s.steps, np.int32), image.size * s.steps
        following, inputs = np.empty(room, np.int32), np.empty(room, np.int32)
        poisson_trains(
            image / full_scale, s.rates[attempt], s.steps, np.uint64(self.seed), number, attempt, purpose,
            np.empty(WORDS, np.uint32), first, following, inputs,
        )  # fmt: skip
        steps, neurons = [], []
        for step, q in enumerate(first.tolist()):
            while q >= 0:
                steps.append(step)
                neurons.append(int(inputs[q]))
                q = int(following[q])
        times = np.array(steps, float) * s.dt
        return SpikeTrain.from_times(times, np.array(neurons, int), size=image.size, dt=s.dt, duration=s.duration)


def _tally(
    answers: NDArray[np.int32], labels: NDArray[np.int64], n_classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the spikes of each neuron for each class, (neurons, classes), and the images of each class."""
    one_hot = np.asarray(labels[:, None] == np.arange(n_classes), np.int64)
    return answers.T.astype(np.int64) @ one_hot, one_hot.sum(axis=0)


def _named(counts: NDArray[np.int64]) -> dict[str, int]:
    events = int(counts[CompetitionCount.EVENTS]) + int(counts[CompetitionCount.INHIBITORY_EVENTS])
    return {
        "synaptic_events": events,
        "plasticity_updates": int(counts[CompetitionCount.PLASTICITY_UPDATES]),
        "membrane_updates": int(counts[CompetitionCount.MEMBRANE_UPDATES]),
        "spikes": int(counts[CompetitionCount.SPIKES]),
        "input_spikes": int(counts[CompetitionCount.INPUT_SPIKES]),
        "presentations": int(counts[CompetitionCount.PRESENTATIONS]),
    }
