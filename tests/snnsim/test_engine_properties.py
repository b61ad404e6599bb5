"""What changes no result: threads, teams, copies, checkpoints, cuts and recorders, for random networks, to the last bit."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_networks import DT, STEPS, assert_part, assert_same, everything, few, inputs_of, networks, simulate

from snnsim import Network, Record, Result, Simulator, cpu_backend

PRECISIONS = pytest.mark.parametrize("precision", ["float32", "float64"])


@pytest.fixture
def teams(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Let small networks be run by teams, and collect how many workers each stretch had."""
    seen: list[int] = []
    together = cpu_backend.CpuBackend._together

    def counted(self: Any, stretch: Any, workers: int) -> Any:
        seen.append(workers)
        return together(self, stretch, workers)

    monkeypatch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 16)
    monkeypatch.setattr(cpu_backend.CpuBackend, "_together", counted)
    return seen


def n_spikes(result: Result) -> int:
    return sum(len(train) for name, train in result.spikes.items() if name.startswith("p"))


@PRECISIONS
def test_a_team_of_any_number_of_workers_gives_the_same(precision: str, teams: list[int]) -> None:
    fired = []

    @given(networks())
    @few
    def check(net: Network) -> None:
        alone = simulate(net, precision=precision, threads=1)
        for threads in (2, 4):
            assert_same(simulate(net, precision=precision, threads=threads), alone)
        fired.append(n_spikes(alone))

    check()
    assert sum(fired) > 20 * STEPS
    assert {2, 3, 4} >= set(teams) >= {2, 4}


