"""What every neuron model and source has in common: states, receptors and scalar equations."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ._parameters import Parameter, Parameters
from ._receptor import Receptor

__all__ = ["FOREVER", "Model"]

FOREVER = 2**30
"""The number of updates for which a neuron is held that never spikes again until its state is reset."""


@dataclasses.dataclass(frozen=True, eq=False)
class Model(Parameters):
    """Base of all neuron models and sources. A model knows no loop: it gives constants and scalar functions.

    Subclasses are frozen dataclasses which define

    - ``STATES``: the names of the state variables of a neuron, in the order in which ``UPDATE`` takes them;
    - ``RECEPTORS``: what spikes may arrive at, by name (the first is the default; none for a source);
    - ``INPUT``: the state variable that an analog input per neuron and copy sets, or None;
    - ``UPDATE(state, held, step, constants) -> (state, spike)`` for one neuron and one step, compiled by Numba:
      scalars and tuples of scalars in and out, no branches that write, no literals that would widen float32. ``held`` says that the
      neuron is refractory; it must not spike then. A model with ``STOCHASTIC = True`` takes a random
      number of the distribution ``DRAW`` before ``constants``; one with ``MOVES`` takes the move of its membrane after ``state``;
    - ``MOVES``, for a model with receptors that have dynamics of their own: by integration method the function
      ``(state, drive, constants) -> move``, where ``drive`` is the sum of what these receptors give in the step;
    - ``RESET(state, constants) -> (state, updates)``: what a spike does to the neuron that fired, once all spikes of the step are
      delivered, and for how many updates it is held then (int32; FOREVER: until the state is reset);
    - ``RELEASE(state, constants) -> state``: what happens before the first update that finds it free again;
    - ``longest_hold(dt)``: the most updates that ``RESET`` holds a neuron for, FOREVER aside;
    - ``DORMANT``: a state variable that ``UPDATE`` leaves as it is, so that it need not be read while it is zero, or None;
    - ``constants(dt)`` and ``initial(dt)``: numbers or per-neuron arrays, in the order in which the functions take them.
    """

    STATES: ClassVar[tuple[str, ...]] = ()
    RECEPTORS: ClassVar[Mapping[str, Receptor]] = {}
    INPUT: ClassVar[str | None] = None
    STOCHASTIC: ClassVar[bool] = False
    DRAW: ClassVar[str] = "uniform"
    """ "uniform" in [0, 1), 24 bits; "open_uniform" in (0, 1), 32 bits; "normal", of mean 0 and variance 1."""
    MOVES: ClassVar[Mapping[str, Callable[..., Any]]] = {}
    GRADED: ClassVar[bool] = False
    UPDATE: ClassVar[Callable[..., Any] | None] = None
    RESET: ClassVar[Callable[..., Any] | None] = None
    RELEASE: ClassVar[Callable[..., Any] | None] = None
    DORMANT: ClassVar[str | None] = None

    def constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return the constants that ``UPDATE`` and ``RESET`` take, for a time step of ``dt`` (ms)."""
        return ()

    def frozen_constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return the same with which nothing that outlasts a stimulus changes: adaptive thresholds stay where they are."""
        return self.constants(dt)

    def initial(self, dt: float) -> tuple[Parameter, ...]:
        """Return the initial value of each of ``STATES``."""
        return (0.0,) * len(self.STATES)

    def longest_hold(self, dt: float) -> int:
        """Return the most updates for which a spike holds a neuron, at a time step of ``dt`` (ms)."""
        return 0

    def receptor_constants(self, dt: float) -> tuple[tuple[Parameter, ...], ...]:
        """Return the constants of each of ``dynamic_receptors`` on this neuron, for a time step of ``dt`` (ms)."""
        return ()

    @property
    def method(self) -> str:
        """How the model is integrated over a step."""
        return "exact"

    @property
    def receptor_map(self) -> Mapping[str, Receptor]:
        """The receptors by name: RECEPTORS, or those that the user chose."""
        return self.RECEPTORS

    @property
    def dynamic_receptors(self) -> dict[str, Receptor]:
        """The receptors with states of their own, by name."""
        return {name: receptor for name, receptor in self.receptor_map.items() if receptor.STATES}

    @property
    def states(self) -> tuple[str, ...]:
        """The names of all state variables: the neuron's own, then those of its receptors, as ``receptor.variable``."""
        own = [
            f"{name}.{variable}" for name, receptor in self.dynamic_receptors.items() for variable in receptor.STATES
        ]
        return (*self.STATES, *own)

    def arrival(self, name: str) -> str:
        """Return the state variable to which a spike at the receptor ``name`` adds its weight."""
        receptor = self.receptor_map[name]
        return f"{name}.{receptor.ADDS_TO}" if receptor.STATES else receptor.ADDS_TO
