"""Which operating points compete, and which one is the cheapest at a given accuracy.

A candidate is one network at one step, or at one exit threshold. The candidates are fixed on the validation split: of
each network, the points that no other of its points beats in both accuracy and operations there. They are then
evaluated on the test split, and the cheapest that reaches a level on it is reported, with its validation accuracy and
the number of candidates beside it, since the best of many is a lucky one.

Networks and ANNs are the entries `snn` and `ann` of `results.json`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from snnsim.comparison.curves import COUNTERS

LEVELS = ("0.98", "0.985", "0.99")
"""Test accuracies at which costs are compared, as the keys of `results.json`."""

REFERENCE = "784-1200-1200-10"
"""The ANN of the published comparison (Neil, Pfeiffer & Liu 2016), 2,392,800 multiply-accumulates an image."""

Entry = Mapping[str, Any]


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the (ops, accuracy) pairs that no other pair beats, in order of rising ops; of equals the first."""
    front: list[int] = []
    best = -1.0
    for index in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i)):
        if points[index][1] > best:
            best = points[index][1]
            front.append(index)
    return front


def candidates(networks: Iterable[Entry]) -> list[dict[str, Any]]:
    """Operating points fixed on the validation split, as `{snn, kind, at, validation_ops, validation_accuracy}`.

    `kind` is "anytime", and `at` a step, or "early_exit", and `at` a threshold. Test figures are not read.
    """
    chosen = []
    for network in networks:
        points = [("anytime", point["step"], point) for point in network["curve"]]
        points += [("early_exit", point["threshold"], point) for point in network["early_exit"]]
        for index in pareto_front([(p["validation_ops"], p["validation_accuracy"]) for _, _, p in points]):
            kind, at, point = points[index]
            chosen.append(
                {
                    "snn": network["name"],
                    "kind": kind,
                    "at": at,
                    "validation_ops": point["validation_ops"],
                    "validation_accuracy": point["validation_accuracy"],
                }
            )
    return chosen


def cheapest_ann(anns: Iterable[Entry], level: float, cost: str) -> Entry | None:
    """The ANN with the lowest `cost` ("dense_macs" or "effective_macs") of those whose test accuracy reaches level."""
    return min((ann for ann in anns if ann["accuracy"] >= level), key=lambda ann: ann[cost], default=None)


def at_levels(
    anns: Sequence[Entry], networks: Sequence[Entry]
) -> tuple[dict[str, dict[str, Any] | None], dict[str, list[dict[str, Any]]]]:
    """The cheapest candidate of all, and the cheapest of each network, at each of `LEVELS`.

    A level that nothing reaches is None; a network that does not reach a level is missing from that level's list.
    """
    fixed = [_on_test(candidate, networks) for candidate in candidates(networks)]
    overall: dict[str, dict[str, Any] | None] = {}
    per_network: dict[str, list[dict[str, Any]]] = {}
    for key in LEVELS:
        level = float(key)
        reaching = sorted((c for c in fixed if c["accuracy"] >= level), key=lambda c: c["ops"])
        first_of: dict[str, dict[str, Any]] = {}
        for candidate in reaching:
            first_of.setdefault(candidate["snn"], candidate)
        counted = {"n_candidates": len(fixed), "n_reaching": len(reaching)}
        per_network[key] = [
            first_of[network["name"]] | _ratios(first_of[network["name"]], anns, level)
            for network in networks
            if network["name"] in first_of
        ]
        overall[key] = reaching[0] | counted | _ratios(reaching[0], anns, level) if reaching else None
    return overall, per_network


def _on_test(candidate: Entry, networks: Iterable[Entry]) -> dict[str, Any]:
    network = next(network for network in networks if network["name"] == candidate["snn"])
    points, key = (network["curve"], "step") if candidate["kind"] == "anytime" else (network["early_exit"], "threshold")
    point = next(point for point in points if point[key] == candidate["at"])
    measured = ("ops", "accuracy", "steps", *COUNTERS, "median_ops", "p95_ops", "max_ops")
    figures = {name: point[name] for name in measured if name in point}
    return {**candidate, "source": network["source"], "code": network["code"]} | figures


def _ratios(point: Entry, anns: Sequence[Entry], level: float) -> dict[str, Any]:
    named = {ann["name"]: ann for ann in anns}
    opponents = {
        "own_ann": (named.get(point["source"]), "dense_macs"),
        "reference": (named.get(REFERENCE), "dense_macs"),
        "cheapest_ann": (cheapest_ann(anns, level, "dense_macs"), "dense_macs"),
        "effective": (cheapest_ann(anns, level, "effective_macs"), "effective_macs"),
    }
    found: dict[str, Any] = {}
    for name, (ann, cost) in opponents.items():
        found[f"ratio_{name}"] = point["ops"] / ann[cost] if ann else None
    for name in ("cheapest_ann", "effective"):
        ann, cost = opponents[name]
        found[f"{name}_name"] = ann["name"] if ann else None
        found[f"{name}_macs"] = ann[cost] if ann else None
    return found
