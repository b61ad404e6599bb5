"""Brian2 as a second engine: the same spikes, potentials and operations; the matrix, its covering set and the command."""

import dataclasses
import itertools
import json
import math
import sys

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import snnsim as sn
from snnsim import brian2_backend, crosscheck, plasticity_crosscheck
from snnsim.cli.crosscheck import crosscheck as command
from snnsim.crosscheck import (
    FACTORS,
    Comparison,
    compare,
    compare_statistics,
    covering_cases,
    every_case,
    kolmogorov_smirnov,
    perturbed,
)
from snnsim.networks import cuba

# Brian2 calls its parser by names that the parser would rather not hear.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:brian2", "ignore::DeprecationWarning:pyparsing")
COMMAND = typer.Typer()
COMMAND.command()(command)


@pytest.fixture
def _brian2():
    pytest.importorskip("brian2", reason='brian2 is not installed: pip install "snnsim[brian2]"')


brian2 = pytest.mark.usefixtures("_brian2")


def case(**values):
    return next(case for case in every_case() if all(case[factor] == value for factor, value in values.items()))


def pairs(cases):
    return set().union(*(itertools.combinations(case.items(), 2) for case in cases))


def test_the_covering_set_holds_every_pair_that_occurs():
    chosen = covering_cases()
    assert pairs(chosen) == pairs(every_case())
    assert {pair for case in chosen for pair in case.items()} == {(f, v) for f in FACTORS for v in FACTORS[f]}
    # No fewer can do, no more than a few minutes' worth do.
    assert len(FACTORS["model"]) * len(FACTORS["receptor"]) - 4 <= len(chosen) <= 45
    assert chosen == covering_cases()


def test_the_matrix_leaves_out_only_what_does_not_exist():
    cases = list(every_case())
    assert len({tuple(case.items()) for case in cases}) == len(cases)
    for left_out in itertools.product(*FACTORS.values()):
        found = dict(zip(FACTORS, left_out, strict=True))
        if found not in cases:
            soft_and_refractory = found["reset"] == "soft" and found["t_ref"] != "0"
            leak_of_none = found["model"] == "IF" and (
                found["t_ref"] != "0" or found["receptor"] not in ("delta", "step", "mixed")
            )
            assert soft_and_refractory or leak_of_none or found["delay"] == "per synapse"


@brian2
@pytest.mark.parametrize(
    "values",
    [
        {"model": "LIF", "receptor": "delta", "delay": "0", "t_ref": "per neuron"},
        {"model": "LIF", "receptor": "exponential", "delay": "per synapse", "t_ref": "2", "source": "Poisson"},
        {"model": "LIF", "receptor": "alpha", "reset": "soft", "parameters": "per neuron", "delay": "1.5"},
        {"model": "IF", "receptor": "step", "reset": "soft", "parameters": "per neuron", "delay": "0.1"},
        {"model": "LIF", "receptor": "conductance", "t_ref": "2", "parameters": "per neuron", "delay": "0.1"},
        {"model": "AdaptiveThresholdLIF", "receptor": "exponential", "reset": "soft", "parameters": "per neuron"},
        {"model": "AdaptiveThresholdLIF", "receptor": "conductance", "t_ref": "per neuron", "delay": "1.5"},
        {"model": "AdaptiveCurrentLIF", "receptor": "exponential", "t_ref": "2", "parameters": "per neuron"},
        {"model": "AdaptiveCurrentLIF", "receptor": "mixed with conductance", "reset": "soft", "delay": "per synapse"},
        {"model": "EscapeNoiseLIF", "receptor": "delta", "reset": "soft", "parameters": "per neuron"},
        {"model": "EscapeNoiseLIF", "receptor": "conductance", "t_ref": "2", "source": "Poisson"},
        {"model": "NoisyLIF", "receptor": "exponential", "t_ref": "2", "parameters": "per neuron"},
        {"model": "NoisyLIF", "receptor": "mixed with conductance", "t_ref": "0.1", "delay": "0.1"},
        {"model": "LIF", "receptor": "mixed with conductance", "t_ref": "2", "source": "PoissonInput"},
        {"model": "IF", "receptor": "step", "reset": "soft", "source": "PoissonInput"},
    ],
    ids=lambda values: " ".join(values.values()),
)
def test_both_simulators_agree(values):
    compared = compare(case(**values), 200.0)
    assert compared.agrees, compared
    assert compared.spikes > 30
    assert compared.first_divergence_ms is None
    assert 0 <= compared.max_dv_mv < 1e-10


