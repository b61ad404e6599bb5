"""A card that is full: an error with the numbers before a run, nothing broken after it. Runs alone, since it fills the card."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numba import cuda

import snnsim as sn
from snnsim import Network, SimulationError, Simulator

pytestmark = pytest.mark.usefixtures("card")

BACKEND = "cuda"
LEFT = 96 * 2**20
"""Bytes that stay free on a card that is full."""


@pytest.fixture
def full_card() -> Iterator[list[Any]]:
    """What fills the card, in plain allocations; a test that clears the list frees it."""
    context = cuda.current_context()
    held: list[Any] = []
    chunk = 2**34
    while chunk >= 2**24:
        try:
            if int(context.get_memory_info()[0]) < chunk + LEFT:
                raise MemoryError
            held.append(cuda.device_array(chunk, np.uint8))
        except Exception:  # that memory is in pieces, say: a smaller one may fit
            chunk //= 2
    yield held
    held.clear()
    context.deallocations.clear()


def free() -> None:
    cuda.current_context().deallocations.clear()


def network(size: int, synapses: int) -> Network:
    net = Network(dt=1.0, seed=2)
    cells = net.population("cells", size, sn.IF(v_threshold=1.0, bias=1 / 16, v_initial=np.arange(size) % 16 / 16))
    if synapses:
        net.connect(cells, cells, sn.FixedInDegree(synapses), weight=sn.Uniform(0.0, 1e-3), delay=1.0)
    return net


def numbers(error: SimulationError) -> tuple[float, float]:
    """Return what is needed and what there is, in MiB."""
    units = {"KiB": 2**-10, "MiB": 1.0, "GiB": 2.0**10}
    need, budget = (
        float(number.replace(",", "")) * units[unit]
        for number, unit in re.findall(r"(?:needs|the budget is) ([\d,.]+) (KiB|MiB|GiB)", str(error))
    )
    return need, budget


def attempt(net: Network, **options: Any) -> sn.Result:
    return Simulator(net, backend=BACKEND, precision="float32", **options).run(8.0, record={"cells": ["spikes"]})


@pytest.mark.parametrize(
    ("size", "synapses", "copies"), [(20_000, 0, 2_000), (20_000, 2_000, 1)], ids=["state", "synapses"]
)
def test_cuda_more_than_a_card_holds_is_an_error_with_the_numbers(
    full_card: list[Any], size: int, synapses: int, copies: int
) -> None:
    net = network(size, synapses)
    with pytest.raises(SimulationError, match=r"needs .* of memory") as raised:
        attempt(net, copies=copies)
    need, budget = numbers(raised.value)
    assert need > 200
    assert budget < LEFT / 2**20 + 32
    # What fits goes on, on the full card; and all of it once there is room.
    small = network(500, 0)
    expected = Simulator(small, precision="float32", backend="cpu").run(8.0, record={"cells": ["spikes"]})
    assert attempt(small).spikes == expected.spikes
    full_card.clear()
    free()
    assert len(attempt(net, copies=copies).spikes["cells"]) > 0


def test_cuda_budget_counts_as_the_card() -> None:
    net = network(20_000, 500)
    with pytest.raises(SimulationError, match=r"needs .* of memory"):
        attempt(net, memory=2**24)
    expected = Simulator(net, backend="cpu", precision="float32").run(8.0, record={"cells": ["spikes"]})
    assert attempt(net, memory=2**30).spikes.keys() == expected.spikes.keys()
