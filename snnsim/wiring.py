"""From a rule, a weight and a delay to synapses: counted, then written straight into the arrays of a compiled network.

Everything is decided by the network's seed, the number of the projection and the row (source neuron), in compiled code; neither
the number of threads nor the size of the blocks in which they work changes anything.
"""

import itertools
import math
import threading
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels import building
from snnsim_kernels.tables import Table, gaps_of, table_of
from snnsim_kernels.targets import RuleKind, count_in_degree, count_rows, count_total, scatter_in_degree
from snnsim_kernels.values import ValueKind, Values

from ._checks import real_array
from ._cores import cores, in_parallel
from ._errors import NetworkError
from .connections import Sparse
from .distributions import DelayTable, Distribution
from .rules import FixedInDegree, FixedOutDegree, FixedProbability, FixedTotalNumber, Rule

__all__ = ["Wiring", "wire"]

_ANYWHERE = 2**40  # a shift beyond every population: no neuron is excluded
_BLOCK = 2**18  # synapses that a thread builds at a time
_ROW_BLOCKS = 256  # into which sources are divided to count their targets
_TARGET_BLOCKS = 16  # into which the targets of a fixed in-degree are divided


class Wiring:
    """What a rule, a weight and a delay say about two populations. The synapses themselves are drawn when they are asked for.

    n_sources, n_targets : sizes
    weight : one value or a distribution
    delay : ms, one value or a distribution, which is rounded to steps of ``dt`` ms
    own : where source and target are the same population, the target that source 0 is; else None
    longest : the longest delay that is allowed, in steps
    seed, stream : of the network, and the number of the projection

    Raises NetworkError where sizes, weight or delay are out of bounds.
    """

    def __init__(
        self,
        rule: Rule,
        n_sources: int,
        n_targets: int,
        *,
        weight: float | Distribution,
        delay: float | Distribution,
        own: int | None,
        dt: float,
        longest: int,
        seed: int,
        stream: int,
    ) -> None:
        shift = _ANYWHERE if rule.autapses or own is None else own
        self.rule, self.n_sources, self.n_targets = rule, n_sources, n_targets
        self.shape = rule.shape(n_sources, n_targets, shift)
        self.dt, self.delay = dt, delay
        self.table: DelayTable | None = delay.delay_table(dt, longest) if isinstance(delay, Distribution) else None
        self.values = weight.values() if isinstance(weight, Distribution) else _constant(weight)
        self.drops = isinstance(weight, Distribution) and weight.drops
        self.gaps = gaps_of(self.shape.p if self.shape.kind == RuleKind.PROBABILITY else 0.0)
        self.key = (np.uint64(seed), stream)
        """The seed and the number of the random stream."""

    @property
    def weight(self) -> float | None:
        """The weight that all synapses share, if they do."""
        return self.values.a if self.values.kind == ValueKind.CONSTANT else None

    @property
    def n_synapses(self) -> int:
        """The number of synapses."""
        return int(self.starts[-1])

    @property
    def longest(self) -> int:
        """The longest delay that may be drawn, in steps; 0 where none is drawn."""
        return 0 if self.table is None else self.table.last

    def adopt(self, sizes: NDArray[Any], occurs: NDArray[Any]) -> None:
        """Take over what was counted elsewhere, and need not be here: the targets that each row draws, and which delays occur.

        occurs : not 0 for those of the numbers of the delay table that do
        """
        self._drawn = _starts(sizes)
        if self.table is not None:
            self.steps = self._steps(occurs)

    @property
    def recipe(self) -> tuple[Any, ...]:
        """All that decides the synapses: numbers and arrays, equal for equal synapses of any two networks."""
        rule, number = self.rule, 0
        if isinstance(rule, FixedInDegree | FixedOutDegree):
            number = rule.k
        elif isinstance(rule, FixedTotalNumber):
            number = rule.n
        first, delays = self.table or (int(self.steps[0]), None)
        drawn = np.zeros(0, np.uint32) if delays is None else delays.thresholds
        seed, stream = self.key
        return (
            type(rule).__name__,
            number,
            self.n_sources,
            tuple(self.shape),
            tuple(self.values),
            first,
            drawn,
            int(seed),
            stream,
        )

    @cached_property
    def _drawn(self) -> NDArray[np.int64]:
        """Where the rows start while synapses of weight 0 are still among them."""
        return self._count()

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where the synapses of each source start, shape (sources + 1,)."""
        if not self.drops:
            return self._drawn
        counts = np.empty(self.n_sources, np.int64)

        def keep(first: int, last: int) -> None:
            building.kept_rows(counts, first, last, self._drawn, self.values, *self.key)

        in_parallel(keep, _blocks(self._drawn), cores())
        return _starts(counts)

    @cached_property
    def steps(self) -> NDArray[np.int64]:
        """The different delays in steps, ascending; where none is drawn, the one delay."""
        if self.table is None:
            return np.array([round(float(self.delay) / self.dt)])  # type: ignore[arg-type]
        delays = self.table.table
        occurs = np.zeros(len(delays.thresholds) + 1, np.uint8)

        def mark(first: int, last: int) -> None:
            building.mark_delays(occurs, first, last, self._drawn, delays, *self.key)

        in_parallel(mark, _blocks(self._drawn), cores())
        return self._steps(occurs)

    def _steps(self, occurs: NDArray[Any]) -> NDArray[np.int64]:
        assert self.table is not None
        found = self.table.first + np.flatnonzero(occurs)
        return found if len(found) else np.array([self.table.first])

    @property
    def delay_numbers(self) -> tuple[Table, NDArray[np.int32]]:
        """The table of delays, empty where none is drawn, and for each number that it gives which of ``steps`` that is."""
        if self.table is None:
            return table_of(np.zeros(0))[1], np.zeros(0, np.int32)
        first, delays = self.table
        numbers = np.zeros(len(delays.thresholds) + 1, np.int32)
        numbers[self.steps - first] = np.arange(len(self.steps))
        return delays, numbers

    def fill(self, pointers: NDArray[np.int64], targets: NDArray[Any], weights: NDArray[Any]) -> None:
        """Write the synapses, sorted by source, delay and target.

        pointers : (sources * delays + 1,), where those of each source and delay start
        targets : (synapses,) of any integers that hold them
        weights : (synapses,), or (1,) where all share one

        Raises NetworkError where a weight becomes infinite or zero in the precision of ``weights``.
        """
        starts, steps = self.starts, self.steps
        pointers[-1] = starts[-1]
        delays, numbers = self.delay_numbers
        bad, given = 0, np.zeros(0, np.int32)
        if isinstance(self.rule, FixedInDegree):
            given = targets if not self.drops else np.empty(self._drawn[-1], np.int32)
            self._scatter(given)
        if (weight := self.weight) is not None:
            with np.errstate(over="ignore", under="ignore"):
                weights[:] = weight
            bad = int(np.count_nonzero((weights == 0) | ~np.isfinite(weights)))
        found: list[int] = []

        def build(first: int, last: int) -> None:
            longest = int(np.diff(self._drawn[first : last + 1]).max(initial=0))
            lost = building.fill_rows(
                pointers, targets, weights, first, last, longest, self._drawn, starts, given, self.shape, self.gaps, delays,
                numbers, len(steps), self.values, *self.key,
            )  # fmt: skip
            found.append(lost)

        in_parallel(build, _blocks(self._drawn), cores())
        if bad or any(found):
            raise NetworkError(f"weights beyond the range of {weights.dtype.name}")

    def sparse(self) -> Sparse:
        """Return the synapses as explicit arrays, targets of a source ascending, delays (ms) where they are drawn."""
        n, n_delays = self.n_synapses, len(self.steps)
        pointers, targets = np.empty(self.n_sources * n_delays + 1, np.int64), np.empty(n, np.int32)
        weights = np.empty(n if self.weight is None else 1)
        self.fill(pointers, targets, weights)
        weights = np.broadcast_to(weights, n)
        if self.table is None:
            return Sparse(self.starts, targets, weights, self.n_targets)
        segments = np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))
        source, part = np.divmod(segments, n_delays)
        order = np.lexsort((part, targets, source))
        delays = (self.steps * self.dt)[part]
        return Sparse(self.starts, targets[order], weights[order], self.n_targets, delays[order])

    def known_sizes(self) -> NDArray[np.int64] | None:
        """Return how many targets each row draws where the rule says so, None where that has to be counted."""
        n, rule, shift = self.n_sources, self.rule, self.shape.shift
        if isinstance(rule, FixedOutDegree):
            return np.full(n, rule.k)
        if isinstance(rule, FixedProbability) and rule.p == 0:
            return np.zeros(n, np.int64)
        if self.shape.kind not in (RuleKind.ALL, RuleKind.ONE):
            return None
        own = np.arange(n) + shift
        reached = np.arange(n) if self.shape.kind == RuleKind.ONE else np.clip(own, 0, self.n_targets - 1)
        sizes: NDArray[np.int64] = (1 if self.shape.kind == RuleKind.ONE else self.n_targets) - (reached == own)
        return sizes

    def _count(self) -> NDArray[np.int64]:
        """Return where rows start."""
        if (sizes := self.known_sizes()) is not None:
            return _starts(sizes)
        n, counts = self.n_sources, np.zeros(self.n_sources, np.int64)
        rule = self.rule
        if isinstance(rule, FixedInDegree):
            return _starts(self._in_degree_counts().sum(axis=0))
        if isinstance(rule, FixedTotalNumber):

            def total(first: int, last: int) -> None:
                mine = np.zeros(n, np.int64)
                count_total(mine, first, last, n, self.shape, *self.key)
                with lock:
                    counts[:] += mine

            lock, block = threading.Lock(), 2**22
            in_parallel(total, ((e, min(e + block, rule.n)) for e in range(0, rule.n, block)), cores())
            return _starts(counts)

        def count(first: int, last: int) -> None:
            count_rows(counts, first, last, self.shape, self.gaps, *self.key)

        rows = -(-n // _ROW_BLOCKS)
        in_parallel(count, ((r, min(r + rows, n)) for r in range(0, n, rows)), cores())
        return _starts(counts)

    def _target_blocks(self) -> list[tuple[int, int]]:
        edges = np.linspace(0, self.n_targets, min(_TARGET_BLOCKS, self.n_targets) + 1).astype(int).tolist()
        return list(itertools.pairwise(edges))

    def _in_degree_counts(self) -> NDArray[np.int64]:
        """Return how often each block of targets draws each source, shape (blocks, sources)."""
        assert isinstance(self.rule, FixedInDegree)
        k, blocks = self.rule.k, self._target_blocks()
        counts = np.zeros((len(blocks), self.n_sources), np.int64)

        def count(first: int, last: int) -> None:
            row = counts[blocks.index((first, last))]
            count_in_degree(row, first, last, k, self.n_sources, self.shape, *self.key)

        in_parallel(count, blocks, cores())
        return counts

    def _scatter(self, targets: NDArray[Any]) -> None:
        """Write the targets of a fixed in-degree where their sources' rows start: a counting sort by blocks of targets."""
        assert isinstance(self.rule, FixedInDegree)
        k, blocks = self.rule.k, self._target_blocks()
        cursors = self._in_degree_counts()
        # A block writes behind all blocks before it.
        cursors[:] = np.cumsum(cursors, axis=0) - cursors + self._drawn[:-1]

        def scatter(first: int, last: int) -> None:
            row = cursors[blocks.index((first, last))]
            scatter_in_degree(row, targets, first, last, k, self.n_sources, self.shape, *self.key)

        in_parallel(scatter, blocks, cores())


