"""A network of 5,000 neurons whose 1.6 million excitatory synapses learn by STDP, in snnsim and in Brian2's C++ standalone mode.

    python benchmarks/plasticity.py [--case stdp-5000] [--repeats 5] [--core 0] [--json FILE]

One second of biological time, all spikes recorded in memory, one thread, time step 0.1 ms; each simulator in a process of its own,
in turn, on the same core. Times are CPU seconds of the time loop, which other programs on the machine disturb least, and beside
them the wall clock; figures are medians. Each repeat has a seed of its own, the same for all; a first run, which compiles, is not
counted. The programs are in ``benchmarks/peers``.

Brian2 runs the rule as its documentation writes it, with both traces in the synapses, and with those of the post trains in the
neurons, which is faster. A ratio is the CPU time over that of the faster one in the same repeat. It counts only where the activity
agrees (mean rates within 10 %, mean CVs within 0.1) and so do the learned weights: means within 1 %, deviations within 10 %.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from peers.cases import case
from simulators import agree, missing, run

MEAN_TOLERANCE, DEVIATION_TOLERANCE = 0.01, 0.1
ROWS: dict[str, dict[str, Any]] = {
    "snnsim": {"program": "snnsim", "precision": "float64"},
    "snnsim float32": {"program": "snnsim", "precision": "float32"},
    "brian2 standalone": {"program": "brian2", "traces": "synapses"},
    "brian2 standalone, post traces in neurons": {"program": "brian2", "traces": "neurons"},
}


def learned_alike(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> bool:
    """Whether activity, mean and standard deviation of the weights of two sets of runs lie within the tolerances."""
    for key, tolerance in (("weight_mean", MEAN_TOLERANCE), ("weight_std", DEVIATION_TOLERANCE)):
        one, other = (statistics.mean(m[key] for m in runs) for runs in (ours, theirs))
        if abs(one / other - 1) > tolerance:
            return False
    return agree(ours, theirs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", default="stdp-5000", help="by default %(default)s; other sizes are possible")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--core", type=int, default=0, help="the core that all programs run on (Linux)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        benchmark = case(options.case)
    except ValueError as error:
        parser.error(str(error))
    if options.repeats < 1:
        parser.error("--repeats must be at least 1")
    rows = ROWS
    if reason := missing("brian2"):
        print(f"{reason}: its rows are left out\n")
        rows = {name: row for name, row in ROWS.items() if row["program"] != "brian2"}
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in rows}
    with tempfile.TemporaryDirectory() as made:
        for repeat in range(options.repeats + 1):
            for name, row in rows.items():
                folder = Path(made) / row.get("traces", "")
                folder.mkdir(exist_ok=True)
                found = run(benchmark, {"delay": None, **row}, repeat, options.core, folder)
                print(
                    f"{repeat} of {options.repeats}: {name} {found['cpu_s']:.3f} s of CPU time",
                    file=sys.stderr,
                    flush=True,
                )
                if repeat:
                    runs[name].append(found)
    peers = [name for name, row in rows.items() if row["program"] == "brian2"]
    fastest = min(peers, key=lambda name: statistics.median(m["cpu_s"] for m in runs[name]), default=None)
    print(
        "| simulator | build s | CPU s | lowest | wall s | CPU time / Brian2's | peak MB | rate Hz | CV | weight mV |"
    )
    print(f"| --- |{' ---: |' * 9}")
    results = []
    for name, mine in runs.items():
        row: dict[str, Any] = {"benchmark": benchmark.name, "simulator": name}
        row |= {key: statistics.median(m[key] for m in mine) for key in ("build_s", "cpu_s", "sim_s", "peak_mb")}
        row |= {key: statistics.mean(m[key] for m in mine) for key in ("rate_hz", "cv", "weight_mean", "weight_std")}
        row["runs_cpu_s"], row["runs_s"] = [m["cpu_s"] for m in mine], [m["sim_s"] for m in mine]
        ratio = "-"
        if fastest is not None and name not in peers:
            row["agrees"] = learned_alike(mine, runs[fastest])
            ratio = "differs"
            if row["agrees"]:
                row["ratio"] = statistics.median(
                    a["cpu_s"] / b["cpu_s"] for a, b in zip(mine, runs[fastest], strict=True)
                )
                ratio = f"{row['ratio']:.3f}"
        results.append(row)
        cells = [
            name, f"{row['build_s']:.2f}", f"{row['cpu_s']:.3f}", f"{min(row['runs_cpu_s']):.3f}", f"{row['sim_s']:.3f}", ratio,
            f"{row['peak_mb']:,.0f}",
            f"{row['rate_hz']:.2f}", f"{row['cv']:.2f}", f"{row['weight_mean']:.4f} +- {row['weight_std']:.4f}",
        ]  # fmt: skip
        print(f"| {' | '.join(cells)} |")
    if options.json:
        options.json.write_text(json.dumps({"rows": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
