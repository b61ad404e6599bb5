"""The figure of an experiment: a panel for each test, accuracy by level."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

_COLUMNS = 3
_COLOURS = (
    "#0072b2",
    "#d55e00",
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#cc79a7",
    "#000000",
    "#7f7f7f",
    "#8c564b",
    "#9467bd",
)
"""Told apart by colour-blind readers as far as there are so many; line and marker say whether a contender spikes."""


def draw(results: Mapping[str, Any]) -> "Figure":
    """Draw the content of an experiment's JSON file: mean and standard deviation over seeds."""
    # Matplotlib takes half a second to import, which a command that draws nothing should not pay.
    from matplotlib.figure import Figure

    rows, tests = results["measurements"], results["tests"]
    contenders = list(dict.fromkeys(row["contender"] for row in rows))
    columns = min(_COLUMNS, len(tests))
    lines = -(-len(tests) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.6 * lines + 1.2), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel in panels[len(tests) :]:
        panel.set_visible(False)
    for panel, (test, unit) in zip(panels, tests.items(), strict=False):
        _panel(panel, [row for row in rows if row["test"] == test], contenders, results["spiking"])
        panel.set_title(test, fontsize=9)
        panel.set_xlabel(unit, fontsize=8)
    figure.supylabel("accuracy (%)", fontsize=9)
    dataset, seeds = results["dataset"], len(results["seeds"])
    figure.suptitle(f"{results['title']}: {dataset['name']}, {seeds} seed{'s' if seeds > 1 else ''}", fontsize=11)
    handles = {text: line for panel in panels for line, text in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(
        [handles[name] for name in contenders],
        contenders,
        loc="outside lower center",
        ncols=4,
        fontsize=8,
        frameon=False,
    )
    return figure


def _panel(axes: "Axes", rows: Sequence[Mapping[str, Any]], contenders: list[str], spiking: Sequence[str]) -> None:
    levels = list(dict.fromkeys(row["level"] for row in rows))
    there = [name for name in contenders if any(row["contender"] == name for row in rows)]
    for k, name in enumerate(there):
        own = [[100 * r["accuracy"] for r in rows if (r["contender"], r["level"]) == (name, at)] for at in levels]
        means = [float(np.mean(values)) for values in own]
        spreads = [float(np.std(values, ddof=1)) if len(values) > 1 else 0.0 for values in own]
        # Side by side: points at one level would hide each other.
        at = np.arange(len(levels)) + 0.3 * (k / max(len(there) - 1, 1) - 0.5)
        spikes = name in spiking
        axes.errorbar(
            at, means, spreads, label=name, color=_COLOURS[contenders.index(name) % len(_COLOURS)], linewidth=1.2,
            linestyle="-" if spikes else "--", marker="o" if spikes else "s", markersize=4, capsize=2,
            markerfacecolor=None if spikes else "white",
        )  # fmt: skip
    axes.set_xticks(range(len(levels)), levels, fontsize=8)
    axes.tick_params(axis="y", labelsize=8)
    axes.grid(alpha=0.3)
