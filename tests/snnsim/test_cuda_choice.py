"""Which backend "auto" takes, and the one line that says why; what is asked of the driver is told by fakes."""

import ctypes
import re
import subprocess
import sys
from typing import Any

import pytest

import snnsim as sn
from snnsim import SimulationError, Simulator, _card, backend_choice
from snnsim import simulator as simulator_module
from snnsim._card import Card, NoCard

CARD = Card("Some GPU", (9, 0), 8 * 2**30, (13, 0))


def network(neurons: int = 100) -> sn.Network:
    net = sn.Network(dt=1.0)
    cells = net.population("cells", neurons, sn.LIF())
    net.connect(cells, cells, sn.FixedInDegree(2), weight=0.1)
    return net


def run_python(program: str, **variables: str) -> str:
    import os

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env={**os.environ, **variables}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Driver:
    """Stands for the driver's library."""

    def __init__(
        self,
        version: int = 13000,
        devices: int = 1,
        capability: tuple[int, int] = (9, 0),
        failing: dict[str, int] | None = None,
    ) -> None:
        self.version, self.devices, self.capability, self.failing = version, devices, capability, failing or {}

    def __getattr__(self, function: str) -> Any:
        def call(*arguments: Any) -> int:
            if function in self.failing:
                return self.failing[function]
            if function == "cuInit":
                return 0 if self.devices else 100
            if function == "cuDeviceGetName":
                arguments[0].value = b"Some GPU"
                return 0
            values = {
                "cuDriverGetVersion": self.version,
                "cuDeviceGetCount": self.devices,
                "cuDeviceGet": 0,
                "cuDeviceTotalMem_v2": 8 * 2**30,
            }
            if function == "cuDeviceGetAttribute":
                values[function] = self.capability[{75: 0, 76: 1}[arguments[1]]]
            arguments[0]._obj.value = values[function]
            return 0

        return call


def given(monkeypatch: pytest.MonkeyPatch, card: Card | NoCard) -> list[str]:
    """Have the driver show this card, or none; return the list of what is asked from now on."""
    asked: list[str] = []

    def find_card() -> Card:
        asked.append("driver")
        if isinstance(card, NoCard):
            raise card
        return card

    monkeypatch.setattr(backend_choice, "simulated", lambda: False)
    monkeypatch.setattr(backend_choice, "find_card", find_card)
    monkeypatch.setattr(backend_choice, "require_numba_cuda", lambda: asked.append("numba-cuda"))
    return asked


def chosen(neurons: int, copies: int = 1) -> Any:
    return backend_choice.choose("auto", network(neurons), copies)


def test_small_networks_stay_on_the_cpu_and_no_driver_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = given(monkeypatch, CARD)
    assert chosen(99_999) == (
        "cpu", "cpu: 99,999 neurons with 199,998 synapses are too few for a GPU to pay (from 100,000 neurons, 50,000,000 synapses "
        "or 256 copies)",
    )  # fmt: skip
    assert chosen(390, copies=256).reason == (
        "cpu: 256 copies of 390 neurons are too few for a GPU to pay (from 100,000 neurons in all)"
    )
    assert chosen(1000, copies=255).backend == "cpu"
    assert asked == []


@pytest.mark.parametrize(
    ("neurons", "copies", "said"),
    [
        (100_000, 1, "100,000 neurons"),
        (391, 256, "256 copies of 391 neurons"),
        (10, 10_000, "10,000 copies of 10 neurons"),
    ],
)
def test_large_ones_take_the_card(monkeypatch: pytest.MonkeyPatch, neurons: int, copies: int, said: str) -> None:
    asked = given(monkeypatch, CARD)
    backend, reason = chosen(neurons, copies)
    assert backend == "cuda"
    assert reason == f"cuda: {said}, on Some GPU, compute capability 9.0, 8 GiB, driver for CUDA 13.0"
    assert asked == ["driver", "numba-cuda"]


def test_many_synapses_do_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, CARD)
    monkeypatch.setattr(backend_choice, "LARGE_SYNAPSES", 2000)
    assert chosen(999).backend == "cpu"
    assert chosen(1000) == ("cuda", f"cuda: 1,000 neurons with 2,000 synapses, on {CARD}")


def test_what_does_not_fit_on_the_card_stays_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, CARD)
    on_host = simulator_module._placer("cpu")

    def full(*arguments: Any) -> Any:
        raise SimulationError("the network needs 4.0 GiB of memory (synapses 4.0 GiB), the budget is 3.0 GiB")

    monkeypatch.setattr(simulator_module, "_placer", lambda backend: full if backend == "cuda" else on_host)
    simulator = Simulator(network(100_000))
    assert simulator.backend == "cpu"
    assert simulator.backend_reason.startswith("cpu: the network needs 4.0 GiB of memory")
    with pytest.raises(SimulationError, match=r"needs 4\.0 GiB"):
        Simulator(network(100_000), backend="cuda")


def test_without_a_card_the_reason_is_told_and_cuda_is_refused_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, NoCard("there is no NVIDIA driver (libcuda.so.1 cannot be loaded)"))
    line = "no CUDA device (there is no NVIDIA driver (libcuda.so.1 cannot be loaded))"
    assert chosen(100_000) == ("cpu", f"cpu: {line}")
    simulator = Simulator(network(100_000))
    assert (simulator.backend, simulator.backend_reason) == ("cpu", f"cpu: {line}")
    with pytest.raises(SimulationError, match=re.escape(f"Simulator.backend 'cuda': {line}")):
        Simulator(network(), backend="cuda")


