"""Training of the baselines, on the 8x8 digits: sensible, reproducible, pruned to the count, clear without PyTorch."""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from snnsim import datasets
from snnsim._errors import AnnError
from snnsim.ann import Ann, Dense, shipped
from snnsim.datasets import Dataset, Split
from snnsim.training import Augmentation, ConvSpec, Recipe, baselines, train, train_all


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return datasets.load("digits")


def images_like(height: int, width: int, n_classes: int, n: int = 60) -> Dataset:
    """A small data set of any shape: class c lights the pixels of stripe c."""
    labels = np.arange(n) % n_classes
    images = np.zeros((n, height * width), np.uint8)
    for i, label in enumerate(labels):
        images[i, label::n_classes] = 255
    split = Split(images.reshape(n, height, width), labels.astype(np.int64), 255)
    return Dataset("stripes", split, split, split, n_classes, "0" * 32, "made here", None)


def same_weights(a: Ann, b: Ann) -> bool:
    return all(
        np.array_equal(x.weight, y.weight) and np.array_equal(x.bias, y.bias)
        for x, y in zip(a.layers, b.layers, strict=True)
    )


def test_a_short_training_is_accurate_and_recorded(digits: Dataset) -> None:
    pytest.importorskip("torch")
    recipe = Recipe("64-32-10", epochs=15, batch_size=50)
    ann = train(recipe, digits, seed=1, progress=False)
    assert ann.widths == [64, 32, 10]
    record = json.loads(json.dumps(ann.provenance))
    assert record["recipe"]["name"] == "64-32-10"
    assert record["seed"] == 1
    assert record["dataset"] == {"name": "digits", "md5": digits.md5}
    assert set(record["versions"]) == {"snnsim", "python", "numpy", "torch"}
    for split, key in ((digits.validation, "validation_accuracy"), (digits.test, "test_accuracy")):
        assert ann.accuracy(split.pixels, split.labels) == record[key]
    assert record["validation_accuracy"] > 0.92
    assert record["test_accuracy"] > 0.87
    assert same_weights(ann, ann.rounded())  # what is measured is what is stored


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("64-16-10", epochs=2, batch_size=50, augmentation=Augmentation(copies=2)),
        Recipe("64-16-10", epochs=2, batch_size=50, batch_norm=False, dropout=0.2, input_dropout=0.1),
        Recipe("64-4c3s2-12-10", epochs=2, batch_size=50),
        Recipe("64-16-10-pruned", epochs=2, batch_size=50, nonzero=(200, 80)),
    ],
)
def test_one_seed_gives_one_network(recipe: Recipe, digits: Dataset) -> None:
    torch = pytest.importorskip("torch")
    first = train(recipe, digits, seed=4, progress=False)
    torch.manual_seed(99)  # the global generator must not matter
    again = train(recipe, digits, seed=4, progress=False)
    other = train(recipe, digits, seed=5, progress=False)
    assert same_weights(first, again)
    assert first.provenance == again.provenance
    assert not same_weights(first, other)


def test_the_test_split_has_no_part_in_training(digits: Dataset) -> None:
    pytest.importorskip("torch")
    recipe = Recipe("64-16-10", epochs=3, batch_size=50)
    shuffled = Split(digits.test.images, np.roll(digits.test.labels, 1), digits.test.full_scale)
    ann = train(recipe, digits, progress=False)
    blind = train(recipe, dataclasses.replace(digits, test=shuffled), progress=False)
    assert same_weights(ann, blind)
    assert ann.provenance["test_accuracy"] != blind.provenance["test_accuracy"]


def test_pruning_leaves_the_asked_weights_and_exact_zeros(digits: Dataset) -> None:
    pytest.importorskip("torch")
    recipe = Recipe("64-32-10-pruned", epochs=20, batch_size=50, nonzero=(400, 150), activity_l1=1e-4)
    ann = train(recipe, digits, progress=False)
    hidden, output = ann.layers
    assert isinstance(hidden, Dense)
    assert isinstance(output, Dense)
    counts = [np.count_nonzero(layer.weight) for layer in ann.layers]
    # Hidden units without inputs or outputs lose the rest of their synapses, so a few fewer may remain.
    assert 380 <= counts[0] <= 400
    assert 140 <= counts[1] <= 150
    idle = ~hidden.weight.any(axis=0) | ~output.weight.any(axis=1)
    assert not hidden.weight[:, idle].any()
    assert not output.weight[idle].any()
    assert not hidden.bias[idle].any()
    assert ann.widths == [64, 32, 10]
    assert float(str(ann.provenance["validation_accuracy"])) > 0.9


