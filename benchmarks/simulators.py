"""The same networks in snnsim, Brian2 (C++ standalone) and NEST, each in its own process, in turn, on the same core.

    python benchmarks/simulators.py [--only cuba-4000,cuba-40000,brunel-12500,microcircuit-0.1] [--against brian2,nest]
                                    [--repeats 5] [--core 0] [--json FILE]

One second of biological time, all spikes recorded in memory, one thread, time step 0.1 ms. Figures are medians; each repeat has a
seed of its own, the same for all. Build time is everything up to the first step: imports, code generation, compilation, wiring. A
first run of each simulator that compiles warms its caches and is not counted.

A ratio is the simulation time over a peer's in the same repeat, at the same delay. A speed counts only where the activity agrees:
mean rates (over repeats) within 10 % and mean CVs of inter-spike intervals within 0.1; elsewhere there is no ratio. Synaptic
events are recurrent ones: the spikes of each population times its mean number of synapses, for every simulator alike.

NEST has no delay below one step, so CUBA runs there with 0.1 ms, and beside it snnsim with 0.1 ms; all others have none. The
programs are in ``benchmarks/peers``.
"""

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from peers.cases import Case, case

from snnsim import SpikeTrain

DEFAULT = "cuba-4000,cuba-40000,brunel-12500,microcircuit-0.1"
RATE_TOLERANCE, CV_TOLERANCE = 0.1, 0.1
PEERS = {
    "brian2": "Brian2 is not installed (pip install 'snnsim[brian2]')",
    "nest": "NEST is not installed (pip install 'snnsim[nest]')",
}


def missing(peer: str) -> str | None:
    """Return why a peer cannot run here, or None."""
    if importlib.util.find_spec(peer) is None:
        return PEERS[peer]
    if peer == "brian2" and not shutil.which(os.environ.get("CXX", "g++")):
        return "Brian2's C++ standalone mode finds no C++ compiler"
    return None


def simulators(benchmark: Case, peers: list[str]) -> dict[str, dict[str, Any]]:
    """Return the rows of a benchmark: what each simulator's program is told beyond the network itself."""
    cuba = benchmark.network == "cuba"
    delay = 0.0 if cuba else None
    rows = {
        "snnsim": {"program": "snnsim", "precision": "float64", "delay": delay},
        "snnsim float32": {"program": "snnsim", "precision": "float32", "delay": delay},
    }
    if "brian2" in peers and benchmark.network != "microcircuit":
        rows["brian2 standalone"] = {"program": "brian2", "delay": delay}
    if "nest" in peers:
        if cuba:
            rows["snnsim, delay 0.1 ms"] = {"program": "snnsim", "precision": "float64", "delay": 0.1}
        rows["nest"] = {"program": "nest", "delay": 0.1 if cuba else None}
    return rows


def call(program: str, task: dict[str, Any], core: int, folder: Path) -> dict[str, Any]:
    """Run a program of ``peers`` pinned to a core; return what it measured."""
    (folder / "task.json").write_text(json.dumps(task))
    pinned = ["taskset", "-c", str(core)] if shutil.which("taskset") else []
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [*pinned, sys.executable, "-m", f"peers.{program}", str(folder / "task.json")],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{program}: {done.stderr or done.stdout}")
    measured: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


def run(benchmark: Case, row: dict[str, Any], seed: int, core: int, folder: Path) -> dict[str, Any]:
    """Run a program on a benchmark; return what it measured and the statistics of its spikes."""
    task = benchmark.task() | row | {"seed": seed}
    task |= {"folder": str(folder / f"{benchmark.name}-{row['program']}"), "spikes": str(folder / "spikes.npz")}
    measured = call(f"run_{row['program']}", task, core, folder)
    with np.load(task["spikes"]) as spikes:
        return measured | activity(benchmark, spikes["steps"], spikes["neurons"], task["duration"])


def activity(benchmark: Case, steps: np.ndarray, neurons: np.ndarray, duration: float) -> dict[str, Any]:
    """Return the number of spikes and of synaptic events, the mean rate (Hz), that of each population, and the mean CV."""
    sizes = list(benchmark.sizes.values())
    size, last = sum(sizes), round(duration / 0.1)
    train = SpikeTrain(np.zeros(len(steps), np.int32), steps, neurons, size, 1, 0.1, 0, last)
    parts = np.split(train.counts()[0], np.cumsum(sizes)[:-1])
    return {
        "spikes": len(train),
        "events": float(sum(part.sum() * degree for part, degree in zip(parts, benchmark.out_degrees, strict=True))),
        "rate_hz": len(train) / size / (duration / 1000.0),
        "rates_hz": {
            name: float(part.mean() / (duration / 1000.0)) for name, part in zip(benchmark.sizes, parts, strict=True)
        },
        "cv": float(np.nanmean(train.interval_cv())),
    }


