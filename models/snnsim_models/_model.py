"""What every neuron model and source has in common: declared parameters, states, receptors and scalar equations."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Model", "Parameter", "parameter"]

Parameter = float | NDArray[np.float64]
"""One value for a whole population, or an array with one value per neuron."""


def parameter(default: object, unit: str, *, above: float | None = None, at_least: float | None = None) -> Any:
    """Declare a numeric parameter of a model: its default, its unit, and its lower bound (exclusive or inclusive).

    ``inf`` is legal for a threshold (never fires) and wherever the bound admits it; ``nan`` never is.
    """
    return dataclasses.field(default=default, metadata={"unit": unit, "above": above, "at_least": at_least})


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """Base of all neuron models and sources. A model knows no loop: it gives constants and scalar functions.

    Subclasses are frozen dataclasses whose numeric fields are declared by :func:`parameter`, and which define

    - ``STATES``: the names of the state variables of a neuron, in the order in which ``UPDATE`` takes them;
    - ``RECEPTORS``: for each receptor the state variable to which an arriving spike adds its weight (the first is the default);
    - ``INPUT``: the state variable that an analog input per neuron and copy sets, or None;
    - ``UPDATE(state, held, step, constants) -> (state, held, spike)`` for one neuron and one step, compiled by Numba:
      scalars and tuples of scalars in and out, no branches that write, no literals that would widen float32. A spike sets
      ``held`` (int32) to the steps of refractoriness; it counts down to 0. A model with ``STOCHASTIC = True`` takes a
      uniform random number in [0, 1) before ``constants``;
    - ``RESET(state, constants) -> state``: what a spike does to the neuron that fired, once all spikes of the step are delivered;
    - ``constants(dt)`` and ``initial(dt)``: numbers or per-neuron arrays, in the order in which the functions take them.
    """

    STATES: ClassVar[tuple[str, ...]] = ()
    RECEPTORS: ClassVar[Mapping[str, str]] = {}
    INPUT: ClassVar[str | None] = None
    STOCHASTIC: ClassVar[bool] = False
    GRADED: ClassVar[bool] = False
    UPDATE: ClassVar[Callable[..., Any] | None] = None
    RESET: ClassVar[Callable[..., Any] | None] = None

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

    def constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return the constants that ``UPDATE`` and ``RESET`` take, for a time step of ``dt`` (ms)."""
        return ()

    def initial(self, dt: float) -> tuple[Parameter, ...]:
        """Return the initial value of each state variable."""
        return (0.0,) * len(self.STATES)

    @property
    def population_size(self) -> int | None:
        """The number of neurons that per-neuron parameters fix, or None. Raises ValueError where they disagree."""
        sizes = {
            field.name: len(value)
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), np.ndarray)
        }
        if len(set(sizes.values())) > 1:
            raise ValueError(f"{type(self).__name__}: per-neuron parameters disagree in size: {sizes}")
        return next(iter(sizes.values()), None)
