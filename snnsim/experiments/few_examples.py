"""Few examples: 1, 5 and 10 labelled images of each class, and 5 ways with 1 shot.

Some learn the few images and have never seen another. Others have first learned features from all training images without labels;
only the few are labelled. Both stand beside conventional ones that were given as much.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from snnsim.datasets import Split

from .arena import FIRST_SPIKE, PATCHES, RANDOM, Arena
from .baselines import (
    Features,
    KMeansFeatures,
    KMeansPatches,
    PrincipalComponents,
    nearest_neighbour,
    regression,
    votes_of_centres,
)
from .contenders import Contender, SpikingContender
from .measurement import Experiment, Measurement
from .splits import few_of_each
from .spreading import LabelSpreading

__all__ = ["FEW_EXAMPLES"]

_EACH = (1, 5, 10)
_WAYS, _QUERIES, _EPISODES = 5, 15, 60
_ALONE, _FEATURES = "the few images alone", "features without labels from all images"
_EPISODES_ALONE, _EPISODES_FEATURES = f"5-way 1-shot: {_ALONE}", f"5-way 1-shot: {_FEATURES}"
_NEIGHBOUR, _PCA, _KMEANS, _KMEANS_VOTES = (
    "nearest neighbour",
    "PCA",
    "k-means",
    "k-means, votes of the nearest centres",
)
_KMEANS_PATCHES, _SPREADING = "k-means on patches", "label spreading"
_COMPONENTS, _CENTRES = 50, 400
_SPREAD_OVER, _NEIGHBOURS, _SPREAD_COMPONENTS = 10_000, 5, 30

Student = Callable[[Split, Split], NDArray[np.int64]]
"""Learns the few images and returns the classes of others."""


def _from_few(one: Contender, seed: int, few: Split, images: Split) -> NDArray[np.int64]:
    return one.learned_from_few(few, seed).answers(images)


def _labelled(one: SpikingContender, seed: int, few: Split, images: Split) -> NDArray[np.int64]:
    return one.labelled_by(few, seed).answers(images)


def _regressed(features: Features, few: Split, images: Split) -> NDArray[np.int64]:
    return regression(features.of(few), few.labels, features.of(images))


def _alone(arena: Arena, seed: int) -> dict[str, Student]:
    """Return those that have seen nothing."""
    contenders: dict[str, Contender] = {
        **arena.spiking,
        **{name: arena.conventional[name] for name in arena.names if name in arena.conventional},
    }
    return {
        **{name: partial(_from_few, one, seed) for name, one in contenders.items()},
        _NEIGHBOUR: nearest_neighbour,
    }


def _featured(arena: Arena, seed: int) -> dict[str, Student]:
    """Return those that have features from all training images, without labels."""
    train, patches = arena.dataset.train, arena.spiking[PATCHES].settings
    features: dict[str, Features] = {
        _PCA: PrincipalComponents(train, _COMPONENTS, seed),
        _KMEANS: KMeansFeatures(train, min(_CENTRES, len(train) // 5), seed),
        _KMEANS_PATCHES: KMeansPatches(train, patches.maps, patches.kernel, patches.stride, patches.padding, seed),
    }
    fewest = arena.spiking[FIRST_SPIKE].few
    students: dict[str, Student] = {}
    for name in arena.spiking:
        trained = arena.trained(name, seed)
        assert isinstance(trained, SpikingContender)
        students[name] = partial(_labelled, trained, seed)
    return {
        **students,
        **{name: partial(_regressed, found) for name, found in features.items()},
        _KMEANS_VOTES: partial(votes_of_centres, features[_KMEANS], fewest.votes, fewest.vote_decay),
        _SPREADING: LabelSpreading(train.first(_SPREAD_OVER), _NEIGHBOURS, _SPREAD_COMPONENTS, seed),
    }


def _measure(arena: Arena, seed: int) -> Iterator[Measurement]:
    train, test, n_classes = arena.dataset.train, arena.dataset.test, arena.dataset.n_classes
    for students, test_name, episodes_name in (
        (_alone(arena, seed), _ALONE, _EPISODES_ALONE),
        (_featured(arena, seed), _FEATURES, _EPISODES_FEATURES),
    ):
        for n in _EACH:
            few = few_of_each(train, n, range(n_classes), np.random.default_rng([seed, 11, n]))
            for name, student in students.items():
                arena.tell(f"seed {seed}: {name}, {test_name}, {n} of each class")
                yield Measurement(name, test_name, str(n), float((student(few, test) == test.labels).mean()))
        for name, student in students.items():
            arena.tell(f"seed {seed}: {name}, {episodes_name}")
            accuracies = list(_episodes(student, train, test, n_classes, seed))
            yield Measurement(name, episodes_name, "1", float(np.mean(accuracies)), episodes=accuracies)


def _episodes(student: Student, train: Split, test: Split, n_classes: int, seed: int) -> Iterator[float]:
    """Yield the accuracy of each episode: random classes, an image of each to learn, and others to answer."""
    generator = np.random.default_rng([seed, 12])
    for _ in range(_EPISODES):
        classes = generator.permutation(n_classes)[:_WAYS].tolist()
        few = few_of_each(train, 1, classes, generator)
        queries = few_of_each(test, _QUERIES, classes, generator)
        yield float((student(few, queries) == queries.labels).mean())


def _rivals(arena: Arena) -> Mapping[str, Sequence[str]]:
    """Return whom each is compared with: its ANNs, and what conventional methods there are."""
    others = {
        FIRST_SPIKE: [_PCA, _KMEANS, _KMEANS_VOTES, _SPREADING],
        PATCHES: [_PCA, _KMEANS_PATCHES, _SPREADING],
        RANDOM: [],
    }
    return {name: [*rivals, _NEIGHBOUR, *others[name]] for name, rivals in arena.opponents.items()}


FEW_EXAMPLES = Experiment(
    "few-examples",
    "Few examples",
    "Does a spiking network need fewer labelled images? *The few images alone:* nothing else was ever seen. *Features without "
    "labels from all images:* detectors, neurons, principal components or k-means centres were learned from all training images "
    f"(label spreading: a graph of {_SPREAD_OVER:,} of them), and the few labelled images are all that names classes. "
    f"*5-way 1-shot:* {_EPISODES} episodes a seed of {_WAYS} random classes, one labelled image of each, {_QUERIES} test images of "
    "each.",
    {_ALONE: "images of each class", _FEATURES: "images of each class", _EPISODES_ALONE: "image of each class",
     _EPISODES_FEATURES: "image of each class"},
    _measure,
    _rivals,
    few=True,
)  # fmt: skip
