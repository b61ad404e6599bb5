"""From simulated responses to accuracy-versus-operations points.

A *readout* is what the curves need of a run: per sample and step the predicted class, its margin and the operations
spent so far. Two kinds of operating points are made of it:

- anytime: every sample stops at the same step;
- early exit: a sample stops at the first step at which its own margin (best minus second-best score) is strictly above
  a threshold, or at the last step, and pays its own operations up to and including that step. No label is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from snnsim.conversion import Responses

COUNTERS = ("acs", "macs", "membrane_updates", "spikes", "encoder_operations")
"""The counters of a point, in the order of `Readout.counts`; `ops` is the sum of the first two."""


@dataclass(frozen=True)
class Readout:
    """Decisions and cumulative costs of n samples over n_steps.

    Attributes
    ----------
    predictions
        int16 (n, n_steps), class with the highest score after each step, the lowest class among equals.
    margins
        float32 (n, n_steps), best minus second-best score, 0 or more.
    counts
        int64 (5, n, n_steps), operations from the first step to each step, in the order of `COUNTERS`.
    """

    predictions: npt.NDArray[np.int16]
    margins: npt.NDArray[np.float32]
    counts: npt.NDArray[np.int64]

    @property
    def ops(self) -> npt.NDArray[np.int64]:
        """Accumulates and multiply-accumulates from the first step to each step, int64 (n, n_steps)."""
        total: npt.NDArray[np.int64] = self.counts[0] + self.counts[1]
        return total

    @staticmethod
    def of(responses: Responses) -> "Readout":
        """Reduce simulated responses; needs at least two classes."""
        predictions, margins = decide(responses.scores)
        counts = np.stack([np.cumsum(getattr(responses, name), axis=1, dtype=np.int64) for name in COUNTERS])
        return Readout(predictions, margins, counts)

    @staticmethod
    def concatenate(parts: Sequence["Readout"]) -> "Readout":
        """Join the readouts of consecutive samples."""
        return Readout(
            np.concatenate([part.predictions for part in parts]),
            np.concatenate([part.margins for part in parts]),
            np.concatenate([part.counts for part in parts], axis=1),
        )


def decide(scores: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float32]]:
    """Predicted class and margin, each (n, n_steps), of scores (n, n_steps, n_classes), n_classes 2 or more."""
    # One pass per class: sorting runs of ten numbers costs NumPy far more.
    best = scores[..., 0].copy()
    second = np.full_like(best, -np.inf)
    predictions = np.zeros(best.shape, np.int16)
    for index in range(1, scores.shape[-1]):
        score = np.ascontiguousarray(scores[..., index])
        predictions[score > best] = index
        np.maximum(second, np.minimum(best, score), out=second)
        np.maximum(best, score, out=best)
    return predictions, best - second


def anytime(readout: Readout, labels: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    """One point per step, 1 to n_steps: `step`, `accuracy`, `ops` and the `COUNTERS`, all as means per sample."""
    n, n_steps = readout.predictions.shape
    correct = np.count_nonzero(readout.predictions == labels[:, None], axis=0)
    totals = readout.counts.sum(axis=1)
    return [
        {"step": step + 1, "steps": step + 1} | _means(n, int(correct[step]), totals[:, step])
        for step in range(n_steps)
    ]


def exit_thresholds(readout: Readout, count: int = 40) -> list[float]:
    """At most `count` thresholds in rising order, chosen without labels.

    Each is the lowest at which no more than a given share of the samples stops at another decision than the network's
    own last one; the shares fall geometrically from 1/2 to 1/2000. So the thresholds lie where decisions change,
    whatever the scale of the margins.
    """
    n = len(readout.predictions)
    # A sample goes on past step t if no margin up to t was above the threshold: one event per sample and step, sorted
    # by the threshold from which on it happens, gives the number of differing decisions at every threshold.
    passed = np.maximum.accumulate(readout.margins[:, :-1], axis=1).ravel()
    differs = (readout.predictions != readout.predictions[:, -1:]).astype(np.int8)
    order = np.argsort(passed)
    differing = int(differs[:, 0].sum()) + np.cumsum(np.diff(differs, axis=1).ravel()[order], dtype=np.int64)
    occurring, first = np.unique(passed[order], return_index=True)
    if not occurring.size:
        return [0.0]
    differing = differing[np.append(first[1:], len(order)) - 1]
    shares = np.geomspace(0.5, 0.0005, count)
    reached = np.searchsorted(-np.minimum.accumulate(differing), -shares * n)
    return [float(threshold) for threshold in occurring[np.unique(reached.clip(max=len(occurring) - 1))]]


def exit_steps(margins: npt.NDArray[np.float32], threshold: float) -> npt.NDArray[np.intp]:
    """Index of the step at which each sample stops, (n,), 0 to n_steps - 1."""
    passed = margins > threshold
    passed[:, -1] = True
    steps: npt.NDArray[np.intp] = passed.argmax(axis=1)
    return steps


def early_exit(readout: Readout, labels: npt.NDArray[np.int64], thresholds: Sequence[float]) -> list[dict[str, Any]]:
    """One point per threshold.

    Each holds `threshold`, `accuracy`, `ops` and the `COUNTERS` as means per sample, `steps`, the mean number of steps
    simulated, and `median_ops`, `p95_ops`, `max_ops`: exits are heavy-tailed and a mean hides it.
    """
    samples = np.arange(len(labels))
    points = []
    for threshold in thresholds:
        steps = exit_steps(readout.margins, threshold)
        spent = readout.counts[:, samples, steps]
        correct = int(np.count_nonzero(readout.predictions[samples, steps] == labels))
        points.append(
            {"threshold": threshold}
            | _means(len(labels), correct, spent.sum(axis=1))
            | {"steps": (int(steps.sum()) + len(labels)) / len(labels)}
            | spread(spent[0] + spent[1])
        )
    return points


def spread(ops: npt.NDArray[np.int64]) -> dict[str, float]:
    """`median_ops`, `p95_ops` and `max_ops` of the operations of each sample."""
    return {
        "median_ops": float(np.median(ops)),
        "p95_ops": float(np.quantile(ops, 0.95, method="higher")),
        "max_ops": float(ops.max()),
    }


def _means(n: int, correct: int, totals: npt.NDArray[np.int64]) -> dict[str, float]:
    # Integers are summed and divided once, so the means do not depend on how the samples were batched.
    counts = {name: int(total) / n for name, total in zip(COUNTERS, totals, strict=True)}
    return {"accuracy": correct / n, "ops": int(totals[0] + totals[1]) / n} | counts