def agree(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> bool:
    """Whether the mean rate and the mean CV of two sets of runs lie within the tolerances."""
    (rate, other_rate), (cv, other_cv) = (
        (statistics.mean(m[key] for m in ours), statistics.mean(m[key] for m in theirs)) for key in ("rate_hz", "cv")
    )
    return abs(rate / other_rate - 1) <= RATE_TOLERANCE and abs(cv - other_cv) <= CV_TOLERANCE


def summary(
    benchmark: Case, name: str, rows: dict[str, dict[str, Any]], runs: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    """Return the row of a simulator: medians of times and memory, means of the activity, ratios to the peers."""
    mine = runs[name]
    row = {"benchmark": benchmark.name, "simulator": name, "delay_ms": rows[name]["delay"]}
    row |= {key: statistics.median(m[key] for m in mine) for key in ("build_s", "sim_s", "spikes", "peak_mb")}
    row |= {key: statistics.mean(m[key] for m in mine) for key in ("rate_hz", "cv")}
    row["rates_hz"] = {name: statistics.mean(m["rates_hz"][name] for m in mine) for name in benchmark.sizes}
    row["events_per_s"] = statistics.median(m["events"] / m["sim_s"] for m in mine)
    row["runs_s"] = [m["sim_s"] for m in mine]
    row["ratios"], row["agrees"] = {}, {}
    for peer, theirs in runs.items():
        program = rows[peer]["program"]
        if program == "snnsim" or peer == name or rows[peer]["delay"] != rows[name]["delay"]:
            continue
        row["agrees"][program] = agree(mine, theirs)
        if row["agrees"][program]:
            row["ratios"][program] = statistics.median(
                a["sim_s"] / b["sim_s"] for a, b in zip(mine, theirs, strict=True)
            )
    return row


def line(row: dict[str, Any], peers: list[str]) -> str:
    """Return a row of the printed table."""
    ratios = [
        f"{row['ratios'][peer]:.2f}"
        if row["agrees"].get(peer)
        else "activity differs"
        if peer in row["agrees"]
        else "-"
        for peer in peers
    ]
    cells = [
        row["benchmark"], row["simulator"], f"{row['build_s']:.2f}", f"{row['sim_s']:.4f}", *ratios,
        f"{row['events_per_s'] / 1e6:,.0f}", f"{row['peak_mb']:,.0f}", f"{row['spikes']:,.0f}", f"{row['rate_hz']:.2f}",
        f"{row['cv']:.2f}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=DEFAULT, help="benchmarks, by default %(default)s; other sizes are possible")
    parser.add_argument("--against", default=",".join(PEERS), help="peers, by default %(default)s; or none")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--core", type=int, default=0, help="the core that all programs run on (Linux)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        benchmarks = [case(name) for name in options.only.split(",")]
    except ValueError as error:
        parser.error(str(error))
    wanted = [peer for peer in options.against.split(",") if peer not in ("", "none")]
    if unknown := [peer for peer in wanted if peer not in PEERS]:
        parser.error(f"--against: unknown peer {unknown[0]!r}, there are {', '.join(PEERS)}")
    if options.repeats < 1:
        parser.error("--repeats must be at least 1")
    peers = []
    for peer in wanted:
        if reason := missing(peer):
            print(f"{reason}: its rows are left out\n")
        else:
            peers.append(peer)
    titles = [
        "build s",
        "sim s",
        *(f"time / {peer}'s" for peer in peers),
        "M events/s",
        "peak MB",
        "spikes",
        "rate Hz",
        "CV",
    ]
    print(f"| benchmark | simulator | {' | '.join(titles)} |\n| --- | --- |{' ---: |' * len(titles)}", flush=True)
    results = []
    with tempfile.TemporaryDirectory() as made:
        for benchmark in benchmarks:
            rows = simulators(benchmark, peers)
            runs: dict[str, list[dict[str, Any]]] = {name: [] for name in rows}
            for repeat in range(options.repeats + 1):
                for name, row in rows.items():
                    if repeat:
                        runs[name].append(run(benchmark, row, repeat, options.core, Path(made)))
                    elif row["program"] != "nest":  # which compiles nothing
                        run(benchmark, row, repeat, options.core, Path(made))
            for name in rows:
                results.append(summary(benchmark, name, rows, runs))
                print(line(results[-1], peers), flush=True)
    if options.json:
        options.json.write_text(json.dumps({"rows": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