@brian2
@pytest.mark.parametrize(
    "model",
    [
        sn.AdaptiveThresholdLIF(v_rest=3.0, tau_theta=math.inf, theta_plus=0.5, theta_initial=0.25),
        sn.AdaptiveThresholdLIF(v_rest=3.0, tau_theta=9.0, theta_plus=0.5, t_ref=1.0),
        sn.AdaptiveCurrentLIF(v_rest=3.0, b=0.5, tau_w=9.0, t_ref=1.0),
        sn.AdaptiveCurrentLIF(v_rest=3.0, b=0.5, tau_w=20.0, receptors={"g": sn.ExponentialConductance()}),
        sn.EscapeNoiseLIF(v_rest=0.5, t_ref=1.0, receptors={"g": sn.ExponentialConductance()}),
        sn.NoisyLIF(v_rest=0.5, t_ref=1.0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_every_state_and_random_number_is_equal(model):
    """Also for another seed and sample, and beside a population that draws numbers, too."""
    net = sn.Network(dt=0.1, seed=1)
    net.population("noise", 3, sn.Poisson(rate=500.0))
    net.population("before", 3, sn.EscapeNoiseLIF())
    cells = net.population("cells", 9, model)
    net.connect(net.populations["noise"], cells, np.full((3, 9), 0.0625))
    record = {"cells": ["spikes", *model.states], "before": ["spikes"]}
    runs = []
    for backend in ("cpu", "brian2"):
        simulator = sn.Simulator(net, backend=backend)
        simulator.reset(seed=2**63 + 5, first_sample=17)
        runs.append(simulator.run(50.0, record=record))
    ours, theirs = runs
    for name in record:
        assert ours.spikes[name] == theirs.spikes[name]
    assert len(ours.spikes["cells"]) > 9
    for key, value in ours.states.items():
        np.testing.assert_allclose(theirs.states[key], value, rtol=0, atol=1e-11, err_msg=str(key))


@brian2
@pytest.mark.parametrize("receptor", ["d", "e", "g"])
def test_poisson_and_timed_inputs_are_equal(receptor):
    """Onto a slice and onto all, also several a step; inputs for each neuron and for all; operations in bins; recorded weights."""
    net = sn.Network(dt=0.1, seed=2)
    receptors = {"d": sn.Delta(), "e": sn.ExponentialCurrent(), "g": sn.ExponentialConductance(e_rev=9.0)}
    model = sn.LIF(v_threshold=2.0, t_ref=1.0, receptors={receptor: receptors[receptor]})
    cells, others = net.population("cells", 70, model), net.population("others", 5, sn.IF(v_threshold=4.0))
    net.stimulate(cells[3:67], sn.PoissonInput(5000.0), weight=1 / 16, receptor=receptor)
    net.stimulate(cells, sn.PoissonInput(30_000.0), weight=1 / 256, receptor=receptor)
    net.stimulate(others[2:], sn.PoissonInput(100.0), weight=1.0)
    net.connect(cells, others, np.full((70, 5), 1 / 64))
    timed = {
        "cells": sn.TimedInput([0.0, 7.0, 30.0], np.array([[1.0], [0.0], [3.0]]) * np.arange(70) / 64),
        "others": sn.TimedInput([3.0, 4.0], [0.5, 0.0]),
    }
    record = {"cells": ["spikes", "v"], "others": ["spikes", "v", "i"], "cells->others": ["weights"]}
    ours, theirs = (
        sn.Simulator(net, backend=backend).run(50.0, inputs=timed, record=record, count_every=0.7)
        for backend in ("cpu", "brian2")
    )
    for name in ("cells", "others"):
        assert ours.spikes[name] == theirs.spikes[name]
        assert len(ours.spikes[name]) > 2
    for key, value in ours.states.items():
        np.testing.assert_allclose(theirs.states[key], value, rtol=0, atol=1e-11, err_msg=str(key))
    for field in dataclasses.fields(sn.Operations):
        np.testing.assert_array_equal(getattr(ours.operations, field.name), getattr(theirs.operations, field.name))
    assert ours.operations.acs.shape == (1, 72)


@brian2
def test_rules_and_changed_weights_are_refused():
    net = sn.Network(dt=0.1)
    a = net.population("a", 2, sn.LIF())
    net.connect(a, a, [[0.0, 1.0], [1.0, 0.0]])
    simulator = sn.Simulator(net, backend="brian2")
    simulator.set_weights("a->a", 2.0)
    with pytest.raises(sn.SimulationError, match="weights that were changed"):
        simulator.run(1.0)
    net.regulate(a, sn.WinnerTakeAll(inhibition=1.0))
    with pytest.raises(sn.NetworkError, match="Brian2 backend: WinnerTakeAll is not supported"):
        sn.Simulator(net, backend="brian2")


def everything():
    """A network with all receptors, sources, connections and delays, and its inputs for 100 ms."""
    rng = np.random.default_rng(5)
    net = sn.Network(dt=0.1, seed=3)
    trains = net.population("trains", 20, sn.SpikeArray())
    noise = net.population("noise", 10, sn.Poisson(rate=200.0))
    receptors = {"d": sn.Delta(), "a-1": sn.ExponentialCurrent(tau=5.0), "i": sn.AlphaCurrent(), "s": sn.StepCurrent()}
    cells = net.population(
        "cells", 30, sn.LIF(tau_m=rng.uniform(15, 25, 30), v_threshold=10.0, t_ref=2.0, receptors=receptors)
    )
    net.population("silent", 4, sn.LIF(v_rest=2.0))
    multapses = rng.integers(0, 30, 150) * 0.1
    net.connect(trains, cells, sn.FixedInDegree(5), weight=rng.integers(1, 9, 150) / 2, delay=multapses)
    net.connect(noise[2:9], cells[5:], rng.integers(0, 9, (7, 25)) / 2.0, receptor="a-1", delay=1.5)
    net.connect(cells[:20], cells, sn.FixedProbability(0.3), weight=-0.5, receptor="i", delay=0.3)
    net.connect(cells[20:], cells[:5], sn.AllToAll(), weight=1 / 8, receptor="s")
    net.connect(trains, cells, sn.FixedTotalNumber(0), weight=1.0)
    flat = np.unique(rng.integers(0, 1000 * 20, 300))
    train = sn.SpikeTrain.from_times(flat // 20 * 0.1, flat % 20, size=20, dt=0.1, duration=100.0)
    return net, {"trains": train, "cells": rng.integers(0, 32, 30) / 4.0, "noise": rng.uniform(0.5, 1.0, 10)}


@brian2
def test_all_states_spikes_and_operations_are_equal():
    net, inputs = everything()
    record = {name: ["spikes", *population.model.states] for name, population in net.populations.items()}
    fractions: list[float] = []
    ours = sn.Simulator(net).run(100.0, inputs=inputs, record=record)
    theirs = sn.Simulator(net, backend="brian2").run(100.0, inputs=inputs, record=record, progress=fractions.append)
    assert fractions[-1] == 1.0
    for name in net.populations:
        assert ours.spikes[name] == theirs.spikes[name], name
    assert len(ours.spikes["cells"]) > 30
    assert ours.states.keys() == theirs.states.keys()
    for key, value in ours.states.items():
        np.testing.assert_allclose(theirs.states[key], value, rtol=0, atol=1e-11, err_msg=str(key))
    for field in dataclasses.fields(sn.Operations):
        np.testing.assert_array_equal(getattr(ours.operations, field.name), getattr(theirs.operations, field.name))
    assert ours.operations.acs.sum() > 1000


@brian2
def test_a_wrong_equation_is_seen(monkeypatch):
    right = brian2_backend.equations_of

    def wrong(*arguments):
        return dataclasses.replace(right(*arguments), method="euler")

    monkeypatch.setattr(brian2_backend, "equations_of", wrong)
    compared = compare(case(model="LIF", receptor="exponential", delay="1.5"), 100.0)
    assert not compared.agrees
    assert compared.max_dv_mv > 1e-6


@brian2
def test_a_run_starts_from_a_fresh_state():
    net = sn.Network(dt=0.1)
    net.population("a", 2, sn.LIF(v_rest=3.0, v_threshold=1.0))
    simulator = sn.Simulator(net, backend="brian2")
    first = simulator.run(20.0, record={"a": ["spikes"]}).spikes["a"]
    with pytest.raises(sn.SimulationError, match=r"cannot be continued.*reset"):
        simulator.run(20.0)
    simulator.reset()
    assert simulator.run(20.0, record={"a": ["spikes"]}).spikes["a"] == first
    assert len(first) > 0


class OwnLIF(sn.LIF):
    """A neuron of a user's own, which may differ from LIF in any way."""


class OwnReceptor(sn.Delta):
    """A receptor of a user's own."""

    STATES = ("x",)
    ADDS_TO = "x"
    RECEIVE = sn.ExponentialCurrent.RECEIVE


@brian2
@pytest.mark.parametrize(
    ("model", "active", "match"),
    [
        (sn.TTFS(), (0.0, np.inf), "'a': TTFS is not supported"),
        (sn.Graded(), (0.0, np.inf), "'a': graded events are not supported"),
        (sn.LIF(), (0.0, 5.0), r"'a': active=\(0.0, 5.0\) is not supported"),
        (
            sn.LIF(receptors={"e": sn.ExponentialCurrent(tau=20.0)}),
            (0.0, np.inf),
            "'e' must not have the time constant",
        ),
        (sn.AdaptiveCurrentLIF(tau_w=20.0), (0.0, np.inf), "'a': tau_w must not have the time constant"),
        (OwnLIF(), (0.0, np.inf), "'a': OwnLIF is not supported"),
        (sn.LIF(receptors={"e": OwnReceptor()}), (0.0, np.inf), "'a': receptor OwnReceptor is not supported"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_brian2_does_not_run_is_refused(model, active, match):
    net = sn.Network(dt=0.1)
    net.population("a", 2, model, active=active)
    with pytest.raises(sn.NetworkError, match=match):
        sn.Simulator(net, backend="brian2")


@brian2
def test_a_convolution_copies_and_float32_are_refused():
    net = sn.Network(dt=0.1)
    a, b = net.population("a", 9, sn.SpikeArray()), net.population("b", 4, sn.IF())
    with pytest.raises(sn.SimulationError, match=r"copies must be 1, got 2"):
        sn.Simulator(net, backend="brian2", copies=2)
    with pytest.raises(sn.SimulationError, match=r"precision must be 'float64', got 'float32'"):
        sn.Simulator(net, backend="brian2", precision="float32")
    net.connect(a, b, sn.Convolution(np.ones((1, 2, 2, 1)), 3, 3))
    with pytest.raises(sn.NetworkError, match="a->b: Convolution is not supported"):
        sn.Simulator(net, backend="brian2")


def test_without_brian2_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "brian2", None)
    net = sn.Network(dt=0.1)
    net.population("a", 2, sn.LIF())
    with pytest.raises(sn.SimulationError, match=r'pip install "snnsim\[brian2\]"'):
        sn.Simulator(net, backend="brian2")


def poisson(rate, seed):
    net = sn.Network(dt=1.0, seed=seed)
    net.population("a", 1000, sn.Poisson(rate=rate))
    return sn.Simulator(net).run(2000.0, record={"a": ["spikes"]})


def test_the_statistics_tell_different_activity_from_equal():
    one = poisson(20.0, 1).spikes
    equal, faster = (kolmogorov_smirnov(one, poisson(rate, 2).spikes) for rate in (20.0, 22.0))
    # 1.63 sqrt(2 / n) is exceeded with a probability of 0.01 where n values of each are from one distribution.
    assert max(equal["rate"], equal["CV"]) < 1.63 * math.sqrt(2 / 1000) < faster["rate"]
    assert equal["correlation"] < 1.63 * math.sqrt(2 / 500)
    assert set(kolmogorov_smirnov(one, one).values()) == {0.0}


def test_perturbed_runs_start_alike_and_part():
    net = cuba(0.1)
    runs = list(perturbed(net, 150.0, runs=3))
    assert [sorted(run) for run in runs] == [["exc", "inh"]] * 3
    early = [[(s, n) for s, n in zip(run["exc"].steps, run["exc"].neurons, strict=True) if s < 30] for run in runs]
    late = {tuple(run["exc"].steps.tolist()) for run in runs}
    assert len(late) == 3
    assert set(early[0]) & set(early[1]) & set(early[2])


@brian2
@pytest.mark.parametrize("tau_m", [20.0, 15.0])
def test_a_chaotic_network_agrees_with_itself_and_not_with_another(monkeypatch, tau_m):
    """snnsim in float32, which soon parts from Brian2, and once a Brian2 whose membranes are faster."""
    right = brian2_backend.equations_of

    def other(*arguments):
        equations = right(*arguments)
        return dataclasses.replace(equations, parameters=equations.parameters | {"tau_m": tau_m * 1e-3})

    monkeypatch.setattr(brian2_backend, "equations_of", other)
    compared = compare_statistics("cuba", cuba(0.25), 300.0, "float32")
    assert compared.first_divergence_ms is not None
    assert compared.agrees == (tau_m == 20.0), compared


@pytest.mark.parametrize("agrees", [True, False])
def test_the_command_writes_json_and_exits_with_1_where_any_disagrees(monkeypatch, tmp_path, agrees):
    spiked = Comparison("spiked", True, 12, None, 1e-13)
    chaotic = Comparison("chaotic", agrees, 30, 13.1, None, {"rate": (0.1, 0.5)})
    learned = Comparison("learned", True, 20, None, None, max_dw=2e-14)
    monkeypatch.setattr(plasticity_crosscheck, "PLASTIC", {"learned": None})
    monkeypatch.setattr(plasticity_crosscheck, "compare_learning", lambda name, duration: learned)
    monkeypatch.setattr(crosscheck, "covering_cases", lambda: [case(model="IF")])
    monkeypatch.setattr(crosscheck, "compare", lambda case, duration: spiked)
    monkeypatch.setattr(crosscheck, "CHAOTIC", {"chaotic": (lambda: None, "float64")})
    monkeypatch.setattr(crosscheck, "compare_statistics", lambda *arguments: chaotic)
    ran = CliRunner().invoke(COMMAND, ["--json", str(tmp_path / "c.json"), "--time", "5"])
    assert ran.exit_code == (0 if agrees else 1), ran.output
    keys = ("name", "agrees", "spikes", "first_divergence_ms", "max_dv_mv", "max_dw")
    rows = (
        ("spiked", True, 12, None, 1e-13, None),
        ("learned", True, 20, None, None, 2e-14),
        ("chaotic", agrees, 30, 13.1, None, None),
    )
    assert json.loads((tmp_path / "c.json").read_text()) == {
        "cases": [dict(zip(keys, row, strict=True)) for row in rows]
    }
    assert ("NO" in ran.stdout) != agrees
    assert ("statistically" in ran.stdout) == agrees
    assert "rate, Kolmogorov-Smirnov 0.1000, p = 0.50" in ran.stdout


def test_a_json_file_in_a_missing_folder_is_refused_before_the_runs(tmp_path):
    ran = CliRunner().invoke(COMMAND, ["--json", str(tmp_path / "none" / "c.json")])
    assert ran.exit_code == 2
    assert "is no folder" in ran.stderr
