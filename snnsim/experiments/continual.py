"""Continual learning: ten per cent more data on top of ninety, and digits two by two.

*Increment.* A network that has learned the first 90 % of the training images goes on with the other 10 % alone, once through, and
stands beside one that learned all from scratch.

*Two by two.* Digits 0 and 1 are learned, then 2 and 3 alone, and so on (class-incremental learning: nobody is told which pair a
test image is from). With rehearsal a few images of each earlier class are kept and shown again, as often as the new ones. The
faster a network takes up new classes, the more it forgets, so each does it at a learning rate that was chosen for it, by the
accuracy on all classes at the end. Beside them k-means with centres for each class, which by construction takes nothing from
earlier ones.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from snnsim.datasets import Split

from .arena import RANDOM, Arena
from .baselines import ClassCentres
from .contenders import Contender
from .measurement import Experiment, Measurement
from .splits import few_of_each, joined, of_classes, repeated, taken

__all__ = ["CONTINUAL"]

_PASSES = 1
"""Over new images."""
_KEPT = 20
"""Images of a class that rehearsal keeps."""
_INCREMENT, _SO_FAR, _FIRST = "increment", "two by two: classes so far", "two by two: the first two classes"
_SO_FAR_REHEARSED, _FIRST_REHEARSED = f"{_SO_FAR}, with rehearsal", f"{_FIRST}, with rehearsal"


def _measure(arena: Arena, seed: int) -> Iterator[Measurement]:
    for name in _contenders(arena):
        one = arena.trained(name, seed)
        arena.tell(f"seed {seed}: {name} goes on learning")
        yield from _increment(arena, one, seed)
        start = one.learned(of_classes(arena.dataset.train, _tasks(arena.dataset.n_classes)[0]), seed)
        for rehearsed in (False, True):
            yield from _two_by_two(arena, start, seed, rehearsed)
    yield from _class_by_class(arena, seed)


def _increment(arena: Arena, whole: Contender, seed: int) -> Iterator[Measurement]:
    train, test = arena.dataset.train, arena.dataset.test
    cut = len(train) * 9 // 10
    first = whole.learned(train.first(cut), seed)
    more = first.gone_on(taken(train, np.arange(cut, len(train))), seed, _PASSES)
    for level, one in (("first 90 %", first), ("then 10 % more", more), ("all from scratch", whole)):
        yield Measurement(whole.name, _INCREMENT, level, one.accuracy(test), one.operations, one.updates)


def _two_by_two(arena: Arena, start: Contender, seed: int, rehearsed: bool) -> Iterator[Measurement]:
    train, test, n_classes = arena.dataset.train, arena.dataset.test, arena.dataset.n_classes
    generator = np.random.default_rng([seed, 7])
    tests = (_SO_FAR_REHEARSED, _FIRST_REHEARSED) if rehearsed else (_SO_FAR, _FIRST)
    rate = arena.rates[start.name][rehearsed]
    one, kept = start, list[Split]()
    for task in _tasks(n_classes):
        images = of_classes(train, task)
        shown = images
        if rehearsed and kept:
            shown = joined([images, repeated(joined(kept), len(images))])
        one = one.gone_on(shown, seed, _PASSES, rate) if kept else start
        kept.append(few_of_each(images, _KEPT, task, generator))
        level = f"0-{task[-1]}"
        for name, classes in zip(tests, (range(task[-1] + 1), (0, 1)), strict=True):
            yield Measurement(
                start.name, name, level, one.accuracy(of_classes(test, classes)), one.operations, one.updates
            )


def _class_by_class(arena: Arena, seed: int) -> Iterator[Measurement]:
    train, test, n_classes = arena.dataset.train, arena.dataset.test, arena.dataset.n_classes
    one = ClassCentres()
    for task in _tasks(n_classes):
        one = one.with_classes(of_classes(train, task), seed)
        for name, classes in ((_SO_FAR, range(task[-1] + 1)), (_FIRST, range(2))):
            yield Measurement(ClassCentres.NAME, name, f"0-{task[-1]}", one.accuracy(of_classes(test, classes)))


def _tasks(n_classes: int) -> list[list[int]]:
    return [list(range(first, min(first + 2, n_classes))) for first in range(0, n_classes, 2)]


def _contenders(arena: Arena) -> list[str]:
    """All but the control: only its read-out would go on learning, and that is the read-out of the patches."""
    return [name for name in arena.names if name != RANDOM]


def _rivals(arena: Arena) -> Mapping[str, Sequence[str]]:
    found = {name: [*rivals, ClassCentres.NAME] for name, rivals in arena.opponents.items() if name != RANDOM}
    return {name: [rival for rival in rivals if rival != RANDOM] for name, rivals in found.items()}


CONTINUAL = Experiment(
    "continual",
    "Continual learning",
    "Does a spiking network with local rules take up new data better than one that learns by backpropagation, and forget less? "
    "*Increment:* 90 % of the training images, then one pass over the other 10 % alone, beside learning all from scratch. "
    "*Two by two:* digits 0-1, then 2-3 alone, ... 8-9 (test images may be of any class seen so far), each network at the learning "
    f"rate that was best for it; *with rehearsal* {_KEPT} images of each earlier class are kept and shown as often as new ones.",
    dict(itertools.product((_INCREMENT,), ("learned",)))
    | dict.fromkeys((_SO_FAR, _FIRST, _SO_FAR_REHEARSED, _FIRST_REHEARSED), "classes learned"),
    _measure,
    _rivals,
    _contenders,
)
