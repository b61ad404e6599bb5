"""The queue of the event method against a sorted list: order, changed times, ties, lists of spikes under way."""

import numpy as np
import pytest
from snnsim_kernels import event_queue


def queue(n: int) -> tuple[np.ndarray, ...]:
    return np.zeros(n), np.zeros(n, np.int32), np.full(n, -1, np.int32), np.array([0, -1, 0])


@pytest.mark.parametrize("n", [1, 2, 5, 64, 300])
def test_timers_come_in_the_order_of_time_and_then_of_number(n: int) -> None:
    rng = np.random.default_rng(n)
    heap, expected = queue(n), dict[int, float]()
    time, number, place, counts = heap
    for _ in range(4000):
        who = int(rng.integers(n))
        action = rng.random()
        if action < 0.6:
            expected[who] = float(rng.integers(50))  # few values: many ties
            event_queue.set_timer(*heap, who, expected[who])
        elif action < 0.8:
            expected.pop(who, None)
            event_queue.drop_timer(*heap, who)
        elif expected:
            first = min((t, w) for w, t in expected.items())
            assert (time[0], number[0]) == first
            del expected[first[1]]
            event_queue.drop_timer(*heap, first[1])
        assert counts[event_queue.HEAP] == len(expected)
    assert sorted(zip(time[: len(expected)].tolist(), number[: len(expected)].tolist(), strict=True)) == sorted(
        (t, w) for w, t in expected.items()
    )
    assert {w: int(place[w]) for w in range(n) if place[w] >= 0}.keys() == expected.keys()
    assert all(number[place[w]] == w for w in expected)


def test_spikes_under_way_keep_their_order_and_their_places_are_used_again() -> None:
    rng = np.random.default_rng(0)
    n_delays, room = 4, 40
    time, block, after = np.zeros(room), np.zeros(room, np.int32), np.zeros(room, np.int32)
    counts = np.array([0, -1, 0])
    first, last = (np.full(n_delays, -1, np.int32) for _ in range(2))
    lists: list[list[int]] = [[] for _ in range(n_delays)]
    for k in range(5000):
        delay = int(rng.integers(n_delays))
        if rng.random() < 0.5 and sum(map(len, lists)) < room:
            alone = event_queue.append(time, block, after, counts, first, last, delay, float(k), k)
            assert alone == (not lists[delay])
            lists[delay].append(k)
        elif lists[delay]:
            assert time[first[delay]] == lists[delay][0]
            assert event_queue.take_first(block, after, counts, first, delay) == lists[delay].pop(0)
            assert (first[delay] < 0) == (not lists[delay])
    assert 20 < counts[event_queue.USED] <= room
