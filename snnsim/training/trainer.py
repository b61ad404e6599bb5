"""Backpropagation in PyTorch: Adam with a one-cycle schedule, batch normalisation folded into the weights."""

import dataclasses
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own convention
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from snnsim import __version__
from snnsim._errors import AnnError
from snnsim.ann import Ann, Conv2d, Dense, Float32
from snnsim.datasets import Dataset
from snnsim.training.augmentation import augmented_copies
from snnsim.training.pruning import Pruner, without_idle_units
from snnsim.training.recipes import Augmentation, ConvSpec, Recipe

__all__ = ["TrainingSet", "fit", "limited"]

_EPSILON = 1e-5
_MOMENTUM = 0.05  # of the running mean and variance
_WARM_UP = 0.15  # part of the one-cycle schedule in which the learning rate rises
_SELECTION = 0.75  # the best epoch on the validation split is chosen from those after this part of the training


class TrainingSet:
    """The training images, augmented, and what teachers say of them: made once, used by many recipes.

    Parameters
    ----------
    dataset
        Where the images come from.
    augmentation, seed
        As in :func:`snnsim.training.augmentation.augmented_copies`.
    """

    def __init__(self, dataset: Dataset, augmentation: Augmentation | None, seed: int) -> None:
        self.images = augmented_copies(dataset.train, augmentation, seed)
        self.labels = torch.from_numpy(dataset.train.labels)
        self._logits: dict[str, torch.Tensor] = {}

    def teacher_logits(self, teacher: Ann) -> torch.Tensor:
        """Return the teacher's logits on every copy, float32 (copies, n, n_classes)."""
        if teacher.name not in self._logits:
            copies = [teacher.logits(pixels.numpy() / np.float32(255)) for pixels in self.images]
            self._logits[teacher.name] = torch.from_numpy(np.stack(copies))
        return self._logits[teacher.name]


class _Layer:
    """Parameters of one layer while it is trained, and the running statistics of its normalisation."""

    def __init__(
        self, shape: tuple[int, ...], stride: int, normalised: bool, gain: float, generator: torch.Generator
    ) -> None:
        fan_in = int(np.prod(shape[1:]))
        self.weight = (torch.randn(shape, generator=generator) * (gain / fan_in) ** 0.5).requires_grad_()
        self.bias = torch.zeros(shape[0], requires_grad=True)
        self.stride = stride
        self.normalised = normalised
        self.mean, self.variance = torch.zeros(shape[0]), torch.ones(shape[0])

    def forward(self, x: torch.Tensor, training: bool) -> torch.Tensor:
        bias = None if self.normalised else self.bias
        u = F.linear(x, self.weight, bias) if self.weight.dim() == 2 else F.conv2d(x, self.weight, bias, self.stride)
        if self.normalised:
            # No learned scale: the ReLU passes scales on, and the next layer has one.
            u = F.batch_norm(u, self.mean, self.variance, None, self.bias, training, _MOMENTUM, _EPSILON)
        return u

    @property
    def spread(self) -> torch.Tensor:
        """Standard deviation of each unit's input, or ones where it is not known."""
        return (self.variance + _EPSILON).sqrt()

    def folded(self) -> tuple[Float32, Float32]:
        """Return copies of weight and bias with the normalisation in them."""
        weight, bias = self.weight.detach(), self.bias.detach()
        if not self.normalised:
            return weight.numpy().copy(), bias.numpy().copy()
        scale = 1 / self.spread
        folded = weight * scale.view(-1, *[1] * (weight.dim() - 1))
        return folded.numpy(), (bias - self.mean * scale).numpy()


