"""A network without labels: pixels in a latency code, integrate-and-fire neurons, the first spike wins the image and learns.

    pixels -> latencies -> neurons (IF, switched-on currents, dense) -> the first to fire inhibits all others

A pixel spikes once, the earlier the brighter it is. The winner learns by ``ChargeSTDP``, its weights are normalised, and its
threshold rises while all fall, so that each neuron comes to win as often as any other. Learning rates fall geometrically over the
training. Afterwards each neuron votes for classes by how much more often than others they are seen among the training images that
it was among the first to answer; the first few spikes decide.
:meth:`FirstSpikeLearner.network` is the same network for the general simulator, spike for spike.

References
----------
Masquelier & Thorpe 2007, Unsupervised learning of visual features through spike timing dependent plasticity, PLoS Comput.
Biol. 3:e31.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels.first_spikes import FirstSpikeCount, answer_volleys, learn_first_spikes
from snnsim_models import IF, ChargeSTDP, SpikeArray

from snnsim._errors import NetworkError
from snnsim.connections import Dense
from snnsim.datasets import Split
from snnsim.network import Network
from snnsim.raster import draw_raster
from snnsim.regulation import WinnerTakeAll
from snnsim.simulator import Simulator
from snnsim.spikes import SpikeTrain

from .assignment import class_evidence, class_log_ratios, first_spike_votes, online_accuracy
from .blocks import in_blocks
from .learner import Answers, History, Learner, Progress, restore_arrays
from .notes import Notes
from .pictures import Deciding, draw_decision

__all__ = ["FirstSpikeLearner", "FirstSpikeSettings"]

_BLOCK = 500
_FORGOTTEN = 0.8
"""What is left of the evidence for the running accuracy after each part."""
_BINS = np.linspace(0.0, 0.25, 51)
_SILENT = 255


@dataclasses.dataclass(frozen=True)
class FirstSpikeSettings:
    """What makes such a network, and how it is trained.

    neurons : at least 2
    passes : how often all training images are shown, each time in another order
    window : ms, steps of 1 ms in which pixels spike: one of brightness b (0 to 1) at floor((1 - b) window), at most 250
    least : brightness from which on a pixel spikes at all
    threshold : mV, above 0, the mean of the thresholds
    longest : ms after which an image without a winner ends
    eta, eta_last : 0 to 1, learning rate at the start and at the end
    rise, rise_last : mV, of the winner's threshold, likewise; all fall by this over the number of neurons
    gain, mu : of ChargeSTDP
    votes : spikes that decide the class; vote_decay : weight of a spike as against the one before
    label_decay : likewise, 0 to 1, in the counts that the labels come from; 0: only first spikes count there
    """

    neurons: int = 400
    passes: int = 5
    window: int = 20
    least: float = 16 / 255
    threshold: float = 200.0
    longest: int = 200
    eta: float = 0.3
    eta_last: float = 0.01
    rise: float = 10.0
    rise_last: float = 1.0
    gain: float = 0.1
    mu: float = 0.5
    votes: int = 5
    vote_decay: float = 0.6
    label_decay: float = 0.2

    def __post_init__(self) -> None:
        for name, least in (("neurons", 2), ("passes", 1), ("window", 1), ("longest", 1), ("votes", 1)):
            if getattr(self, name) < least:
                raise NetworkError(f"FirstSpikeSettings.{name} must be at least {least}, got {getattr(self, name)}")
        if self.window > 250:
            raise NetworkError(f"FirstSpikeSettings.window must be at most 250 ms, got {self.window}")
        for name in ("eta", "eta_last", "label_decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise NetworkError(f"FirstSpikeSettings.{name} must lie within 0 and 1, got {getattr(self, name):g}")
        for name in ("threshold", "gain", "mu", "vote_decay"):
            if not 0 < getattr(self, name) < math.inf:
                raise NetworkError(f"FirstSpikeSettings.{name} must be finite and above 0, got {getattr(self, name):g}")
        for name in ("rise", "rise_last"):
            if not 0 <= getattr(self, name) < math.inf:
                raise NetworkError(
                    f"FirstSpikeSettings.{name} must be finite and at least 0 mV, got {getattr(self, name):g}"
                )


_CHOSEN: dict[int, dict[str, Any]] = {
    100: {"rise": 5.0, "rise_last": 0.1, "mu": 0.35, "passes": 8, "vote_decay": 0.5, "label_decay": 0.1},
    400: {"eta": 0.4, "eta_last": 0.02, "rise": 5.0, "rise_last": 0.2, "mu": 0.35},
    1600: {"eta": 0.4, "eta_last": 0.05, "votes": 8, "label_decay": 0.5},
    6400: {"eta": 0.5, "eta_last": 0.2, "rise": 40.0, "passes": 5, "votes": 8, "label_decay": 0.5},
}


class FirstSpikeLearner(Learner):
    """Trains such a network; see :class:`Learner`.

    ``weights`` : float32 (pixels, neurons), mV/ms; ``thresholds`` : float32 (neurons,), mV; ``evidence`` : float64 (neurons,
    classes), how often each neuron was among the first to answer training images of each class, after training.
    """

    MODEL: ClassVar[str] = "first-spike"
    SETTINGS: ClassVar[type[Any]] = FirstSpikeSettings
    ANSWERING: ClassVar[tuple[str, ...]] = ("weights", "thresholds", "evidence")
    settings: FirstSpikeSettings

    def __init__(self, settings: FirstSpikeSettings, shape: tuple[int, int], n_classes: int, seed: int = 0) -> None:
        super().__init__(settings, shape, n_classes, seed)
        n_inputs = shape[0] * shape[1]
        weights = np.random.default_rng([seed, 0]).random((n_inputs, settings.neurons), np.float32) + np.float32(0.5)
        self.weights = weights / np.sqrt((weights**2).sum(axis=0))
        self.thresholds = np.full(settings.neurons, settings.threshold, np.float32)
        self.evidence = np.zeros((settings.neurons, n_classes))
        self._online = np.zeros((settings.neurons, n_classes))
        self._place = np.zeros(2, np.int64)  # images learned, images labelled
        self._counts = np.zeros((2, FirstSpikeCount.COUNT), np.int64)  # of learning, of labelling
        self._notes = Notes(settings.neurons, _BINS)

    @classmethod
    def defaults(cls, neurons: int | None) -> FirstSpikeSettings:
        """Return settings that were chosen on validation images of MNIST: those of the nearest size that was tried."""
        neurons = 400 if neurons is None else neurons
        nearest = min(_CHOSEN, key=lambda size: abs(math.log(neurons / size)))
        return FirstSpikeSettings(neurons=neurons, **_CHOSEN[nearest])

    @property
    def neurons(self) -> int:
        """How many neurons compete."""
        return self.settings.neurons

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that training changes."""
        return {
            "weights": self.weights, "thresholds": self.thresholds, "evidence": self.evidence, "online": self._online,
            "place": self._place, "counts": self._counts, **self._notes.state,
        }  # fmt: skip

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state. Raises SimulationError where something is missing or does not fit."""
        restore_arrays(type(self).__name__, self.state, state)

    def control(self) -> "FirstSpikeLearner":
        """Return the same network with random weights: only its thresholds and labels are found from the training images."""
        return FirstSpikeLearner(
            dataclasses.replace(self.settings, eta=0.0, eta_last=0.0, passes=1), self.shape, self.n_classes, self.seed
        )

    # --- training -----------------------------------------------------------------------------------------------------

    def train(self, split: Split, every: int) -> Iterator[Progress]:
        """Learn without labels, then assign them; see :class:`Learner`."""
        latencies = self.encode(split)
        total = len(split) * self.settings.passes
        charge = self._charge
        while (done := int(self._place[0])) < total:
            self._notes.take(done, total, self.thresholds, self.weights)
            epoch, first = divmod(done, len(split))
            images = np.random.default_rng([self.seed, 1, epoch]).permutation(len(split))[first : first + every]
            passed = (done + np.arange(len(images))) / total
            winners = np.empty((len(images), 1), np.int32)
            learn_first_spikes(
                latencies, images, self.settings.window + 1, self.weights, self.thresholds, self.settings.longest, charge,
                np.float32(self.settings.gain), _falling(self.settings.eta, self.settings.eta_last, passed),
                _falling(self.settings.rise, self.settings.rise_last, passed), winners, self._counts[0],
            )  # fmt: skip
            labels = split.labels[images]
            accuracy = online_accuracy(self._online, winners, labels)
            self._online *= _FORGOTTEN
            self._online += class_evidence(winners, labels, self.neurons, self.n_classes, 1.0)
            self._place[0] += len(images)
            yield Progress("learning", int(self._place[0]), total, accuracy=accuracy)
        self._notes.take(total, total, self.thresholds, self.weights)
        while (done := int(self._place[1])) < len(split):
            part = slice(done, done + every)
            winners, counts = self.first_spikes(latencies[part])
            decay = self.settings.label_decay
            self.evidence += class_evidence(winners, split.labels[part], self.neurons, self.n_classes, decay)
            self._counts[1] += counts
            self._place[1] += len(winners)
            yield Progress("labels", int(self._place[1]), len(split))

    @property
    def _charge(self) -> NDArray[np.float32]:
        """What an input that spiked so many steps ago counts at the spike of the winner."""
        ages = np.arange(self.settings.longest + 1) / self.settings.window
        return np.asarray(ages**self.settings.mu, np.float32)

    # --- answers ------------------------------------------------------------------------------------------------------

    def encode(self, split: Split) -> NDArray[np.uint8]:
        """Return the step in which each pixel spikes, shape (images, pixels); 255: it does not."""
        brightness = np.arange(256) / split.full_scale
        steps = np.floor((1 - np.minimum(brightness, 1)) * self.settings.window).astype(np.uint8)
        steps[brightness < self.settings.least] = _SILENT
        return np.asarray(steps[split.images.reshape(len(split), -1)])

    def first_spikes(
        self, latencies: NDArray[np.uint8], threads: int | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the neurons that fire first, (images, votes), -1 where fewer do, and the operations. Nothing learns."""
        winners = np.empty((len(latencies), self.settings.votes), np.int32)

        def work(first: int, last: int, counts: NDArray[np.int64]) -> None:
            answer_volleys(
                latencies[first:last], self.settings.window + 1, self.weights, self.thresholds, self.settings.longest,
                winners[first:last], counts,
            )  # fmt: skip

        return winners, in_blocks(work, len(latencies), _BLOCK, FirstSpikeCount.COUNT, threads)

    def answers(self, split: Split, threads: int | None = None) -> Answers:
        """Return the class that the first few spikes vote for."""
        winners, counts = self.first_spikes(self.encode(split), threads)
        classes, _ = first_spike_votes(winners, class_log_ratios(self.evidence), self.settings.vote_decay)
        return Answers(classes, _named(counts))

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
        """Thresholds and weights over training."""
        return self._notes.history("mV/ms")

    def pictures(self, split: Split) -> dict[str, Any]:
        """Return the raster of the first image, and the spikes that decided its class."""
        latencies = self.encode(split.first(1))
        winners, _ = self.first_spikes(latencies)
        ratios, fired = class_log_ratios(self.evidence), winners[0][winners[0] >= 0]
        classes, _ = first_spike_votes(winners, ratios, self.settings.vote_decay)
        volley = self.volley(latencies[0])
        result = Simulator(self.network(), precision="float32").run(
            float(self.settings.longest),
            inputs={"pixels": volley},
            record={"pixels": ["spikes"], "neurons": ["spikes"]},
        )
        steps = dict(
            zip(
                *(
                    values[::-1].tolist()
                    for values in (result.spikes["neurons"].neurons, result.spikes["neurons"].steps)
                ),
                strict=True,
            )
        )
        ages = [np.maximum(steps[k] - latencies[0].astype(int), 0) * (latencies[0] != _SILENT) for k in fired.tolist()]
        deciding = [
            Deciding(
                f"neuron {k}, {steps[k]} ms", (self.weights[:, k] * age).reshape(self.shape),
                ratios[k] * self.settings.vote_decay**rank,
            )
            for rank, (k, age) in enumerate(zip(fired.tolist(), ages, strict=True))
        ]  # fmt: skip
        until = float(max([*steps.values(), self.settings.window])) if deciding else float(self.settings.longest)
        shown = draw_raster(result, "One image: pixels, and neurons as if none inhibited the others")
        shown.axes[-1].set_xlim(0, min(1.5 * max((steps[k] for k in fired.tolist()), default=until), until) + 1)
        title = f"the first {len(deciding)} spikes say {classes[0]}, the label is {split.labels[0]}"
        return {"raster.png": shown, "decision.png": draw_decision(split.images[0], deciding, title)}

    def network(self, *, plastic: bool = False) -> Network:
        """Return the same network for a :class:`Simulator`: populations "pixels" and "neurons", projection "pixels->neurons".

        A ``plastic`` one learns from one image: the first spike wins; thresholds and the norms of weights are to be set then.
        Else all neurons fire whenever they reach their thresholds.
        """
        settings = self.settings
        net = Network(dt=1.0)
        pixels = net.population("pixels", len(self.weights), SpikeArray())
        neurons = net.population("neurons", self.neurons, IF(v_threshold=self.thresholds.astype(float)))
        rule = ChargeSTDP(eta=settings.eta, gain=settings.gain, window=float(settings.window), mu=settings.mu)
        net.connect(
            pixels, neurons, Dense(self.weights.astype(float)), receptor="step", plasticity=rule if plastic else None
        )
        if plastic:
            net.regulate(neurons, WinnerTakeAll(inhibition=math.inf))
        return net

    def volley(self, latencies: NDArray[np.uint8]) -> SpikeTrain:
        """Return the spikes of one image, given what :meth:`encode` returned for it, for a run of ``longest`` ms."""
        steps = latencies.astype(np.int64)
        (spiking,) = np.nonzero(steps != _SILENT)
        times = steps[spiking].astype(float)
        return SpikeTrain.from_times(times, spiking, size=len(steps), dt=1.0, duration=float(self.settings.longest))


def _falling(first: float, last: float, passed: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return what falls geometrically from ``first`` to ``last``."""
    if first == 0 or last == 0:
        return np.asarray(first + (last - first) * passed, np.float32)
    return np.asarray(first * (last / first) ** passed, np.float32)


def _named(counts: NDArray[np.int64]) -> dict[str, int]:
    return {
        "synaptic_events": int(counts[FirstSpikeCount.EVENTS]),
        "plasticity_updates": int(counts[FirstSpikeCount.PLASTICITY_UPDATES]),
        "membrane_updates": int(counts[FirstSpikeCount.MEMBRANE_UPDATES]),
        "spikes": int(counts[FirstSpikeCount.SPIKES]),
        "input_spikes": int(counts[FirstSpikeCount.INPUT_SPIKES]),
    }
