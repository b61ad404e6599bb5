"""Declared parameters: numbers with a unit and a bound, checked when an object is made."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Parameter", "Parameters", "parameter"]

Parameter = float | NDArray[np.float64]
"""One value for a whole population, or an array with one value per neuron."""


def parameter(
    default: object,
    unit: str,
    *,
    above: float | None = None,
    at_least: float | None = None,
    endless: bool = False,
    bottomless: bool = False,
) -> Any:
    """Declare a numeric parameter: its default, its unit, its lower bound (exclusive or inclusive), whether it may be infinite,
    or minus infinity (``bottomless``).
    """
    bounds = {"unit": unit, "above": above, "at_least": at_least, "endless": endless, "bottomless": bottomless}
    return dataclasses.field(default=default, metadata=bounds)


@dataclasses.dataclass(frozen=True, eq=False)
class Parameters:
    """Base of all that has parameters: frozen dataclasses whose numeric fields are declared by :func:`parameter`."""

    def __post_init__(self) -> None:
        """Check every declared parameter against its bound. Raises ValueError that names class, attribute and bound."""
        for field in dataclasses.fields(self):
            if "unit" in field.metadata:
                object.__setattr__(self, field.name, self._checked(field, getattr(self, field.name)))
        _ = self.population_size  # raises where per-neuron parameters disagree

    def _checked(self, field: "dataclasses.Field[Any]", value: ArrayLike) -> Parameter:
        name = f"{type(self).__name__}.{field.name}"
        try:
            array = np.array(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"{name} must be a number or an array of numbers, got {value!r}") from None
        unit = f" {field.metadata['unit']}" if field.metadata["unit"] else ""
        if array.ndim > 1:
            raise ValueError(f"{name} must be one number or one per neuron, got an array of shape {array.shape}")
        above, at_least = field.metadata["above"], field.metadata["at_least"]
        if np.isnan(array).any():
            raise ValueError(f"{name} must not be NaN")
        infinite = array[np.isinf(array)]
        if any(not field.metadata["endless" if value > 0 else "bottomless"] for value in infinite):
            raise ValueError(f"{name} must be finite, got {infinite[0]:g}")
        if above is not None and not (array > above).all():
            raise ValueError(f"{name} must be above {above:g}{unit}, got {array.min():g}")
        if at_least is not None and not (array >= at_least).all():
            raise ValueError(f"{name} must be at least {at_least:g}{unit}, got {array.min():g}")
        if array.ndim == 0:
            return float(array)
        array.setflags(write=False)
        return array

    def check_choice(self, name: str, choices: tuple[str, ...]) -> None:
        """Raise ValueError unless the attribute ``name`` is one of ``choices``."""
        if getattr(self, name) not in choices:
            raise ValueError(f"{type(self).__name__}.{name} must be one of {choices}, got {getattr(self, name)!r}")

    def check_above(self, name: str, other: str) -> None:
        """Raise ValueError unless the parameter ``name`` is above the parameter ``other`` for every neuron."""
        high, low = np.broadcast_arrays(getattr(self, name), getattr(self, other))
        if not (high > low).all():
            where = int(np.argmin(high > low))
            raise ValueError(
                f"{type(self).__name__}.{name} must be above {other}, got {high.flat[where]:g} and {low.flat[where]:g} mV"
            )

    def steps(self, name: str, dt: float, *, endless: bool = False) -> Parameter:
        """Return the duration ``name`` (ms) in steps of ``dt`` (ms).

        Raises ValueError where it is no whole number of steps, of more than 31 bits, or infinite and not allowed to be ``endless``.
        """
        value = np.asarray(getattr(self, name)) / dt
        finite = np.isfinite(value)
        whole = np.rint(value)
        if not np.allclose(value[finite], whole[finite], rtol=0, atol=1e-6):
            raise ValueError(f"{type(self).__name__}.{name} must be a multiple of the time step, {dt:g} ms")
        if not (endless or finite.all()) or np.any(whole[finite] >= 2**31):
            raise ValueError(
                f"{type(self).__name__}.{name} must be a finite time of less than 2**31 steps of {dt:g} ms"
            )
        return float(whole) if whole.ndim == 0 else whole

    @property
    def sizes(self) -> dict[str, int]:
        """The lengths of per-neuron parameters by name."""
        return {
            field.name: len(value)
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), np.ndarray)
        }

    @property
    def population_size(self) -> int | None:
        """The number of neurons that per-neuron parameters fix, or None. Raises ValueError where they disagree."""
        sizes = self.sizes
        if len(set(sizes.values())) > 1:
            raise ValueError(f"{type(self).__name__}: per-neuron parameters disagree in size: {sizes}")
        return next(iter(sizes.values()), None)
