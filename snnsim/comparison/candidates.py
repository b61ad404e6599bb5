"""Which operating points compete, and which one is the cheapest at a given accuracy.

A candidate is one network at one step, or at one exit threshold. The candidates are fixed on the validation split: of
each network, the points that no other of its points beats in both accuracy and operations there. They are then
evaluated on the test split, and the cheapest that reaches a level on it is reported, with its validation accuracy and
the number of candidates beside it, since the best of many is a lucky one. Cascades (`cascades`) are candidates of the
same kind, of both sides.

Networks, ANNs and cascades are the entries `snn`, `ann` and `cascades` of `results.json`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from snnsim.comparison.curves import COUNTERS

LEVELS = ("0.98", "0.985", "0.99")
"""Test accuracies at which costs are compared, as the keys of `results.json`."""

REFERENCE = "784-1200-1200-10"
"""The ANN of the published comparison (Neil, Pfeiffer & Liu 2016), 2,392,800 multiply-accumulates an image."""

Entry = Mapping[str, Any]


def pareto_front(points: npt.ArrayLike) -> list[int]:
    """Indices of the (ops, accuracy) pairs that no other pair beats, in order of rising ops; of equals the first."""
    ops, accuracy = np.asarray(points, np.float64).reshape(-1, 2).T
    order = np.lexsort((-accuracy, ops))
    best_before = np.maximum.accumulate(np.append(-1.0, accuracy[order]))[:-1]
    front: list[int] = order[accuracy[order] > best_before].tolist()
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


def cascade_name(stages: Iterable[str]) -> str:
    """How a cascade is called."""
    return " > ".join(stages)


def at_levels(
    anns: Sequence[Entry], networks: Sequence[Entry], ann_cascades: Sequence[Entry] = ()
) -> tuple[dict[str, dict[str, Any] | None], dict[str, list[dict[str, Any]]]]:
    """The cheapest candidate of all single networks, and the cheapest of each network, at each of `LEVELS`.

    A level that nothing reaches is None; a network that does not reach a level is missing from that level's list.
    """
    fixed = [_on_test(candidate, networks) for candidate in candidates(networks)]
    opponents = _ann_contenders(anns, ann_cascades)
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
            first_of[network["name"]] | _ratios(first_of[network["name"]], anns, opponents, level)
            for network in networks
            if network["name"] in first_of
        ]
        overall[key] = reaching[0] | counted | _ratios(reaching[0], anns, opponents, level) if reaching else None
    return overall, per_network


def at_cascades(
    anns: Sequence[Entry], networks: Sequence[Entry], cascades: Mapping[str, Sequence[Entry]]
) -> dict[str, dict[str, Any] | None]:
    """At each of `LEVELS` the cheapest spiking cascade or single network against the cheapest ANN cascade or ANN.

    A level that neither side reaches is None; where one side does not reach it, that side's entries are None, and so is
    the ratio.
    """
    spiking = [_on_test(candidate, networks) for candidate in candidates(networks)]
    spiking += [
        {**cascade, "snn": cascade_name(cascade["stages"]), "kind": "cascade", "at": cascade["thresholds"]}
        for cascade in cascades["snn"]
    ]
    opponents = _ann_contenders(anns, cascades["ann"])
    found: dict[str, dict[str, Any] | None] = {}
    for key in LEVELS:
        snn, ann = (_cheapest(side, float(key)) for side in (spiking, opponents))
        entry: dict[str, Any] = {
            name: snn[name] if snn else None
            for name in ("snn", "code", "kind", "at", "ops", "accuracy", "validation_accuracy")
        }
        for name in ("ann", "ops", "accuracy", "validation_accuracy", "thresholds"):
            entry[name if name == "ann" else f"ann_{name}"] = ann[name] if ann else None
        entry |= {"n_candidates": len(spiking), "n_ann_candidates": len(opponents)}
        found[key] = entry | {"ratio": snn["ops"] / ann["ops"] if snn and ann else None} if snn or ann else None
    return found


def best_reached(results: Entry) -> dict[str, Any] | None:
    """The candidate with the highest test accuracy, the cheapest of equals, as an entry of `results["at"]`.

    Its ratios are to ANNs that are at least as accurate on the test images. None where no spiking network has run.
    """
    fixed = [_on_test(candidate, results["snn"]) for candidate in results["candidates"]]
    if not fixed:
        return None
    best = min(fixed, key=lambda point: (-point["accuracy"], point["ops"]))
    n_reaching = sum(point["accuracy"] == best["accuracy"] for point in fixed)
    opponents = _ann_contenders(results["ann"], results["cascades"]["ann"])
    ratios = _ratios(best, results["ann"], opponents, best["accuracy"])
    return {**best, "n_candidates": len(fixed), "n_reaching": n_reaching, **ratios}


def _ann_contenders(anns: Iterable[Entry], cascades: Iterable[Entry]) -> list[dict[str, Any]]:
    """Single ANNs and cascades of them alike; `ops` are effective MACs."""
    names = ("ops", "accuracy", "validation_accuracy", "thresholds")
    single = [{**ann, "ann": ann["name"], "ops": ann["effective_macs"], "thresholds": []} for ann in anns]
    joined = [{**cascade, "ann": cascade_name(cascade["stages"])} for cascade in cascades]
    return [{name: contender[name] for name in ("ann", *names)} for contender in single + joined]


def _cheapest(contenders: Iterable[Entry], level: float) -> Entry | None:
    return min((c for c in contenders if c["accuracy"] >= level), key=lambda c: c["ops"], default=None)


def _on_test(candidate: Entry, networks: Iterable[Entry]) -> dict[str, Any]:
    network = next(network for network in networks if network["name"] == candidate["snn"])
    points, key = (network["curve"], "step") if candidate["kind"] == "anytime" else (network["early_exit"], "threshold")
    point = next(point for point in points if point[key] == candidate["at"])
    measured = ("ops", "accuracy", "steps", *COUNTERS, "median_ops", "p95_ops", "max_ops")
    figures = {name: point[name] for name in measured if name in point}
    return {**candidate, "source": network["source"], "code": network["code"]} | figures


def _ratios(point: Entry, anns: Sequence[Entry], contenders: Sequence[Entry], level: float) -> dict[str, Any]:
    named = {ann["name"]: ann for ann in anns}
    costs: dict[str, tuple[str, float] | None] = {}
    for key, ann, cost in (
        ("own_ann", named.get(point["source"]), "dense_macs"),
        ("reference", named.get(REFERENCE), "dense_macs"),
        ("cheapest_ann", cheapest_ann(anns, level, "dense_macs"), "dense_macs"),
        ("effective", cheapest_ann(anns, level, "effective_macs"), "effective_macs"),
    ):
        costs[key] = (ann["name"], ann[cost]) if ann else None
    cascade = _cheapest(contenders, level)
    costs["cascade"] = (cascade["ann"], cascade["ops"]) if cascade else None
    found: dict[str, Any] = {
        f"ratio_{key}": point["ops"] / opponent[1] if opponent else None for key, opponent in costs.items()
    }
    for key in ("cheapest_ann", "effective", "cascade"):
        found[f"{key}_name"], found[f"{key}_macs"] = costs[key] or (None, None)
    return found
