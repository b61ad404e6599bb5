"""The GPU tests: every test whose id contains "cuda" or "ptx", in as many processes as there are cores, a file in each.

A machine with a card often has little more than NumPy, Numba and pytest: test files that need another package are left out, and
named in the result.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from snnsim._cores import cores

__all__ = ["run_tests"]

ROOT = Path(__file__).parents[2]
SELECTED = "cuda or ptx"
ALONE = "tests/snnsim/test_cuda_memory.py"
"""Fills the card, so that nothing else can run on it meanwhile."""

ALONE_S = 40.0
"""Kept for it, whatever the others take; a quarter of the time where that is less."""

NOTHING_SELECTED = 5
"""pytest's exit status."""


def run_tests(limit_s: float, log: Path) -> dict[str, Any]:
    """Run the tests within the limit; return numbers, failures and skips with their reasons. The whole output goes to ``log``."""
    begun = time.time()
    files, left_out, trouble = _collected(limit_s)
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made, log.open("w") as output:
        output.write(trouble)

        def one(name: str, until: float) -> tuple[str, dict[str, Any], str]:
            return name, *_run(name, until, Path(made) / (name.replace("/", "-") + ".xml"))

        shared = begun + limit_s - min(ALONE_S, limit_s / 4)
        with ThreadPoolExecutor(max(cores(), 1)) as pool:
            outcomes = list(pool.map(lambda name: one(name, shared), [name for name in files if name != ALONE]))
        outcomes += [one(name, begun + limit_s) for name in files if name == ALONE]
        for _, _, text in outcomes:
            output.write(text)
    summary: dict[str, Any] = {"passed": 0, "failed": [], "skipped": {}, "not_finished": []}
    for name, outcome, _ in outcomes:
        summary["passed"] += outcome["passed"]
        summary["failed"] += outcome["failed"]
        summary["not_finished"] += [] if outcome["finished"] else [name]
        for reason, number in outcome["skipped"].items():
            summary["skipped"][reason] = summary["skipped"].get(reason, 0) + number
    summary["failed"] += ["collection, see the log"] if trouble else []
    return summary | {"files": files, "files_left_out": left_out, "seconds": time.time() - begun, "log": log.name}


def _pytest(*options: str, limit_s: float) -> tuple[int | None, str]:
    """Run pytest; return its exit status, None where the time was over, and its output."""
    command = [sys.executable, "-m", "pytest", "-k", SELECTED, "-p", "no:cacheprovider", "--color=no", *options]
    # A session of its own: tests start processes, too, and all end together.
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            output, _ = process.communicate(timeout=max(limit_s, 1.0))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return None, output
    return process.returncode, output


def _collected(limit_s: float) -> tuple[list[str], dict[str, str], str]:
    """Return the files that have such tests, those that need a package which is not here, and the output on any other trouble."""
    status, output = _pytest("-q", "--collect-only", "--continue-on-collection-errors", "tests", limit_s=limit_s)
    left_out: dict[str, str] = {}
    for block in re.split(r"(?m)^_+ ERROR collecting ", output)[1:]:
        name, missing = block.split()[0], re.search(r"ModuleNotFoundError: No module named '([\w.]+)'", block)
        package = missing[1].partition(".")[0] if missing else ""
        if package and not package.startswith("snnsim") and not re.search(SELECTED.replace(" or ", "|"), name):
            left_out[name] = package
    errors = set(re.findall(r"(?m)^ERROR (\S+)", output)) - left_out.keys()
    trouble = output if errors or status not in (0, 1, 2, NOTHING_SELECTED) else ""  # 1 and 2: errors, which are known
    found = dict.fromkeys(re.findall(r"(?m)^(\S+\.py)::", output))
    return list(found), left_out, trouble


def _run(name: str, until: float, report: Path) -> tuple[dict[str, Any], str]:
    """Run a file; return how its tests ended, and the output."""
    status, output = _pytest("-v", "--durations=5", f"--junitxml={report}", name, limit_s=until - time.time())
    outcome: dict[str, Any] = {"passed": 0, "failed": [], "skipped": {}, "finished": status is not None}
    if status is None:
        output += f"\n{name}: the time was over\n"
    if not report.exists():
        outcome["failed"] += [] if status is None else [f"{name}: pytest ended with status {status}"]
        outcome["passed"] = output.count(" PASSED")
        return outcome, output
    for test in ElementTree.parse(report).iter("testcase"):
        identity = f"{name}::{test.get('name')}"
        skipped = test.find("skipped")
        if test.find("failure") is not None or test.find("error") is not None:
            outcome["failed"].append(identity)
        elif skipped is not None:
            reason = skipped.get("message") or "no reason given"
            outcome["skipped"][reason] = outcome["skipped"].get(reason, 0) + 1
        else:
            outcome["passed"] += 1
    return outcome, output
