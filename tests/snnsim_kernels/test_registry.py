"""Kernels are bound on first use, once per kind and precision, each under a name of its own."""

import subprocess
import sys

import numpy as np
import pytest
from snnsim_kernels import neurons, registry
from snnsim_kernels.layout import (
    PopulationColumn,
    ProjectionColumn,
    RecorderColumn,
    StimulusColumn,
    TimedInputColumn,
)
from snnsim_kernels.plasticity_layout import PlasticityColumn, Updates
from snnsim_kernels.registry import NeuronKind
from snnsim_models import IF, LIF, MODELS, TTFS, SpikeArray


def kind_of(model: type, per_neuron: bool = False) -> NeuronKind:
    return NeuronKind(model, len(model().constants(1.0)), per_neuron or model.STOCHASTIC)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_every_registered_model_has_kernels(model: type, precision: str) -> None:
    kind = kind_of(model)
    update = registry.update_kernel(kind, precision)
    assert update is registry.update_kernel(kind, precision)
    assert len(update.signatures) == 1
    assert len(registry.reset_kernel(kind, precision).signatures) == 1
    assert model is SpikeArray or model.__name__ in update.__name__
    assert precision in update.__name__


def test_names_are_unique() -> None:
    names = [
        registry.update_kernel(kind_of(model, per_neuron), precision).py_func.__qualname__
        for model in (IF, LIF, TTFS)
        for per_neuron in (False, True)
        for precision in ("float32", "float64")
    ]
    assert len(set(names)) == len(names) == 12


def test_nothing_is_compiled_at_import() -> None:
    script = """
import snnsim
from snnsim_kernels import registry
print(registry.update_kernel.cache_info().currsize, registry.advance.cache_info().currsize)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0"]


@pytest.mark.parametrize(
    "columns",
    [PopulationColumn, ProjectionColumn, StimulusColumn, RecorderColumn, TimedInputColumn, PlasticityColumn, Updates],
)
def test_columns_are_numbered_without_gaps(columns: type) -> None:
    assert [int(column) for column in columns] == list(range(len(columns)))
    assert len(columns) - 1 == columns.COUNT


@pytest.mark.parametrize("n", [1, 7, 8, 9, 63, 64, 65, 200])
def test_flags_are_listed_in_order_and_what_lies_beyond_is_ignored(n: int) -> None:
    rng = np.random.default_rng(n)
    for share in (0.0, 0.02, 0.2, 1.0):
        flags = np.ones((n + 63) // 64 * 64, dtype=np.uint8)
        flags[:n] = rng.random(n) < share
        spikes = np.full(n, -1, dtype=np.int32)
        count = neurons.list_flagged(flags, n, 128, spikes)
        assert spikes[:count].tolist() == (128 + np.nonzero(flags[:n])[0]).tolist()
        assert (spikes[count:] == -1).all()
