"""Learning in snnsim and in Brian2: every rule, variant, connection and side of the delay; and what Brian2 is not asked for."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from snnsim_models import PLASTICITY

from snnsim import (
    LIF,
    AdaptiveThresholdLIF,
    Network,
    NetworkError,
    PairSTDP,
    Plasticity,
    SimulationError,
    Simulator,
    SpikeArray,
)
from snnsim.plasticity_crosscheck import PLASTIC, compare_learning, make_learning

pytest.importorskip("brian2")


@pytest.mark.parametrize("name", PLASTIC)
def test_weights_after_ten_seconds_are_those_of_brian2(name: str) -> None:
    """The comparison would notice: weights have moved by a thousand times what it tolerates, and to different values."""
    compared = compare_learning(name, 10_000.0)
    assert compared.first_divergence_ms is None
    assert compared.max_dw is not None
    assert compared.max_dw < 1e-9
    assert compared.agrees
    assert compared.spikes > 2000
    net, inputs, modulators = make_learning(name, 10_000.0)
    simulator = Simulator(net, threads=1)
    before = simulator.weights("sources->cells")
    simulator.run(10_000.0, inputs=inputs, modulators=modulators)
    after = simulator.weights("sources->cells")
    assert len(after) > 300
    assert np.abs(after - before).mean() > 0.05
    assert len(np.unique(after)) > 100


def test_every_rule_is_crosschecked() -> None:
    assert {type(case.rule) for case in PLASTIC.values()} == set(PLASTICITY)


@pytest.mark.parametrize("name", ["triplet STDP, nearest, dendritic delays", "delta rule", "reward-modulated STDP"])
def test_operations_are_those_of_brian2(name: str) -> None:
    counts = []
    for backend in ("cpu", "brian2"):
        net, inputs, modulators = make_learning(name, 300.0)
        run = Simulator(net, backend=backend, threads=1).run(
            300.0, inputs=inputs, modulators=modulators, count_every=50.0
        )
        counts.append(run.operations)
    for field in ("updated", "plasticity_updates", "events", "fired"):
        assert np.array_equal(*(getattr(each, field) for each in counts)), field
    assert counts[0].plasticity_updates.sum() > 1000


def test_a_wrong_rule_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from snnsim import brian2_synapses

    def other(name: str, rule: Plasticity) -> Any:
        return plasticity_of(name, dataclasses.replace(rule, tau_minus=20.001))  # type: ignore[call-arg]

    plasticity_of = brian2_synapses.plasticity_of
    monkeypatch.setattr(brian2_synapses, "plasticity_of", other)
    compared = compare_learning("pair STDP, additive, sparse", 500.0)
    assert not compared.agrees
    assert compared.max_dw is not None
    assert compared.max_dw > 1e-9


def test_a_frozen_network_delivers_static_weights_in_brian2_too() -> None:
    net, inputs, _ = make_learning("triplet STDP", 200.0)
    spikes = []
    for backend in ("cpu", "brian2"):
        simulator = Simulator(net, backend=backend, threads=1, frozen=True)
        before = simulator.weights("sources->cells")
        result = simulator.run(200.0, inputs=inputs, record={"cells": "spikes"})
        spikes.append((result.spikes["cells"].steps.tolist(), result.spikes["cells"].neurons.tolist()))
        assert np.array_equal(simulator.weights("sources->cells"), before)
        assert result.operations.plasticity_updates.sum() == 0
    assert spikes[0] == spikes[1]
    assert len(spikes[0][0]) > 20


def test_what_brian2_is_not_asked_for_is_refused() -> None:
    net, inputs, _ = make_learning("triplet STDP", 100.0)
    with pytest.raises(SimulationError, match="weights of projection sources->cells, which learn, cannot be recorded"):
        Simulator(net, backend="brian2").run(100.0, inputs=inputs, record={"sources->cells": "weights"})
    adaptive = Network(dt=1.0)
    adaptive.population("n", 2, AdaptiveThresholdLIF())
    with pytest.raises(SimulationError, match="frozen adaptive thresholds are not supported"):
        Simulator(adaptive, backend="brian2", frozen=True).run(5.0)

    @dataclasses.dataclass(frozen=True, eq=False)
    class Own(PairSTDP):
        """A rule that Brian2 has no equations of."""

    other = Network(dt=1.0)
    a, b = other.population("a", 1, SpikeArray()), other.population("b", 1, LIF())
    other.connect(a, b, np.ones((1, 1)), plasticity=Own())
    with pytest.raises(NetworkError, match="projection a->b: Own is not supported"):
        Simulator(other, backend="brian2")
    assert Simulator(other).run(3.0).operations.plasticity_updates.sum() == 0  # but snnsim runs it
