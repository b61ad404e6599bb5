"""Converted networks on real images: every spike, every potential and every operation against the float64 reference.

All twins of four shipped ANNs (dense, wide, pruned hence sparse, convolutional) in every code, 100 MNIST test images.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from reference_simulator import Reference, Trace, matrix

import snnsim
from snnsim import datasets
from snnsim.ann import Ann, shipped
from snnsim.conversion import CODES, SpikingTwin, convert
from snnsim.results import Result

NAMES = ("784-64-10", "784-1200-1200-10", "784-256-10-pruned", "784-4c5s2-8c5s2-10")
N_IMAGES = 100
SEED, FIRST_SAMPLE = 5, 1234


@cache
def anns() -> dict[str, Ann]:
    return {ann.name: ann for ann in shipped("mnist")}


@cache
def mnist(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Calibration pixels and test pixels."""
    data = datasets.load("mnist", folder, progress=False)
    return data.train.first(500).pixels, data.test.first(N_IMAGES).pixels


# Every check of a case works on the same two runs; tests come in the order of their parameters, so one case is kept at a time.
@pytest.fixture(scope="module", params=[(name, code) for name in NAMES for code in CODES], ids=" ".join)
def case(request: pytest.FixtureRequest, mnist_dir: Path) -> tuple[SpikingTwin, Result, Trace]:
    name, code = request.param
    calibration, pixels = mnist(mnist_dir)
    twin = convert(anns()[name], code, calibration=calibration)
    twin.network.seed = SEED
    values = twin.input_values(pixels)
    simulator = snnsim.Simulator(twin.network, copies=N_IMAGES, precision=twin.precision, threads=1)
    simulator.reset(first_sample=FIRST_SAMPLE)
    record = {population: ["spikes"] for population in twin.network.populations} | {"output": ["spikes", "v"]}
    result = simulator.run(twin.n_steps * twin.network.dt, inputs={"pixels": values}, record=record)
    reference = Reference(twin.network).run(
        twin.n_steps, N_IMAGES, {"pixels": values}, seed=SEED, first_sample=FIRST_SAMPLE, record=(("output", "v"),)
    )
    return twin, result, reference


def test_every_spike_is_the_references(case: tuple[SpikingTwin, Result, Trace]) -> None:
    twin, result, reference = case
    assert list(result.spikes) == list(twin.network.populations)
    for population, train in result.spikes.items():
        copies, steps, neurons = reference.events(population)
        assert np.array_equal(train.copies, copies), population
        assert np.array_equal(train.steps, steps), population
        assert np.array_equal(train.neurons, neurons), population
        if population not in ("output",):
            assert len(train) > N_IMAGES, f"{population} hardly spikes: nothing was compared"


def test_every_output_potential_is_the_references(case: tuple[SpikingTwin, Result, Trace]) -> None:
    _, result, reference = case
    v = result.v("output")
    assert v.shape == reference.states["output", "v"].shape
    assert np.array_equal(v.astype(np.float64), reference.states["output", "v"])
    assert np.unique(v[:, -1]).size > 100


def test_every_operation_is_counted(case: tuple[SpikingTwin, Result, Trace]) -> None:
    _, result, reference = case
    counted = result.operations
    assert np.array_equal(counted.acs, reference.acs)
    assert np.array_equal(counted.macs, reference.macs)
    assert np.array_equal(counted.membrane_updates, reference.membrane_updates)
    assert np.array_equal(counted.encoder_operations, reference.encoder_operations)
    assert np.array_equal(counted.spikes, reference.fired)
    assert counted.acs.sum() > 0
    assert (counted.macs.sum() > 0) == (case[0].code == "current")


def test_the_run_of_the_twin_is_the_same_run(case: tuple[SpikingTwin, Result, Trace], mnist_dir: Path) -> None:
    twin, _, reference = case
    responses = twin.run(mnist(mnist_dir)[1], seed=SEED, first_sample=FIRST_SAMPLE, threads=1, batch=37)
    assert np.array_equal(responses.scores, reference.states["output", "v"].astype(np.float32))
    assert np.array_equal(responses.acs, reference.acs)
    assert np.array_equal(responses.macs, reference.macs)
    assert np.array_equal(responses.membrane_updates, reference.membrane_updates)
    assert np.array_equal(responses.spikes, reference.fired)
    assert np.array_equal(responses.encoder_operations, reference.encoder_operations)


@pytest.mark.parametrize("name", ["784-64-10", "784-256-10-pruned"])
def test_accumulates_counted_spike_by_spike(name: str, mnist_dir: Path) -> None:
    calibration, pixels = mnist(mnist_dir)
    twin = convert(anns()[name], "rate", calibration=calibration)
    simulator = snnsim.Simulator(twin.network, copies=3, precision=twin.precision, threads=1)
    inputs = {"pixels": twin.input_values(pixels[:3])}
    result = simulator.run(twin.n_steps * 1.0, inputs=inputs, record={"pixels": ["spikes"], "hidden1": ["spikes"]})
    counted = np.zeros((3, twin.n_steps), dtype=np.int64)
    for projection in twin.network.projections:
        rows = matrix(projection.connection).tolist()
        train = result.spikes[projection.source.population.name]
        for copy, step, neuron in zip(train.copies, train.steps, train.neurons, strict=True):
            counted[copy, step] += sum(1 for weight in rows[neuron] if weight != 0)
    assert np.array_equal(result.operations.acs, counted)
