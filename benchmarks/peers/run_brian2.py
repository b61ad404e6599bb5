"""CUBA and Brunel's network, the latter also with STDP, in Brian2, C++ standalone mode: the fastest way to run Brian2 on one core.

The C++ program reports the time of its own time loop. Its folder stays between runs: only the first compiles all of it.
"""

import time

begun = time.perf_counter()

import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import brian2 as b  # noqa: E402
import numpy as np  # noqa: E402

from peers.process import DT, hand_back, read_task  # noqa: E402

# Runs the C++ program and notes its peak memory, which would else be hidden behind the compiler's.
WATCH = """
import resource, subprocess, sys
done = subprocess.call(sys.argv[1:])
with open("peak.txt", "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(done)
"""


def cuba(sizes: dict[str, int]) -> tuple[Any, ...]:
    n, n_exc = sum(sizes.values()), sizes["exc"]
    group = b.NeuronGroup(
        n,
        """dv/dt = (ge + gi - (v + 49*mV)) / (20*ms) : volt (unless refractory)
        dge/dt = -ge / (5*ms) : volt
        dgi/dt = -gi / (10*ms) : volt""",
        threshold="v > -50*mV",
        reset="v = -60*mV",
        refractory=5 * b.ms,
        method="exact",
    )
    group.v = "-60*mV + rand() * 10*mV"
    exc = b.Synapses(group[:n_exc], group, on_pre="ge += 1.62*mV")
    inh = b.Synapses(group[n_exc:], group, on_pre="gi -= 9*mV")
    exc.connect(p=80 / n)
    inh.connect(p=80 / n)
    return group, exc, inh


def brunel(sizes: dict[str, int]) -> tuple[Any, ...]:
    """Fixed in-degrees; an input to ``v`` of a refractory neuron is discarded by Brian2 itself."""
    n, n_exc = sum(sizes.values()), sizes["exc"]
    group = b.NeuronGroup(
        n,
        "dv/dt = -v / (20*ms) : volt (unless refractory)",
        threshold="v > 20*mV",
        reset="v = 10*mV",
        refractory=2 * b.ms,
        method="exact",
    )
    exc = b.Synapses(group[:n_exc], group, on_pre="v += 0.1*mV", delay=1.5 * b.ms)
    inh = b.Synapses(group[n_exc:], group, on_pre="v -= 0.5*mV", delay=1.5 * b.ms)
    exc.connect(i=f"int(rand() * {n_exc}) for _ in range(1000)")
    inh.connect(i=f"int(rand() * {n - n_exc}) for _ in range(250)")
    return group, exc, inh, b.PoissonInput(group, "v", 1000, 20 * b.Hz, weight=0.1 * b.mV)


def stdp(sizes: dict[str, int], traces: str) -> tuple[Any, ...]:
    """Additive STDP as in Brian2's own example, or with the traces of the post trains in the neurons: an exponential less."""
    n, n_exc = sum(sizes.values()), sizes["exc"]
    own = traces == "neurons"
    group = b.NeuronGroup(
        n,
        "dv/dt = -v / (20*ms) : volt (unless refractory)" + ("\ndy/dt = -y / (20*ms) : volt" if own else ""),
        threshold="v > 20*mV",
        reset="v = 10*mV" + ("\ny -= 1.05*0.001*0.4*mV" if own else ""),
        refractory=2 * b.ms,
        method="exact",
    )
    rest = "" if own else "\ndy/dt = -y / (20*ms) : volt (event-driven)"
    plastic = b.Synapses(
        group[:n_exc],
        group[:n_exc],
        "w : volt\ndx/dt = -x / (20*ms) : volt (event-driven)" + rest,
        on_pre=f"v_post += w\nx += 0.001*0.4*mV\nw = clip(w + {'y_post' if own else 'y'}, 0*mV, 0.4*mV)",
        on_post=("" if own else "y -= 1.05*0.001*0.4*mV\n") + "w = clip(w + x, 0*mV, 0.4*mV)",
        delay=1.5 * b.ms,
    )
    plastic.connect(i=f"int(rand() * {n_exc}) for _ in range(400)")
    plastic.w = 0.2 * b.mV
    to_inh = b.Synapses(group[:n_exc], group[n_exc:], on_pre="v += 0.2*mV", delay=1.5 * b.ms)
    inh = b.Synapses(group[n_exc:], group, on_pre="v -= 1*mV", delay=1.5 * b.ms)
    to_inh.connect(i=f"int(rand() * {n_exc}) for _ in range(400)")
    inh.connect(i=f"int(rand() * {n - n_exc}) for _ in range(100)")
    return group, plastic, to_inh, inh, b.PoissonInput(group, "v", 1000, 10 * b.Hz, weight=0.2 * b.mV)


def main() -> None:
    task = read_task()
    b.set_device("cpp_standalone", directory=task["folder"], build_on_run=False)
    b.prefs.devices.cpp_standalone.openmp_threads = 0
    b.prefs.devices.cpp_standalone.run_cmd_unix = [sys.executable, "-S", "-c", WATCH, "./main"]
    b.seed(task["seed"])
    b.defaultclock.dt = DT * b.ms
    if task["network"] == "stdp":
        group, *others = stdp(task["sizes"], task["traces"])
    else:
        group, *others = (cuba if task["network"] == "cuba" else brunel)(task["sizes"])
    recorder = b.SpikeMonitor(group)
    # The program itself reports the wall clock alone.
    b.device.insert_code("before_network_run", "const std::clock_t begun = std::clock();")
    b.device.insert_code(
        "after_network_run", 'std::ofstream("cpu.txt") << double(std::clock() - begun) / CLOCKS_PER_SEC;'
    )
    network = b.Network(group, *others, recorder)
    network.run(task["duration"] * b.ms)
    b.device.build(directory=task["folder"], compile=True, run=True, debug=False)
    done = time.perf_counter()
    seconds = b.device._last_run_time
    per_mb = 1024 if sys.platform == "linux" else 2**20
    peak = int((Path(task["folder"]) / "peak.txt").read_text()) / per_mb
    worked = float((Path(task["folder"]) / "cpu.txt").read_text())
    steps = np.rint(np.asarray(recorder.t / b.ms) / DT)
    weights = np.asarray(others[0].w / b.mV) if task["network"] == "stdp" else None
    hand_back(task, done - begun - seconds, seconds, peak, steps, np.asarray(recorder.i), weights, worked)


if __name__ == "__main__":
    main()