@PRECISIONS
def test_a_team_that_comes_back_after_every_step_gives_the_same(
    precision: str, teams: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calendar of refractory neurons is closed and opened again at each return."""

    @given(networks())
    @few
    def check(net: Network) -> None:
        monkeypatch.setattr(cpu_backend, "_SLICE_S", 0.05)
        whole = simulate(net, precision=precision, threads=1)
        monkeypatch.setattr(cpu_backend, "_SLICE_S", 1e-12)
        for threads in (1, 3):
            assert_same(simulate(net, precision=precision, threads=threads), whole)

    check()
    assert set(teams) >= {3}


@PRECISIONS
@given(networks())
@few
def test_copies_on_any_number_of_threads_give_the_same(precision: str, net: Network) -> None:
    alone = simulate(net, copies=3, precision=precision, threads=1)
    for threads in (2, 4):
        assert_same(simulate(net, copies=3, precision=precision, threads=threads), alone)


@PRECISIONS
def test_a_copy_in_a_team_equals_that_among_copies(precision: str, teams: list[int]) -> None:
    @given(networks())
    @few
    def check(net: Network) -> None:
        together = simulate(net, copies=3, precision=precision, threads=2)
        single = Simulator(net, precision=precision, threads=4)
        single.reset(first_sample=2)
        inputs = inputs_of(net, 3, 0, STEPS)
        mine = {"in": inputs["in"].copy(2), "noise": inputs["noise"][2]}
        alone = single.run(STEPS * DT, inputs=mine, record=everything(net))
        for key, values in alone.states.items():
            assert np.array_equal(values[0], together.states[key][2]), key
        for name, train in alone.spikes.items():
            assert train == together.spikes[name].copy(2), name
        assert np.array_equal(alone.operations.events[0], together.operations.events[2])
        assert np.array_equal(alone.operations.fired[0], together.operations.fired[2])

    check()
    assert teams


@PRECISIONS
def test_a_saved_state_goes_on_as_if_nothing_had_been_between(precision: str, teams: list[int], tmp_path: Path) -> None:
    """Saved at any step, in refractoriness and with spikes under way, and loaded by a simulator of another number of threads."""
    path = tmp_path / "state.npz"
    held = []

    @given(networks(), st.integers(1, STEPS - 1), st.sampled_from([(1, 1), (1, 4), (4, 1), (2, 4)]), st.integers(1, 2))
    @few
    def check(net: Network, step: int, threads: tuple[int, int], copies: int) -> None:
        whole = simulate(net, copies=copies, precision=precision, threads=1)
        before = Simulator(net, copies=copies, precision=precision, threads=threads[0])
        before.run(step * DT, inputs=inputs_of(net, copies, 0, step))
        before.save(path)
        with np.load(path) as saved:
            held.append(int(np.count_nonzero(saved["held"])))
        after = Simulator(net, copies=copies, precision=precision, threads=threads[1])
        after.run(DT)  # whatever it has done before is forgotten
        after.load(path)
        for simulator in (after, before):
            assert (simulator.step, simulator.time) == (step, step * DT)
            rest = simulator.run(
                (STEPS - step) * DT, inputs=inputs_of(net, copies, step, STEPS), record=everything(net)
            )
            assert_part(rest, whole, step, STEPS)

    check()
    assert sum(count > 0 for count in held) > len(held) // 4
    assert {2, 4} <= set(teams)


@PRECISIONS
def test_a_run_cut_into_pieces_gives_the_same(precision: str, teams: list[int]) -> None:
    @given(networks(), st.lists(st.integers(1, STEPS - 1), max_size=6, unique=True), st.sampled_from([1, 2, 4]))
    @few
    def check(net: Network, cuts: list[int], threads: int) -> None:
        whole = simulate(net, precision=precision, threads=1)
        simulator = Simulator(net, precision=precision, threads=threads)
        for first, last in itertools.pairwise([0, *sorted(cuts), STEPS]):
            part = simulator.run((last - first) * DT, inputs=inputs_of(net, 1, first, last), record=everything(net))
            assert_part(part, whole, first, last)

    check()
    assert {2, 4} <= set(teams)


@PRECISIONS
def test_recording_less_changes_nothing_and_shows_a_part_of_the_whole(precision: str, teams: list[int]) -> None:
    @given(networks(), st.integers(0, 2**32 - 1), st.sampled_from([1, 3]), st.integers(1, 2))
    @few
    def check(net: Network, seed: int, threads: int, copies: int) -> None:
        rng = np.random.default_rng(seed)
        whole = simulate(net, copies=copies, precision=precision, threads=1)
        record: dict[str, Any] = {}
        picked: dict[tuple[str, str], Any] = {}
        intervals: dict[tuple[str, str], int] = {}
        for name, population in net.populations.items():
            record[name] = []
            for variable in ("spikes", *population.model.states):
                if rng.random() < 0.3:
                    continue
                key, n = (name, variable), population.size
                choices = [None, slice(n // 3, None), rng.permutation(n)[: n // 2 + 1]]
                picked[key] = choices[rng.integers(3)]
                every = int(rng.integers(1, 9))
                intervals[key] = every
                record[name].append(Record(variable, picked[key], None if variable == "spikes" else every * DT))
        simulator = Simulator(net, copies=copies, precision=precision, threads=threads)
        found = simulator.run(STEPS * DT, inputs=inputs_of(net, copies, 0, STEPS), record=record, count_every=4 * DT)
        for (name, variable), neurons in picked.items():
            neurons = slice(None) if neurons is None else neurons
            if variable == "spikes":
                kept = np.isin(whole.spikes[name].neurons, np.arange(net.populations[name].size)[neurons])
                for field in ("copies", "steps", "neurons"):
                    ours, theirs = getattr(found.spikes[name], field), getattr(whole.spikes[name], field)
                    assert np.array_equal(ours, theirs[kept]), (name, field)
            else:
                expected = whole.states[name, variable][:, :: intervals[name, variable], neurons]
                assert np.array_equal(found.states[name, variable], expected), (name, variable)
        assert found.spikes.keys() | found.states.keys() == {
            key if key[1] != "spikes" else key[0] for key in picked
        }  # fmt: skip
        for count in ("events", "fired", "membrane_updates"):
            binned = np.add.reduceat(getattr(whole.operations, count), np.arange(0, STEPS, 4), axis=1)
            assert np.array_equal(getattr(found.operations, count), binned), count

    check()
    assert teams


@given(networks(), st.integers(0, 2**32 - 1))
@few
def test_a_reset_simulator_is_a_new_one(net: Network, first_sample: int) -> None:
    simulator = Simulator(net)
    simulator.run(7 * DT, inputs=inputs_of(net, 1, 0, 7))
    results = []
    for made in (simulator, Simulator(net)):
        made.reset(first_sample=first_sample, seed=5)
        results.append(made.run(STEPS * DT, inputs=inputs_of(net, 1, 0, STEPS), record=everything(net)))
    assert_same(*results)
