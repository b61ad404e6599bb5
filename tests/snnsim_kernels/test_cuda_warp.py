"""What the threads of a warp do together, on threads of Python that exchange values as those of a warp do.

The simulator has no warps, so it runs other functions in their place. These here are the card's own, in Python.
"""

import threading
import types
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba.cuda", reason="numba-cuda is not installed")

from snnsim_kernels.cuda import warp
from snnsim_kernels.cuda.layout import LANES

few = settings(max_examples=25, deadline=None, derandomize=True, database=None)


class Warp:
    """32 threads; stands in for the module ``cuda``. Values change hands as in the CUDA C++ Programming Guide, 10.19 and 10.22."""

    def __init__(self) -> None:
        self.barrier = threading.Barrier(LANES)
        self.values: list[Any] = [None] * LANES
        self.lane = threading.local()
        self.atomic = types.SimpleNamespace(add=self._add)
        self.lock = threading.Lock()

    def run(self, function: Any, arguments: Any) -> None:
        """Call a function of ``warp``, with ``arguments(lane)`` in each thread."""
        bound = types.FunctionType(function.__code__, {**vars(warp), "cuda": self})
        raised: list[BaseException] = []

        def thread(lane: int) -> None:
            self.lane.number = lane
            try:
                bound(*arguments(lane))
            except BaseException as error:
                raised.append(error)
                self.barrier.abort()

        threads = [threading.Thread(target=thread, args=(lane,)) for lane in range(LANES)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        if raised:
            raise raised[0]

    def _exchange(self, mask: int, value: Any) -> list[Any]:
        assert mask == 0xFFFFFFFF
        self.values[self.lane.number] = value
        self.barrier.wait(10)
        given = list(self.values)
        self.barrier.wait(10)
        return given

    def ballot_sync(self, mask: int, predicate: Any) -> Any:
        bits = sum(1 << lane for lane, value in enumerate(self._exchange(mask, predicate)) if value)
        return np.uint32(bits).astype(np.int32)  # Numba's is signed

    def shfl_sync(self, mask: int, value: Any, source: int) -> Any:
        return self._exchange(mask, value)[source]

    def shfl_xor_sync(self, mask: int, value: Any, other: int) -> Any:
        return self._exchange(mask, value)[self.lane.number ^ other]

    def popc(self, value: Any) -> int:
        return (int(value) & 0xFFFFFFFF).bit_count()

    def _add(self, array: Any, index: Any, value: Any) -> Any:
        with self.lock:
            before = array[index]
            array[index] += value
        return before


@few
@given(
    spikes=st.lists(st.booleans(), min_size=LANES, max_size=LANES), before=st.integers(0, 40), base=st.integers(0, 9)
)
def test_a_warp_lists_its_spikes_behind_those_of_others(spikes: list[bool], before: int, base: int) -> None:
    counts, lists = np.array([7, before, 9], np.int32), np.full(100, -1, np.int32)
    Warp().run(warp._append, lambda lane: (spikes[lane], 64 + lane, lane, counts, 1, lists, base))
    listed = [64 + lane for lane in range(LANES) if spikes[lane]]
    start = base + before
    assert counts.tolist() == [7, before + len(listed), 9]
    assert lists[start : start + len(listed)].tolist() == listed
    assert (np.delete(lists, np.arange(start, start + len(listed))) == -1).all()


@few
@given(numbers=st.lists(st.integers(0, 2**20), min_size=LANES, max_size=LANES), before=st.integers(0, 2**40))
def test_a_warp_adds_up_its_counts(numbers: list[int], before: int) -> None:
    counters = np.full((2, 3, 4), before, np.int64)
    Warp().run(warp._add_up, lambda lane: (counters, 1, 2, 3, np.int64(numbers[lane]), lane))
    expected = np.full((2, 3, 4), before, np.int64)
    expected[1, 2, 3] += sum(numbers)
    assert np.array_equal(counters, expected)


def test_a_warp_of_which_all_or_none_spike() -> None:
    for spikes in (True, False):
        counts, lists = np.zeros(1, np.int32), np.full(LANES, -1, np.int32)
        Warp().run(warp._append, lambda lane, s=spikes, c=counts, t=lists: (s, lane, lane, c, 0, t, 0))
        assert counts[0] == LANES * spikes
        assert lists.tolist() == (list(range(LANES)) if spikes else [-1] * LANES)
