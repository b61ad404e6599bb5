"""What a run would take is compared with a budget before anything happens, and the error says how much, and for what."""

import math
import re

import numpy as np
import pytest

from snnsim import IF, LIF, FixedProbability, Network, Poisson, Record, SimulationError, Simulator, _memory


def network(size: int = 1000) -> Network:
    net = Network(dt=0.1, seed=1)
    noise = net.population("noise", 100, Poisson(rate=100.0))
    n = net.population("n", size, LIF(tau_m=10.0, v_threshold=1.0, t_ref=1.0))
    net.connect(noise, n, FixedProbability(0.1), weight=0.3, delay=1.5)
    return net


def least(net: Network, copies: int = 1) -> int:
    """Bytes of the compiled network and its state."""
    compiled = Simulator(net)._compiled
    return compiled.nbytes + compiled.state_bytes(copies)


@pytest.mark.parametrize("copies", [1, 50])
def test_the_state_must_fit(copies: int) -> None:
    need = least(network(), copies)
    Simulator(network(), copies=copies, memory=need)
    with pytest.raises(
        SimulationError, match=r"the state needs .* of memory \(potentials and spikes under way .*\), the budget is"
    ):
        Simulator(network(), copies=copies, memory=need - 1)


def test_the_state_is_as_large_as_it_is_said_to_be() -> None:
    simulator = Simulator(network(), copies=7)
    assert sum(array.nbytes for array in simulator._state) == simulator._compiled.state_bytes(7)


@pytest.mark.parametrize("copies", [1, 3])
def test_recorded_states_and_counts_must_fit(copies: int) -> None:
    net, steps = network(), 200
    traces, counts = copies * steps * 1000 * 8, copies * steps * (2 * 2 + 1) * 8
    budget = least(net, copies) + traces + counts
    simulator = Simulator(net, copies=copies, memory=budget)
    result = simulator.run(steps * 0.1, record={"n": "v"})
    assert result.v("n").nbytes == traces
    assert result.operations.events.nbytes + 2 * result.operations.fired.nbytes == counts
    with pytest.raises(SimulationError) as raised:
        simulator.run(10 * steps * 0.1, record={"n": "v"})
    message = str(raised.value)
    assert message.startswith("run: 200 ms of 3 copies needs" if copies > 1 else "run: 200 ms needs")
    for part in ("MiB of memory", "recorded states", "operation counts", "the budget is"):
        assert part in message
    numbers = [float(number.replace(",", "")) for number in re.findall(r"([\d,.]+) MiB", message)]
    assert math.isclose(numbers[0], 10 * (traces + counts) / 2**20, rel_tol=0.1)


@pytest.mark.parametrize("run", [
    {"record": {"n": ["v"]}}, {"record": {"n": ["v"]}, "inputs": {"n": np.full(1000, 5.0), "noise": np.zeros(100)}},
    {"duration": 1e8},
])  # fmt: skip
def test_a_run_that_does_not_fit_changes_nothing(run: dict[str, object]) -> None:
    net = network()
    simulator, other = Simulator(net, memory=least(net) + 200_000), Simulator(net)
    for made in (simulator, other):
        made.run(5.0, count_every=5.0)
    before = [array.copy() for array in simulator._state]
    with pytest.raises(SimulationError, match=r"needs .* of memory"):
        simulator.run(**({"duration": 100.0} | run))  # type: ignore[arg-type]
    assert all(np.array_equal(a, b) for a, b in zip(simulator._state, before, strict=True))
    assert simulator.step == 50
    # It can go on, and spares: fewer neurons, fewer samples, wider bins.
    record = {"n": Record("v", [0, 5], every=10.0), "noise": "spikes"}
    found, expected = (made.run(100.0, record=record, count_every=100.0) for made in (simulator, other))
    assert np.array_equal(found.v("n"), expected.v("n"))
    assert found.spikes["noise"] == expected.spikes["noise"]


def test_without_a_budget_it_is_what_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < _memory.available_memory() < 2**60
    simulator = Simulator(network())
    with pytest.raises(SimulationError, match=r"run: 1e\+12 ms needs [\d,.]+ GiB of memory"):
        simulator.run(1e12)
    assert simulator.step == 0
    monkeypatch.setattr("snnsim._memory.available_memory", lambda: 2**24)
    with pytest.raises(SimulationError, match=r"the budget is 16\.0 MiB"):
        simulator.run(1000.0, record={"n": "v"})
    simulator.run(1.0, record={"n": "v"})


def test_single_precision_needs_half_of_it() -> None:
    net = Network(dt=1.0)
    net.population("n", 1000, IF())
    base = Simulator(net, precision="float32")._compiled
    budget = base.nbytes + base.state_bytes(1) + 1000 * 1000 * 4 + 1000 * 2 * 8
    assert Simulator(net, precision="float32", memory=budget).run(1000.0, record={"n": "v"}).v("n").dtype == np.float32
    with pytest.raises(SimulationError, match="recorded states 7"):
        Simulator(net, precision="float64", memory=budget).run(1000.0, record={"n": "v"})


def test_a_simulator_that_is_reset_needs_no_second_state() -> None:
    net = network()
    simulator = Simulator(net, memory=least(net) + 100_000)
    for _ in range(3):
        simulator.run(1.0, count_every=1.0)
        simulator.reset()
