"""The picture of a run: a raster of spikes, and the rate of each population over time."""

from typing import TYPE_CHECKING

import numpy as np

from ._errors import SimulationError
from .results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_raster"]

_MOST_NEURONS = 400  # shown per figure: more would be one grey block
_LEAST_NEURONS = 16  # shown per population, so that its label has a line of its own
_BIN_MS = 5.0


def draw_raster(result: Result, title: str = "", copy: int = 0) -> "Figure":
    """Draw the recorded spikes of one copy: a raster of a sample of the neurons, above the rates in bins of 5 ms.

    Raises SimulationError where no spikes were recorded.
    """
    # Imported here: Matplotlib takes longer to load than most networks to run.
    from matplotlib.figure import Figure

    if not result.spikes:
        raise SimulationError("no spikes were recorded: run with record={name: ['spikes']}")
    figure = Figure(figsize=(9, 6), layout="constrained")
    raster, rates = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    total = sum(train.size for train in result.spikes.values())
    edges = np.arange(result.start * result.dt, result.stop * result.dt + _BIN_MS, _BIN_MS)
    base, middles = 0, []
    for index, train in enumerate(result.spikes.values()):
        train = train.copy(copy)
        shown = min(train.size, max(_LEAST_NEURONS, round(train.size * min(1.0, _MOST_NEURONS / total))))
        # Neurons at even distances stand for all.
        picked = np.linspace(0, train.size - 1, shown).round().astype(np.int64)
        place = np.full(train.size, -1)
        place[picked] = np.arange(shown)
        mine = place[train.neurons] >= 0
        raster.plot(train.times[mine], base + place[train.neurons[mine]], ".", markersize=2, color=f"C{index}")
        rate = np.histogram(train.times, edges)[0] / train.size / (_BIN_MS / 1000.0)
        rates.stairs(rate, edges, color=f"C{index}")
        middles.append(base + shown / 2)
        base += shown
    raster.set_yticks(middles, [f"{name}  {train.size:,}" for name, train in result.spikes.items()])
    raster.set_ylim(-1, base)
    raster.set_title(title)
    rates.set_xlabel("time (ms)")
    rates.set_ylabel("rate (Hz)")
    rates.set_ylim(bottom=0)
    rates.set_xlim(edges[0], result.stop * result.dt)
    return figure
