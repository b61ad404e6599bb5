"""The figure: accuracy against operations per image, spiking networks and ANNs, one panel per spike code.

Locally learned networks, whose code is their own, are in every panel.
"""

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from snnsim.comparison.candidates import LEVELS, REFERENCE, cheapest_ann, pareto_front
from snnsim.comparison.store import write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CODE_NAMES = {
    "rate": "rate code",
    "ttfs": "time to first spike",
    "poisson": "Poisson rate code",
    "current": "constant current",
}

# A family of architectures is a colour map, dearer networks darker: told apart in black and white and by colour-blind
# readers; the markers tell apart what is left.
_FAMILIES = {"dense": ("Blues", 0.45, 1.0), "convolution": ("YlOrBr", 0.4, 0.9), "pruned": ("RdPu", 0.6, 0.95)}
_MARKERS = "os^DvPX<>phd"
_TICKS = (0, 50, 60, 70, 80, 85, 90, 95, 97, 98, 98.5, 99, 99.5)
# The accuracy axis is logarithmic in the error plus this many %, so that it spreads the top and ends at 100 %.
_OFFSET = 0.25

# Locally learned networks: stars, which nothing else is, with as many rays as their model has here, lighter to darker by size.
_RAYS = (5, 4, 6, 8, 3, 7)
_LEARNED_COLOURS = ("Greens", 0.25, 0.85)

_SPIKING_CASCADES: dict[str, Any] = {"color": "black", "linewidth": 1.1}
_ANN_CASCADES: dict[str, Any] = {
    "color": "black",
    "linewidth": 1.1,
    "linestyle": (0, (1, 1.5)),
    "marker": "o",
    "markersize": 3.2,
    "markerfacecolor": "white",
    "markeredgewidth": 0.8,
}


def draw(results: Mapping[str, Any]) -> "Figure":
    """The figure of the content of a `results.json`, complete or not."""
    # Matplotlib takes half a second to import, which a command that draws nothing should not pay.
    from matplotlib.figure import Figure

    styles, stars = _styles(results["ann"]), _stars(results.get("learned", ()))
    codes = results["codes"]
    columns, rows = min(2, len(codes)), (len(codes) + 1) // 2
    figure = Figure(figsize=(12, 2.4 + 6 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for unused in panels[len(codes) :]:
        unused.set_visible(False)
    for panel, code in zip(panels, codes, strict=False):
        networks = [network for network in results["snn"] if network["code"] == code]
        _frame(panel, results)
        _references(panel, results, styles, networks)
        for network in networks:
            _curves(panel, network, styles[network["source"]][0])
        for ann in results["ann"]:
            _markers(panel, ann, *styles[ann["name"]])
        _cascades(panel, results["cascades"], code)
        for entry, star in stars:
            panel.plot(entry["ops"], 100 * entry["accuracy"], **star)
        panel.set_title(CODE_NAMES.get(code, code), fontsize=12, pad=34)
        panel.set_xlabel("operations per image (accumulates + multiply-accumulates)", fontsize=11)
        panel.set_ylabel("test accuracy (%)", fontsize=11)
        panel.tick_params(labelsize=10.5)
        panel.label_outer()
    images = f"{results['dataset']['n_test']:,} test images{'' if results['complete'] else ', incomplete run'}"
    figure.suptitle(f"{results['dataset']['name']}: accuracy against operations ({images})", fontsize=14)
    _legend(figure, styles, stars)
    return figure


def save_figure(results: Mapping[str, Any], out: Path) -> None:
    """Write `accuracy_vs_ops.png` and `.svg` into the folder `out`; equal results give equal bytes."""
    import matplotlib as mpl

    figure = draw(results)
    metadata: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None}}
    for kind, described in metadata.items():
        buffer = io.BytesIO()
        with mpl.rc_context({"svg.hashsalt": "snnsim"}):
            figure.savefig(buffer, format=kind, dpi=150, metadata=described)
        write(out / f"accuracy_vs_ops.{kind}", buffer.getvalue())


