"""The live progress of a training: stage, images per second, accuracy on training images, time left."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .learner import Progress

__all__ = ["Report", "bar", "silent"]

Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Report nothing."""


@contextmanager
def bar() -> Iterator[Report]:
    """One bar on stderr for each stage of a training."""
    # rich is imported here because a silent training does without it.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    tasks: dict[str, tuple[int, int, float]] = {}
    with Bars(*columns, console=Console(stderr=True)) as bars:

        def report(progress: Progress) -> None:
            now = time.perf_counter()
            if progress.stage not in tasks:
                task = bars.add_task(progress.stage, total=progress.total, note="")
                # A resumed stage does not start at 0, and its first part includes compilation: the rate counts from there on.
                tasks[progress.stage] = (int(task), progress.done, now)
            task_id, first, begun = tasks[progress.stage]
            rate = (progress.done - first) / max(now - begun, 1e-9)
            note = f"{progress.unit}, {rate:,.0f}/s" if progress.done > first else progress.unit
            if not math.isnan(progress.accuracy):
                note += f", {100 * progress.accuracy:.1f}% right"
            bars.update(bars.task_ids[task_id], completed=progress.done, total=progress.total, note=note)

        yield report