def test_idle_units_are_removed_without_changing_the_function() -> None:
    pytest.importorskip("torch")
    from snnsim.training.pruning import without_idle_units

    rng = np.random.default_rng(0)
    layers = [Dense(rng.normal(size=shape), rng.normal(size=shape[1])) for shape in ((5, 6), (6, 4), (4, 3))]
    layers[0].weight[:, :2] = 0  # two constants, which make unit 0 of the next layer one, too
    layers[1].weight[2:, 0] = 0
    layers[1].weight[3] = 0  # and a unit that nobody hears
    x = rng.random((20, 5)).astype(np.float32)
    cleaned = Ann("5-6-4-3", tuple(without_idle_units(layers)))
    np.testing.assert_allclose(cleaned.logits(x), Ann("5-6-4-3", tuple(layers)).logits(x), rtol=1e-4, atol=1e-5)
    assert not cleaned.layers[1].weight[:2].any()
    assert not cleaned.layers[1].weight[:, 0].any()
    assert not cleaned.layers[2].weight[0].any()
    assert not cleaned.layers[0].weight[:, 3].any()
    assert cleaned.layers[0].bias[3] == 0


def test_folding_the_normalisation_changes_nothing(digits: Dataset) -> None:
    torch = pytest.importorskip("torch")
    from snnsim.training import trainer

    generator = torch.Generator().manual_seed(0)
    model = trainer._Model(Recipe("64-6c3s1-8c3s2-20-10"), digits, generator)
    for layer in model.layers[:-1]:
        layer.mean.normal_(generator=generator)
        layer.variance.uniform_(0.2, 3, generator=generator)
        layer.bias.data.normal_(generator=generator)
    x = digits.test.pixels[:50]
    with torch.no_grad():
        expected, _ = model.forward(torch.from_numpy(x), False)
    np.testing.assert_allclose(model.to_ann().logits(x), expected.numpy(), rtol=1e-4, atol=1e-4)


def test_augmentation_without_bounds_is_the_identity_and_shifts_stay_within_theirs(digits: Dataset) -> None:
    torch = pytest.importorskip("torch")
    from snnsim.training.augmentation import augmented_copies

    still = Augmentation(copies=2, rotation=0, scale=0, shear=0, shift=0, elastic=0)
    images = augmented_copies(digits.train, None, 0)
    assert images.shape == (1, len(digits.train), 64)
    assert images.dtype == torch.uint8
    assert torch.equal(images[0], (torch.from_numpy(digits.train.pixels) * 255).round().to(torch.uint8))
    copies = augmented_copies(digits.train, still, 0).short()
    assert copies.shape == (2, len(digits.train), 64)
    assert (copies - images.short()).abs().max() <= 1

    point = np.zeros((200, 9, 15), np.uint8)
    point[:, 4, 7] = 255
    moved = augmented_copies(Split(point, np.zeros(200, np.int64), 255), dataclasses.replace(still, shift=1.0), 0)
    weight = moved.view(-1, 9, 15).double()
    centre_y = (weight.sum(2) * torch.arange(9)).sum(1) / weight.sum((1, 2))
    centre_x = (weight.sum(1) * torch.arange(15)).sum(1) / weight.sum((1, 2))
    for centre, middle in ((centre_y, 4), (centre_x, 7)):
        assert (centre - middle).abs().max() <= 1.01
        assert (centre - middle).abs().max() > 0.9


