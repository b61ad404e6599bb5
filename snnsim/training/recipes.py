"""What is trained and how: one frozen recipe per network, and the list of baselines for a data set."""

import re
from dataclasses import dataclass

from snnsim._errors import AnnError
from snnsim.datasets import Dataset

__all__ = ["Augmentation", "ConvSpec", "Recipe", "baselines"]

_CONV = re.compile(r"(?P<channels>[1-9]\d*)c(?P<kernel>[1-9]\d*)s(?P<stride>[1-9]\d*)")
_DENSE = re.compile(r"[1-9]\d*")

# Below this many pixels a side, 5 x 5 kernels with stride 2 leave nothing to look at.
_SMALL = 20


@dataclass(frozen=True)
class Augmentation:
    """Random deformations, each drawn uniformly from plus or minus its bound, applied to copies of the training images.

    Parameters
    ----------
    copies
        Number of augmented copies of the training set that the epochs cycle through, at least 1.
    rotation
        Degrees.
    scale
        Relative change of width and of height, drawn apart.
    shear
        Horizontal shift per vertical distance.
    shift
        Pixels, in either direction.
    elastic
        Standard deviation, in pixels, of a smooth random displacement field.
    """

    copies: int = 10
    rotation: float = 10.0
    scale: float = 0.1
    shear: float = 0.1
    shift: float = 1.2
    elastic: float = 0.84


@dataclass(frozen=True)
class ConvSpec:
    """A convolution in an architecture: ``12c5s2`` is 12 channels of 5 x 5 kernels with stride 2, no padding."""

    channels: int
    kernel: int
    stride: int


@dataclass(frozen=True)
class Recipe:
    """How one network is trained by backpropagation.

    Parameters
    ----------
    name
        The architecture, ``"784-256-10"`` or ``"784-12c5s2-32c5s2-10"``; a suffix ``-pruned`` marks a pruned network.
    epochs, batch_size
        Passes over the training images, and images per step of Adam.
    learning_rate
        Peak of the one-cycle schedule.
    batch_norm
        Normalise the hidden layers while training; folded into weights and biases afterwards.
    dropout, input_dropout
        Probability of dropping a hidden unit and a pixel.
    augmentation
        Deformations of the training images, or None for the images as they are.
    teacher
        Name of the network whose softened outputs are learned beside the labels, or None.
    distillation, temperature
        Weight (0..1) of the teacher's term in the loss, and the temperature that softens both outputs.
    nonzero
        Weights that pruning leaves in each layer, first to last; empty for no pruning. Dense layers only.
    activity_l1
        Weight of the hidden activity, summed over units and averaged over images, in the loss.

    Raises
    ------
    AnnError
        A parameter outside its bound, or a name that is no architecture.
    """

    name: str
    epochs: int = 24
    batch_size: int = 250
    learning_rate: float = 4e-3
    batch_norm: bool = True
    dropout: float = 0.0
    input_dropout: float = 0.0
    augmentation: Augmentation | None = None
    teacher: str | None = None
    distillation: float = 0.6
    temperature: float = 2.0
    nonzero: tuple[int, ...] = ()
    activity_l1: float = 0.0

    def __post_init__(self) -> None:
        for attribute, within, bound in [
            ("epochs", self.epochs >= 1, "at least 1"),
            ("batch_size", self.batch_size >= 2, "at least 2"),
            ("learning_rate", self.learning_rate > 0, "positive"),
            ("dropout", 0 <= self.dropout < 1, "in [0, 1)"),
            ("input_dropout", 0 <= self.input_dropout < 1, "in [0, 1)"),
            ("distillation", 0 <= self.distillation <= 1, "in [0, 1]"),
            ("temperature", self.temperature > 0, "positive"),
            ("activity_l1", self.activity_l1 >= 0, "at least 0"),
        ]:
            if not within:
                raise AnnError(f"Recipe {self.name!r}: {attribute} must be {bound}, got {getattr(self, attribute)}")
        hidden = self.hidden
        if self.nonzero and (len(self.nonzero) != len(hidden) + 1 or not all(isinstance(h, int) for h in hidden)):
            raise AnnError(f"Recipe {self.name!r}: nonzero must give one count for each of its layers, all dense")

    @property
    def _fields(self) -> list[str]:
        return self.name.removesuffix("-pruned").split("-")

    @property
    def hidden(self) -> tuple[int | ConvSpec, ...]:
        """The hidden layers: a number of units, or a convolution; convolutions come first."""
        hidden: list[int | ConvSpec] = []
        for part in self._fields[1:-1]:
            if conv := _CONV.fullmatch(part):
                if hidden and isinstance(hidden[-1], int):
                    raise AnnError(f"Recipe {self.name!r}: a convolution cannot follow a dense layer")
                hidden.append(ConvSpec(*(int(group) for group in conv.groups())))
            elif _DENSE.fullmatch(part):
                hidden.append(int(part))
            else:
                raise AnnError(f"Recipe {self.name!r}: {part!r} is neither a width (256) nor a convolution (12c5s2)")
        return tuple(hidden)

    def check_fits(self, dataset: Dataset) -> None:
        """Raise AnnError unless the name's inputs and outputs are the data set's pixels and classes."""
        height, width = dataset.shape
        ends = [str(height * width), str(dataset.n_classes)]
        if [self._fields[0], self._fields[-1]] != ends or len(self._fields) < 2:
            expected = f"{ends[0]}-...-{ends[1]}"
            raise AnnError(f"Recipe {self.name!r} must be named {expected} for the data set {dataset.name!r}")


