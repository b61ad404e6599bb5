"""Cascades of networks, spiking or not: early exit for both sides of the comparison.

The first stage answers where it is sure, and hands the other images over to the next, dearer and better stage; the last
one answers always. An image pays every stage that it went through. A stage is sure where the margin of its two highest
scores is strictly above its threshold. An ANN decides once and pays its effective MACs. A spiking network stops at the
first step at which its margin is above the threshold, or runs to its last step and hands over, and pays its own
operations; as the last stage it answers there.

Which cascades compete is settled on the validation split: all pairs and triples of networks whose stages rise in
validation cost and in validation accuracy, at every combination of the thresholds, of which the Pareto-optimal are
kept. The thresholds are quantiles of the validation margins (`SHARES`), so no label is used in them; both sides have
equally many. The kept cascades are evaluated once on test.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from snnsim.comparison.candidates import pareto_front
from snnsim.comparison.curves import Readout, exit_steps, spread

SHARES = tuple(np.geomspace(0.005, 0.5, 16).tolist())
"""The thresholds of a stage: those at which it hands over these shares of the validation images, at the least."""

MAX_STAGES = 3

Arrays = Mapping[str, npt.NDArray[Any]]
Float64 = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Answers:
    """What a network does with n images at each of k thresholds.

    Attributes
    ----------
    predictions
        Integers (k, n), the class answered where the image stops here; (1, n) where it is the same at every threshold.
    costs
        Integers, shaped as `predictions`, operations paid here.
    handed_over
        bool (k, n), where the margin never passed the threshold.
    """

    predictions: npt.NDArray[np.integer[Any]]
    costs: npt.NDArray[np.integer[Any]]
    handed_over: npt.NDArray[np.bool_]

    @staticmethod
    def of(readout: Readout, thresholds: Sequence[float]) -> "Answers":
        """Reduce a readout; an ANN is one of a single step."""
        samples = np.arange(len(readout.margins))
        ops, best = readout.ops, readout.margins.max(axis=1)
        deciding = thresholds if ops.shape[1] > 1 else thresholds[:1]
        steps = [exit_steps(readout.margins, threshold) for threshold in deciding]
        return Answers(
            _narrow(np.stack([readout.predictions[samples, step] for step in steps])),
            _narrow(np.stack([ops[samples, step] for step in steps])),
            best <= np.array(thresholds)[:, None],
        )


@dataclass(frozen=True)
class Stage:
    """A network as a stage: its name, its k thresholds in rising order, and its answers on both splits."""

    name: str
    thresholds: list[float]
    validation: Answers
    test: Answers

    @property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All but the name, as arrays to keep in a file."""
        kept = {"thresholds": np.array(self.thresholds)}
        for split in ("validation", "test"):
            kept |= {f"{split}_{name}": array for name, array in vars(getattr(self, split)).items()}
        return kept

    @staticmethod
    def of(name: str, arrays: Arrays) -> "Stage":
        """The stage that has these `arrays`."""
        validation, test = (
            Answers(*(arrays[f"{split}_{field}"] for field in ("predictions", "costs", "handed_over")))
            for split in ("validation", "test")
        )
        return Stage(name, arrays["thresholds"].tolist(), validation, test)


@dataclass(frozen=True)
class Cascade:
    """Stages in the order in which they run, and of each the index of its threshold."""

    stages: tuple[Stage, ...]
    indices: tuple[int, ...]


def hand_over_thresholds(readout: Readout) -> list[float]:
    """At most `len(SHARES)` thresholds in rising order: margins at which the network hands over these shares."""
    best = readout.margins.max(axis=1)
    return [float(threshold) for threshold in np.unique(np.quantile(best, SHARES, method="inverted_cdf"))]


def frontier(stages: Iterable[Stage], validation_labels: Labels, test_labels: Labels) -> list[dict[str, Any]]:
    """The cascades kept by `search`, in order of rising validation cost, as points of `results.json`."""
    points = []
    for cascade in search(stages, validation_labels):
        validation = evaluate(cascade, "validation", validation_labels)
        points.append(
            {
                "stages": [stage.name for stage in cascade.stages],
                "thresholds": _thresholds(cascade),
                **evaluate(cascade, "test", test_labels),
                "validation_ops": validation["ops"],
                "validation_accuracy": validation["accuracy"],
            }
        )
    return points


def search(stages: Iterable[Stage], labels: Labels) -> list[Cascade]:
    """The Pareto-optimal cascades of two to `MAX_STAGES` stages on validation, in order of rising cost there."""
    members = sorted((_Member.of(stage, labels) for stage in stages), key=lambda member: (member.cost, member.name))
    found = [best for beginning in _beginnings(members) for best in _finished(beginning, members)]
    return [found[index][1] for index in pareto_front([totals for totals, _ in found])]


