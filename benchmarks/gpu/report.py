"""The result: one JSON file that is written anew with every figure, and a table."""

import json
import re
from pathlib import Path
from typing import Any

from .cases import MNIST

__all__ = ["Results", "merge", "tables"]

COLUMNS = (
    "benchmark", "neurons", "synapses", "build s", "real-time factor", "goal", "CPU, all cores", "CPU, 2 cores", "x 2 cores",
    "M events/s", "M weight updates/s", "GB/s", "of copy", "rate Hz", "CPU's rate", "equal counts",
)  # fmt: skip
ALIKE = ("same_accuracy", "same_scores", "same_counts")


class Results:
    """All that is known so far, in every folder that is given."""

    def __init__(self, folders: list[Path], name: str) -> None:
        self.known: dict[str, Any] = {}
        self.paths = [folder / f"gpu-{slug(name)}.json" for folder in folders]
        for path in self.paths:
            path.parent.mkdir(parents=True, exist_ok=True)

    def add(self, figures: dict[str, Any]) -> None:
        """Add figures to what is known, and write it."""
        merge(self.known, figures)
        for path in self.paths:
            part = path.with_suffix(".part")
            part.write_text(json.dumps(self.known, indent=1) + "\n")
            part.replace(path)  # whole at any time


def slug(name: str) -> str:
    """Return a name that may stand in that of a file."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")


def merge(known: dict[str, Any], new: dict[str, Any]) -> None:
    """Add figures to what is known, at every depth."""
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(known.get(key), dict):
            merge(known[key], value)
        else:
            known[key] = value


def tables(known: dict[str, Any]) -> str:
    """Return the tables of large networks and of MNIST, and what the tests said."""
    lines = [_row(COLUMNS), _row(["---"] + ["---:"] * (len(COLUMNS) - 1))]
    for name, figures in known.get("benchmarks", {}).items():
        if name != MNIST:
            lines.append(_network(name, figures))
    return "\n".join([*lines, "", *_mnist(known.get("benchmarks", {}).get(MNIST)), "", _tests(known.get("tests"))])


def _row(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def _network(name: str, figures: dict[str, Any]) -> str:
    why = figures.get("error") or figures.get("not_run")
    device, cpu, two = (figures.get(arm, {}) for arm in ("device", "cpu", "cpu_2"))
    if "sim_s" not in device:
        return _row([name, why or device.get("not_run") or "no figures", *[""] * (len(COLUMNS) - 2)])
    factor = "real_time_factor"
    seen = figures.get("against_cpu", figures.get("against_cpu_2", {}))
    rates = [f"{rate:.2f}" for rate in seen.get("rate_hz", [device["rate_hz"]])]
    cells = [
        name, f"{figures['neurons']:,}", f"{figures['synapses']:,}", f"{device['build_s']:.1f}", f"{device[factor]:.4f}",
        ", then ".join(f"{goal:g}" for goal in figures.get("goals", ())) or "-",
        _scaled(cpu, device), _scaled(two, device), f"{two[factor] / device[factor]:.1f}" if factor in two else "-",
        f"{device['events_per_s'] / 1e6:,.0f}", f"{device['plasticity_updates_per_s'] / 1e6:,.0f}",
        f"{device['bytes_per_s'] / 1e9:,.1f}",
        f"{device['of_copy_bandwidth']:.2f}" if "of_copy_bandwidth" in device else "-",
        rates[0], rates[1] if len(rates) > 1 else "-", "yes" if seen.get("equal_counts") else "no" if seen else "-",
    ]  # fmt: skip
    return _row(cells) + (f" {why}" if why else "")


def _scaled(arm: dict[str, Any], device: dict[str, Any]) -> str:
    """Return the real-time factor of the CPU; with the time that ran, where it was shorter than the device's."""
    if "sim_s" not in arm:
        return "-"
    shown = f"{arm['real_time_factor']:.3f}"
    short = arm["biological_ms"] < device["biological_ms"]
    return f"{shown} (from {arm['biological_ms']:g} ms)" if short else shown


def _mnist(figures: dict[str, Any] | None) -> list[str]:
    if figures is None:
        return []
    total = figures.get("total")
    if total is None:
        return [f"MNIST: {figures.get('error') or figures.get('not_run') or 'no figures'}"]
    titles = ("MNIST", "images/s", "CPU, all cores", "CPU, 2 cores", "x 2 cores", "M events/s", "accuracy", *ALIKE)
    lines = [_row(titles), _row(["---"] + ["---:"] * (len(titles) - 1))]
    for name, row in figures["twins"].items():
        speeds = [f"{row[arm]['images_per_s']:,.0f}" for arm in ("device", "cpu", "cpu_2")]
        events = f"{row['device']['events_per_s'] / 1e6:,.0f}"
        alike = ["yes" if row[key] else "NO" for key in ALIKE]
        accuracy = f"{100 * row['device']['accuracy']:.2f} %"
        lines.append(_row([name, *speeds, f"{row['speed_of_two_cores']:.1f}", events, accuracy, *alike]))
    speeds = [f"{total['images_per_s'][arm]:,.0f}" for arm in ("device", "cpu", "cpu_2")]
    ratio = f"{total['speed_of_two_cores']:.1f} (goal: {total['goal']:g})"
    alike = ["yes" if total[key] else "NO" for key in ALIKE]
    lines.append(_row(["all", *speeds, ratio, f"{total['events_per_s'] / 1e6:,.0f}", "", *alike]))
    return [*lines, *[figures[key] for key in ("error", "left_out") if key in figures]]


def _tests(tests: dict[str, Any] | None) -> str:
    if tests is None:
        return "tests: not run"
    skipped = sum(tests["skipped"].values())
    lines = [
        f"tests: {tests['passed']} passed, {len(tests['failed'])} failed, {skipped} skipped, {tests['seconds']:.0f} s"
    ]
    lines += [f"  FAILED {name}" for name in tests["failed"]]
    lines += [f"  NOT FINISHED {name}" for name in tests["not_finished"]]
    lines += [f"  skipped {number}: {reason}" for reason, number in tests["skipped"].items()]
    for package in sorted(set(tests["files_left_out"].values())):
        files = [name for name, why in tests["files_left_out"].items() if why == package]
        lines.append(f"  {package} is not installed: {len(files)} test files left out")
    return "\n".join(lines)
