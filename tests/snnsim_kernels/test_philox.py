"""The counter-based generator against Random123's known answers and against the NumPy one of the reference."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from reference_simulator import normals, open_uniforms, uniforms
from reference_simulator import philox as reference_philox
from scipy.special import ndtri
from scipy.stats import kstest
from snnsim_kernels.random import draws, fill_words, normal_quantile, open_uniform, philox, uniform

# Random123 1.14, examples/kat_vectors: philox4x32 10, counter, key, result.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN_ANSWERS)
def test_known_answers(counter: tuple[int, ...], key: tuple[int, ...], words: tuple[int, ...]) -> None:
    given = [np.uint64(value) for value in (*counter, *key)]
    assert tuple(int(word) for word in philox(*given)) == words
    assert tuple(int(word) for word in philox.py_func(*given)) == words
    assert tuple(int(word) for word in reference_philox(list(counter), list(key))) == words


@pytest.mark.parametrize("n", [1, 16, 17, 63, 64, 65, 200])
def test_words_are_the_four_of_each_block(n: int) -> None:
    seed, step, population, sample = 0x1234567890ABCDEF, 2**31 + 5, 77, 10_001
    groups = -(-n // 64)
    words = np.zeros(64 * groups + 8, dtype=np.uint32)
    fill_words(words, 0, n, np.uint64(seed), step, population, sample)
    for block in range(16 * groups):
        expected = reference_philox([block, step, population, sample], [seed % 2**32, seed >> 32])
        for k in range(4):
            assert words[64 * (block // 16) + 16 * k + block % 16] == int(expected[k])
    assert not words[64 * groups :].any()
    expected_uniforms = uniforms(seed, step, population, np.array([sample]), n)[0]
    assert [float(uniform(word)) for word in words[:n]] == expected_uniforms.tolist()


@pytest.mark.parametrize(("low", "high"), [(64, 128), (64, 65), (128, 300), (192, 300)])
def test_a_stretch_is_filled_alone_as_within_the_whole(low: int, high: int) -> None:
    whole, part = np.zeros(320, dtype=np.uint32), np.zeros(320, dtype=np.uint32)
    fill_words(whole, 0, 300, np.uint64(7), 3, 11, 2)
    fill_words(part, low, high, np.uint64(7), 3, 11, 2)
    assert part[: high - low].tolist() == whole[low:high].tolist()
    assert len(set(whole[:300].tolist())) == 300


def test_uniform_covers_zero_to_below_one() -> None:
    values = [uniform(np.uint32(word)) for word in (0, 255, 256, 2**31, 2**32 - 1)]
    assert [float(value) for value in values] == [0.0, 0.0, 2.0**-24, 0.5, 1 - 2.0**-24]


def test_every_part_of_the_counter_and_key_matters() -> None:
    base = {"seed": 1, "step": 2, "population": 3, "copy": 4}
    seen = set()
    for change in ({}, {"seed": 2}, {"seed": 1 + 2**32}, {"step": 3}, {"population": 4}, {"copy": 5}):
        given = base | change
        words = np.zeros(64, dtype=np.uint32)
        fill_words(words, 0, 8, np.uint64(given["seed"]), given["step"], given["population"], given["copy"])
        seen.add(tuple(words[:8].tolist()))
    assert len(seen) == 6


def test_open_uniform_covers_zero_to_one_without_either() -> None:
    values = [open_uniform(np.uint32(word)) for word in (0, 1, 2**31, 2**32 - 1)]
    assert values == [2.0**-33, 3 * 2.0**-33, 0.5 + 2.0**-33, 1 - 2.0**-33]


def test_normal_quantiles_to_15_digits() -> None:
    """Centre, tails and far tails, on both sides, and the seams between them."""
    seams = np.array([0.075, 0.925, math.exp(-25.0), 1 - math.exp(-25.0)])
    p = np.concatenate(
        [np.linspace(0.001, 0.999, 999), np.logspace(-300, -3, 300), 1 - np.logspace(-15, -3, 60), seams]
    )
    p = np.concatenate([p, np.nextafter(seams, 0), np.nextafter(seams, 1)])
    ours = np.array([normal_quantile(float(q)) for q in p])
    np.testing.assert_allclose(ours, ndtri(p), rtol=2e-15, atol=2e-15)
    assert np.array_equal(
        [normal_quantile(float(q)) for q in (0.25, 0.0625, 2.0**-40)], -ours_of(0.75, 0.9375, 1 - 2.0**-40)
    )


def ours_of(*p: float) -> np.ndarray:
    return np.array([normal_quantile(q) for q in p])


@pytest.mark.parametrize(("distribution", "reference"), [
    ("uniform", uniforms), ("open_uniform", open_uniforms), ("normal", normals),
])  # fmt: skip
@pytest.mark.parametrize("n", [1, 6, 30])
def test_draws_are_the_numbers_of_the_reference(distribution: str, reference: Callable[..., Any], n: int) -> None:
    seed, first, last, population, sample = 2**63 + 11, 2**32 - 3, 2**32, 12, 5
    found = draws(distribution, n, seed, first, last, population, sample)
    expected = [reference(seed, step, population, np.array([sample]), n)[0] for step in range(first, last)]
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-14)
    assert found.shape == (3, n)


def test_draws_are_standard_normal_and_independent() -> None:
    found = draws("normal", 1000, 3, 0, 1000, 0, 0)
    assert kstest(found.ravel(), "norm").pvalue > 0.01
    for one, other in ((found[1:], found[:-1]), (found[:, 1:], found[:, :-1])):  # in time, and between neurons
        assert abs((one * other).mean()) < 4 / 1000