def _styles(anns: list[dict[str, Any]]) -> dict[str, tuple[Any, str]]:
    """Colour and marker of each ANN's name; darker are those that come later in `anns`."""
    import matplotlib as mpl

    members: dict[str, list[str]] = {family: [] for family in _FAMILIES}
    for ann in anns:
        convolution = re.search(r"\d+c\d+", ann["name"])
        family = "pruned" if "pruned" in ann["name"] else "convolution" if convolution else "dense"
        members[family].append(ann["name"])
    colours: dict[str, Any] = {}
    for family, names in members.items():
        name, low, high = _FAMILIES[family]
        shades = mpl.colormaps[name](np.linspace(high if len(names) == 1 else low, high, len(names)))
        colours |= dict(zip(names, shades, strict=True))
    names = [name for family in members.values() for name in family]
    return {name: (colours[name], _MARKERS[i % len(_MARKERS)]) for i, name in enumerate(names)}


def _stars(learned: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], dict[str, Any]]]:
    """Every locally learned network and how it is drawn."""
    import matplotlib as mpl

    models = list(dict.fromkeys(entry["model"] for entry in learned))
    name, low, high = _LEARNED_COLOURS
    stars = []
    for entry in learned:
        members = [other["name"] for other in learned if other["model"] == entry["model"]]
        shades = mpl.colormaps[name](np.linspace(high if len(members) == 1 else low, high, len(members)))
        star = {
            "marker": (_RAYS[models.index(entry["model"]) % len(_RAYS)], 1, 0),
            "markerfacecolor": shades[members.index(entry["name"])],
            "markeredgecolor": "black",
            "markeredgewidth": 0.8,
            "markersize": 14,
            "linestyle": "none",
            "zorder": 6,
        }
        stars.append((entry, star))
    return stars


def _frame(panel: "Axes", results: Mapping[str, Any]) -> None:
    networks = [[*network["curve"], *network["early_exit"]] for network in results["snn"]]
    peaks = [100 * max(point["accuracy"] for point in points) for points in networks]
    peaks += [100 * entry["accuracy"] for entry in (*results["ann"], *results.get("learned", ()))]
    best, lowest = max(peaks, default=99.0), min(peaks, default=99.0)
    # From where no network is left out up to 98 % at least, which is what the figure is about.
    bottom = max((tick for tick in _TICKS if tick <= min(90, lowest - 1)), default=0)
    panel.set_yscale("function", functions=(_spread, _unspread))
    panel.set_yticks([tick for tick in _TICKS if tick >= bottom], minor=False)
    panel.set_yticklabels([f"{tick:g}" for tick in _TICKS if tick >= bottom])
    panel.set_yticks([], minor=True)
    panel.set_ylim(bottom, min(100.0, max(98.3, best + 0.15)))
    panel.set_xscale("log")
    costs = [ann[cost] for ann in results["ann"] for cost in ("dense_macs", "effective_macs")]
    costs += [entry["ops"] for entry in results.get("learned", ())]
    costs += [point["ops"] for points in networks for point in points if 100 * point["accuracy"] >= bottom]
    if costs:
        panel.set_xlim(max(10, 0.7 * min(costs)), 1.5 * max(costs))
    panel.grid(axis="x", color="0.93", linewidth=0.8)
    panel.spines[["top", "right"]].set_visible(False)
    for level in LEVELS:
        if 100 * float(level) > panel.get_ylim()[1]:
            continue
        panel.axhline(100 * float(level), color="0.55", linewidth=0.8, zorder=1)


def _references(panel: "Axes", results: Mapping[str, Any], styles: Mapping[str, Any], networks: list[Any]) -> None:
    anns = {ann["name"]: ann for ann in results["ann"]}
    for source in dict.fromkeys(network["source"] for network in networks):
        panel.axvline(
            anns[source]["dense_macs"], color=styles[source][0], linewidth=1, linestyle=":", alpha=0.7, zorder=1
        )
    named = {"cheapest dense ANN at 98 %": cheapest_ann(results["ann"], 0.98, "dense_macs")}
    named["published reference"] = anns.get(REFERENCE)
    for row, (text, ann) in enumerate(named.items()):
        if ann:
            macs = ann["dense_macs"]
            panel.axvline(macs, color="0.25", linewidth=1.2, zorder=1.5)
            # Above the axes, where no curve runs, in a row of its own, and no further out than the axes.
            place = panel.transAxes.inverted().transform(panel.transData.transform((macs, 0)))[0]
            panel.annotate(
                f"{text}: {macs:,}",
                (macs, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 3 + 13 * row),
                textcoords="offset points",
                ha="left" if place < 0.3 else "right" if place > 0.7 else "center",
                fontsize=9.5,
                color="0.25",
            )


