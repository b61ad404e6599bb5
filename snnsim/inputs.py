"""What a run is given: analog values, values that change in time, and spike trains, as the arrays that a backend takes."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from snnsim_kernels import registry
from snnsim_kernels.layout import PopulationColumn as Pop
from snnsim_kernels.layout import ProjectionColumn as Proj
from snnsim_kernels.layout import TimedInputColumn as Timed
from snnsim_kernels.layout import Trains
from snnsim_kernels.plasticity_layout import PlasticityColumn as Plastic
from snnsim_models import SpikeArray

from ._checks import positive_time, real_array
from ._errors import SimulationError
from .compilation import CompiledNetwork
from .network import Population
from .plasticity import Modulation
from .spikes import SpikeTrain

__all__ = ["Inputs", "PreparedInputs", "TimedInput", "check_train", "fitting", "prepare_inputs", "prepare_modulators"]


class TimedInput:
    """Analog values that change while a run goes on: a step current, or one that is sampled at regular times.

    times : ms from the start of the run, rising, at least 0, multiples of dt, shape (rows,)
    values : from each of these times on, shape (rows,), (rows, neurons) or (copies, rows, neurons), in the unit of what they set

    Before the first time the value is the one from before the run; the last one stays. A time after the end of the run is left
    out. Raises SimulationError where shapes disagree or a value is not finite.
    """

    def __init__(self, times: ArrayLike, values: ArrayLike) -> None:
        self.times = real_array("TimedInput.times", times, SimulationError)
        self.values = real_array("TimedInput.values", values, SimulationError)
        if self.times.ndim != 1 or np.any(np.diff(self.times, prepend=-1e-9) <= 0):
            raise SimulationError("TimedInput.times must be one list of rising times of at least 0 ms")
        rows = self.values.shape[1] if self.values.ndim == 3 else self.values.shape[0] if self.values.ndim else 0
        if not 1 <= self.values.ndim <= 3 or rows != len(self.times):
            raise SimulationError(
                f"TimedInput.values must have shape (rows,), (rows, neurons) or (copies, rows, neurons) with "
                f"{len(self.times)} rows, one per time, got {self.values.shape}"
            )

    @classmethod
    def regular(cls, values: ArrayLike, interval: float) -> "TimedInput":
        """Make it from values, shape as above, each of which holds for ``interval`` ms."""
        array = real_array("TimedInput.values", values, SimulationError)
        rows = array.shape[1] if array.ndim == 3 else len(np.atleast_1d(array))
        return cls(np.arange(rows) * positive_time("TimedInput.interval", interval, SimulationError), array)


Inputs = Mapping[str, ArrayLike | SpikeTrain | TimedInput]


@dataclasses.dataclass(frozen=True, eq=False)
class PreparedInputs:
    """values : (offset in a copy's state array, array (1 or copies, neurons)) of each constant input; the rest as in ``layout``."""

    values: list[tuple[int, NDArray[Any]]]
    trains: Trains
    timed_inputs: NDArray[np.int64]
    schedule: NDArray[np.int32]
    timed_values: NDArray[Any]


def prepare_inputs(
    compiled: CompiledNetwork, given: Inputs, populations: NDArray[np.int64], copies: int, first: int, steps: int
) -> PreparedInputs:
    """Check inputs and put them into arrays; enter spike trains into the population table.

    Raises SimulationError where an input does not fit its population.
    """
    dt, real = compiled.network.dt, registry.PRECISIONS[compiled.precision]
    values: list[tuple[int, NDArray[Any]]] = []
    pointers, neurons = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
    timed: list[list[int]] = []
    schedules, rows_of_values = [np.zeros(0, np.int32)], [np.zeros(0, real)]
    n_pointers = n_spikes = n_values = 0
    for name, value in given.items():
        if name not in compiled.network.populations:
            known = ", ".join(compiled.network.populations)
            raise SimulationError(f"inputs: no population {name!r}, the network has {known}")
        population = compiled.network.populations[name]
        row = populations[compiled.index(name)]
        if isinstance(population.model, SpikeArray):
            starts, ids = _train(population, check_train(population, value, copies), copies, dt, steps)
            row[Pop.TRAIN], row[Pop.TRAIN_FIRST], row[Pop.TRAIN_STEPS] = n_pointers, first, steps
            pointers.append(starts + n_spikes)
            neurons.append(ids)
            n_pointers += len(starts)
            n_spikes += len(ids)
            continue
        if population.model.INPUT is None or isinstance(value, SpikeTrain):
            raise SimulationError(f"inputs: population {name!r} takes no such input")
        offset = compiled.state_offset(population, population.model.INPUT)
        if isinstance(value, TimedInput):
            line = [0] * Timed.COUNT
            line[Timed.STATE], line[Timed.SIZE] = offset, population.size
            line[Timed.POPULATION], line[Timed.WHICH] = compiled.index(name), len(timed) * steps
            line[Timed.VALUES] = n_values
            line[Timed.PER_COPY] = len(value.times) * population.size if value.values.ndim == 3 else 0
            line[Timed.PER_NEURON] = int(value.values.ndim > 1)
            timed.append(line)
            schedules.append(_schedule(f"inputs: the times for population {name!r}", value, dt, steps))
            array = fitting(name, value.values, population.size, copies, real, timed=True)
            rows_of_values.append(array.ravel().astype(real))
            n_values += array.size
        else:
            array = fitting(name, value, population.size, copies, real, timed=False)
            values.append((offset, np.atleast_2d(array)))
    return PreparedInputs(
        values,
        Trains(np.concatenate(pointers), np.concatenate(neurons)),
        np.array(timed, np.int64).reshape(-1, Timed.COUNT),
        np.concatenate(schedules),
        np.concatenate(rows_of_values),
    )


def prepare_modulators(compiled: CompiledNetwork, given: Mapping[str, TimedInput], steps: int) -> Modulation:
    """Check the modulators of a run, by the names of projections, and put them into arrays.

    Raises SimulationError where there is no such projection, its rule takes no modulator, or the values do not fit.
    """
    plastic = compiled.plasticity
    if not given:
        return plastic.nothing
    rules, real = plastic.rules.copy(), registry.PRECISIONS[compiled.precision]
    schedules, values, n_values = [np.zeros(0, np.int32)], [np.zeros(0, real)], 0
    for name, value in given.items():
        takes = [p for p, model in zip(plastic.names, plastic.models, strict=True) if model.MODULATOR is not None]
        if name not in takes:
            raise SimulationError(
                f"modulators: no projection {name!r} whose plasticity takes one, only {', '.join(takes) or 'none'}"
            )
        if not isinstance(value, TimedInput):
            raise SimulationError(f"modulators: projection {name!r} takes a TimedInput, got {type(value).__name__}")
        number = plastic.names.index(name)
        row, model = rules[number], plastic.models[number]
        width = (
            int(plastic.projections[row[Plastic.PROJECTION], Proj.TARGET_SIZE]) if model.MODULATOR == "teaching" else 1
        )
        shape = value.values.shape
        if not (len(shape) == 1 or (len(shape) == 2 and model.MODULATOR == "teaching" and shape[1] == width)):
            wanted = f"(rows,) or (rows, {width})" if model.MODULATOR == "teaching" else "(rows,)"
            raise SimulationError(f"modulators: projection {name!r} takes values of shape {wanted}, got {shape}")
        if np.abs(value.values).max(initial=0) > np.finfo(real).max:
            raise SimulationError(f"modulators: the values for projection {name!r} exceed {np.dtype(real).name}")
        row[Plastic.WHICH], row[Plastic.SIGNALS] = (len(schedules) - 1) * steps, n_values
        row[Plastic.SIGNAL_WIDTH] = 1 if len(shape) == 1 else width
        schedules.append(_schedule(f"modulators: the times for projection {name!r}", value, compiled.network.dt, steps))
        values.append(value.values.ravel().astype(real))
        n_values += value.values.size
    return Modulation(rules, np.concatenate(schedules), np.concatenate(values))


def fitting(
    name: str, given: Any, size: int, copies: int, real: type[np.floating[Any]], *, timed: bool
) -> NDArray[np.float64]:
    """Return the values given to the population ``name``, or raise SimulationError where they do not fit."""
    array = real_array(f"inputs: the values for population {name!r}", given, SimulationError)
    if np.abs(array).max(initial=0) > np.finfo(real).max:
        raise SimulationError(f"inputs: the values for population {name!r} exceed {np.dtype(real).name}")
    if timed:
        fits = array.ndim == 1 or (array.shape[-1] == size and (array.ndim == 2 or array.shape[0] == copies))
        wanted = f"(rows,), (rows, {size}) or ({copies}, rows, {size})"
    else:
        fits = array.shape in ((size,), (copies, size))
        wanted = f"({size},) or ({copies}, {size})"
    if not fits:
        raise SimulationError(f"inputs: population {name!r} takes shape {wanted}, got {array.shape}")
    return array


def _schedule(what: str, value: TimedInput, dt: float, steps: int) -> NDArray[np.int32]:
    """Return for each step of the run the number of the row that it sets, or -1."""
    at = value.times / dt
    if np.any(np.abs(at - np.rint(at)) > 1e-6):
        raise SimulationError(f"{what} must be multiples of dt = {dt:g} ms")
    at = np.rint(at).astype(np.int64)
    schedule = np.full(steps, -1, np.int32)
    within = at < steps
    schedule[at[within]] = np.arange(len(at), dtype=np.int32)[within]
    return schedule


def check_train(population: Population, train: Any, copies: int) -> SpikeTrain:
    """Return what is given to a source of spikes, or raise SimulationError where it is no train of its neurons and copies."""
    name = population.name
    if not isinstance(train, SpikeTrain):
        raise SimulationError(f"inputs: population {name!r} takes a SpikeTrain, got {type(train).__name__}")
    if train.size != population.size:
        raise SimulationError(
            f"inputs: the train for {name!r} has {train.size} neurons, the population {population.size}"
        )
    if train.n_copies not in (1, copies):
        raise SimulationError(f"inputs: the train for {name!r} has {train.n_copies} copies, the simulator {copies}")
    return train


def _train(
    population: Population, train: SpikeTrain, copies: int, dt: float, steps: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return for each copy and step where its spikes start (and the end), and the neurons."""
    name = population.name
    if abs(train.dt - dt) > 1e-9 * dt:
        raise SimulationError(f"inputs: the train for {name!r} has dt = {train.dt:g} ms, the network {dt:g} ms")
    late = int(np.count_nonzero(train.steps - train.start >= steps))
    if late:
        raise SimulationError(f"inputs: the train for {name!r} has {late} spikes after the end of the run")
    slot = train.copies.astype(np.int64) * steps + train.steps - train.start
    ids = train.neurons
    order = slot * population.size + ids
    if np.any(
        np.diff(order) < 0
    ):  # exact times: within a step they are not in the order of the neurons, which kernels rely on
        sorting = np.argsort(order)
        slot, ids, order = slot[sorting], ids[sorting], order[sorting]
    if np.any(np.diff(order) == 0):
        raise SimulationError(f"inputs: the train for {name!r} fires a neuron twice in one step")
    if train.n_copies < copies:
        slot = (slot[None, :] + (np.arange(copies) * steps)[:, None]).ravel()
        ids = np.tile(ids, copies)
    counts = np.bincount(slot, minlength=copies * steps)
    return np.concatenate([[0], np.cumsum(counts)]), ids
