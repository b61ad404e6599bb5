"""A frozen network does not learn, and neither does its homeostasis; a thawed one goes on."""

from typing import Any

import numpy as np
import pytest
from plastic_networks import RULES
from plastic_runs import STEPS, made, run

from snnsim import (
    AdaptiveThresholdLIF,
    FixedProbability,
    Homeostasis,
    Network,
    Normalisation,
    PairSTDP,
    Poisson,
    SimulationError,
    Simulator,
    Uniform,
    WinnerTakeAll,
)


@pytest.mark.parametrize("name", RULES)
def test_a_frozen_network_does_not_learn_and_a_thawed_one_does(name: str) -> None:
    simulator = Simulator(made(name if name != "anti-Hebbian" else "covariance"), threads=1)
    name = name if name != "anti-Hebbian" else "covariance"
    run(simulator, name, 0, 200)
    before = simulator.weights("pre->post")
    simulator.freeze()
    assert simulator.frozen
    assert np.array_equal(simulator.weights("pre->post"), before)
    result = run(simulator, name, 200, STEPS, record={"pre->post": "weights"})
    counted = result.operations
    assert np.array_equal(result.states["pre->post", "weights"][0], np.broadcast_to(before, (200, len(before))))
    assert np.array_equal(simulator.weights("pre->post"), before)
    assert counted.plasticity_updates.sum() == 0
    assert counted.updated.shape == (1, 200, 1, 3)
    assert counted.acs.sum() > 0
    simulator.thaw()
    run(simulator, name)
    assert not np.array_equal(simulator.weights("pre->post"), before)


@pytest.mark.parametrize("name", ["pair, additive", "triplet", "reward"])
def test_traces_from_before_go_on_decaying_while_it_is_frozen(name: str) -> None:
    """A silent frozen stretch is as good as a silent one."""
    weights = []
    for frozen in (False, True):
        simulator = Simulator(made(name), threads=1)
        run(simulator, name, 0, 250)
        simulator.run(10.0)  # until no spike is under way
        if frozen:
            simulator.freeze()
        simulator.run(25.0)
        simulator.thaw()
        run(simulator, name, 250, STEPS)
        weights.append(simulator.weights("pre->post"))
    if name == "reward":  # but dopamine has no effect meanwhile
        assert np.abs(weights[0] - weights[1]).max() > 1e-9
    else:
        np.testing.assert_allclose(*weights, rtol=0, atol=1e-15)


def homeostatic(**options: Any) -> tuple[Network, Any]:
    net = Network(dt=1.0, seed=3)
    source = net.population("source", 30, Poisson(rate=60.0))
    neuron = AdaptiveThresholdLIF(
        tau_m=20.0, v_rest=0.0, v_threshold=1.0, v_reset=0.0, t_ref=2.0, theta_plus=0.1, tau_theta=500.0, **options
    )
    cells = net.population("cells", 12, neuron)
    learns = net.connect(source, cells, FixedProbability(0.8), weight=Uniform(0.05, 0.3), plasticity=PairSTDP())
    net.regulate(cells, Homeostasis(0.02))
    net.regulate(cells, WinnerTakeAll(inhibition=5.0))
    net.regulate(learns, Normalisation(total=4.0, every=10.0))
    return net, learns


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("own", [False, True])
def test_freezing_holds_thresholds_and_regulations_and_keeps_competition(precision: str, own: bool) -> None:
    parameters = {"theta_initial": np.linspace(0, 0.3, 12)} if own else {}
    net, learns = homeostatic(**parameters)
    simulator = Simulator(net, precision=precision)
    moving = simulator.run(300.0, record={"cells": ["spikes", "theta"]})
    assert np.ptp(moving.states["cells", "theta"][0, 100:], axis=0).min() > 0.01
    before = simulator.weights(learns.name)
    simulator.freeze()
    held = simulator.run(300.0, record={"cells": ["spikes", "theta"]})
    theta = held.states["cells", "theta"][0]
    assert len(held.spikes["cells"]) > 20
    assert np.abs(theta - theta[0]).max() < 1e-6
    assert np.array_equal(simulator.weights(learns.name), before)
    assert held.spikes["cells"].counts().sum() == len(np.unique(held.spikes["cells"].steps))  # one winner a step
    simulator.thaw()
    again = simulator.run(300.0, record={"cells": ["theta"]})
    assert np.ptp(again.states["cells", "theta"][0], axis=0).min() > 0.01
    assert not np.array_equal(simulator.weights(learns.name), before)


def test_a_frozen_test_gives_the_same_again() -> None:
    net, _ = homeostatic()
    simulator = Simulator(net)
    simulator.run(300.0)
    simulator.freeze()
    counts = []
    for _ in range(2):
        simulator.reset(seed=8)
        counts.append(simulator.run(200.0, record={"cells": "spikes"}).spikes["cells"].counts())
    assert counts[0].sum() > 0
    assert np.array_equal(*counts)


def test_only_a_frozen_simulator_has_copies() -> None:
    net, learns = homeostatic()
    with pytest.raises(SimulationError, match=r"Simulator.copies must be 1 where weights change, .* got 3"):
        Simulator(net, copies=3)
    simulator = Simulator(net, copies=3, frozen=True)
    result = simulator.run(100.0, record={"cells": "spikes"})
    assert result.operations.plasticity_updates.shape == (3, 100)
    assert len(result.spikes["cells"]) > 0
    assert np.array_equal(simulator.weights(learns.name), Simulator(net).weights(learns.name))
    with pytest.raises(SimulationError, match="copies must be 1"):
        simulator.thaw()
    assert simulator.frozen


def test_normalisation_and_plasticity_work_together() -> None:
    net, learns = homeostatic()
    simulator = Simulator(net, threads=1)
    for _ in range(5):
        simulator.run(10.0)
        found = simulator.synapses(learns.name)
        assert np.bincount(found.targets, np.abs(found.weights)) == pytest.approx(np.full(12, 4.0))


def test_a_reward_and_normalisation_work_together() -> None:
    """Weights that move by themselves are brought up to date before they are normalised."""
    net = made("reward")
    net.regulate(net.projections[1], Normalisation(total=0.06, every=5.0))
    simulator = Simulator(net, threads=1)
    for first in range(0, STEPS, 10):
        run(simulator, "reward", first, first + 10)
        found = simulator.synapses("pre->post")
        assert np.bincount(found.targets, found.weights)[np.unique(found.targets)] == pytest.approx(0.06)
    assert np.ptp(found.weights) > 0.01
