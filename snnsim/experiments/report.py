"""What an experiment says: tables of means and spreads, and verdicts by paired tests.

References
----------
Student 1908, The probable error of a mean, Biometrika 6:1 (the paired t test).
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["AHEAD", "BEHIND", "EVEN", "Comparison", "compared", "markdown"]

AHEAD, BEHIND, EVEN = "ahead", "behind", "even"
_LEVEL_OF_P = 0.05
_MATTERS = 1e-12
_UNEQUAL = 0.2
"""Percentage points."""

Row = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A spiking network against a rival at one level of a test.

    points : mean difference of accuracies, in percentage points, above 0 where the spiking one is better
    p : of no difference, by a paired, two-sided t test over seeds (or episodes); None where there is one only
    outcome : "ahead", "behind", or "even" where p is 0.05 or more
    """

    test: str
    level: str
    spiking: str
    rival: str
    points: float
    p: float | None
    outcome: str


def compared(rows: Sequence[Row], rivals: Mapping[str, Sequence[str]]) -> list[Comparison]:
    """Compare each spiking network with its rivals, wherever both were measured."""
    found = []
    for test in _distinct(rows, "test"):
        there = [row for row in rows if row["test"] == test]
        for spiking, others in rivals.items():
            for rival in others:
                for level in _distinct(there, "level"):
                    own, other = (_paired(there, name, level) for name in (spiking, rival))
                    if len(own) and len(own) == len(other):
                        found.append(_comparison(test, level, spiking, rival, own - other))
    return found


def _comparison(test: str, level: str, spiking: str, rival: str, differences: NDArray[np.float64]) -> Comparison:
    mean = float(differences.mean())
    p: float | None = None
    if len(differences) > 1:
        spread = float(differences.std(ddof=1))
        if spread <= _MATTERS:
            p = 0.0 if abs(mean) > _MATTERS else 1.0
        else:
            # scipy comes with scikit-learn, and is slow to load.
            from scipy.stats import t

            p = float(2 * t.sf(abs(mean) / (spread / len(differences) ** 0.5), len(differences) - 1))
    decided = abs(mean) > _MATTERS and (p is None or p < _LEVEL_OF_P)
    return Comparison(test, level, spiking, rival, 100 * mean, p, (AHEAD if mean > 0 else BEHIND) if decided else EVEN)


def _paired(rows: Sequence[Row], contender: str, level: str) -> NDArray[np.float64]:
    """Return accuracies by seed, or, where there are episodes, of all of them."""
    own = [row for row in rows if row["contender"] == contender and row["level"] == level]
    own.sort(key=lambda row: int(row["seed"]))
    return np.array([value for row in own for value in (row["episodes"] or [row["accuracy"]])], np.float64)


def _distinct(rows: Sequence[Row], key: str) -> list[Any]:
    return list(dict.fromkeys(row[key] for row in rows))


def markdown(results: Mapping[str, Any]) -> str:
    """Return the report of an experiment, from the content of its JSON file."""
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Mapping[str, Any]) -> Iterator[str]:
    dataset, rows, seeds = results["dataset"], results["measurements"], results["seeds"]
    yield from (f"# {results['title']}", "", results["question"], "")
    held_out = "" if dataset["tested_on"] == "test" else " (validation images: to choose settings by)"
    yield (
        f"`{results['command']}`: {dataset['name']} (md5 {dataset['md5']}), {dataset['train']:,} training images, "
        f"{dataset['test']:,} test images{held_out}, seeds {', '.join(map(str, seeds))}. Accuracies are mean ± standard deviation "
        "over seeds, in %."
    )
    yield ""
    yield from _short(results["comparisons"])
    yield from _equality(results["equality"], results["contenders"])
    tabulated: dict[tuple[str, ...], str] = {}
    for test, unit in results["tests"].items():
        there = [row for row in rows if row["test"] == test]
        yield from (f"## {test[0].upper()}{test[1:]}", "")
        yield from _table(there, f"contender ({unit})", _accuracy)
        yield from _learning(there, test, tabulated)
        yield from _verdicts([c for c in results["comparisons"] if c["test"] == test])


