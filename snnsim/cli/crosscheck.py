"""``snnsim crosscheck``: the same networks in snnsim and in Brian2."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snnsim._errors import ResultsError
from snnsim.cli._console import clear_errors, tell

if TYPE_CHECKING:
    from snnsim.crosscheck import Comparison


def crosscheck(
    full: Annotated[bool, typer.Option("--full", help="Every combination, not a set that covers every pair.")] = False,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the comparison to this file.")] = None,
    time: Annotated[
        float, typer.Option(help="Biological time of each case in ms; ten times that for learning.")
    ] = 1000.0,
) -> None:
    """Run a matrix of networks in snnsim and in Brian2 and compare spike by spike. Exit code 1 where any disagrees."""
    with clear_errors():
        # Imported here: these take longer than --help should.
        from snnsim.crosscheck import CHAOTIC, compare, compare_statistics, covering_cases, every_case
        from snnsim.plasticity_crosscheck import PLASTIC, compare_learning

        if json_ is not None and not json_.parent.is_dir():
            raise ResultsError(f"--json: {json_.parent} is no folder")
        cases = list(every_case()) if full else covering_cases()
        compared = []
        for number, case in enumerate(cases, 1):
            compared.append(compare(case, time))
            tell(f"{number}/{len(cases)} {compared[-1].name}")
        for name in PLASTIC:
            compared.append(compare_learning(name, 10 * time))
            tell(name)
        for name, (network, precision) in CHAOTIC.items():
            compared.append(compare_statistics(name, network(), time, precision))
            tell(name)
        _print(compared)
        if json_ is not None:
            keys = ("name", "agrees", "spikes", "first_divergence_ms", "max_dv_mv", "max_dw")
            rows = [{key: getattr(comparison, key) for key in keys} for comparison in compared]
            json_.write_text(json.dumps({"cases": rows}, indent=1) + "\n")
    if not all(comparison.agrees for comparison in compared):
        raise typer.Exit(1)


def _print(compared: "list[Comparison]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="snnsim and Brian2")
    for column in ("network", "spikes", "equal", "differ from (ms)", "max |dv| (mV)", "max |dw|"):
        table.add_column(column, justify="left" if column == "network" else "right", no_wrap=True)
    for c in compared:
        equal = "NO" if not c.agrees else "yes" if c.first_divergence_ms is None else "statistically"
        first = "-" if c.first_divergence_ms is None else f"{c.first_divergence_ms:.1f}"
        largest = ("-" if value is None else f"{value:.1e}" for value in (c.max_dv_mv, c.max_dw))
        table.add_row(c.name, f"{c.spikes:,}", equal, first, *largest)
    # Into a file or a pipe, too, lines stay whole.
    console = Console(width=max(Console().width, 200))
    console.print(table)
    for c in compared:
        for quantity, (statistic, p) in c.distributions.items():
            console.print(f"{c.name}: {quantity}, Kolmogorov-Smirnov {statistic:.4f}, p = {p:.2f}", highlight=False)
    agreed = sum(c.agrees for c in compared)
    console.print(f"{agreed} of {len(compared)} agree", highlight=False)
