"""Figures in words, and tables of them: how the report writes percentages, counts and ratios."""

import re
from collections.abc import Iterable, Sequence


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; columns that hold numbers only are set right."""
    rows = list(rows)
    rule = ["---:" if rows and all(_is_number(row[i]) for row in rows) else "---" for i in range(len(columns))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (columns, rule, *rows))


def percent(share: float) -> str:
    """A share of 0 to 1 in percent."""
    return f"{100 * share:.2f} %"


def count(value: float) -> str:
    """A count, or a mean of counts, to the unit."""
    return f"{value:,.0f}"


def versus(ratio: float | None, opponent: str | None = None) -> str:
    """How many operations of an ANN's a spiking network needs; None where there is no such ANN."""
    if ratio is None:
        return "no such ANN"
    said = f"{ratio:.3g} of it" if ratio <= 1 else f"{ratio:.3g} times as many: LOSES"
    return f"{said} ({opponent})" if opponent else said


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"(-?[\d.,]+( %)?)?", cell) is not None
