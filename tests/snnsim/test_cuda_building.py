"""Synapses built in the memory of a card are those of the CPU: on a card where there is one, else in Numba's CUDA simulator."""

import sys
from pathlib import Path
from typing import Any

import cuda_building_cases
import numpy as np
import pytest
from cuda_building_cases import ARRAYS, CASES, arrays_of, assert_equal, built, join
from cuda_process import result_of, start
from numba import config

from snnsim import (
    FixedInDegree,
    FixedOutDegree,
    Lognormal,
)
from snnsim.compilation import compile_network
from snnsim.networks import microcircuit

cuda = pytest.importorskip("numba.cuda", reason="numba-cuda is not installed")
IN_PROCESS = bool(config.ENABLE_CUDASIM) or cuda.is_available()
on_a_card = pytest.mark.skipif(
    bool(config.ENABLE_CUDASIM) or not cuda.is_available(), reason="no CUDA device: only a card is fast enough"
)

SCRIPT = """
import sys
import {module}
{module}.{function}(*sys.argv[1:])
"""


def here_or_simulated(module: str, function: str, *arguments: str) -> None:
    """Call a function on the card, or in the simulator."""
    if IN_PROCESS:
        getattr(sys.modules[module], function)(*arguments)
    else:
        result_of(start("-c", SCRIPT.format(module=module, function=function), *arguments), 600.0)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, np.ndarray]]:
    """What was built, by case."""
    if IN_PROCESS:
        return {name: arrays_of(built(name)) for name in CASES}
    folder = tmp_path_factory.mktemp("built")
    here_or_simulated("cuda_building_cases", "build_all", str(folder))
    made = {}
    for number, name in enumerate(CASES):
        with np.load(folder / f"{number}.npz") as data:
            made[name] = {key: data[key] for key in ARRAYS}
    return made


@pytest.mark.parametrize("name", CASES)
def test_synapses_are_those_of_the_cpu(name: str, found: dict[str, dict[str, np.ndarray]]) -> None:
    make, precision = CASES[name]
    assert_equal(found[name], arrays_of(compile_network(make(), precision)))


@pytest.mark.parametrize("what", ["check_random_networks", "check_bad_networks"])
def test_any_network(what: str) -> None:
    here_or_simulated("cuda_building_cases", what)


def test_a_run_asks_for_no_synapse(tmp_path: Path) -> None:
    here_or_simulated("cuda_building_cases", "check_that_a_run_asks_for_no_synapse", str(tmp_path / "state.npz"))


@on_a_card
@pytest.mark.parametrize("rule", [FixedOutDegree(20_000), FixedInDegree(300)], ids=["out", "in"])
def test_rows_longer_than_shared_memory(rule: Any) -> None:
    from snnsim.cuda_placement import place_on_device

    nets = [join(rule, Lognormal(0.0, 1.0), cuda_building_cases.Uniform(0.1, 9.0), n=20, m=3000) for _ in range(2)]
    expected = arrays_of(compile_network(nets[0], "float32"))
    assert_equal(arrays_of(compile_network(nets[1], "float32", None, place_on_device)), expected)


@on_a_card
@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_the_microcircuit_is_that_of_the_cpu(scale: float) -> None:
    """299 million synapses at full scale."""
    from snnsim.cuda_placement import place_on_device

    expected = arrays_of(compile_network(microcircuit(scale, seed=4), "float32"))
    assert_equal(arrays_of(compile_network(microcircuit(scale, seed=4), "float32", None, place_on_device)), expected)
