"""What experiments find, and what an experiment is."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .arena import Arena

__all__ = ["Experiment", "Measurement"]


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One accuracy of one contender.

    test, level : what was done to it, and how much, in the words of the report
    accuracy : the share of right answers, 0 to 1
    operations, updates : what the learning before it took (accumulates or multiply-accumulates; updates of weights), or None
    episodes : accuracies of which ``accuracy`` is the mean, or None
    """

    contender: str
    test: str
    level: str
    accuracy: float
    operations: int | None = None
    updates: int | None = None
    episodes: Sequence[float] | None = None


def _opponents(arena: Arena) -> Mapping[str, Sequence[str]]:
    return arena.opponents


def _names(arena: Arena) -> Sequence[str]:
    return arena.names


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A claim that is tested.

    name, title : on the command line, in the report
    question : the claim, and how it is tested, in a few sentences
    tests : name of each test, and what its levels are
    measure : given the contenders and a seed, yields all measurements; the same for the same seed
    rivals : given the contenders, whom each spiking one is compared with
    contenders : given the arena, the names of those that take part
    few : whether few images are learned
    """

    name: str
    title: str
    question: str
    tests: Mapping[str, str]
    measure: Callable[[Arena, int], Iterator[Measurement]]
    rivals: Callable[[Arena], Mapping[str, Sequence[str]]] = _opponents
    contenders: Callable[[Arena], Sequence[str]] = _names
    few: bool = False

    def about(self, arena: Arena) -> dict[str, Any]:
        """Return what stands in the results beside the figures."""
        return {"experiment": self.name, "contenders": arena.about(self.contenders(arena), few=self.few)}
