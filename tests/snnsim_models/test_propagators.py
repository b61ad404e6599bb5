"""What decaying currents add to a membrane in a step, against 80 digits; also where the usual forms cancel or overflow."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from snnsim_models import AlphaCurrent, ExponentialCurrent
from snnsim_models._propagators import exponential, ramped_exponential

TAUS = [0.01, 0.3, 1.0, 2.0, 5.0, 10.0, 10.0 + 1e-13, 10.0 + 1e-9, 10.0001, 10.1, 20.0, 333.0, 1e5, 1e300]


def exact(dt: float, tau: float, tau_m: float) -> tuple[float, float]:
    """Return the integrals over a step of exp(-s / tau) and s exp(-s / tau), times exp(-(dt - s) / tau_m) / tau_m."""
    with localcontext() as context:
        context.prec = 80
        context.Emin = -(10**6)
        d, t, m = Decimal(dt), Decimal(tau), Decimal(tau_m)
        a, leak = 1 / m - 1 / t, (-d / m).exp()
        if a == 0:
            return float(leak * d / m), float(leak * d * d / (2 * m))
        grown = (a * d).exp()
        flat, rising = leak * (grown - 1) / a / m, leak * (grown * (a * d - 1) + 1) / a**2 / m
        return float(flat), float(rising)


@pytest.mark.parametrize("tau_m", [0.02, 0.7, 5.0, 10.0, 200.0, 1e5])
@pytest.mark.parametrize("dt", [0.01, 0.1, 1.0, 8.0])
def test_propagators_are_exact(dt: float, tau_m: float) -> None:
    for tau in TAUS:
        flat, rising = exact(dt, tau, tau_m)
        # dt / tau_m is rounded before it becomes an exponent: as many units in the last place as the exponent is large.
        near = 1e-14 * (1 + dt / tau_m + dt / tau)
        np.testing.assert_allclose(exponential(dt, tau, tau_m), flat, rtol=near, atol=1e-300, err_msg=f"{tau}")
        np.testing.assert_allclose(ramped_exponential(dt, tau, tau_m), rising, rtol=near, atol=1e-300, err_msg=f"{tau}")


def test_no_seam_between_the_series_and_the_closed_form() -> None:
    """The exponent x crosses from one branch into the other at 0.5, on both sides."""
    for x in (0.5, -0.5):
        tau = 1 / (1 - x * (1 + 1e-7 * np.arange(-3, 4)))  # at dt = tau_m = 1
        values = ramped_exponential(1.0, tau, 1.0)
        expected = [exact(1.0, float(value), 1.0)[1] for value in tau]
        np.testing.assert_allclose(values, expected, rtol=2e-14)


def test_arrays_give_what_each_entry_gives_alone() -> None:
    tau, tau_m = np.array([5.0, 10.0, 20.0]), np.array([10.0, 10.0, 1.0])
    for function in (exponential, ramped_exponential):
        alone = [float(function(0.5, t, m)) for t, m in zip(tau, tau_m, strict=True)]
        np.testing.assert_array_max_ulp(function(0.5, tau, tau_m), np.array(alone), 2)
        assert function(0.5, tau, 10.0).shape == function(0.5, 10.0, tau).shape == (3,)


@pytest.mark.parametrize("receptor", [ExponentialCurrent, AlphaCurrent])
@pytest.mark.parametrize(("tau", "tau_m"), [
    (5.0, 1e-3), (5.0, 7e-4), (5.0, 6e-4), (5.0, 1e-9), (6e-4, 20.0), (1e-9, 20.0), (2.0, 1e300), (1e300, 1e300),
])  # fmt: skip
def test_extreme_time_constants_give_finite_constants(receptor: type, tau: float, tau_m: float) -> None:
    """Half a millisecond is up to a billion time constants: a membrane as fast follows the current, v = r_m i."""
    constants = [float(value) for value in receptor(tau=tau).constants(0.5, tau_m, 3.0)]
    assert np.isfinite(constants).all(), constants
    if tau_m < 1e-2:
        assert math.isclose(constants[0], 3.0 * math.exp(-0.5 / tau) * tau / (tau - tau_m), rel_tol=1e-11)
