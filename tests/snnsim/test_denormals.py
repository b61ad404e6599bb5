"""Numbers below the normal range: the kernels round them to zero, and leave the processor as they found it."""

import math
import threading

import numpy as np
import pytest
from snnsim_kernels import views
from snnsim_kernels.views import flush_denormals, restore_denormals

from snnsim import LIF, AlphaCurrent, ExponentialCurrent, Network, Simulator, SpikeArray, SpikeTrain, cpu_backend

pytestmark = pytest.mark.skipif(views._MODE is None, reason="the floating-point mode of this processor is not known")

TINY = {"float32": float(np.finfo(np.float32).tiny), "float64": float(np.finfo(np.float64).tiny)}


def denormals_work() -> bool:
    """Whether NumPy, in this thread, halves the smallest normal number."""
    return all(
        np.array([np.finfo(kind).tiny], kind)[0] * kind(0.5) > 0
        and (np.full(64, np.finfo(kind).tiny, kind) * kind(0.5) > 0).all()
        for kind in (np.float32, np.float64)
    )


def silent(size: int = 100, **parameters: float) -> Network:
    """Neurons that get one spike through exponential and alpha currents, and then nothing."""
    net = Network(dt=1.0)
    receptors = {"exponential": ExponentialCurrent(tau=0.5), "alpha": AlphaCurrent(tau=0.7)}
    n = net.population("n", size, LIF(tau_m=1.0, v_threshold=math.inf, receptors=receptors, **parameters))
    source = net.population("in", 1, SpikeArray())
    for receptor in receptors:
        net.connect(source, n, np.ones((1, size)), receptor=receptor)
    return net


def run(net: Network, *, precision: str = "float64", threads: int = 1, copies: int = 1) -> dict[str, np.ndarray]:
    spike = SpikeTrain.from_times([0.0], [0], size=1, dt=1.0, duration=1.0)
    simulator = Simulator(net, precision=precision, threads=threads, copies=copies)
    names = net.populations["n"].model.states
    result = simulator.run(1500.0, inputs={"in": spike}, record={"n": list(names)})
    return {name: result.states["n", name] for name in names}


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(("threads", "copies"), [(1, 1), (2, 1), (2, 3)])
def test_a_silent_network_decays_to_zero(
    precision: str, threads: int, copies: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 16)
    states = run(silent(), precision=precision, threads=threads, copies=copies)
    for name, values in states.items():
        if name == "i":
            continue
        assert values.max() > 0.01, name
        assert (values[:, -1] == 0).all(), name
        # No state ever holds a denormal number.
        assert (values[values != 0] >= TINY[precision]).all(), name


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_until_then_the_decay_is_exact(precision: str) -> None:
    i = run(silent(size=1), precision=precision)["exponential.i"][0, :, 0]
    expected = np.exp(-np.arange(1, 1500) / 0.5)
    normal = expected > 4 * TINY[precision]
    np.testing.assert_allclose(i[1:][normal], expected[normal], rtol=1e-4 if precision == "float32" else 1e-12)


def test_the_mode_is_restored_in_the_thread_that_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 16)
    assert denormals_work()
    for threads, copies in ((1, 1), (2, 1), (2, 4)):
        run(silent(), threads=threads, copies=copies)
        assert denormals_work(), (threads, copies)


def test_the_mode_is_restored_when_a_log_is_full_and_when_a_run_is_interrupted() -> None:
    net = Network(dt=1.0)
    net.population("n", 3000, LIF(tau_m=1.0, v_rest=10.0, v_threshold=1.0))
    simulator = Simulator(net, threads=1)
    assert len(simulator.run(100.0, record={"n": "spikes"}).spikes["n"]) == 300_000
    assert denormals_work()

    def interrupt(_: float) -> None:
        assert denormals_work()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulator.run(10_000.0, progress=interrupt)
    assert denormals_work()


def test_the_mode_is_that_of_a_thread_and_nests() -> None:
    results: list[bool] = []
    before = flush_denormals()
    try:
        # Not through NumPy's scalars alone: whole arrays use the vector unit.
        results.append(denormals_work())
        thread = threading.Thread(target=lambda: results.append(denormals_work()))
        again = flush_denormals()
        restore_denormals(again)
        results.append(denormals_work())
    finally:
        restore_denormals(before)
    thread.start()
    thread.join()
    assert results == [False, False, True]
    assert denormals_work()