def evaluate(cascade: Cascade, split: str, labels: Labels) -> dict[str, Any]:
    """Means per image on "validation" or "test": `ops`, `accuracy`, `reached`, the share of images at each stage.

    Beside them `median_ops`, `p95_ops` and `max_ops`.
    """
    n = len(labels)
    costs = np.zeros(n, np.int64)
    correct = 0
    here = np.ones(n, np.bool_)
    reached = []
    for stage, index in zip(cascade.stages, cascade.indices, strict=True):
        answers: Answers = getattr(stage, split)
        row = min(index, len(answers.predictions) - 1)
        reached.append(int(np.count_nonzero(here)) / n)
        costs[here] += answers.costs[row, here]
        further = here & answers.handed_over[index] if stage is not cascade.stages[-1] else np.zeros_like(here)
        answered = here & ~further
        correct += int(np.count_nonzero(answers.predictions[row, answered] == labels[answered]))
        here = further
    return {"ops": int(costs.sum()) / n, "accuracy": correct / n, "reached": reached} | spread(costs)


@dataclass(frozen=True)
class _Member:
    """A stage with its answers on validation as numbers to sum; float64 sums of whole numbers are exact."""

    stage: Stage
    correct: Float64  # (k, n) or (1, n), 1 where right
    costs: Float64
    handed_over: npt.NDArray[np.bool_]
    # Where it hands over most: of a spiking network this is nearest to a run to the last step.
    cost: float
    accuracy: float

    @property
    def name(self) -> str:
        return self.stage.name

    @staticmethod
    def of(stage: Stage, labels: Labels) -> "_Member":
        answers = stage.validation
        correct = (answers.predictions == labels).astype(np.float64)
        costs = answers.costs.astype(np.float64)
        return _Member(stage, correct, costs, answers.handed_over, float(costs[-1].mean()), float(correct[-1].mean()))


@dataclass(frozen=True)
class _Beginning:
    """The first stages of cascades, at every combination of their m thresholds."""

    members: tuple[_Member, ...]
    position: int  # of the last of them among all members
    correct: Float64  # (m,) images answered rightly so far
    costs: Float64  # (m,) operations so far
    images: npt.NDArray[np.intp]  # those that any combination hands over
    handed_over: Float64  # (m, len(images)), 1 where handed over

    def then(self, position: int, member: _Member) -> "_Beginning":
        keeps = ~member.handed_over[:, self.images]
        correct = self.correct[:, None] + self.handed_over @ (member.correct[:, self.images] * keeps).T
        costs = self.costs[:, None] + self.handed_over @ np.broadcast_to(member.costs[:, self.images], keeps.shape).T
        further = ~keeps.all(axis=0)
        handed_over = self.handed_over[:, None, further] * ~keeps[None, :, further]
        return _Beginning(
            (*self.members, member),
            position,
            correct.ravel(),
            costs.ravel(),
            self.images[further],
            handed_over.reshape(correct.size, -1),
        )


def _beginnings(members: Sequence[_Member]) -> Iterator[_Beginning]:
    """All sequences of fewer than `MAX_STAGES` stages that rise in cost and accuracy."""
    n = members[0].correct.shape[1] if members else 0
    nothing = np.zeros(1)
    waiting = [_Beginning((), -1, nothing, nothing, np.arange(n), np.ones((1, n)))]
    while waiting:
        beginning = waiting.pop()
        for position, member in _better(beginning, members):
            longer = beginning.then(position, member)
            yield longer
            if len(longer.members) < MAX_STAGES - 1:
                waiting.append(longer)


def _better(beginning: _Beginning, members: Sequence[_Member]) -> Iterator[tuple[int, _Member]]:
    before = beginning.members[-1] if beginning.members else None
    for position, member in enumerate(members):
        if position > beginning.position and (
            before is None or (member.cost > before.cost and member.accuracy > before.accuracy)
        ):
            yield position, member


def _finished(beginning: _Beginning, members: Sequence[_Member]) -> Iterator[tuple[tuple[float, float], Cascade]]:
    """Of each way to end a beginning with one more stage: the Pareto-optimal as ((cost, correct), cascade)."""
    for _, last in _better(beginning, members):
        correct = beginning.correct[:, None] + beginning.handed_over @ last.correct[:, beginning.images].T
        costs = beginning.costs[:, None] + beginning.handed_over @ last.costs[:, beginning.images].T
        stages = (*(member.stage for member in beginning.members), last.stage)
        shape = *(len(member.handed_over) for member in beginning.members), len(last.correct)
        for index in pareto_front(np.column_stack([costs.ravel(), correct.ravel()])):
            indices = tuple(int(i) for i in np.unravel_index(index, shape))
            yield (float(costs.flat[index]), float(correct.flat[index])), Cascade(stages, indices)


def _thresholds(cascade: Cascade) -> list[float]:
    # A last stage without a choice, as an ANN, has none: it answers whatever its margin.
    thresholds = [stage.thresholds[i] for stage, i in zip(cascade.stages, cascade.indices, strict=True)]
    return thresholds if len(cascade.stages[-1].validation.predictions) > 1 else thresholds[:-1]


def _narrow(values: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.integer[Any]]:
    """The same whole numbers of 0 or more in the narrowest type that holds them."""
    return values.astype(np.min_scalar_type(int(values.max(initial=0))))
