"""Receptors without dynamics of their own.

Delta:        v -> v + w        at the arrival of a spike; w in mV
StepCurrent:  i -> i + w        a spike switches on a constant current; w in pA
"""

import dataclasses
from typing import ClassVar

from ._receptor import Receptor

__all__ = ["Delta", "StepCurrent"]


@dataclasses.dataclass(frozen=True, eq=False)
class Delta(Receptor):
    """An arriving spike adds its weight (mV) to the potential."""

    ADDS_TO: ClassVar[str] = "v"


@dataclasses.dataclass(frozen=True, eq=False)
class StepCurrent(Receptor):
    """An arriving spike switches on a constant current, its weight (pA)."""

    ADDS_TO: ClassVar[str] = "i"
