"""The same networks in snnsim and in Brian2 (C++ standalone), each in its own process, in turn, on the same core.

    python benchmarks/simulators.py [--only cuba-4000,cuba-40000] [--against brian2] [--repeats 5] [--json FILE]

One second of biological time, all spikes recorded, one thread. Build time is everything up to the first step (code generation,
compilation and wiring); the first run of each warms its caches and is not counted. A speed counts only where the activity agrees.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SCALES = {"cuba-4000": 1.0, "cuba-40000": 10.0}

SNNSIM = """
import json, resource, sys, time
begun = time.perf_counter()
import snnsim as sn
from snnsim.networks import cuba
net = cuba(float(sys.argv[1]))
simulator = sn.Simulator(net, threads=1, precision=sys.argv[2])
simulator.run(0.1)
simulator.reset()
built = time.perf_counter()
result = simulator.run(1000.0, record={"exc": ["spikes"], "inh": ["spikes"]})
done = time.perf_counter()
print(json.dumps({
    "build_s": built - begun, "sim_s": done - built, "spikes": sum(len(train) for train in result.spikes.values()),
    "neurons": net.n_neurons, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
"""

# The C++ program reports its own run time; the first build of a folder compiles it.
BRIAN2 = """
import json, resource, sys, time
begun = time.perf_counter()
import brian2 as b
b.set_device("cpp_standalone", directory=sys.argv[2], build_on_run=False)
b.prefs.devices.cpp_standalone.openmp_threads = 0
b.seed(1)
b.defaultclock.dt = 0.1 * b.ms
n = round(4000 * float(sys.argv[1]))
group = b.NeuronGroup(n, "dv/dt = (ge + gi - (v + 49*mV)) / (20*ms) : volt (unless refractory)\\ndge/dt = -ge / (5*ms) : volt\\n"
    "dgi/dt = -gi / (10*ms) : volt", threshold="v > -50*mV", reset="v = -60*mV", refractory=5*b.ms, method="exact")
group.v = "-60*mV + rand() * 10*mV"
exc = b.Synapses(group[:int(0.8 * n)], group, on_pre="ge += 1.62*mV")
inh = b.Synapses(group[int(0.8 * n):], group, on_pre="gi -= 9*mV")
exc.connect(p=80 / n)
inh.connect(p=80 / n)
spikes = b.SpikeMonitor(group)
b.run(1 * b.second)
b.device.build(directory=sys.argv[2], compile=True, run=True, debug=False)
print(json.dumps({
    "build_s": time.perf_counter() - begun - b.device._last_run_time, "sim_s": b.device._last_run_time,
    "spikes": int(spikes.num_spikes), "neurons": n,
    "peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
}))
"""


def run(program: str, *arguments: str, core: int) -> dict[str, Any]:
    """Run a program pinned to a core and return what it prints last, as JSON."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pinned = ["taskset", "-c", str(core)] if sys.platform == "linux" else []
    command = [*pinned, sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    measured: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(SCALES))
    parser.add_argument("--against", default="brian2")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    print("| benchmark | simulator | build s | sim s | ratio | spikes | rate Hz | M synaptic events/s | peak MB |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only.split(","):
            scale = str(SCALES[name])
            programs = {"snnsim": (SNNSIM, scale, "float64"), "snnsim float32": (SNNSIM, scale, "float32")}
            if "brian2" in options.against.split(","):
                programs["brian2 standalone"] = (BRIAN2, scale, str(Path(folder) / name))
            runs: dict[str, list[dict[str, Any]]] = {simulator: [] for simulator in programs}
            for repeat in range(options.repeats + 1):
                for simulator, program in programs.items():
                    measured = run(*program, core=options.core)
                    if repeat:
                        runs[simulator].append(measured)
            peer = statistics.median(m["sim_s"] for m in runs.get("brian2 standalone", runs["snnsim"]))
            for simulator, measured in runs.items():
                middle = {key: statistics.median(m[key] for m in measured) for key in measured[0]}
                rate = middle["spikes"] / middle["neurons"]
                row = {"benchmark": name, "simulator": simulator, "rate_hz": rate}
                rows.append(row | {key: middle[key] for key in ("build_s", "sim_s", "spikes", "peak_mb")})
                print(
                    f"| {name} | {simulator} | {middle['build_s']:.2f} | {middle['sim_s']:.4f} | {middle['sim_s'] / peer:.2f} "
                    f"| {middle['spikes']:,.0f} | {rate:.2f} | {middle['spikes'] * 80 / middle['sim_s'] / 1e6:,.0f} "
                    f"| {middle['peak_mb']:,.0f} |",
                    flush=True,
                )
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
