"""Several workers on one copy: connections of every kind, where populations are cut, logs that overflow, interruption."""

import math
from typing import Any

import numpy as np
import pytest
from reference_simulator import matrix

from snnsim import (
    IF,
    LIF,
    Convolution,
    Dense,
    Graded,
    Network,
    Poisson,
    Record,
    Simulator,
    Sparse,
    SpikeArray,
    SpikeTrain,
    cpu_backend,
)

WORKERS = pytest.mark.parametrize("workers", [1, 2, 3, 4])


@pytest.fixture(autouse=True)
def small_teams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 1)


def unordered(w: np.ndarray, delays: bool) -> Sparse:
    """A matrix as synapses in descending order of their targets, with delays in no order if at all."""
    made = Sparse.from_matrix(w)
    order = np.concatenate([np.arange(a, b)[::-1] for a, b in zip(made.pointers, made.pointers[1:], strict=False)])
    own = np.random.default_rng(0).integers(0, 4, len(order)) / 10 if delays else None
    return Sparse(made.pointers, made.targets[order], made.weights[order], made.size, own)


CONNECTIONS: dict[str, Any] = {
    "dense": Dense,
    "ascending": Sparse.from_matrix,
    "descending": lambda w: unordered(w, False),
    "delays": lambda w: unordered(w, True),
    "one weight": lambda w: Sparse.from_matrix(np.where(w != 0, 0.75, 0.0)),
}


@WORKERS
@pytest.mark.parametrize("kind", CONNECTIONS)
@pytest.mark.parametrize(("start", "stop"), [(0, 200), (0, 64), (64, 128), (63, 129), (130, 131), (199, 200)])
def test_every_worker_delivers_to_its_part_of_a_slice(start: int, stop: int, kind: str, workers: int) -> None:
    rng = np.random.default_rng(stop)
    w = rng.integers(-16, 17, (150, stop - start)) / 8 * (rng.random((150, stop - start)) < 0.5)
    w[:, 0] = 1.0  # every source has a synapse
    connection = CONNECTIONS[kind](w)
    net = Network(dt=0.1)
    source, target = net.population("in", 200, SpikeArray()), net.population("n", 200, IF(v_threshold=math.inf))
    net.connect(source[20:170], target[start:stop], connection)
    fires = rng.random((10, 200)) < 0.2
    steps, neurons = np.nonzero(fires)
    spikes = SpikeTrain(np.zeros(len(steps), int), steps, neurons, 200, 1, 0.1, 0, 10)
    result = Simulator(net, threads=workers).run(2.0, inputs={"in": spikes}, record={"n": "v", "in": "spikes"})
    total = fires[:, 20:170].sum(axis=0)
    expected = np.zeros(200)
    expected[start:stop] = total @ matrix(connection)
    assert result.v("n")[0, -1].tolist() == expected.tolist()
    each = (w != 0).sum(axis=1) if kind != "one weight" else np.diff(connection.pointers)
    assert result.operations.acs.sum() == total @ each
    assert result.spikes["in"] == spikes
    assert result.operations.fired[0, :10, 0].tolist() == fires.sum(axis=1).tolist()


@WORKERS
def test_the_target_of_a_convolution_stays_whole(workers: int) -> None:
    rng = np.random.default_rng(0)
    convolution = Convolution(rng.normal(0.2, 0.2, (2, 3, 3, 4)), 12, 12)
    net = Network(dt=1.0, seed=1)
    a = net.population("a", 288, Poisson(rate=300.0))
    b = net.population("b", 400, LIF(tau_m=10.0, v_threshold=1.0, t_ref=3.0))
    c = net.population("c", 130, LIF(tau_m=10.0, v_threshold=1.0))
    net.connect(a, b, convolution)
    net.connect(b, c, rng.normal(0.1, 0.1, (400, 130)), delay=2.0)
    net.connect(c, b, rng.normal(0.0, 0.1, (130, 400)))
    record = {"a": "spikes", "b": ["spikes", "v"], "c": ["spikes", "v"]}
    expected = Simulator(net, threads=1).run(60.0, record=record)
    found = Simulator(net, threads=workers).run(60.0, record=record)
    for name, train in expected.spikes.items():
        assert found.spikes[name] == train, name
        assert len(train) > 300
    for key, values in expected.states.items():
        assert np.array_equal(found.states[key], values), key
    assert np.array_equal(found.operations.events, expected.operations.events)
    assert np.array_equal(found.operations.membrane_updates, expected.operations.membrane_updates)


