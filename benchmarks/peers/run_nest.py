"""The benchmark networks in NEST, on one thread."""

import time

begun = time.perf_counter()

from typing import Any  # noqa: E402

import nest  # noqa: E402
import numpy as np  # noqa: E402

from peers.process import DT, hand_back, peak_mb, read_task  # noqa: E402


def cuba(task: dict[str, Any]) -> Any:
    """NEST has no delay below one step: 0.1 ms. With C = tau_m a current of 1 pA acts as 1 mV."""
    neurons = nest.Create("iaf_psc_exp", sum(task["sizes"].values()))
    neurons.set(C_m=20.0, tau_m=20.0, E_L=-49.0, V_th=-50.0, V_reset=-60.0, t_ref=5.0, tau_syn_ex=5.0, tau_syn_in=10.0)
    neurons.V_m = nest.random.uniform(-60.0, -50.0)
    n_exc = task["sizes"]["exc"]
    rule = {"rule": "pairwise_bernoulli", "p": 80 / len(neurons), "allow_autapses": True}
    for source, weight in ((neurons[:n_exc], 1.62), (neurons[n_exc:], -9.0)):
        nest.Connect(source, neurons, rule, {"weight": weight, "delay": task["delay"]})
    return neurons


def brunel(task: dict[str, Any]) -> Any:
    neurons = nest.Create("iaf_psc_delta", sum(task["sizes"].values()))
    neurons.set(C_m=1.0, tau_m=20.0, E_L=0.0, V_m=0.0, V_th=20.0, V_reset=10.0, t_ref=2.0)
    n_exc = task["sizes"]["exc"]
    for source, inputs, weight in ((neurons[:n_exc], 1000, 0.1), (neurons[n_exc:], 250, -0.5)):
        nest.Connect(source, neurons, {"rule": "fixed_indegree", "indegree": inputs}, {"weight": weight, "delay": 1.5})
    noise = nest.Create("poisson_generator", params={"rate": 20_000.0})
    nest.Connect(noise, neurons, "all_to_all", {"weight": 0.1, "delay": 1.5})
    return neurons


def microcircuit(task: dict[str, Any]) -> Any:
    tables = task["tables"]
    neurons = nest.Create("iaf_psc_exp", sum(task["sizes"].values()))
    neurons.set(C_m=250.0, tau_m=10.0, E_L=-65.0, V_th=-50.0, V_reset=-65.0, t_ref=2.0, tau_syn_ex=0.5, tau_syn_in=0.5)
    last = np.cumsum(list(task["sizes"].values())).tolist()
    populations = [neurons[stop - size : stop] for stop, size in zip(last, task["sizes"].values(), strict=True)]
    for i, target in enumerate(populations):
        target.I_e = tables["currents"][i]
        target.V_m = nest.random.normal(tables["v_mean"][i], tables["v_std"][i])
        noise = nest.Create("poisson_generator", params={"rate": tables["background_hz"][i]})
        nest.Connect(noise, target, "all_to_all", {"weight": tables["background_weight"], "delay": 1.5})
        for j, source in enumerate(populations):
            if number := tables["synapses"][i][j]:
                mean, delay = tables["weights"][i][j], tables["delays"][j]
                weight = nest.random.normal(mean, 0.1 * abs(mean))
                bounds = {"min": 0.0} if mean > 0 else {"max": 0.0}
                drawn = {
                    "weight": nest.math.redraw(weight, **{"min": -np.inf, "max": np.inf} | bounds),
                    "delay": nest.math.redraw(nest.random.normal(delay, 0.5 * delay), min=0.5 * DT, max=np.inf),
                }
                nest.Connect(source, target, {"rule": "fixed_total_number", "N": number}, drawn)
    return neurons


NETWORKS = {"cuba": cuba, "brunel": brunel, "microcircuit": microcircuit}


def main() -> None:
    task = read_task()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.set(resolution=DT, local_num_threads=1, rng_seed=task["seed"] + 1)
    neurons = NETWORKS[task["network"]](task)
    recorder = nest.Create("spike_recorder", params={"start": task["discard"]})
    nest.Connect(neurons, recorder)
    nest.Prepare()
    built = time.perf_counter()
    if task["discard"]:
        nest.Run(task["discard"])
    started = time.perf_counter()
    nest.Run(task["duration"])
    done = time.perf_counter()
    nest.Cleanup()
    peak = peak_mb()
    events = recorder.events
    # NEST gives a spike the end of its step, and counts neurons from 1.
    steps = np.rint((events["times"] - task["discard"]) / DT) - 1
    hand_back(task, built - begun, done - started, peak, steps, events["senders"] - neurons[0].global_id)


if __name__ == "__main__":
    main()
