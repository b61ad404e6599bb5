"""Pictures of a network that has learned: receptive fields, thresholds and weights over training, the spikes that decided."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .learner import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Deciding", "draw_decision", "draw_history", "draw_receptive_fields"]

# Matplotlib is imported in the functions: it takes longer to load than a small network to learn.

_MOST_FIELDS = 400
"""Receptive fields shown: more would be too small to see."""


@dataclasses.dataclass(frozen=True, eq=False)
class Deciding:
    """What a neuron had to say on an image: when it spiked, what each pixel had contributed to that, and its votes.

    pixels : (height, width), mV or whatever a spike is caused by; votes : (classes,), with which it votes
    """

    title: str
    pixels: NDArray[Any]
    votes: NDArray[Any]


def draw_decision(image: NDArray[Any], deciding: Sequence[Deciding], title: str) -> "Figure":
    """Draw an image, ``image`` (height, width), and the neurons that decided its class, in the order in which they spiked."""
    from matplotlib.figure import Figure

    n = len(deciding) + 1
    figure = Figure(figsize=(1.9 * n, 3.8), layout="constrained")
    figure.suptitle(title, fontsize=10)
    above, below = figure.subplots(2, n, squeeze=False, height_ratios=(3, 2))
    above[0].imshow(image, cmap="gray_r")
    above[0].set_title("image", fontsize=8)
    sums = np.sum([one.votes for one in deciding], axis=0) if deciding else np.zeros(1)
    for axes, votes in zip(below, [sums, *(one.votes for one in deciding)], strict=True):
        axes.bar(np.arange(len(votes)), votes, color="C0")
        axes.set_xticks(np.arange(len(votes)))
        axes.tick_params(labelsize=6)
    below[0].set_xlabel("class", fontsize=8)
    below[0].set_ylabel("votes", fontsize=8)
    most = max((float(np.abs(one.pixels).max()) for one in deciding), default=1.0) or 1.0
    for axes, one in zip(above[1:], deciding, strict=True):
        axes.imshow(one.pixels, cmap="RdBu_r", vmin=-most, vmax=most)
        axes.set_title(one.title, fontsize=8)
    for axes in above:
        axes.set_axis_off()
    return figure


def draw_receptive_fields(fields: NDArray[Any], title: str) -> "Figure":
    """Draw weights as images, ``fields`` (neurons, height, width), all on one scale; of many, some at even distances."""
    from matplotlib.figure import Figure

    picked = np.linspace(0, len(fields) - 1, min(len(fields), _MOST_FIELDS)).round().astype(int)
    shown = fields[picked]
    n, height, width = shown.shape
    columns = int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    sheet = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for k, field in enumerate(shown):
        y, x = k // columns * (height + 1), k % columns * (width + 1)
        sheet[y : y + height, x : x + width] = field
    signed = bool(shown.min() < 0)
    most = float(np.quantile(np.abs(shown), 0.999))
    figure = Figure(figsize=(8, 8.4 * rows / columns + 0.4), layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(
        sheet, cmap="RdBu_r" if signed else "magma", vmin=-most if signed else 0, vmax=most, interpolation="nearest"
    )
    axes.set_axis_off()
    axes.set_title(title if n == len(fields) else f"{title} ({n} of {len(fields):,})", fontsize=10)
    figure.colorbar(picture, shrink=0.5, label="weight")
    return figure


def draw_history(history: History, title: str) -> "Figure":
    """Draw the distributions of thresholds and of weights over training, one column for each time that they were noted."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    figure.suptitle(title, fontsize=10)
    left, right = figure.subplots(1, 2)
    low, high = float(history.thresholds.min()), float(history.thresholds.max())
    bins = np.linspace(low, high if high > low else low + 1, 51)
    counts = np.array([np.histogram(part, bins)[0] for part in history.thresholds])
    _columns(left, history.done, counts, bins, f"threshold ({history.threshold_unit})")
    _columns(right, history.done, history.weights, history.bins, f"weight ({history.weight_unit})")
    return figure


def _columns(axes: "Axes", done: NDArray[Any], counts: NDArray[Any], bins: NDArray[Any], label: str) -> None:
    from matplotlib.colors import LogNorm

    middles = (done[1:] + done[:-1]) / 2
    last = done[-1] + (done[-1] - middles[-1] if len(middles) else 1)
    edges = np.concatenate([[done[0]], middles, [last]])
    mesh = axes.pcolormesh(edges, bins, np.maximum(counts.T, 0.5), norm=LogNorm(), cmap="magma")
    axes.locator_params(axis="x", nbins=4)  # numbers of six digits stand side by side
    axes.set_xlabel("images learned")
    axes.set_ylabel(label)
    axes.figure.colorbar(mesh, ax=axes, label="count")