def test_train_all_writes_each_network_and_finds_teachers(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    import snnsim.training as training

    short = [dataclasses.replace(recipe, epochs=1) for recipe in baselines(digits)]
    monkeypatch.setattr(training, "baselines", lambda dataset: short)
    monkeypatch.setattr(training, "shipped", lambda name: [])
    teacher = short[0].name
    assert train_all(digits, tmp_path / "one", only=["64-32-10"], progress=False) == [
        tmp_path / "one" / f"{teacher}.npz",
        tmp_path / "one" / "64-32-10.npz",
    ]
    taught = Ann.load(tmp_path / "one" / "64-32-10.npz")
    found = train_all(digits, tmp_path / "one", only=["64-32-10"], progress=False)
    assert found == [tmp_path / "one" / "64-32-10.npz"]
    assert same_weights(Ann.load(found[0]), taught)
    paths = train_all(digits, tmp_path / "all", progress=False)
    assert [path.stem for path in paths] == [recipe.name for recipe in short]
    assert (tmp_path / "all" / "64-32-10.npz").read_bytes() == (tmp_path / "one" / "64-32-10.npz").read_bytes()
    with pytest.raises(AnnError, match="no baseline of 'digits' is named '64-33-10'; there are"):
        train_all(digits, tmp_path / "none", only=["64-33-10"], progress=False)


def test_the_threads_of_a_training_are_given_and_given_back(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    import snnsim.training as training

    monkeypatch.setattr(training, "baselines", lambda dataset: [Recipe("64-8-10", epochs=1)])
    before = torch.get_num_threads()
    (path,) = train_all(digits, tmp_path, threads=before + 1, progress=False)
    assert Ann.load(path).provenance["threads"] == before + 1
    assert torch.get_num_threads() == before


def test_a_folder_that_cannot_be_made_is_named(digits: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(AnnError, match=f"{path.name}: cannot be made"):
            train_all(digits, path, progress=False)


@pytest.mark.parametrize(("height", "width", "n_classes"), [(4, 4, 3), (9, 7, 2), (28, 28, 10), (20, 33, 26)])
def test_baselines_fit_any_image_size_and_class_count(height: int, width: int, n_classes: int) -> None:
    pytest.importorskip("torch")
    dataset = images_like(height, width, n_classes)
    recipes = baselines(dataset)
    assert len({recipe.name for recipe in recipes}) == len(recipes) >= 5
    trained: dict[str, Ann] = {}
    for recipe in recipes:
        copies = dataclasses.replace(recipe.augmentation or Augmentation(), copies=1)
        short = dataclasses.replace(recipe, epochs=1, batch_size=30, augmentation=copies)
        teacher = trained[recipe.teacher] if recipe.teacher else None
        trained[recipe.name] = ann = train(short, dataset, progress=False, teacher=teacher)
        assert ann.widths[0] == height * width
        assert ann.widths[-1] == n_classes


def test_the_shipped_networks_are_those_of_the_recipes(digits: Dataset) -> None:
    for dataset in (digits, dataclasses.replace(images_like(28, 28, 10), name="mnist")):
        recipes = {recipe.name: recipe for recipe in baselines(dataset)}
        anns = {ann.name: ann for ann in shipped(dataset.name)}
        assert set(anns) == set(recipes)
        for name, recipe in recipes.items():
            assert anns[name].provenance["recipe"] == json.loads(json.dumps(dataclasses.asdict(recipe)))
            dense = [width for width in recipe.hidden if not isinstance(width, ConvSpec)]
            assert len(anns[name].layers) == len(recipe.hidden) + 1
            assert not dense or anns[name].widths[-1 - len(dense) : -1] == dense


def test_names_describe_architectures() -> None:
    assert Recipe("784-12c5s3-24c3s1-50-10").hidden == (ConvSpec(12, 5, 3), ConvSpec(24, 3, 1), 50)
    assert Recipe("784-256-10-pruned").hidden == (256,)
    assert Recipe("784-10").hidden == ()


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("64-3x-10", {}, "'3x' is neither a width"),
        ("64-0-10", {}, "'0' is neither a width"),
        ("64-20-4c3s1-10", {}, "a convolution cannot follow a dense layer"),
        ("64-20-10", {"epochs": 0}, "epochs must be at least 1, got 0"),
        ("64-20-10", {"batch_size": 1}, "batch_size must be at least 2, got 1"),
        ("64-20-10", {"learning_rate": 0.0}, "learning_rate must be positive"),
        ("64-20-10", {"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
        ("64-20-10", {"distillation": 1.5}, r"distillation must be in \[0, 1\]"),
        ("64-20-10", {"nonzero": (100,)}, "nonzero must give one count for each of its layers"),
        ("64-4c3s1-10", {"nonzero": (100, 10)}, "nonzero must give one count for each of its layers"),
    ],
)
def test_impossible_recipes_are_refused(name: str, changes: dict[str, object], message: str) -> None:
    with pytest.raises(AnnError, match=f"{name!r}.*{message}"):
        Recipe(name, **changes)  # type: ignore[arg-type]


def test_recipes_that_do_not_fit_are_refused(digits: Dataset) -> None:
    pytest.importorskip("torch")
    for name in ("784-20-10", "64-20-9", "64"):
        with pytest.raises(AnnError, match=r"must be named 64-\.\.\.-10 for the data set 'digits'"):
            train(Recipe(name), digits, progress=False)
    with pytest.raises(AnnError, match="a kernel of 9 does not fit 8 x 8"):
        train(Recipe("64-4c9s1-10"), digits, progress=False)
    with pytest.raises(AnnError, match="learns from a teacher, '64-64-10', and none was given"):
        train(Recipe("64-20-10", teacher="64-64-10"), digits, progress=False)


def test_without_pytorch_the_error_says_what_to_install(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for module in ("trainer", "augmentation", "pruning"):
        monkeypatch.delitem(sys.modules, f"snnsim.training.{module}", raising=False)
    import snnsim.training as training

    monkeypatch.delattr(training, "trainer", raising=False)
    for call in (lambda: train(Recipe("64-20-10"), digits), lambda: train_all(digits, tmp_path)):
        with pytest.raises(AnnError, match=r"python -m pip install 'snnsim\[train\]'.*-e '\.\[train\]'"):
            call()
    assert len(baselines(digits)) >= 5  # recipes need no PyTorch
