"""The tests and benchmarks of the CUDA backend on a real card, in one command and under eight minutes.

    make gpu [GPU="--only mnist,cuba-4000 --budget 450 --no-tests"]
    make gpu GPU="--backend cpu --quick"       the same on the CPU, small: for machines without a card

Plain ``python3`` with NumPy, Numba, numba-cuda, pytest and hypothesis; MNIST from --data, $SNNSIM_DATA or ``data/mnist``. First the
tests, then the benchmarks; a failed test does not stop them, the exit status tells of it in the end. The result is written as it
comes: ``benchmarks/results/gpu-<card>.json``, and under $OUT too where that is set. Nothing is begun that would not fit into the
budget of seconds; what was not run is in the result with its reason.

Every network runs on the card, then on the CPU backend with all cores and with two. Where these would take too long they run for a
shorter biological time: the real-time factor (seconds per second of the network) is what is compared, and spikes are compared over
the time that both ran.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .cases import GROUPS
from .report import Results, merge, tables
from .suite import ROOT, run_tests
from .timing import Task
from .traffic import MODEL

NAMES = [name for group in GROUPS for name in group]
TESTS_SHARE = 0.4
"""Of the budget."""
DESCRIBE_S = 60.0
GRACE_S = 15.0
"""Beyond the budget, for what is under way."""


def options_of(arguments: list[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="make gpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--backend", default="cuda", choices=["cuda", "cpu"], help="what is measured beside the CPU")
    parser.add_argument(
        "--quick", action="store_true", help="small networks and short runs: shows that all is in order"
    )
    parser.add_argument("--only", default=",".join(NAMES), help="benchmarks, by default all: %(default)s")
    parser.add_argument("--budget", type=float, default=450.0, help="seconds in all, by default %(default)g")
    parser.add_argument("--no-tests", dest="tests", action="store_false")
    parser.add_argument("--data", help="folder with MNIST's four files")
    parser.add_argument(
        "--out", type=Path, help="folder of the result, by default benchmarks/results; out for a rehearsal"
    )
    options = parser.parse_args(arguments)
    options.only = [name for name in options.only.split(",") if name]
    if unknown := [name for name in options.only if name not in NAMES]:
        parser.error(f"--only: no benchmark {unknown[0]!r}, there are {', '.join(NAMES)}")
    return options


def folders(options: argparse.Namespace, device: bool) -> list[Path]:
    """Return where the result is written. Only a whole run on a card belongs into the repository."""
    rehearsal = options.quick or not device
    found = [options.out or ROOT / ("out" if rehearsal else "benchmarks/results")]
    return found + ([Path(os.environ["OUT"])] if os.environ.get("OUT") else [])


def commit() -> str:
    """Return the commit that is checked out, where git can tell."""
    try:
        asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def described(options: argparse.Namespace) -> dict[str, Any]:
    """Return what is measured on, asked in a process of its own, so that this one holds nothing of the device."""
    command = [sys.executable, "-m", "gpu.card", options.backend, *(["--quick"] if options.quick else [])]
    found: dict[str, Any] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as asked:
        for figures in answers(asked, DESCRIBE_S):
            merge(found, figures)
    if asked.returncode:  # whatever is known is kept
        found["device_trouble"] = f"the process that measures the device ended with status {asked.returncode}"
    if "name" not in found.get("device", {}):
        raise SystemExit("the device could not be asked, see above")
    return found


def answers(process: "subprocess.Popen[str]", limit_s: float) -> Iterator[dict[str, Any]]:
    """Yield the JSON that a process prints line by line, until it ends or is killed at the limit."""
    killer = threading.Timer(max(limit_s, 1.0), process.kill)
    killer.start()
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            yield json.loads(line)
    process.wait()
    killer.cancel()


def run_group(task: Task, results: Results) -> None:
    """Run a group in a process of its own, and what is left of it in another one where that breaks."""
    names = list(task.names)
    while names:
        before = len(names)
        left = dict(vars(task), names=names)
        command = [sys.executable, "-m", "gpu.worker", json.dumps(left)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
            for figures in answers(worker, task.until + GRACE_S - time.time()):
                results.add({"benchmarks": figures})
                for name, found in figures.items():
                    if name in names and found.keys() & {"took_s", "error", "not_run"}:
                        names.remove(name)
                        print(f"{name}: {found.get('error') or found.get('not_run') or 'done'}", flush=True)
        status = worker.returncode
        if status == 0:
            return
        # Killed, by a time-out or by the system for its memory; or it broke before it could say anything.
        if names and (status < 0 or len(names) == before):
            why = "the time was over" if time.time() > task.until else f"the process ended with status {status}"
            print(f"{names[0]}: {why}", flush=True)
            results.add({"benchmarks": {names.pop(0): {"error": why}}})


def failed(known: dict[str, Any]) -> bool:
    """Whether a test failed or did not end, a benchmark broke, or converted networks answered differently."""
    tests, benchmarks = known.get("tests"), known.get("benchmarks", {})
    broken = tests is not None and bool(tests["failed"] or tests["not_finished"])
    total = benchmarks.get("mnist", {}).get("total", {"same_accuracy": True})
    return broken or any("error" in figures for figures in benchmarks.values()) or not total["same_accuracy"]


def main() -> None:
    """Run the tests, then the benchmarks."""
    options = options_of(sys.argv[1:])
    begun = time.time()
    found = described(options)
    why, device = found.get("missing"), found["device"]
    on_card = options.backend == "cuda" and why is None
    results = Results(folders(options, on_card), device["name"] + ("-quick" if options.quick else ""))
    told = {key: getattr(options, key) for key in ("backend", "quick", "only", "budget")}
    date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    results.add({"date": date, "commit": commit(), "options": told, **found, "model_of_bytes": MODEL})
    if options.tests:
        print("tests ...", flush=True)
        log = Path(os.environ.get("OUT") or ROOT / "out") / "gpu-tests.log"
        results.add({"tests": run_tests(TESTS_SHARE * options.budget, log)})
        print(tables({"tests": results.known["tests"]}).split("\n\n")[-1], flush=True)
    if why:
        raise SystemExit(f"no benchmarks: {why}. A rehearsal on the CPU: make gpu GPU='--backend cpu --quick'")
    beside = str(ROOT / "data/mnist") if (ROOT / "data/mnist").is_dir() else None
    data = options.data or os.environ.get("SNNSIM_DATA") or beside
    until, bandwidth = begun + options.budget, device.get("copy_bytes_per_s")
    for group in GROUPS:
        names = [name for name in group if name in options.only]
        run_group(Task(names, options.backend, options.quick, until, bandwidth, data), results)
    results.add({"seconds": time.time() - begun})
    print(tables(results.known))
    print(f"\n{time.time() - begun:.0f} s; {', '.join(map(str, results.paths))}")
    sys.exit(1 if failed(results.known) else 0)


if __name__ == "__main__":
    main()