@WORKERS
def test_graded_events_reach_every_neuron_once(workers: int) -> None:
    net = Network(dt=1.0)
    x, n = net.population("x", 130, Graded()), net.population("n", 190, IF(v_threshold=math.inf))
    w = np.random.default_rng(0).integers(-8, 9, (130, 190)) / 8
    net.connect(x, n, w)
    values = np.random.default_rng(1).integers(-8, 9, 130) / 8
    result = Simulator(net, threads=workers).run(3.0, inputs={"x": values}, record={"n": "v"})
    assert result.v("n")[0, -1].tolist() == (values @ w).tolist()
    assert result.operations.macs[0].tolist() == [np.count_nonzero(w[values != 0]), 0, 0]


@WORKERS
@pytest.mark.parametrize("sizes", [[1], [1, 1, 1], [63, 64, 65], [500, 1, 130]])
def test_populations_of_any_size_are_shared_out_without_loss(sizes: list[int], workers: int) -> None:
    net = Network(dt=1.0)
    for k, size in enumerate(sizes):
        net.population(f"n{k}", size, IF(v_threshold=0.5, bias=np.arange(size) % 2))
    result = Simulator(net, threads=workers).run(4.0, record={f"n{k}": ["spikes", "v"] for k in range(len(sizes))})
    for k, size in enumerate(sizes):
        odd = np.arange(1, size, 2)
        assert result.spikes[f"n{k}"].neurons.tolist() == np.tile(odd, 4).tolist()
        assert result.spikes[f"n{k}"].steps.tolist() == np.repeat(np.arange(4), len(odd)).tolist()
        assert result.v(f"n{k}")[0].tolist() == [(np.arange(size) % 2).tolist()] * 4
    assert (result.operations.membrane_updates == sum(sizes)).all()


@WORKERS
def test_a_log_that_overflows_in_a_team_loses_nothing(workers: int) -> None:
    """300,000 recorded spikes, more than the log's buffer holds, each delivered three steps later."""
    size, steps = 3000, 100
    net = Network(dt=1.0)
    n = net.population("n", size, IF(v_threshold=0.5, bias=1.0))
    net.connect(n, net.population("sum", 130, IF(v_threshold=math.inf)), np.ones((size, 130)), delay=3.0)
    result = Simulator(net, threads=workers).run(float(steps), record={"n": "spikes", "sum": Record("v", [129])})
    assert np.array_equal(result.spikes["n"].steps, np.repeat(np.arange(steps), size))
    assert np.array_equal(result.spikes["n"].neurons, np.tile(np.arange(size), steps))
    assert result.v("sum")[0, :, 0].tolist() == [size * max(k - 3, 0) for k in range(steps)]
    assert result.operations.acs[0].tolist() == [size * 130 * (k >= 3) for k in range(steps)]


def test_progress_of_a_team_rises_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_backend, "_SLICE_S", 1e-6)
    net = Network(dt=1.0)
    net.population("n", 300, IF(v_threshold=math.inf, bias=1.0))
    seen: list[float] = []
    Simulator(net, threads=3).run(100.0, progress=seen.append)
    assert seen == sorted(seen)
    assert len(seen) > 10
    assert seen[-1] == 1.0


def test_a_team_that_is_interrupted_ends_all_its_threads_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_backend, "_SLICE_S", 1e-6)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    net = Network(dt=1.0)
    net.population("n", 300, IF(v_threshold=math.inf, bias=1.0))
    simulator = Simulator(net, threads=3)
    with pytest.raises(KeyboardInterrupt):
        simulator.run(1000.0, progress=interrupt)
    with pytest.raises(ValueError, match="reset"):
        simulator.run(1.0)
    simulator.reset()
    assert (simulator.run(3.0, record={"n": "v"}).v("n")[0, -1] == 3.0).all()


@WORKERS
def test_a_sleeping_population_costs_a_team_nothing(workers: int) -> None:
    net = Network(dt=1.0)
    a = net.population("a", 150, IF(v_threshold=0.5, bias=1.0), active=(2.0, 5.0))
    b = net.population("b", 150, IF(v_threshold=math.inf))
    net.connect(a, b, np.eye(150), delay=1.0)
    result = Simulator(net, threads=workers).run(10.0, record={"a": "spikes", "b": "v"})
    assert result.spikes["a"].counts().tolist() == [[3] * 150]
    assert (result.v("b")[0, -1] == 3).all()
    assert result.operations.membrane_updates[0].tolist() == [150, 150, 300, 300, 300, 150, 150, 150, 150, 150]