def _learning(rows: Sequence[Row], test: str, tabulated: dict[tuple[str, ...], str]) -> Iterator[str]:
    """What the learning of a test took, of those for whom it is known.

    Where one learning was tested twice, the second test names the first in ``tabulated``, tests by their tables.
    """
    counted = [row for row in rows if row["operations"] is not None]
    if not counted:
        return
    table = tuple(_table(counted, "contender", _operations))
    first = tabulated.setdefault(table, test)
    if first != test:
        yield from (f"The learning, and what it took, are those of *{first}*.", "")
        return
    yield from (
        "Accumulates (spiking) or multiply-accumulates of the learning before it, and updates of weights, means:",
        "",
        *table,
    )


def _short(comparisons: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Who is ahead how often, in one table."""
    if not comparisons:
        return
    tests = _distinct(comparisons, "test")
    yield from ("At how many levels the spiking network is ahead / even / behind:", "")
    yield from (f"| spiking | against | {' | '.join(tests)} |", f"| --- | --- |{' ---: |' * len(tests)}")
    for spiking, rival in _pairs(comparisons):
        cells = []
        for test in tests:
            own = [c["outcome"] for c in comparisons if (c["spiking"], c["rival"], c["test"]) == (spiking, rival, test)]
            cells.append(" / ".join(str(own.count(outcome)) for outcome in (AHEAD, EVEN, BEHIND)) if own else "")
        yield f"| {spiking} | {rival} | {' | '.join(cells)} |"
    yield ""


def _equality(
    equality: Mapping[str, Mapping[str, Mapping[str, float]]], contenders: Mapping[str, Any]
) -> Iterator[str]:
    """How equal the contenders are before anything is done to them."""
    yield from ("On validation images, which is where ANNs were stopped once they equalled their spiking network:", "")
    yield from ("| contender | accuracy % | passes over the training images |", "| --- | ---: | ---: |")
    means = {}
    for name in next(iter(equality.values())):
        accuracies = 100 * np.array([found[name]["validation_accuracy"] for found in equality.values()])
        passes = [found[name]["passes"] for found in equality.values() if "passes" in found[name]]
        means[name] = float(accuracies.mean())
        yield f"| {name} | {_mean_and_spread(accuracies)} | {f'{np.mean(passes):.2f}' if passes else ''} |"
    yield ""
    for name, mean in means.items():
        own = contenders[name].get("equal to")
        if own is not None and means[own] - mean > _UNEQUAL:
            yield from (f"**{name} has not become as accurate as {own}**, in as many passes as it was given.", "")


def _table(rows: Sequence[Row], corner: str, cell: Any) -> Iterator[str]:
    levels = _distinct(rows, "level")
    yield f"| {corner} | {' | '.join(levels)} |"
    yield f"| --- |{' ---: |' * len(levels)}"
    for name in _distinct(rows, "contender"):
        cells = [cell([r for r in rows if r["contender"] == name and r["level"] == level]) for level in levels]
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""


def _accuracy(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    if rows[0]["episodes"]:
        episodes = 100 * np.array([value for row in rows for value in row["episodes"]])
        half = 1.96 * float(episodes.std(ddof=1)) / len(episodes) ** 0.5
        return f"{episodes.mean():.2f}, 95 % interval ± {half:.2f}, {len(episodes):,} episodes"
    return _mean_and_spread(100 * np.array([row["accuracy"] for row in rows]))


def _operations(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    return " + ".join(f"{np.mean([row[key] for row in rows]):.3g}" for key in ("operations", "updates"))


def _mean_and_spread(values: NDArray[np.float64]) -> str:
    spread = f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else ""
    return f"{values.mean():.2f}{spread}"


def _verdicts(comparisons: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for spiking, rival in _pairs(comparisons):
        own = [c for c in comparisons if (c["spiking"], c["rival"]) == (spiking, rival)]
        said = [
            f"{word} at {', '.join(_level(c) for c in own if c['outcome'] == outcome)}"
            for outcome, word in ((AHEAD, "**ahead**"), (BEHIND, "**behind**"), (EVEN, "no difference"))
            if any(c["outcome"] == outcome for c in own)
        ]
        yield f"- {spiking} against {rival}: {'; '.join(said)}."
    if comparisons:
        yield ""


def _pairs(comparisons: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((c["spiking"], c["rival"]) for c in comparisons))


def _level(comparison: Mapping[str, Any]) -> str:
    p = comparison["p"]
    sure = "" if p is None else ", p < 0.001" if p < 1e-3 else f", p = {p:.2g}"
    return f"{comparison['level']} ({comparison['points']:+.2f} points{sure})"
