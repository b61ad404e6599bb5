"""What an experiment needs of a network, and the spiking networks that offer it.

A contender never changes: to learn, to go on learning or to be damaged gives another one. So experiments can share what was
trained once.
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from snnsim._errors import ResultsError
from snnsim.datasets import Split
from snnsim.learning.first_spike import FirstSpikeLearner, FirstSpikeSettings
from snnsim.learning.learner import Learner
from snnsim.learning.models import MODELS
from snnsim.learning.patch_network import PatchSettings
from snnsim.learning.patches import PatchLearner
from snnsim.learning.trained import Provenance, load_learner, save_learner

from .splits import repeated

__all__ = ["Contender", "FirstSpikes", "Patches", "SpikingContender"]

_SILENT = np.float32(1e30)
"""mV: a threshold that nothing reaches."""
_EVERY = 10_000


class Contender(ABC):
    """A network in an experiment.

    ``name`` : what tables call it; ``spiking`` : whether it computes with spikes
    ``operations``, ``updates`` : what its last learning took: accumulates or multiply-accumulates, and updates of weights
    """

    name: str
    spiking: ClassVar[bool]
    operations: int = 0
    updates: int = 0

    @abstractmethod
    def learned(self, split: Split, seed: int) -> "Contender":
        """Return what learns all of ``split`` from scratch."""

    @abstractmethod
    def learned_from_few(self, split: Split, seed: int) -> "Contender":
        """Return what learns a few images from scratch, and has never seen others."""

    @abstractmethod
    def gone_on(self, split: Split, seed: int, passes: int, rate: float = 1.0) -> "Contender":
        """Return what learns other images on top, in so many passes, at ``rate`` times the learning rate that it ended with."""

    @abstractmethod
    def answers(self, split: Split) -> NDArray[np.int64]:
        """Return the class of each image, -1 for none; labels are not looked at."""

    def accuracy(self, split: Split) -> float:
        """Return the share of right answers, 0 to 1."""
        return float((self.answers(split) == split.labels).mean())

    @property
    @abstractmethod
    def weights(self) -> list[NDArray[np.float32]]:
        """Copies of the weights of all synapses, an array for each layer; shared ones stand there once."""

    @abstractmethod
    def with_weights(self, weights: Sequence[NDArray[np.float32]]) -> "Contender":
        """Return what has these weights instead."""

    @property
    @abstractmethod
    def hidden(self) -> list[int]:
        """How many neurons (where these share weights: maps) each layer has that can be silenced."""

    @abstractmethod
    def silenced(self, neurons: Sequence[NDArray[np.int64]]) -> "Contender":
        """Return what has these neurons (or maps) of each layer silent."""


class SpikingContender(Contender):
    """A network of ``snnsim learn``.

    settings, few : to learn all images with, and a few
    carried : names in the learner's state of what was learned, and what else a learner that goes on starts from
    """

    spiking = True
    model: ClassVar[type[Learner]]
    carried: ClassVar[tuple[str, ...]]
    settings: Any
    few: Any

    def __init__(
        self, name: str, shape: tuple[int, int], n_classes: int, settings: Any, few: Any, learner: Learner | None = None
    ) -> None:
        self.name, self.shape, self.n_classes, self.settings, self.few = name, shape, n_classes, settings, few
        self.learner = learner
        if learner is not None:
            counts = learner.operations
            self.operations, self.updates = counts["synaptic_events"], counts["plasticity_updates"]

    def learned(self, split: Split, seed: int) -> "SpikingContender":
        """Train with the settings of the model."""
        return self._trained(self.model(self.settings, self.shape, self.n_classes, seed), split)

    def learned_from_few(self, split: Split, seed: int) -> "SpikingContender":
        """Train with the settings for few images, which are shown over and over."""
        few = repeated(split, self.shown_of_few)
        return self._trained(self.model(self.few, self.shape, self.n_classes, seed), few)

    def gone_on(self, split: Split, seed: int, passes: int, rate: float = 1.0) -> "SpikingContender":
        """Train further, at the last learning rate."""
        return self._trained(self._successor(self.last(passes, rate), seed, {}), split)

    @abstractmethod
    def labelled_by(self, split: Split, seed: int) -> "SpikingContender":
        """Return what keeps everything that it learned without labels, and has its labels from a few images only."""

    @property
    @abstractmethod
    def shown_of_few(self) -> int:
        """How many images few are repeated to."""

    @abstractmethod
    def last(self, passes: int, rate: float) -> Any:
        """Return settings to go on with, at ``rate`` times the last learning rate."""

    def answers(self, split: Split) -> NDArray[np.int64]:
        """Let the network answer; nothing learns."""
        return self._own.answers(split, 1).classes

    def load(self, path: Path, provenance: Provenance, seed: int) -> "SpikingContender":
        """Return the trained network of a file. Raises ResultsError where it is another one."""
        learner, found = load_learner(path, MODELS)
        same = (learner.MODEL, learner.settings, learner.seed) == (self.model.MODEL, self.settings, seed)
        if not same or dataclasses.replace(found, seconds=0.0) != provenance:
            raise ResultsError(f"{path}: another network, or other data; choose another folder or give --force")
        return self._with(learner)

    def save(self, path: Path, provenance: Provenance) -> None:
        """Keep the trained network."""
        save_learner(path, self._own, provenance)

    def silenced(self, neurons: Sequence[NDArray[np.int64]]) -> "SpikingContender":
        """Raise thresholds beyond what any input reaches."""
        thresholds = self._own.state["thresholds"].copy()
        thresholds[neurons[0]] = _SILENT
        return self._changed({"thresholds": thresholds})

    @property
    def hidden(self) -> list[int]:
        """Neurons, or maps of detectors."""
        return [self._own.neurons]

    @property
    def _own(self) -> Learner:
        if self.learner is None:
            raise ResultsError(f"{self.name}: has not learned yet")
        return self.learner

    def _with(self, learner: Learner) -> "SpikingContender":
        return type(self)(self.name, self.shape, self.n_classes, self.settings, self.few, learner)

    def _trained(self, learner: Learner, split: Split) -> "SpikingContender":
        for _ in learner.train(split, _EVERY):
            pass
        return self._with(learner)

    def _successor(self, settings: Any, seed: int, changed: Mapping[str, NDArray[Any]]) -> Learner:
        """Return a learner that starts from what this one has learned."""
        learner = self.model(settings, self.shape, self.n_classes, seed)
        own = self._own.state
        learner.restore({**learner.state, **{name: own[name] for name in self.carried}, **changed})
        return learner

    def _changed(self, changed: Mapping[str, NDArray[Any]]) -> "SpikingContender":
        own = self._own
        learner = self.model(own.settings, self.shape, self.n_classes, own.seed)
        learner.restore({**own.state, **changed})
        return self._with(learner)


class FirstSpikes(SpikingContender):
    """The network without labels, whose neurons compete by first spikes."""

    model = FirstSpikeLearner
    carried = ("weights", "thresholds", "evidence")
    settings: FirstSpikeSettings
    few: FirstSpikeSettings
    shown_of_few = 1000

    def last(self, passes: int, rate: float) -> FirstSpikeSettings:
        """Return the settings of the end; a higher rate falls to that of the end again, thresholds move as they did last."""
        settings = self.settings
        eta = min(rate * settings.eta_last, 1.0)
        return dataclasses.replace(settings, passes=passes, eta=eta, rise=settings.rise_last)

    def labelled_by(self, split: Split, seed: int) -> "FirstSpikes":
        """Forget what neurons stand for, and let them answer to the few images; weights and thresholds stay."""
        read_out = {name: getattr(self.few, name) for name in ("votes", "vote_decay", "label_decay")}
        settings = dataclasses.replace(
            self.settings, passes=1, eta=0.0, eta_last=0.0, rise=0.0, rise_last=0.0, **read_out
        )
        forgotten = {"evidence": np.zeros_like(self._own.state["evidence"])}
        trained = self._trained(self._successor(settings, seed, forgotten), split)
        assert isinstance(trained, FirstSpikes)
        return trained

    @property
    def weights(self) -> list[NDArray[np.float32]]:
        """Pixels to neurons; what neurons stand for are labels, not synapses."""
        return [self._own.state["weights"].copy()]

    def with_weights(self, weights: Sequence[NDArray[np.float32]]) -> SpikingContender:
        """Change the weights; thresholds and labels stay."""
        return self._changed({"weights": weights[0]})


class Patches(SpikingContender):
    """The network of patch detectors, with labels at its read-out."""

    model = PatchLearner
    carried = ("weights", "thresholds", "read_out")
    settings: PatchSettings
    few: PatchSettings
    shown_of_few = 1000

    def last(self, passes: int, rate: float) -> PatchSettings:
        """Return settings for the read-out alone: detectors and thresholds have become what they are.

        The rate of the read-out falls to 0 in a training; it goes on at half of where it began, which is the mean.
        """
        return dataclasses.replace(self.settings, epochs=passes, read_out_rate=rate * self.settings.read_out_rate / 2)

    def labelled_by(self, split: Split, seed: int) -> "Patches":
        """Forget the read-out, and let it learn the few images; detectors and thresholds, which need no labels, stay."""
        settings = dataclasses.replace(
            self.settings,
            epochs=self.few.epochs * self.shown_of_few // len(split),
            read_out_rate=self.few.read_out_rate,
        )
        forgotten = {"read_out": np.zeros_like(self._own.state["read_out"])}
        trained = self._trained(self._successor(settings, seed, forgotten), split)
        assert isinstance(trained, Patches)
        return trained

    def _successor(self, settings: Any, seed: int, changed: Mapping[str, NDArray[Any]]) -> Learner:
        # The stage of the read-out; the two before it are done.
        return super()._successor(settings, seed, {**changed, "place": np.array([2, 0], np.int64)})

    @property
    def weights(self) -> list[NDArray[np.float32]]:
        """Patches to maps, shared by all positions, and pooled neurons to classes."""
        state = self._own.state
        return [state["weights"].copy(), state["read_out"][self._synapses].copy()]

    def with_weights(self, weights: Sequence[NDArray[np.float32]]) -> SpikingContender:
        """Change the weights; thresholds stay."""
        read_out = self._own.state["read_out"].copy()
        read_out[self._synapses] = weights[1]
        return self._changed({"weights": weights[0], "read_out": read_out})

    @property
    def _synapses(self) -> tuple[slice, slice]:
        assert isinstance(self._own, PatchLearner)
        return slice(self._own.network.n_pooled), slice(self.n_classes)
