"""The leaky membrane between events: its state, and its first crossing held against scans of a fine grid."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from snnsim_models.closed_form import drive, first_crossing, no_crossing_before, relax

many = settings(max_examples=400, deadline=None, derandomize=True, database=None)
THRESHOLD = 1.0
SCAN = 200_001


def potential(
    h: NDArray[np.float64], v: float, v_inf: float, tau_m: float, r_m: float, currents: list[tuple[float, float]]
) -> NDArray[np.float64]:
    """v after h ms, from the textbook's differences of exponentials (or its limit where two time constants agree)."""
    x = v_inf + (v - v_inf) * np.exp(-h / tau_m)
    for i, tau in currents:
        if tau == tau_m:
            x += r_m * i * h / tau * np.exp(-h / tau)
        else:
            x += r_m * i * tau / (tau - tau_m) * (np.exp(-h / tau) - np.exp(-h / tau_m))
    return x


taus = st.sampled_from([0.5, 2.0, 5.0, 10.0, 11.0, 30.0])
amounts = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-20.0, 20.0))
cases = st.tuples(
    st.floats(-3.0, 1.0), st.floats(-2.0, 1.5), st.sampled_from([1.0, 5.0, 10.0, 20.0]), st.floats(0.2, 3.0),
    st.lists(st.tuples(amounts, taus), max_size=5),
)  # fmt: skip


def arrays(currents: list[tuple[float, float]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array([i for i, _ in currents]), np.array([tau for _, tau in currents])


@many
@given(cases)
def test_the_first_crossing_is_that_of_a_fine_scan(
    case: tuple[float, float, float, float, list[tuple[float, float]]],
) -> None:
    v, v_inf, tau_m, r_m, currents = case
    found = first_crossing(v, v_inf, tau_m, r_m, THRESHOLD, *arrays(currents))
    h = np.concatenate([np.linspace(0, 3.0, SCAN), np.linspace(3.0, 400.0, SCAN)])
    x = potential(h, *case)
    above = np.nonzero(x > THRESHOLD + 1e-12)[0]
    first = h[above[0]] if above.size else math.inf
    # Never later than the first point of the scan that is above the threshold ...
    assert found <= first + 1e-9
    if math.isfinite(found):
        at = potential(np.array([found]), *case)[0]
        assert at == pytest.approx(THRESHOLD, abs=1e-9)
        # ... and nothing is above before it.
        assert not np.any(x[h < found] > THRESHOLD + 1e-11)
        after = potential(np.array([found + 1e-6 * (1 + found)]), *case)[0]
        assert after > THRESHOLD - 1e-11


@many
@given(cases)
def test_the_bound_is_never_later_than_the_crossing(
    case: tuple[float, float, float, float, list[tuple[float, float]]],
) -> None:
    v, v_inf, tau_m, r_m, currents = case
    arguments = v, v_inf, tau_m, r_m, THRESHOLD, *arrays(currents)
    assert 0 <= no_crossing_before(*arguments) <= first_crossing(*arguments)


def test_a_short_excursion_between_long_times_is_found() -> None:
    """A peak 1e-6 mV above the threshold for some microseconds, 60 ms from now, under a slow rise."""
    v_inf, tau_m = 0.5, 20.0
    currents = np.array([4.0, -6.0, 3.0])
    time_constants = np.array([40.0, 15.0, 1.0])
    h = np.linspace(0, 300, 3_000_001)
    x = potential(h, -5.0, v_inf, tau_m, 1.0, list(zip(currents, time_constants, strict=True)))
    peak, when = x.max(), h[x.argmax()]
    assert 20 < when < 200
    for gap in (1e-6, 1e-9, 1e-12):
        found = first_crossing(-5.0, v_inf, tau_m, 1.0, peak - gap, currents, time_constants)
        # A parabola of curvature x'' is above within sqrt(2 gap / x'') of its peak.
        assert abs(found - when) < 500 * math.sqrt(gap) + 1e-3
        assert found <= when + 1e-3
    assert first_crossing(-5.0, v_inf, tau_m, 1.0, peak + 1e-9, currents, time_constants) == math.inf


def test_a_second_extremum_is_found() -> None:
    """A fast current lifts v to a first peak below the threshold, a slow one, held back by inhibition, later above it."""
    currents, time_constants = np.array([20.0, 6.0, -7.0]), np.array([0.5, 60.0, 10.0])
    h = np.linspace(0, 300, 300_001)
    x = potential(h, 0.0, 0.0, 8.0, 1.0, list(zip(currents, time_constants, strict=True)))
    rising = np.nonzero((x[1:-1] > x[:-2]) & (x[1:-1] >= x[2:]))[0] + 1
    assert len(rising) == 2
    low, high = sorted(x[rising])
    assert x[rising[0]] == low
    threshold = (low + high) / 2
    found = first_crossing(0.0, 0.0, 8.0, 1.0, threshold, currents, time_constants)
    assert found == pytest.approx(h[np.nonzero(x > threshold)[0][0]], abs=1e-3)
    assert found > h[rising[0]]


@pytest.mark.parametrize("threshold", [0.6, 0.7, 0.8, 1.0, 1.5, 1.6])
def test_the_first_of_two_crossings_is_taken(threshold: float) -> None:
    """Up at 0.2 ms, down again, and up for good at 8 ms, all within one time constant of the membrane."""
    currents, time_constants = np.array([164.0, -58.0, 8.0]), np.array([0.5, 2.0, 30.0])
    h = np.linspace(0, 20, 2_000_001)
    x = potential(h, 0.0, 0.0, 20.0, 1.0, list(zip(currents, time_constants, strict=True)))
    rises = h[1:][(x[1:] > threshold) & (x[:-1] <= threshold)]
    assert len(rises) == 2
    assert x[-1] > threshold
    found = first_crossing(0.0, 0.0, 20.0, 1.0, threshold, currents, time_constants)
    assert found == pytest.approx(rises[0], abs=1e-4)


@pytest.mark.parametrize("v_inf", [1.0, 1.0 - 1e-16, np.nextafter(1.0, 2.0), 1.0 + 1e-12])
@pytest.mark.parametrize("current", [0.0, 1e-300, 1.0, -1.0])
def test_a_target_at_the_threshold_itself_ends(v_inf: float, current: float) -> None:
    found = first_crossing(0.0, v_inf, 10.0, 1.0, THRESHOLD, np.array([current]), np.array([5.0]))
    assert (found == math.inf) == (v_inf <= 1.0)


def test_what_is_above_fires_now_and_what_cannot_fire_never() -> None:
    nothing = np.zeros(0)
    assert first_crossing(1.5, 0.0, 10.0, 1.0, 1.0, nothing, nothing) == 0.0
    assert first_crossing(0.5, 5.0, 10.0, 1.0, math.inf, np.array([5.0]), np.array([2.0])) == math.inf
    assert first_crossing(1.0, 0.0, 10.0, 1.0, 1.0, nothing, nothing) == math.inf
    assert first_crossing(0.0, 2.0, 10.0, 1.0, 1.0, nothing, nothing) == pytest.approx(10 * math.log(2), abs=1e-13)


@many
@given(cases, st.floats(0.0, 200.0))
def test_the_state_is_that_of_the_textbook(
    case: tuple[float, float, float, float, list[tuple[float, float]]], h: float
) -> None:
    v, v_inf, tau_m, r_m, currents = case
    found = relax(v, v_inf, tau_m, h) + drive(*arrays(currents), r_m, tau_m, h)
    assert found == pytest.approx(potential(np.array([h]), *case)[0], abs=1e-9)
