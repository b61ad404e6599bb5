"""Accuracy against operations: spiking networks beside the ANNs that they were converted from."""

from snnsim.comparison.figure import draw
from snnsim.comparison.learned import LEARNED_COLUMNS, TRAINING_COLUMNS, learned_rows, training_rows
from snnsim.comparison.pipeline import compare
from snnsim.comparison.report import (
    CASCADE_COLUMNS,
    LEVEL_COLUMNS,
    cascade_rows,
    headline,
    level_rows,
    report,
    verdict,
)
from snnsim.comparison.tables import markdown

__all__ = [
    "CASCADE_COLUMNS",
    "LEARNED_COLUMNS",
    "LEVEL_COLUMNS",
    "TRAINING_COLUMNS",
    "cascade_rows",
    "compare",
    "draw",
    "headline",
    "learned_rows",
    "level_rows",
    "markdown",
    "report",
    "training_rows",
    "verdict",
]
