"""Diehl & Cook's network in Brian2, C++ standalone mode: a whole sequence of images in one program.

``method`` of the task is that of the membranes: "exponential_euler", or "backward_euler", which Brian2 does not know and gets as an
operation of every step. (With the Euler steps of the published programs potentials grow without bound as soon as two dozen neurons
fire in the same step: then 0.5 ms are more than twice the time constant of the membranes that they inhibit.)
"""

import time

begun = time.perf_counter()

import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import brian2 as b  # noqa: E402
import numpy as np  # noqa: E402

from peers.process import hand_back, read_task  # noqa: E402
from peers.run_brian2 import WATCH  # noqa: E402

SHOWN = 50.0
"""ms, the longest time of which image and rest are multiples."""


def membrane(tau: float, rest: float, reversals: dict[str, float], *, backward: bool) -> tuple[str, str]:
    """Return the equation of v, and the operation that moves it in every step, if the equation does not."""
    if not backward:
        currents = " + ".join(f"{g} * ({e}*mV - v)" for g, e in reversals.items())
        return f"dv/dt = ({rest}*mV - v + {currents}) / ({tau}*ms) : volt (unless refractory)", ""
    drive = " + ".join(f"{g} * {e}*mV" for g, e in reversals.items())
    moved = f"(v + dt / ({tau}*ms) * ({rest}*mV + {drive})) / (1 + dt / ({tau}*ms) * (1 + {' + '.join(reversals)}))"
    return "v : volt", f"v = int(not_refractory) * {moved} + (1 - int(not_refractory)) * v"


def network(images: np.ndarray, weights: np.ndarray, theta: np.ndarray, task: dict[str, Any]) -> tuple[Any, ...]:
    n_pixels, n = weights.shape
    image, rest = (round(task[name] / SHOWN) for name in ("image", "rest"))
    rates = np.zeros((len(images), image + rest, n_pixels))
    rates[:, :image] = images[:, None] * task["rate"]
    namespace = {"shown": b.TimedArray(rates.reshape(-1, n_pixels) * b.Hz, dt=SHOWN * b.ms)}
    pixels = b.PoissonGroup(n_pixels, rates="shown(t, i)", namespace=namespace)
    backward = task["method"] == "backward_euler"
    v_exc, moves_exc = membrane(100.0, -65.0, {"ge": 0.0, "gi": -100.0}, backward=backward)
    v_inh, moves_inh = membrane(10.0, -60.0, {"ge": 0.0}, backward=backward)
    exc = b.NeuronGroup(
        n,
        f"""{v_exc}
        dge/dt = -ge / (1*ms) : 1
        dgi/dt = -gi / (2*ms) : 1
        dtheta/dt = -theta / (1e7*ms) : volt
        total : 1""",
        threshold="v > theta - 72*mV",
        reset="v = -65*mV\ntheta += 0.05*mV",
        refractory=5 * b.ms,
        method="exact" if backward else "exponential_euler",
    )
    inh = b.NeuronGroup(
        n,
        f"""{v_inh}
        dge/dt = -ge / (1*ms) : 1""",
        threshold="v > -40*mV",
        reset="v = -45*mV",
        refractory=2 * b.ms,
        method="exact" if backward else "exponential_euler",
    )
    if backward:
        exc.run_regularly(moves_exc, when="groups", order=-1)
        inh.run_regularly(moves_inh, when="groups", order=-1)
    exc.v, exc.theta, inh.v = -65 * b.mV, theta * b.mV, -60 * b.mV
    plastic = b.Synapses(
        pixels,
        exc,
        """w : 1
        dpre/dt = -pre / (20*ms) : 1 (event-driven)
        dpost/dt = -post / (20*ms) : 1 (event-driven)
        dslow/dt = -slow / (40*ms) : 1 (event-driven)""",
        on_pre="ge_post += w\npre = 1\nw = clip(w - 1e-4 * post, 0, 1)",
        on_post="w = clip(w + 0.01 * pre * slow, 0, 1)\npost = 1\nslow = 1",
    )
    plastic.connect()
    plastic.w = weights.ravel()
    every = (task["image"] + task["rest"]) * b.ms
    exc.run_regularly("total = 0", dt=every, order=-2)
    plastic.run_regularly("total_post += w", dt=every, order=-1)
    plastic.run_regularly(f"w *= {task['total']} / total_post", dt=every)
    to_inh = b.Synapses(exc, inh, on_pre="ge_post += 10.4")
    to_inh.connect(j="i")
    to_exc = b.Synapses(inh, exc, on_pre="gi_post += 17")
    to_exc.connect(condition="i != j")
    return exc, plastic, pixels, inh, to_inh, to_exc


def main() -> None:
    task = read_task()
    given = np.load(task["images"])
    b.set_device("cpp_standalone", directory=task["folder"], build_on_run=False)
    b.prefs.devices.cpp_standalone.openmp_threads = 0
    b.prefs.devices.cpp_standalone.run_cmd_unix = [sys.executable, "-S", "-c", WATCH, "./main"]
    b.seed(task["seed"])
    b.defaultclock.dt = task["dt"] * b.ms
    exc, plastic, *others = network(given["images"], given["weights"], given["theta"], task)
    recorder = b.SpikeMonitor(exc)
    duration = len(given["images"]) * (task["image"] + task["rest"])
    b.Network(exc, plastic, *others, recorder).run(duration * b.ms)
    b.device.build(directory=task["folder"], compile=True, run=True, debug=False)
    done = time.perf_counter()
    seconds = b.device._last_run_time
    per_mb = 1024 if sys.platform == "linux" else 2**20
    peak = int((Path(task["folder"]) / "peak.txt").read_text()) / per_mb
    steps = np.rint(np.asarray(recorder.t / b.ms) / task["dt"])
    spiking, weights = np.asarray(recorder.i), np.asarray(plastic.w)
    hand_back(task, done - begun - seconds, seconds, peak, steps, spiking, weights, cpu_s=seconds)


if __name__ == "__main__":
    main()