def wire(
    rule: Rule, n_sources: int, n_targets: int, *, weight: Any, delay: Any, own: int | None, dt: float, longest: int, seed: int,
    stream: int,
) -> Wiring | Sparse:  # fmt: skip
    """Return the wiring, or, where a weight or a delay is given for each synapse, the synapses themselves.

    Arrays are in the order of the synapses: by source, then by target. A given weight of 0 joins nobody. Raises NetworkError
    where something is out of bounds.
    """
    each = {name: real_array(name, value, NetworkError) for name, value in (("weight", weight), ("delay", delay))
            if not isinstance(value, Distribution)}  # fmt: skip
    given = {name: array for name, array in each.items() if array.ndim}
    wiring = Wiring(
        rule,
        n_sources,
        n_targets,
        weight=weight if "weight" not in each else 1.0 if "weight" in given else float(each["weight"]),
        delay=delay if "delay" not in each else 0.0 if "delay" in given else float(each["delay"]),
        own=own, dt=dt, longest=longest, seed=seed, stream=stream,
    )  # fmt: skip
    if not given:
        return wiring
    drawn = wiring.sparse()
    for name, array in given.items():
        if array.shape != (drawn.n_synapses,):
            raise NetworkError(
                f"{name} must be one value, a distribution, or one per synapse ({drawn.n_synapses}), got shape {array.shape}"
            )
    weights, delays = given.get("weight", drawn.weights), given.get("delay", drawn.delays)
    kept = weights != 0
    pointers = _starts(kept)[drawn.pointers]
    return Sparse(pointers, drawn.targets[kept], weights[kept], n_targets, None if delays is None else delays[kept])


def _constant(weight: float) -> Values:
    if weight == 0:
        raise NetworkError("weight must not be zero: a zero weight is not a synapse")
    return Values(int(ValueKind.CONSTANT), weight, 0.0, -math.inf, math.inf)


def _starts(counts: NDArray[Any]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def _blocks(starts: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield ranges of rows of about _BLOCK synapses, and of as many rows at most."""
    first, n = 0, len(starts) - 1
    while first < n:
        last = int(np.searchsorted(starts, starts[first] + _BLOCK, side="right")) - 1
        last = min(max(last, first + 1), first + _BLOCK, n)
        yield first, last
        first = last
