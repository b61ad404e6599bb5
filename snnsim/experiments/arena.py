"""Who takes part in the experiments, trained once for each seed and kept, so that experiments share them."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from snnsim._errors import ResultsError
from snnsim.datasets import Dataset
from snnsim.learning.first_spike import FirstSpikeLearner, FirstSpikeSettings
from snnsim.learning.patch_network import PatchSettings
from snnsim.learning.patches import PatchLearner
from snnsim.learning.trained import Provenance

from .backpropagated import Backpropagated, Equal
from .contenders import Contender, FirstSpikes, Patches, SpikingContender

__all__ = ["FIRST_SPIKE", "PATCHES", "RANDOM", "Arena"]

FIRST_SPIKE, PATCHES, RANDOM = "first-spike", "patches", "patches, random detectors"
_SMALL = 20
"""Pixels a side, below which networks are those for the 8x8 digits."""


@dataclasses.dataclass(frozen=True)
class _Sizes:
    """Networks for images of one size. ``most`` : passes after which an ANN that is not equal is given up."""

    first_spike: FirstSpikeSettings
    few_first_spike: FirstSpikeSettings
    patches: PatchSettings
    few_patches: PatchSettings
    opponents: Mapping[str, tuple[str, tuple[float, float]]]
    """Hidden layers of the ANNs: the spiking network that each has to equal, and rates as in Arena."""
    large: str
    """Hidden layers of an ANN with as many maps, of the same kernel and stride, as the patches have detectors."""
    most: float


def _sizes(side: int) -> _Sizes:
    """Return what was chosen on validation images of MNIST, or, for small images, on those of the digits."""
    if side < _SMALL:
        first_spike = FirstSpikeSettings(neurons=40, passes=4, threshold=60.0)
        patches = PatchSettings(
            maps=24, kernel=4, stride=1, padding=1, latencies=(0.8, 0.5, 0.2), patches=4000, passes=2, least=3, theta=2.5,
            target=3.0, threshold_images=600, epochs=8, read_out_rate=0.03,
        )  # fmt: skip
        hidden, large = ("40", "12", "8c3s1-16c3s2"), "24c4s1"
        most = 30.0
    else:
        first_spike = FirstSpikeLearner.defaults(400)
        patches = PatchLearner.defaults(128)
        hidden, large = ("400", "16", "12c5s2-32c5s2"), "128c7s2"
        most = 12.0
    few_first_spike = dataclasses.replace(first_spike, votes=20, vote_decay=0.8, label_decay=0.8, passes=50)
    few_patches = dataclasses.replace(patches, patches=min(patches.patches, 5000), epochs=2)
    equals = (FIRST_SPIKE, (0.03, 0.1)), (FIRST_SPIKE, (0.1, 1.0)), (PATCHES, (0.1, 1.0))
    opponents = dict(zip(hidden, equals, strict=True))
    return _Sizes(first_spike, few_first_spike, patches, few_patches, opponents, large, most)


class Arena:
    """The contenders for one data set.

    dataset : what they learn (``train``), are made equal on (``validation``) and are tested on (``test``)
    folder : where trained ones are kept
    tell : is told what is being trained

    ``spiking``, ``conventional`` : the untrained contenders, by name
    ``large`` : the name of the ANN that is as large as the patches
    ``rates`` : by name, at how many times its last learning rate a contender takes up new classes, without and with rehearsal
    """

    def __init__(self, dataset: Dataset, folder: Path, tell: Callable[[str], None]) -> None:
        self.dataset, self.folder, self.tell = dataset, folder, tell
        sizes = _sizes(min(dataset.shape))
        shape, n_classes = dataset.shape, dataset.n_classes
        random, few_random = (dataclasses.replace(s, detectors="random") for s in (sizes.patches, sizes.few_patches))
        self._most = sizes.most
        self.spiking: dict[str, SpikingContender] = {
            FIRST_SPIKE: FirstSpikes(FIRST_SPIKE, shape, n_classes, sizes.first_spike, sizes.few_first_spike),
            PATCHES: Patches(PATCHES, shape, n_classes, sizes.patches, sizes.few_patches),
            RANDOM: Patches(RANDOM, shape, n_classes, random, few_random),
        }
        inputs = shape[0] * shape[1]
        self.rates = {FIRST_SPIKE: (10.0, 10.0), PATCHES: (0.01, 0.3), RANDOM: (0.01, 0.3)}
        self.conventional: dict[str, Backpropagated] = {}
        self._equals: dict[str, str] = {}
        for hidden, (own, rates) in sizes.opponents.items():
            for code in ((), sizes.patches.latencies) if own == PATCHES else ((),):
                one = Backpropagated(f"{inputs}-{hidden}-{n_classes}", shape, code)
                self.conventional[one.name], self._equals[one.name], self.rates[one.name] = one, own, rates
        large = Backpropagated(f"{inputs}-{sizes.large}-{n_classes}", shape)
        self.conventional[large.name], self._equals[large.name], self.large = large, PATCHES, large.name
        self._found: dict[tuple[str, int], Contender] = {}

    @property
    def names(self) -> list[str]:
        """All contenders but ``large`` and those of ``coded``."""
        plain = (name for name, one in self.conventional.items() if not one.code and name != self.large)
        return [*self.spiking, *plain]

    @property
    def coded(self) -> list[str]:
        """ANNs that are given the grey values that the latency code of a spiking network tells apart."""
        return [name for name, one in self.conventional.items() if one.code]

    @property
    def opponents(self) -> dict[str, list[str]]:
        """Whom each spiking network is compared with: ANNs of equal accuracy, and its control."""
        found = {own: [ann for ann in self.names if self._equals.get(ann) == own] for own in self.spiking}
        return {**found, PATCHES: [*found[PATCHES], RANDOM]}

    def about(self, names: Sequence[str], *, few: bool) -> dict[str, Any]:
        """Return settings of contenders, for the results, those for ``few`` images, too, if they are used."""
        found: dict[str, Any] = {}
        for name in names:
            if name in self.spiking:
                found[name] = dataclasses.asdict(self.spiking[name].settings)
            else:
                found[name] = {"equal to": self._equals[name], "code": list(self.conventional[name].code)}
        if few:
            found |= {f"{name}, few images": dataclasses.asdict(one.few) for name, one in self.spiking.items()}
        return found

    def trained(self, name: str, seed: int) -> Contender:
        """Return a contender that has learned the training split: the one that is kept, or a new one, which is kept then.

        Raises ResultsError where the kept one is another, SimulationError or AnnError where its file cannot be read.
        """
        if (name, seed) not in self._found:
            self._found[name, seed] = self._spiking(name, seed) if name in self.spiking else self._equal(name, seed)
        return self._found[name, seed]

    def forget(self) -> None:
        """Drop trained contenders from memory; their files stay."""
        self._found.clear()

    def delete(self, seed: int) -> None:
        """Delete what is kept of a seed."""
        for name in [*self.names, *self.coded, self.large]:
            self._path(name, seed).unlink(missing_ok=True)

    def equality(self, names: Sequence[str], seed: int) -> dict[str, dict[str, float]]:
        """Return how accurate contenders are on validation images, and how many passes the ANNs took to become so."""
        found = {}
        for name in names:
            one = self.trained(name, seed)
            found[name] = {"validation_accuracy": one.accuracy(self.dataset.validation)}
            if isinstance(one, Backpropagated):
                found[name]["passes"] = one.passes
        return found

    def _path(self, name: str, seed: int) -> Path:
        return self.folder / f"{name.replace(', ', '-').replace(' ', '-')}-seed{seed}.npz"

    def _provenance(self) -> Provenance:
        return Provenance(self.dataset.name, self.dataset.md5, len(self.dataset.train), finished=True)

    def _spiking(self, name: str, seed: int) -> Contender:
        path, one = self._path(name, seed), self.spiking[name]
        if path.exists():
            return one.load(path, self._provenance(), seed)
        self.tell(f"seed {seed}: training {name}")
        trained = one.learned(self.dataset.train, seed)
        self._kept(path)
        trained.save(path, self._provenance())
        return trained

    def _equal(self, name: str, seed: int) -> Contender:
        path = self._path(name, seed)
        if name not in self.conventional:
            raise ResultsError(
                f"no contender is called {name!r}: there are {', '.join([*self.names, *self.coded, self.large])}"
            )
        one, images = self.conventional[name], self.dataset.validation
        if path.exists():
            return one.load(path, self._provenance(), seed)
        equal = Equal(
            self.trained(self._equals[name], seed).accuracy(images),
            images,
            self._most,
            1.0 if name == self.large else 0.1,
        )
        self.tell(f"seed {seed}: training {name} to {equal.accuracy:.2%}")
        trained = one.learned_to(self.dataset.train, seed, equal)
        self._kept(path)
        trained.save(path, self._provenance(), seed)
        return trained

    def _kept(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResultsError(f"{path.parent}: cannot be made ({error.strerror})") from error
