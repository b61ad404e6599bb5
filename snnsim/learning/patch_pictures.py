"""Looking into a network of patch detectors: the raster of one image, and the detectors and pixels that decided its class."""

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from snnsim.datasets import Split
from snnsim.results import Result
from snnsim.simulator import Simulator

from .patch_network import PatchNetwork
from .pictures import Deciding, draw_decision

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PatchDecision", "causes", "decide", "patch_pictures"]

_MOST_DECIDING = 8
"""Detector spikes shown: each has a column of the figure."""


@dataclasses.dataclass(frozen=True, eq=False)
class PatchDecision:
    """How a network came to its answer to one image, from a run of the general simulator.

    potentials : (classes,), mV, of the read-out at the end of the volley; ``answer`` and ``runner_up`` : the highest two
    detectors : int64 (spikes, 4): step, row, column and map of each detector that spiked, in the order of the simulator
    votes : (spikes, classes), mV, what each gave the read-out: the weights of the pooled neurons that it was the first to excite
        (the first of equals). Over all spikes they sum to ``potentials``
    """

    result: Result
    potentials: NDArray[Any]
    answer: int
    runner_up: int
    detectors: NDArray[np.int64]
    votes: NDArray[Any]

    @property
    def strongest(self) -> NDArray[np.int64]:
        """The spikes by what they gave the answer over the runner-up, largest first."""
        return np.argsort(self.votes[:, self.runner_up] - self.votes[:, self.answer], kind="stable")


def decide(network: PatchNetwork, image: NDArray[np.uint8], full_scale: int) -> PatchDecision:
    """Run the general simulator on one image, shape ``network.shape``."""
    settings, n_classes = network.settings, network.n_classes
    record = {"pixels": "spikes", "detectors": "spikes", "pooled": "spikes", "classes": "v"}
    result = Simulator(network.network(), precision="float32").run(
        settings.steps + 3.0, inputs={"pixels": network.volley(image, full_scale)}, record=record
    )
    potentials = result.v("classes")[0, -1]
    order = np.argsort(-potentials, kind="stable")
    spikes = result.spikes["detectors"]
    places, maps = np.divmod(spikes.neurons.astype(np.int64), settings.maps)
    detectors = np.stack([spikes.steps.astype(np.int64), *np.divmod(places, network.positions[1]), maps], axis=1)
    weights = network.read_out[:, :n_classes].astype(np.float64)
    votes = np.zeros((len(detectors), n_classes))
    excited: set[int] = set()
    for vote, (_, row, column, own) in zip(votes, detectors.tolist(), strict=True):  # by time
        for window in network.windows(row, column):
            pooled = window * settings.maps + own
            if pooled not in excited:
                excited.add(pooled)
                vote += weights[pooled]
    return PatchDecision(result, potentials, int(order[0]), int(order[1]), detectors, votes)


def causes(
    network: PatchNetwork, image: NDArray[np.uint8], full_scale: int, detector: NDArray[np.int64]
) -> NDArray[Any]:
    """Return what each pixel of an image had given a detector when it spiked, mV, shape ``network.shape``.

    detector : a row of :attr:`PatchDecision.detectors`. The sum is its potential then, above its threshold.
    """
    settings = network.settings
    step, row, column, own = detector.tolist()
    latencies = network.encode(image[None], full_scale)[0]
    y, x = row * settings.stride, column * settings.stride
    patch = (slice(y, y + settings.kernel), slice(x, x + settings.kernel))
    age = step - latencies[patch].astype(int)  # at least 1 for what has arrived
    arrived = (latencies[patch] < settings.steps) & (age > 0)
    given = np.zeros(latencies.shape)
    given[patch] = np.where(arrived, network.weights[:, :, own] * float(settings.decay) ** age, 0)
    height, width = network.shape
    return given[settings.padding : settings.padding + height, settings.padding : settings.padding + width]


def _draw_volley(result: Result, title: str) -> "Figure":
    """Draw every spike of a volley; the raster of long runs, a sample of neurons, would miss most of these few steps."""
    # Imported here: Matplotlib takes longer to load than most networks to run.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), layout="constrained")
    figure.suptitle(title, fontsize=10)
    panels = figure.subplots(len(result.spikes), 1, sharex=True, squeeze=False, height_ratios=(2, 2, 1))[::-1, 0]
    for index, (axes, (name, train)) in enumerate(zip(panels, result.spikes.items(), strict=True)):
        axes.hlines(train.neurons, train.times, train.times + 0.8 * result.dt, color=f"C{index}", linewidth=0.4)
        axes.set_ylim(-1, train.size)
        axes.set_ylabel(f"{name}, {len(train):,} spikes\nof {train.size:,} neurons", fontsize=8)
    panels[0].set_xlabel("time (ms)")
    panels[0].set_xlim(result.start * result.dt, result.stop * result.dt)
    return figure


def patch_pictures(network: PatchNetwork, split: Split) -> dict[str, Any]:
    """Return the raster of the first image, and the spikes that decided its class, by file name."""
    image, label = split.images[0], int(split.labels[0])
    found = decide(network, image, split.full_scale)
    deciding = [
        Deciding(
            f"map {own} at {column}, {row}\n{step} ms", causes(network, image, split.full_scale, found.detectors[k]),
            found.votes[k],
        )
        for k in found.strongest[:_MOST_DECIDING].tolist()
        for step, row, column, own in [found.detectors[k].tolist()]
    ]  # fmt: skip
    margin = found.potentials[found.answer] - found.potentials[found.runner_up]
    title = (
        f"the answer is {found.answer}, {margin:.1f} mV ahead of {found.runner_up}; the label is {label}. The {len(deciding)} of "
        f"{len(found.detectors):,} detector spikes that gave it most of its lead, and their sum"
    )
    return {
        "raster.png": _draw_volley(found.result, "The volley of one image: each neuron spikes at most once"),
        "decision.png": draw_decision(image, deciding, title),
    }
