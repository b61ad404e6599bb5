"""A changed world: test images that are brighter, darker, flatter, noisier or displaced, and networks that have not seen such.

Beside the ANNs stands k-means for each class, with as many centres as the first-spike network has neurons: like that network it
compares an image with prototypes, but without spikes.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from snnsim._errors import DatasetError
from snnsim.datasets import Split

from .arena import FIRST_SPIKE, PATCHES, Arena
from .baselines import ClassCentres
from .contenders import Contender
from .measurement import Experiment, Measurement

__all__ = ["CHANGED_WORLD", "CHANGES", "changed"]

Brightness = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Change:
    """What is done to images.

    levels : how much; unit : of what, in the report
    apply : given brightness 0 to 1 (images, height, width), a level and a generator, returns brightness, clipped afterwards
    """

    levels: tuple[float, ...]
    unit: str
    apply: Callable[[Brightness, float, np.random.Generator], Brightness]


def _brightness(x: Brightness, level: float, _: np.random.Generator) -> Brightness:
    return x + level


def _gain(x: Brightness, level: float, _: np.random.Generator) -> Brightness:
    return x * level


def _contrast(x: Brightness, level: float, _: np.random.Generator) -> Brightness:
    mean = x.mean(axis=(1, 2), keepdims=True)
    return np.asarray(mean + level * (x - mean))


def _noise(x: Brightness, level: float, generator: np.random.Generator) -> Brightness:
    return x + level * generator.standard_normal(x.shape)


def _shift(x: Brightness, level: float, generator: np.random.Generator) -> Brightness:
    n, by = round(level), generator.integers(0, 4, len(x))
    moved = np.zeros_like(x)
    height, width = x.shape[1:]
    for direction, (dy, dx) in enumerate(((0, n), (0, -n), (n, 0), (-n, 0))):
        own = by == direction
        moved[own, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] = x[
            own, max(-dy, 0) : height - max(dy, 0), max(-dx, 0) : width - max(dx, 0)
        ]
    return moved


CHANGES: dict[str, Change] = {
    "brightness": Change((0.1, 0.2, 0.3, 0.4), "of white, added to every pixel", _brightness),
    "gain": Change((0.5, 0.8, 1.2, 1.5), "times the brightness of every pixel", _gain),
    "contrast": Change((0.8, 0.6, 0.4, 0.2), "of the difference from the image's mean is left", _contrast),
    "noise": Change((0.1, 0.2, 0.3, 0.4), "of white, standard deviation of normal noise", _noise),
    "shift": Change((1, 2, 3, 4), "pixels up, down, left or right", _shift),
}


def changed(split: Split, change: str, level: float, generator: np.random.Generator) -> Split:
    """Return changed images, clipped to black and white. Raises DatasetError for a change that there is not."""
    if change not in CHANGES:
        raise DatasetError(f"no change is called {change!r}: expected one of {', '.join(CHANGES)}")
    found = CHANGES[change].apply(split.images / split.full_scale, level, generator)
    return Split(np.rint(np.clip(found, 0, 1) * split.full_scale).astype(np.uint8), split.labels, split.full_scale)


def _measure(arena: Arena, seed: int) -> Iterator[Measurement]:
    contenders: dict[str, Contender | ClassCentres] = {name: arena.trained(name, seed) for name in _contenders(arena)}
    contenders[ClassCentres.NAME] = ClassCentres().with_classes(arena.dataset.train, seed)
    test = arena.dataset.test
    clean = {name: one.accuracy(test) for name, one in contenders.items()}
    for k, (name, change) in enumerate(CHANGES.items()):
        arena.tell(f"seed {seed}: {name}")
        yield from (Measurement(one, name, "none", accuracy) for one, accuracy in clean.items())
        for level in change.levels:
            images = changed(test, name, level, np.random.default_rng([seed, 8, k]))
            for own, one in contenders.items():
                yield Measurement(own, name, f"{level:g}", one.accuracy(images))


def _contenders(arena: Arena) -> list[str]:
    return [*arena.names, *arena.coded]


def _rivals(arena: Arena) -> Mapping[str, Sequence[str]]:
    found = arena.opponents
    return {
        **found,
        FIRST_SPIKE: [*found[FIRST_SPIKE], ClassCentres.NAME],
        PATCHES: [*found[PATCHES], *arena.coded],
    }


CHANGED_WORLD = Experiment(
    "changed-world",
    "A changed world",
    "Do spiking networks stand changes of the test images better that training has not shown? Networks that learned the images as "
    "they are answer changed ones. *Coded pixels* are the grey values that the latency code of the patches tells apart: what that "
    "ANN stands, the code does, and not the spikes. *k-means for each class* asks the nearest of as many centres as the "
    "first-spike network has neurons.",
    {name: change.unit for name, change in CHANGES.items()},
    _measure,
    _rivals,
    _contenders,
)
