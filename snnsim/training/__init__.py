"""Training of the conventional baselines by backpropagation; needs PyTorch, the extra ``train``.

For one seed, one number of threads and the same versions, training gives the same weights. Other versions or numbers
of threads sum in another order and may differ in the last digits of an accuracy.
"""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from types import ModuleType

from snnsim._errors import AnnError
from snnsim.ann import Ann, shipped
from snnsim.datasets import Dataset
from snnsim.training.recipes import Augmentation, ConvSpec, Recipe, baselines

__all__ = ["Augmentation", "ConvSpec", "Recipe", "baselines", "train", "train_all"]


def _trainer() -> ModuleType:
    """Import what needs PyTorch: it is optional, and takes over a second to load."""
    try:
        from snnsim.training import trainer
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise AnnError(
            "training needs PyTorch: python -m pip install 'snnsim[train]', "
            "or in a checkout python -m pip install -e '.[train]'"
        ) from error
    return trainer


def train(recipe: Recipe, dataset: Dataset, *, seed: int = 0, progress: bool = True, teacher: Ann | None = None) -> Ann:
    """Train one network on the training split.

    The epoch is chosen on the validation split; the test split is looked at once, at the end, for the provenance.
    Both accuracies are those of the weights rounded to float16, as :meth:`snnsim.ann.Ann.save` stores them.

    Parameters
    ----------
    recipe
        What is trained and how.
    dataset
        Images and labels.
    seed
        Of initial weights, augmentation, order and dropout.
    progress
        Show a progress bar on stderr.
    teacher
        The network named by ``recipe.teacher``; needed only if the recipe names one.

    Raises
    ------
    AnnError
        PyTorch is missing, or the recipe does not fit the data set or lacks its teacher.
    """
    trainer = _trainer()
    training_set = trainer.TrainingSet(dataset, recipe.augmentation, seed)
    ann: Ann = trainer.fit(recipe, dataset, training_set, seed=seed, progress=progress, teacher=teacher)
    return ann


def train_all(
    dataset: Dataset,
    out_dir: str | PathLike[str],
    *,
    seed: int = 0,
    only: Iterable[str] | None = None,
    threads: int | None = None,
    progress: bool = True,
) -> list[Path]:
    """Train the baselines of a data set, or those named, and write each to ``out_dir/<name>.npz`` when it is done.

    A teacher that is not trained in the same call is taken from `out_dir` or from the weights that come with snnsim;
    if it is in neither, it is trained first. `threads` is the number of PyTorch's threads while this runs, its own
    choice where None.

    Returns
    -------
    The files written, in order.

    Raises
    ------
    AnnError
        PyTorch is missing, `only` names something that is no baseline of the data set, or `out_dir` is no folder.
    """
    trainer = _trainer()
    out_dir = Path(out_dir)
    recipes = {recipe.name: recipe for recipe in baselines(dataset)}
    wanted = list(recipes) if only is None else list(only)
    if unknown := [name for name in wanted if name not in recipes]:
        raise AnnError(f"no baseline of {dataset.name!r} is named {unknown[0]!r}; there are {', '.join(recipes)}")
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AnnError(f"{out_dir}: cannot be made, and the weights need a folder ({error.strerror})") from error
    training_sets: dict[Augmentation | None, object] = {}
    trained: dict[str, Ann] = {}
    paths: list[Path] = []

    def train_one(name: str) -> Ann:
        recipe = recipes[name]
        teacher = None
        if recipe.teacher:
            teacher = trained.get(recipe.teacher) or (None if recipe.teacher in wanted else _stored(recipe.teacher))
            teacher = teacher or train_one(recipe.teacher)
        if recipe.augmentation not in training_sets:
            training_sets[recipe.augmentation] = trainer.TrainingSet(dataset, recipe.augmentation, seed)
        training_set = training_sets[recipe.augmentation]
        ann: Ann = trainer.fit(recipe, dataset, training_set, seed=seed, progress=progress, teacher=teacher)
        ann.save(out_dir / f"{name}.npz")
        paths.append(out_dir / f"{name}.npz")
        trained[name] = ann
        return ann

    def _stored(name: str) -> Ann | None:
        path = out_dir / f"{name}.npz"
        if path.exists():
            return Ann.load(path)
        return next((ann for ann in shipped(dataset.name) if ann.name == name), None)

    with trainer.limited(threads):
        for name in wanted:
            if name not in trained:
                train_one(name)
    return paths
