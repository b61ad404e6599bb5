"""Every spike is delivered once through each synapse, after its delay: none is lost or doubled by teams, cuts or checkpoints."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_networks import DT, STEPS, few, inputs_of, networks
from reference_simulator import parts

from snnsim import (
    IF,
    AllToAll,
    FixedOutDegree,
    FixedProbability,
    Network,
    Poisson,
    Result,
    Simulator,
    Uniform,
    cpu_backend,
)


def delivered(net: Network, spikes: dict[str, np.ndarray], steps: int) -> np.ndarray:
    """Events per step and projection that spikes (steps, neurons) of each population cause within ``steps`` steps."""
    events = np.zeros((steps, len(net.projections)), dtype=np.int64)
    for c, projection in enumerate(net.projections):
        source = projection.source
        sent = spikes[source.population.name][:, source.start : source.stop]
        for delay, (_, fan_out) in parts(projection, DT).items():
            events[delay:, c] += (sent[: max(steps - delay, 0)] @ fan_out).astype(np.int64)
    return events


def fired(results: list[Result], net: Network) -> dict[str, np.ndarray]:
    """Spikes per step and neuron of runs that follow one another."""
    trains = {
        name: np.zeros((results[-1].stop, population.size), dtype=np.int64)
        for name, population in net.populations.items()
    }
    for result in results:
        for name, train in result.spikes.items():
            np.add.at(trains[name], (train.steps, train.neurons), 1)
    return trains


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 4])
def test_events_are_spikes_times_synapses_at_the_time_of_their_delay(
    precision: str, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over three runs, each in a simulator that has loaded the state of the one before."""
    monkeypatch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 16)
    under_way = []

    @given(networks(), st.tuples(st.integers(1, STEPS // 2), st.integers(STEPS // 2 + 1, STEPS - 1)))
    @few
    def check(net: Network, cuts: tuple[int, int]) -> None:
        results = []
        for first, last in itertools.pairwise([0, *cuts, STEPS]):
            simulator = Simulator(net, precision=precision, threads=threads)
            if first:
                simulator.load(tmp_path / "state.npz")
            results.append(
                simulator.run(
                    (last - first) * DT,
                    inputs=inputs_of(net, 1, first, last),
                    record={name: "spikes" for name in net.populations},
                )
            )
            simulator.save(tmp_path / "state.npz")
        spikes = fired(results, net)
        assert all(train.max() <= 1 for train in spikes.values())
        n = len(net.projections)
        counted = np.concatenate([result.operations.events[0, :, :n] for result in results])
        assert np.array_equal(counted, delivered(net, spikes, STEPS))
        sent = [
            int(spikes[p.source.population.name][:, p.source.start : p.source.stop].sum(axis=0) @ degrees)
            for p in net.projections
            for degrees in [sum(fan_out for _, fan_out in parts(p, DT).values())]
        ]
        late = np.array(sent) - counted.sum(axis=0)
        assert (late >= 0).all()
        under_way.append(int(late.sum()))
        # Counters agree with what was recorded.
        for name, train in spikes.items():
            column = results[0].operations.populations.index(name)
            joined = np.concatenate([result.operations.fired[0, :, column] for result in results])
            assert np.array_equal(joined, train.sum(axis=1)), name

    check()
    assert sum(count > 0 for count in under_way) > len(under_way) // 4


@pytest.mark.parametrize("threads", [1, 4])
def test_nothing_is_under_way_once_the_longest_delay_has_passed(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise that stops after 10 steps, delays of up to 18, and potentials that add up all that arrives."""
    monkeypatch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 16)
    net = Network(dt=DT, seed=3)
    noise = net.population("noise", 150, Poisson(rate=400.0), active=(0.0, 10 * DT))
    n = net.population("n", 130, IF(v_threshold=np.inf))
    net.connect(noise, n, FixedProbability(0.2), weight=1.0, delay=Uniform(0.0, 9.0))
    net.connect(noise[20:90], n[60:], AllToAll(), weight=1.0, delay=4.5)
    net.connect(noise, n[:70], FixedOutDegree(7), weight=1.0)
    result = Simulator(net, threads=threads).run(30 * DT, record={"noise": "spikes", "n": "v"})
    spikes = result.spikes["noise"].counts()[0]
    assert spikes.sum() > 200
    degrees = [np.diff(projection.connection.pointers) for projection in net.projections]
    sent = [spikes @ degrees[0], spikes[20:90] @ degrees[1], spikes @ degrees[2]]
    assert result.operations.events[0].sum(axis=0).tolist() == sent
    assert result.v("n")[0, -1].sum() == sum(sent)
    assert not result.operations.acs[0, 29:].any()