def test_a_network_that_is_asked_to_run_on_the_cpu_asks_for_no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = given(monkeypatch, CARD)
    simulator = Simulator(network(100_000), backend="cpu")
    assert (simulator.backend, simulator.backend_reason, asked) == ("cpu", "cpu: asked for", [])


def refusal(monkeypatch: pytest.MonkeyPatch, driver: Driver) -> str:
    monkeypatch.setattr(_card, "_load_driver", lambda: driver)
    with pytest.raises(NoCard) as raised:
        _card.find_card()
    return str(raised.value)


def test_the_driver_is_asked_for_the_cuda_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_card, "_load_driver", Driver)
    assert _card.find_card() == CARD


def test_each_cuda_driver_that_will_not_do_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(monkeypatch, Driver(version=12080)) == (
        "the NVIDIA driver is too old: it knows CUDA 12.8, snnsim needs 13.0"
    )
    assert refusal(monkeypatch, Driver(devices=0)) == "the NVIDIA driver shows no CUDA device"
    assert refusal(monkeypatch, Driver(capability=(7, 0))) == (
        "the card is too old: Some GPU has compute capability 7.0, CUDA 13.0 needs 7.5"
    )
    assert refusal(monkeypatch, Driver(failing={"cuInit": 803})) == (
        "the NVIDIA driver does not work (cuInit returned error 803)"
    )


def test_no_cuda_driver_has_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", fail)
    with pytest.raises(NoCard, match=r"there is no NVIDIA driver \(libcuda\.so\.1 cannot be loaded\)"):
        _card.find_card()


def test_a_missing_numba_cuda_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_card, "find_spec", lambda name: None)
    with pytest.raises(NoCard, match=r"numba-cuda is not installed; pip install 'snnsim\[gpu\]'"):
        _card.require_numba_cuda()


@pytest.mark.parametrize("module", ["numba.cuda", "numba.cuda.cudadrv"])
def test_a_broken_numba_cuda_harms_nobody(module: str) -> None:
    """Half of it is missing: the CPU runs what it always ran, and who is large enough to want a card hears why there is none."""
    program = (
        "import sys\n"
        f"sys.modules[{module!r}] = None\n"
        "import snnsim as sn\n"
        "from snnsim import _card, backend_choice\n"
        "backend_choice.find_card = lambda: None\n"
        "backend_choice.LARGE_NEURONS = 100\n"
        "for n in (99, 100):\n"
        "    net = sn.Network(dt=1.0)\n"
        "    net.population('a', n, sn.IF(bias=0.6))\n"
        "    simulator = sn.Simulator(net)\n"
        "    assert len(simulator.run(4.0, record={'a': ['spikes']}).spikes['a']) == 2 * n\n"
        "    print(simulator.backend_reason)\n"
    )
    small, large = run_python(program, NUMBA_ENABLE_CUDASIM="0").splitlines()
    assert small.startswith("cpu: 99 neurons with 0 synapses are too few")
    assert re.fullmatch(
        r"cpu: no CUDA device \(numba-cuda does not work \(\w*Error: .*\); pip install 'snnsim\[gpu\]'\)", large
    )


def test_cuda_is_not_imported_for_small_networks() -> None:
    program = (
        "import sys, snnsim as sn\n"
        "net = sn.Network(dt=1.0)\n"
        "net.population('a', 99, sn.IF(bias=0.6))\n"
        "sn.Simulator(net).run(4.0)\n"
        "print(sorted(name for name in sys.modules if name == 'numba_cuda' or name.startswith(('numba.cuda.', 'cuda.'))))\n"
    )
    assert run_python(program, NUMBA_ENABLE_CUDASIM="0") == "[]\n"


def test_auto_never_takes_the_cuda_simulator_but_it_runs_where_it_is_asked_for() -> None:
    program = (
        "import numpy as np, snnsim as sn\n"
        "from snnsim import backend_choice\n"
        "backend_choice.LARGE_NEURONS = 10\n"
        "net = sn.Network(dt=1.0)\n"
        "net.population('a', 10, sn.IF(bias=0.6))\n"
        "for backend in ('auto', 'cuda'):\n"
        "    simulator = sn.Simulator(net, backend=backend)\n"
        "    run = simulator.run(4.0, record={'a': ['spikes', 'v']})\n"
        "    print(simulator.backend, len(run.spikes['a']), run.v('a').dtype, simulator.backend_reason, sep='; ')\n"
    )
    assert run_python(program, NUMBA_ENABLE_CUDASIM="1").splitlines() == [
        "cpu; 20; float64; cpu: no CUDA device (NUMBA_ENABLE_CUDASIM is set, and the simulator is no card)",
        "cuda; 20; float32; cuda: asked for, in Numba's simulator",
    ]


@pytest.mark.parametrize(
    ("backend", "expected"), [("auto", "float64"), ("cpu", "float64"), ("brian2", "float64"), ("cuda", "float32")]
)
def test_the_precision_by_default_is_single_only_where_cuda_is_asked_for(backend: str, expected: str) -> None:
    assert backend_choice.default_precision(backend) == expected


def test_auto_computes_alike_with_a_cuda_card_and_without() -> None:
    assert Simulator(network()).run(1.0, record={"cells": "v"}).v("cells").dtype == "float64"
    with pytest.raises(sn.NetworkError, match="precision must be one of"):
        Simulator(network(), precision="")