def _cascades(panel: "Axes", cascades: Mapping[str, Any], code: str) -> None:
    spiking = [point for point in cascades["snn"] if point["code"] == code]
    for points, line in ((spiking, _SPIKING_CASCADES), (cascades["ann"], _ANN_CASCADES)):
        reached = [(point["ops"], point["accuracy"]) for point in points]
        front = [reached[index] for index in pareto_front(reached)]
        panel.plot([ops for ops, _ in front], [100 * accuracy for _, accuracy in front], zorder=5.5, **line)


def _curves(panel: "Axes", network: Mapping[str, Any], colour: Any) -> None:
    every_step: dict[str, Any] = {"linestyle": (0, (3, 2)), "linewidth": 1.0, "alpha": 0.6, "zorder": 2}
    early_exit: dict[str, Any] = {"linewidth": 1.8, "zorder": 3}
    for points, line in (
        (network["curve"], every_step),
        (sorted(network["early_exit"], key=lambda point: point["ops"]), early_exit),
    ):
        ops, accuracy = ([point[key] for point in points] for key in ("ops", "accuracy"))
        # A step before the first operation has no place on a logarithmic axis.
        panel.plot(np.where(np.array(ops) > 0, ops, np.nan), 100 * np.array(accuracy), color=colour, **line)


def _markers(panel: "Axes", ann: Mapping[str, Any], colour: Any, marker: str) -> None:
    y = 100 * ann["accuracy"]
    style: dict[str, Any] = {
        "marker": marker,
        "linestyle": "none",
        "markeredgecolor": colour,
        "markersize": 7,
        "zorder": 5,
    }
    panel.plot(ann["dense_macs"], y, markerfacecolor=colour, **style)
    panel.plot(ann["effective_macs"], y, markerfacecolor="white", markeredgewidth=1.6, **style)


def _legend(
    figure: "Figure",
    styles: Mapping[str, tuple[Any, str]],
    stars: Sequence[tuple[Mapping[str, Any], dict[str, Any]]],
) -> None:
    from matplotlib.lines import Line2D

    networks = [
        Line2D([], [], color=colour, marker=marker, markersize=7, linewidth=1.8, label=name)
        for name, (colour, marker) in styles.items()
    ]
    grey: dict[str, Any] = {"color": "0.3"}
    point: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 7, **grey}
    kinds = [
        Line2D([], [], linewidth=1.8, label="spiking, early exit", **grey),
        Line2D([], [], linewidth=1.0, linestyle=(0, (3, 2)), label="spiking, every step", **grey),
        Line2D([], [], label="ANN, dense MACs", **point),
        Line2D([], [], markerfacecolor="white", markeredgewidth=1.6, label="ANN, zeros skipped", **point),
        Line2D([], [], linewidth=1, linestyle=":", label="own ANN's dense MACs", **grey),
        Line2D([], [], label="cheapest spiking cascades", **_SPIKING_CASCADES),
        Line2D([], [], label="cheapest ANN cascades, zeros skipped", **_ANN_CASCADES),
    ]
    kinds += [
        Line2D([], [], label=f"locally learned: {entry['name']}", **(star | {"markersize": 11}))
        for entry, star in stars
    ]
    shared: dict[str, Any] = {"fontsize": 10, "frameon": False, "columnspacing": 1.5}
    figure.legend(handles=networks, loc="outside lower left", ncols=3, **shared)
    figure.legend(handles=kinds, loc="outside lower right", ncols=2, **shared)


def _spread(accuracy: npt.ArrayLike) -> npt.NDArray[np.float64]:
    # Below 0 and above 100 % nothing is drawn, but Matplotlib asks.
    inside = np.clip(np.asarray(accuracy, np.float64), 0.0, 100.0)
    return np.asarray(-np.log10(100.0 + _OFFSET - inside))


def _unspread(value: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(100.0 + _OFFSET - 10.0 ** -np.asarray(value, np.float64))
