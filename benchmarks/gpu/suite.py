"""The GPU tests: every test whose id contains "cuda" or "ptx", in as many processes as there are cores, a file in each.

Only files run here whose imports are there: a machine with a card often has little more than NumPy, Numba and pytest. Those that
are left out are named in the result.
"""

import ast
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from snnsim._cores import cores

__all__ = ["run_tests"]

ROOT = Path(__file__).parents[2]
SELECTED = "cuda or ptx"
ALONE = "tests/snnsim/test_cuda_memory.py"
"""Fills the card, so that nothing else can run on it meanwhile."""

NOTHING_SELECTED = 5
"""pytest's exit status."""


def run_tests(limit_s: float, log: Path) -> dict[str, Any]:
    """Run the tests within the limit; return numbers, failures and skips with their reasons. The whole output goes to ``log``."""
    begun = time.time()
    usable, left_out = [], {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        missing = sorted(_missing(path))
        if missing:
            left_out[str(path.relative_to(ROOT))] = missing
        else:
            usable.append(str(path.relative_to(ROOT)))
    files, trouble = _selected(usable, limit_s)
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made, log.open("w") as output:
        output.write(trouble)

        def one(name: str) -> tuple[str, dict[str, Any], str]:
            return name, *_run(name, begun + limit_s, Path(made) / (name.replace("/", "-") + ".xml"))

        with ThreadPoolExecutor(max(cores(), 1)) as pool:
            outcomes = list(pool.map(one, [name for name in files if name != ALONE]))
        outcomes += [one(name) for name in files if name == ALONE]
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


def _missing(path: Path) -> Iterator[str]:
    """Yield the packages that a test file imports at its top and that are not here."""
    beside = {found.stem for found in (ROOT / "tests").glob("*.py")}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        else:
            continue
        for name in names:
            package = name.partition(".")[0]
            if package not in beside and importlib.util.find_spec(package) is None:
                yield package


def _pytest(*options: str, limit_s: float) -> tuple[int | None, str]:
    """Run pytest; return its exit status, None where the time was over, and its output."""
    command = [sys.executable, "-m", "pytest", "-q", "-k", SELECTED, "-p", "no:cacheprovider", *options]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            timeout=max(limit_s, 1.0),
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        shown = error.stdout or b""
        return None, shown.decode(errors="replace") if isinstance(shown, bytes) else shown
    return done.returncode, done.stdout


def _selected(files: list[str], limit_s: float) -> tuple[list[str], str]:
    """Return the files that have such tests, and what pytest said where it could not collect them all."""
    status, output = _pytest("--collect-only", "--continue-on-collection-errors", *files, limit_s=limit_s)
    found = dict.fromkeys(
        line.partition("::")[0] for line in output.splitlines() if "::" in line and " " not in line.partition("::")[0]
    )
    return [name for name in found if name in files], "" if status in (0, NOTHING_SELECTED) else output


def _run(name: str, until: float, report: Path) -> tuple[dict[str, Any], str]:
    """Run a file; return how its tests ended, and the output."""
    status, output = _pytest("-v", f"--junitxml={report}", name, limit_s=until - time.time())
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