class _Model:
    """A feed-forward ReLU network under training."""

    def __init__(self, recipe: Recipe, dataset: Dataset, generator: torch.Generator) -> None:
        recipe.check_fits(dataset)
        self.recipe = recipe
        self.generator = generator
        self.layers: list[_Layer] = []
        self.input_shapes: list[tuple[int, int, int]] = []
        shape = (1, *dataset.shape)
        for spec in recipe.hidden:
            self.input_shapes.append(shape)
            if isinstance(spec, ConvSpec):
                c_in, height, width = shape
                if min(height, width) < spec.kernel:
                    raise AnnError(f"Recipe {recipe.name!r}: a kernel of {spec.kernel} does not fit {height} x {width}")
                kernel_shape = (spec.channels, c_in, spec.kernel, spec.kernel)
                self.layers.append(_Layer(kernel_shape, spec.stride, recipe.batch_norm, 2.0, generator))
                height, width = ((side - spec.kernel) // spec.stride + 1 for side in (height, width))
                shape = (spec.channels, height, width)
            else:
                self.layers.append(_Layer((spec, int(np.prod(shape))), 1, recipe.batch_norm, 2.0, generator))
                shape = (spec, 1, 1)
        self.input_shapes.append(shape)
        self.layers.append(_Layer((dataset.n_classes, int(np.prod(shape))), 1, False, 1.0, generator))

    @property
    def parameters(self) -> list[torch.Tensor]:
        return [parameter for layer in self.layers for parameter in (layer.weight, layer.bias)]

    def forward(self, pixels: torch.Tensor, training: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logits (n, n_classes) and the mean hidden activity of an image, each unit's capped at 1."""
        a = pixels
        activity = torch.zeros(())
        dropout = self.recipe.input_dropout
        for layer, shape in zip(self.layers, self.input_shapes, strict=True):
            if training and dropout:
                kept = torch.rand(a.shape, generator=self.generator) >= dropout
                a = a * kept / (1 - dropout)
            a = a.view(len(a), *shape) if layer.weight.dim() == 4 else a.flatten(1)
            a = layer.forward(a, training)
            if layer is not self.layers[-1]:
                a = F.relu(a)
                if self.recipe.activity_l1:
                    activity = activity + a.clamp(max=1).flatten(1).sum(1).mean()
            dropout = self.recipe.dropout
        return a, activity

    def to_ann(self) -> Ann:
        """Return the network as float32 arrays, its normalisation folded in."""
        layers: list[Dense | Conv2d] = []
        for layer, shape in zip(self.layers, self.input_shapes, strict=True):
            weight, bias = layer.folded()
            is_dense = weight.ndim == 2
            layers.append(Dense(weight.T, bias) if is_dense else Conv2d(weight, bias, layer.stride, shape))
        if self.recipe.nonzero:
            dense = [layer for layer in layers if isinstance(layer, Dense)]
            return Ann(self.recipe.name, tuple(without_idle_units(dense)))
        return Ann(self.recipe.name, tuple(layers))


@contextmanager
def limited(threads: int | None) -> Iterator[None]:
    """Let PyTorch use that many threads, or leave it its own choice where None; afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fit(
    recipe: Recipe,
    dataset: Dataset,
    training_set: TrainingSet,
    *,
    seed: int,
    progress: bool,
    teacher: Ann | None,
) -> Ann:
    """Train one network; see :func:`snnsim.training.train`."""
    if recipe.teacher and teacher is None:
        raise AnnError(f"Recipe {recipe.name!r} learns from a teacher, {recipe.teacher!r}, and none was given")
    generator = torch.Generator().manual_seed(seed)
    model = _Model(recipe, dataset, generator)
    validation = (dataset.validation.pixels, dataset.validation.labels)
    best, best_accuracy = None, -1.0
    bar = Progress(
        TextColumn(f"{recipe.name:>28}"),
        BarColumn(),
        TextColumn("epoch {task.completed}/{task.total}  validation {task.fields[accuracy]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not progress,
    )
    with bar:
        task = bar.add_task("", total=recipe.epochs, accuracy="")
        for epoch in _epochs(model, training_set, teacher, generator):
            if epoch > _SELECTION * recipe.epochs or epoch == recipe.epochs:
                # Judged as it will be stored and run: folded, rounded, in NumPy.
                ann = model.to_ann().rounded()
                accuracy = ann.accuracy(*validation)
                if accuracy >= best_accuracy:
                    best, best_accuracy = ann, accuracy
                bar.update(task, accuracy=f"{best_accuracy:.2%}")
            bar.update(task, completed=epoch)
    assert best is not None  # the last epoch is always a candidate
    provenance = {
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
        "versions": {
            "snnsim": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
        },
        "threads": torch.get_num_threads(),
        "dataset": {"name": dataset.name, "md5": dataset.md5},
        "validation_accuracy": best_accuracy,
        "test_accuracy": best.accuracy(dataset.test.pixels, dataset.test.labels),
    }
    return dataclasses.replace(best, provenance=provenance)


def _epochs(model: _Model, data: TrainingSet, teacher: Ann | None, generator: torch.Generator) -> Iterator[int]:
    """Train, yielding the number of each finished epoch, from 1."""
    recipe = model.recipe
    n_copies, n_images, _ = data.images.shape
    n_batches = max(n_images // recipe.batch_size, 1)
    n_steps = recipe.epochs * n_batches
    optimizer = torch.optim.Adam(model.parameters, lr=recipe.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=n_steps, pct_start=_WARM_UP
    )
    pruner = Pruner([layer.weight for layer in model.layers], recipe.nonzero, n_steps) if recipe.nonzero else None
    taught = data.teacher_logits(teacher) if recipe.teacher and teacher else None
    step = 0
    for epoch in range(recipe.epochs):
        order = torch.randperm(n_images, generator=generator)
        copy = epoch % n_copies
        for batch in order[: n_batches * recipe.batch_size].split(recipe.batch_size):
            logits, activity = model.forward(data.images[copy, batch].float() / 255, training=True)
            loss = F.cross_entropy(logits, data.labels[batch])
            if taught is not None:
                loss = (1 - recipe.distillation) * loss + recipe.distillation * _distillation_loss(
                    logits, taught[copy, batch], recipe.temperature
                )
            loss = loss + recipe.activity_l1 * activity
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            if pruner is not None:
                pruner.step(step, [layer.spread for layer in model.layers[:-1]])
        yield epoch + 1


def _distillation_loss(logits: torch.Tensor, taught: torch.Tensor, temperature: float) -> torch.Tensor:
    """Cross-entropy between the softened outputs of teacher and student (Hinton, Vinyals & Dean 2015)."""
    soft = F.softmax(taught / temperature, dim=1)
    return -(soft * F.log_softmax(logits / temperature, dim=1)).sum(1).mean() * temperature**2
