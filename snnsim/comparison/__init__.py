"""Accuracy against operations: spiking networks beside the ANNs that they were converted from."""

from snnsim.comparison.figure import draw
from snnsim.comparison.pipeline import compare
from snnsim.comparison.report import (
    CASCADE_COLUMNS,
    LEVEL_COLUMNS,
    cascade_rows,
    headline,
    level_rows,
    markdown,
    report,
    verdict,
)

__all__ = [
    "CASCADE_COLUMNS",
    "LEVEL_COLUMNS",
    "cascade_rows",
    "compare",
    "draw",
    "headline",
    "level_rows",
    "markdown",
    "report",
    "verdict",
]
