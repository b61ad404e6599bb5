"""The CUDA backend equals the CPU backend in every shape of work: on a card where there is one, else in Numba's CUDA simulator."""

import os
from collections import defaultdict
from collections.abc import Callable
from functools import cache

import cuda_shapes
import numpy as np
import pytest
from cuda_cases import Outcome
from cuda_process import result_of, start
from cuda_shapes import Wanted, differences, outcome, wanted
from numba import config
from snnsim_models import MODELS, RECEPTORS

cuda = pytest.importorskip("numba.cuda", reason="numba-cuda is not installed")
CARD = not config.ENABLE_CUDASIM and cuda.is_available()
RUNS = wanted()

Outcomes = Callable[[str, Wanted], Outcome]


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What a backend makes of a run."""
    if CARD:
        on_card = cache(lambda run: outcome(run, "cuda"))
        on_cpu = cache(lambda run: outcome(run, "cpu"))
        return lambda backend, run: on_card(run) if backend == "cuda" else on_cpu(run._replace(shape=""))
    folder, n = tmp_path_factory.mktemp("simulated"), min(2, os.cpu_count() or 1)
    begun = [start(str(cuda_shapes.__file__), str(folder / f"{k}.npz"), str(k), str(n)) for k in range(n)]
    found: dict[str, Outcome] = defaultdict(dict)
    for k, process in enumerate(begun):
        print(result_of(process, 1800.0))  # what each run took
        with np.load(folder / f"{k}.npz") as data:
            for key in data.files:
                backend, run, name = key.split("/", 2)
                found[f"{backend}/{run}"][name] = data[key]
    return lambda backend, run: found[f"{backend}/{run.id if backend == 'cuda' else '-'.join(run[1:])}"]


@pytest.mark.parametrize("run", RUNS, ids=[run.id for run in RUNS])
def test_a_run_on_cuda_equals_that_on_the_cpu(run: Wanted, outcomes: Outcomes) -> None:
    found, expected = outcomes("cuda", run), outcomes("cpu", run)
    assert "error" not in found, str(found["error"])
    assert expected
    assert differences(run, found, expected, card=CARD) == []


def test_every_model_receptor_and_connection_is_run_on_cuda(outcomes: Outcomes) -> None:
    covered = {str(name) for run in RUNS for name in outcomes("cpu", run)["covers"]}
    assert covered >= {kind.__name__ for kind in (*MODELS, *RECEPTORS)} | {"dense", "sparse", "convolution", "pooling"}


def test_what_is_run_on_cuda_is_not_silent(outcomes: Outcomes) -> None:
    """But for the two cases that are meant to be: each has neurons that fire, and not all of them always."""
    silent = {run.case for run in RUNS if not outcomes("cpu", run)["spikes"].any()}
    assert silent == {"nobody_spikes"}