def baselines(dataset: Dataset) -> list[Recipe]:
    """Return the recipes of the conventional networks that spiking networks are compared with, teachers first."""
    return _small_images(dataset) if min(dataset.shape) < _SMALL else _large_images(dataset)


def _large_images(dataset: Dataset) -> list[Recipe]:
    height, width = dataset.shape
    n, classes = height * width, dataset.n_classes
    augmentation = Augmentation()
    teacher = f"{n}-1200-1200-{classes}"
    recipes = [
        Recipe(
            teacher,
            epochs=24,
            learning_rate=1.5e-3,
            batch_norm=False,
            dropout=0.4,
            input_dropout=0.1,
            augmentation=augmentation,
        )
    ]
    for hidden in ("32", "64", "128", "256", "512"):
        recipes.append(
            Recipe(
                f"{n}-{hidden}-{classes}",
                epochs=32,
                learning_rate=8e-3,
                augmentation=augmentation,
                teacher=teacher,
            )
        )
    # The strongest opponents skip zeros: weights into the hidden layer for 784 pixels, and out of it for each class.
    for units, in_weights, out_weights in ((128, 3000, 60), (144, 4500, 80), (256, 12000, 150), (512, 30000, 250)):
        recipes.append(
            Recipe(
                f"{n}-{units}-{classes}-pruned",
                epochs=40,
                learning_rate=1e-2,
                augmentation=augmentation,
                teacher=teacher,
                nonzero=(in_weights * n // 784, out_weights * classes),
                activity_l1=5e-5,
            )
        )
    for hidden in ("4c5s2-8c5s2", "6c5s2-12c5s2", "12c5s3-24c3s1", "12c5s2-32c5s2"):
        recipes.append(
            Recipe(
                f"{n}-{hidden}-{classes}",
                epochs=30,
                batch_size=125,
                learning_rate=1e-2,
                augmentation=augmentation,
                teacher=teacher,
            )
        )
    return recipes


def _small_images(dataset: Dataset) -> list[Recipe]:
    height, width = dataset.shape
    n, classes = height * width, dataset.n_classes
    augmentation = Augmentation(rotation=8.0, scale=0.05, shear=0.05, shift=0.5, elastic=0.15)
    teacher = f"{n}-256-256-{classes}"
    recipes = [
        Recipe(
            teacher,
            epochs=120,
            batch_size=50,
            learning_rate=2e-3,
            batch_norm=False,
            dropout=0.3,
            augmentation=augmentation,
        )
    ]
    hidden_layers = ["32", "64", "128", "256"]
    if min(dataset.shape) >= 5:  # two 3 x 3 kernels, the second of stride 2, need 5 pixels
        hidden_layers.append("8c3s1-16c3s2")
    for hidden in hidden_layers:
        recipes.append(
            Recipe(
                f"{n}-{hidden}-{classes}",
                epochs=120,
                batch_size=50,
                learning_rate=2e-2,
                augmentation=augmentation,
                teacher=teacher,
            )
        )
    recipes.append(
        Recipe(
            f"{n}-64-{classes}-pruned",
            epochs=120,
            batch_size=50,
            learning_rate=2e-2,
            augmentation=augmentation,
            teacher=teacher,
            nonzero=(15 * n, 30 * classes),
            activity_l1=5e-5,
        )
    )
    return recipes
