"""Accuracy against operations: spiking networks beside the ANNs that they were converted from."""

from snnsim.comparison.figure import draw
from snnsim.comparison.pipeline import compare
from snnsim.comparison.report import LEVEL_COLUMNS, headline, level_rows, markdown, report

__all__ = ["LEVEL_COLUMNS", "compare", "draw", "headline", "level_rows", "markdown", "report"]
