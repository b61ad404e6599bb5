"""A real card against the CPU: spike for spike where sums are exact, within a tolerance for single neurons, in distribution where
a network is chaotic. Skipped where there is no card; what Numba's simulator can show of the kernels stands in other files.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import cuda
from random_networks import COUNTS, assert_same
from snnsim_kernels.cuda._jit import kernel

import snnsim as sn
from snnsim import Network, Result, Simulator
from snnsim.ann import Ann, Conv2d, Dense
from snnsim.conversion import CODES, Responses, convert
from snnsim.crosscheck import FACTORS, TOLERANCE_MV, Case, every_case, kolmogorov_smirnov, make, perturbed
from snnsim.networks import brunel, cuba

on_card = pytest.mark.usefixtures("card")

BACKEND = "cuda"
PRECISIONS = ("float32", "float64")
TOLERANCE = {"float32": 1e-4, "float64": 1e-12}  # mV, in every step

BLOCK, GRID = 600, 20_000
"""Neurons of a network that a block runs alone, and of one that takes the whole card."""


def exact(n: int) -> Network:
    """Neurons without a leak, weights and parameters that are binary fractions: no sum rounds, not even in single precision."""
    rng = np.random.default_rng(n)
    net = Network(dt=1.0, seed=11)
    n_exc = 4 * n // 5
    sizes = {"exc": n_exc, "inh": n - n_exc}
    populations = {
        name: net.population(
            name,
            size,
            sn.IF(v_threshold=1.0, bias=1 / 64, v_initial=rng.integers(0, 64, size) / 64, reset=reset),
        )
        for (name, size), reset in zip(sizes.items(), ("soft", "hard"), strict=True)
    }
    exc, inh = populations.values()
    for target in (exc, inh):
        net.connect(exc, target, sn.FixedInDegree(40), weight=1 / 32, delay=sn.Uniform(0.0, 9.0))
        net.connect(inh, target, sn.FixedInDegree(10), weight=-1 / 8, delay=2.0)
        net.stimulate(target, sn.PoissonInput(100.0), weight=1 / 16)
    varied = rng.integers(-8, 9, (100, len(inh))) / 64
    net.connect(exc[:100], inh, varied, delay=3.0)
    net.connect(exc[20:120], inh, sn.Sparse.from_matrix(varied * (rng.random(varied.shape) < 0.2)), delay=0.0)
    return net


def run(net: Network, backend: str, duration: float, *, inputs: Any = None, **options: Any) -> Result:
    record = {name: ["spikes", *population.model.states] for name, population in net.populations.items()}
    return Simulator(net, backend=backend, **options).run(duration, inputs=inputs, record=record)


@on_card
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("n", [BLOCK, GRID])
def test_cuda_exact_networks_are_equal_to_the_last_bit(n: int, precision: str) -> None:
    net = exact(n)
    expected = run(net, "cpu", 150.0, precision=precision)
    assert all(len(train) > train.size for train in expected.spikes.values())
    assert_same(run(net, BACKEND, 150.0, precision=precision), expected)


def test_exact_networks_for_cuda_are_exact() -> None:
    """They have the same spikes in both precisions: were any sum rounded, these would differ soon."""
    net = exact(BLOCK)
    single, double = (run(net, "cpu", 150.0, precision=precision) for precision in PRECISIONS)
    assert single.spikes == double.spikes


@on_card
@pytest.mark.parametrize("n", [BLOCK, GRID])
def test_cuda_runs_repeat_and_continue(n: int, tmp_path: Path) -> None:
    """A run in parts, over a file written on the other backend, is a run in one; and so is the next after a reset."""
    net = exact(n)
    record = {"exc": ["spikes", "v"], "inh": ["spikes"]}
    whole = Simulator(net, backend="cpu").run(90.0, record=record)
    simulator = Simulator(net, backend=BACKEND)
    for _ in range(2):
        assert_same(simulator.run(90.0, record=record), whole)
        simulator.reset()
    parts = [simulator.run(31.0, record=record)]
    for k, backend in enumerate(("cpu", BACKEND)):
        simulator.save(tmp_path / f"{k}.npz")
        simulator = Simulator(net, backend=backend)
        simulator.load(tmp_path / f"{k}.npz")
        parts.append(simulator.run((29.0, 30.0)[k], record=record))
    for name, train in whole.spikes.items():
        assert np.concatenate([part.spikes[name].steps for part in parts]).tolist() == train.steps.tolist()
        assert np.concatenate([part.spikes[name].neurons for part in parts]).tolist() == train.neurons.tolist()
    assert np.array_equal(np.concatenate([part.v("exc") for part in parts], axis=1), whole.v("exc"))


@on_card
@pytest.mark.parametrize(("n", "copies"), [(300, 3), (300, 500), (GRID, 2)])
def test_cuda_copies_are_those_of_the_cpu(n: int, copies: int) -> None:
    """Each with the random numbers of its own sample, whatever runs beside it."""
    net = exact(n)
    results = []
    for backend in ("cpu", BACKEND):
        simulator = Simulator(net, backend=backend, copies=copies, precision="float32")
        simulator.reset(first_sample=7)
        results.append(simulator.run(40.0, record={"exc": ["spikes"], "inh": ["spikes", "v"]}))
    assert not np.array_equal(results[0].v("inh")[0], results[0].v("inh")[1])
    assert_same(results[1], results[0])


def value_cases() -> list[Case]:
    """The fewest cases that hold every value of every factor; each is a kernel to compile."""
    cases, chosen = list(every_case()), []
    missing = {(factor, value) for factor, values in FACTORS.items() for value in values}
    while missing:
        chosen.append(max(cases, key=lambda case: len(missing & set(case.items()))))
        missing -= set(chosen[-1].items())
    return chosen


@on_card
@pytest.mark.parametrize("case", value_cases(), ids=lambda case: "-".join(case.values()).replace(" ", "_"))
def test_cuda_matrix_of_models_is_equal_spike_for_spike(case: Case) -> None:
    net, inputs = make(case, 150.0)
    expected, found = (run(net, backend, 150.0, inputs=inputs) for backend in ("cpu", BACKEND))
    assert len(expected.spikes["cells"]) > 10
    assert found.spikes == expected.spikes
    for key, values in expected.states.items():
        np.testing.assert_allclose(found.states[key], values, rtol=0, atol=TOLERANCE_MV, err_msg=str(key))
    for name in COUNTS:
        assert np.array_equal(getattr(found.operations, name), getattr(expected.operations, name)), name


NEURONS: dict[str, Callable[..., Any]] = {
    "IF": sn.IF,
    "TTFS": lambda v_threshold: sn.TTFS(v_threshold=v_threshold, ramp=0.5, t_open=20.0),
    "delta": lambda **p: sn.LIF(t_ref=2.0, receptors={"in": sn.Delta()}, **p),
    "step": lambda **p: sn.LIF(t_ref=2.0, receptors={"in": sn.StepCurrent()}, **p),
    "exponential": lambda **p: sn.LIF(t_ref=2.0, receptors={"in": sn.ExponentialCurrent(tau=5.0)}, **p),
    "alpha": lambda **p: sn.LIF(t_ref=2.0, receptors={"in": sn.AlphaCurrent(tau=3.0)}, **p),
    "conductance": lambda **p: sn.LIF(receptors={"in": sn.ExponentialConductance(tau=5.0, e_rev=70.0)}, **p),
    "adaptive threshold": lambda **p: sn.AdaptiveThresholdLIF(theta_plus=0.5, tau_theta=80.0, **p),
    "adaptive current": lambda **p: sn.AdaptiveCurrentLIF(b=1.5, tau_w=90.0, **p),
    "escape noise": lambda **p: sn.EscapeNoiseLIF(rho_0=200.0, delta_v=1.5, **p),
    "noise": lambda **p: sn.NoisyLIF(sigma=0.5, **p),
}
LARGEST_WEIGHT = {"step": 0.5, "exponential": 6.0, "conductance": 0.2, "alpha": 6.0, "IF": 2.0}


@on_card
@pytest.mark.parametrize("precision", PRECISIONS)
def test_cuda_single_neurons_stay_within_the_tolerance_in_every_step(precision: str) -> None:
    """Each gets one weight at a time, so that no order of additions matters; what is left is rounding of functions like exp."""
    rng = np.random.default_rng(3)
    steps, net = 2000, Network(dt=0.1, seed=5)
    given = net.population("in", 1, sn.SpikeArray())
    for name, model in NEURONS.items():
        neurons = net.population(name, 5, model(v_threshold=10.0 + 0.01 / 3))
        largest = LARGEST_WEIGHT.get(name, 3.0)
        receptor = next(iter(neurons.model.receptor_map))
        net.connect(given, neurons, largest * rng.uniform(0.3, 1.0, (1, 5)), delay=0.3, receptor=receptor)
    fires = np.flatnonzero(rng.random(steps) < 0.03)
    train = sn.SpikeTrain.from_times(fires * 0.1, fires * 0, size=1, dt=0.1, duration=steps * 0.1)
    expected, found = (
        run(net, backend, steps * 0.1, inputs={"in": train}, precision=precision) for backend in ("cpu", BACKEND)
    )
    for name in NEURONS:
        assert len(expected.spikes[name]) > 0, name
        assert np.ptp(expected.v(name)) > 1.0, name
        np.testing.assert_allclose(
            found.v(name), expected.v(name), rtol=0, atol=TOLERANCE[precision], err_msg=name, equal_nan=False
        )
        assert found.spikes[name] == expected.spikes[name], name


@pytest.fixture(scope="module")
def anns() -> list[Ann]:
    """Dense, sparse and convolutional layers with weights of any value; conversion makes binary fractions of them."""
    rng = np.random.default_rng(9)

    def dense(n: int, m: int, share: float = 1.0) -> Dense:
        weight = rng.normal(0, 1.5 / np.sqrt(n), (n, m)) * (rng.random((n, m)) < share)
        return Dense(weight.astype(np.float32), rng.normal(0, 0.1, m).astype(np.float32))

    kernel = rng.normal(0, 0.5, (4, 1, 3, 3)).astype(np.float32)
    first = Conv2d(kernel, rng.normal(0, 0.1, 4).astype(np.float32), 2, (1, 9, 9))
    return [
        Ann("dense", (dense(81, 40), dense(40, 5))),
        Ann("sparse", (dense(81, 40, 0.1), dense(40, 5))),
        Ann("conv", (first, dense(first.n_out, 5))),
    ]


@on_card
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("number", [0, 1, 2], ids=["dense", "sparse", "conv"])
def test_cuda_converted_networks_answer_to_the_last_bit(anns: list[Ann], number: int, code: str) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (70, 81)) / 255 * (np.arange(81) % 3 > 0)
    twin = convert(anns[number], code, calibration=pixels)
    expected, found = (
        twin.run(pixels, backend=backend, batch=batch) for backend, batch in (("cpu", 500), (BACKEND, 40))
    )
    assert expected.spikes.sum() > 0
    for field in dataclasses.fields(Responses):
        assert np.array_equal(getattr(found, field.name), getattr(expected, field.name)), field.name


@on_card
def test_cuda_runs_ten_thousand_copies(anns: list[Ann]) -> None:
    pixels = np.random.default_rng(4).random((10_000, 81)) * (np.arange(81) % 3 > 0)
    twin = convert(anns[0], "rate", calibration=pixels[:500])
    expected, found = twin.run(pixels, backend="cpu"), twin.run(pixels, backend=BACKEND, batch=10_000)
    assert np.array_equal(found.scores, expected.scores)
    assert np.array_equal(found.acs, expected.acs)


@on_card
def test_cuda_rules_of_populations_and_projections() -> None:
    rng = np.random.default_rng(6)
    net = Network(dt=0.5, seed=8)
    noise = net.population("noise", 60, sn.Poisson(rate=80.0))
    model = sn.AdaptiveThresholdLIF(tau_m=15.0, v_threshold=3.00371, theta_plus=0.2, tau_theta=1e7, t_ref=1.0)
    n = net.population("n", 40, model)
    learned = net.connect(noise, n, rng.integers(1, 9, (60, 40)) / 16.0)
    net.regulate(n, sn.WinnerTakeAll(inhibition=4.0, group=8))
    net.regulate(n, sn.Homeostasis(decrement=1 / 1024))
    net.regulate(learned, sn.Normalisation(total=20.0, every=25.0))
    results, weights = [], []
    for backend in ("cpu", BACKEND):
        simulator = Simulator(net, backend=backend)
        results.append(simulator.run(300.0, record={"n": ["spikes", "v", "theta"], "noise": ["spikes"]}))
        weights.append(simulator.weights(learned))
    assert len(results[0].spikes["n"]) > 40
    assert results[1].spikes == results[0].spikes
    np.testing.assert_allclose(weights[1], weights[0], rtol=1e-12)
    for key, values in results[0].states.items():
        np.testing.assert_allclose(results[1].states[key], values, rtol=0, atol=TOLERANCE_MV, err_msg=str(key))


SLACK = 1.25
"""A statistic may be so much larger than the largest of perturbed runs: of 39 equal ones the next is larger once in forty times, by
a quarter hardly ever."""


@on_card
@pytest.mark.parametrize(
    "net",
    [cuba(), cuba(3.0), brunel(0.4, fixed_in_degree=True)],
    ids=["cuba-4000", "cuba-12000", "brunel-5000"],
)
def test_cuda_chaotic_networks_have_the_same_statistics(net: Network) -> None:
    """Rates, irregularity and correlations of neurons, in single precision, as ``snnsim crosscheck`` compares simulators."""
    record = {name: ["spikes"] for name in net.populations}
    expected, found = (
        Simulator(net, backend=backend, precision="float32").run(600.0, record=record).spikes
        for backend in ("cpu", BACKEND)
    )
    distance = kolmogorov_smirnov(expected, found)
    usual = [kolmogorov_smirnov(expected, other) for other in perturbed(net, 600.0, "float32", runs=39)]
    for quantity, value in distance.items():
        assert value <= SLACK * max(other[quantity] for other in usual), quantity


@on_card
def test_cuda_reports_its_progress() -> None:
    seen: list[float] = []
    Simulator(exact(GRID), backend=BACKEND).run(400.0, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


ROUNDS = 3000


def pass_on(rounds: int, values: Any, wrong: Any) -> None:
    """Write a number in every round, wait for the whole grid, and look at what another thread wrote, of another block each time."""
    grid, i, n = cuda.cg.this_grid(), cuda.grid(1), cuda.gridsize(1)
    for number in range(rounds):
        half = (number % 2) * n  # a fast thread's next number must not overwrite what a slow one still has to read
        values[half + i] = 7 * number + i
        grid.sync()
        other = (i + 1 + 97 * number) % n
        if values[half + other] != 7 * number + other:
            cuda.atomic.add(wrong, 0, 1)


@on_card
@pytest.mark.parametrize("threads", [32, 256, 512, 1024])
def test_cuda_grid_barrier_holds_for_as_many_blocks_as_fit(threads: int) -> None:
    passing = kernel(pass_on)
    wrong = cuda.to_device(np.zeros(1, np.int64))
    small = cuda.to_device(np.full(2, -1, np.int64))
    blocks = passing.most_blocks((np.int64(ROUNDS), small, wrong), threads)
    assert blocks >= cuda.get_current_device().MULTIPROCESSOR_COUNT
    values = cuda.to_device(np.full(2 * blocks * threads, -1, np.int64))
    passing[blocks, threads](np.int64(ROUNDS), values, wrong)
    assert wrong.copy_to_host()[0] == 0
    last = 7 * (ROUNDS - 1) + np.arange(blocks * threads)
    half = (ROUNDS - 1) % 2 * blocks * threads
    assert np.array_equal(values.copy_to_host()[half : half + blocks * threads], last)
