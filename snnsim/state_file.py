"""Saved states: everything that a run changes, so that it goes on from there in another process, spike for spike.

A file belongs to one network, one precision and one number of copies; a digest of the compiled network says so. It is written
beside its place and moved there when it is whole.
"""

import contextlib
import dataclasses
import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels.layout import PopulationColumn as Pop
from snnsim_kernels.layout import State
from snnsim_kernels.plasticity_layout import LearningState
from snnsim_models import FOREVER

from ._errors import SimulationError
from ._memory import aligned
from .compilation import CompiledNetwork
from .wiring import Wiring

__all__ = ["FORMAT_VERSION", "load_state", "read_arrays", "save_state", "write_arrays"]

FORMAT_VERSION = 3

_ARRAYS = (
    "populations", "projections", "stimuli", "initial", "constants", "delays", "thresholds", "stimulus_weights", "regulations",
    "regulation_values",
)  # fmt: skip
"""What makes a compiled network the one that a state belongs to, beside its synapses."""

_NUMBERS = ("step", "seed", "first_sample")


def _digest(compiled: CompiledNetwork) -> str:
    """Return the digest of a compiled network: the same wherever its synapses were built.

    Drawn synapses enter as their recipe, which decides them: those in a device's memory need not be fetched, and their weights may
    differ from the CPU's in the last bits. Whoever changes what a recipe draws raises FORMAT_VERSION.
    """
    digest = hashlib.sha256(
        f"{compiled.precision} {compiled.network.dt!r} {list(compiled.network.populations)}".encode()
    )
    for name in _ARRAYS:
        array = np.ascontiguousarray(getattr(compiled, name))
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.data)
    for projection in compiled.network.projections:
        made = projection.synapses
        given = (
            (getattr(made, field.name) for field in dataclasses.fields(made)) if dataclasses.is_dataclass(made) else ()
        )
        for value in (type(made).__name__, *(made.recipe if isinstance(made, Wiring) else given)):
            if isinstance(value, np.ndarray):
                digest.update(f"{value.dtype} {value.shape}".encode() + value.tobytes())
            else:
                digest.update(repr(value).encode())
    if len(compiled.plasticity):
        for array in (compiled.plasticity.rules, compiled.plasticity.parameters, compiled.plasticity.rates):
            digest.update(np.ascontiguousarray(array).data)
        digest.update(repr([(kind.rule.__name__, kind.variant) for kind in compiled.plasticity.kinds]).encode())
    for kind in (*compiled.neuron_kinds, *compiled.deliveries):
        digest.update(repr(kind).encode())
    return digest.hexdigest()


def write_arrays(path: str | os.PathLike[str], digest: str, arrays: dict[str, Any]) -> None:
    """Write arrays under a network's digest. Raises SimulationError where it cannot; no file is left then."""
    target = Path(path)
    # Of the permissions that any new file gets, which those of tempfile are not.
    temporary = target.with_name(f"{target.name}{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            np.savez_compressed(file, format=np.int64(FORMAT_VERSION), digest=np.str_(digest), **arrays)
        temporary.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise SimulationError(f"the state cannot be written to {target}: {error.strerror or error}") from error
        raise


def read_arrays(path: str | os.PathLike[str], digest: str) -> dict[str, Any]:
    """Read what :func:`write_arrays` wrote under the digest.

    Raises SimulationError where the file is missing, damaged, foreign, of another format version or network.
    """
    source = Path(path)
    try:
        with np.load(source, allow_pickle=False) as data:
            arrays = {key: data[key] for key in data.files}
    except FileNotFoundError:
        raise SimulationError(f"{source}: no such file") from None
    except Exception as error:  # a damaged archive raises whatever its reader stumbles over
        raise SimulationError(f"{source}: not a readable state file ({error})") from error
    if "format" not in arrays or "digest" not in arrays:
        raise SimulationError(f"{source}: an .npz file, but not a state saved by snnsim")
    if not np.array_equal(arrays["format"], FORMAT_VERSION):
        raise SimulationError(f"{source}: format version {arrays['format']}, this snnsim reads {FORMAT_VERSION}")
    if str(arrays["digest"]) != digest:
        raise SimulationError(f"{source}: the state of another network, or of another precision or time step")
    return arrays


def save_state(
    path: str | os.PathLike[str],
    compiled: CompiledNetwork,
    state: State,
    weights: NDArray[Any] | None,
    learned: LearningState,
    numbers: dict[str, int],
) -> None:
    """Write a state, its weights if they have changed (else None), what they learn with, and the ``numbers`` that go with them.

    These are step, seed and first sample. Raises SimulationError where it cannot.
    """
    arrays: dict[str, Any] = {**state._asdict(), **{key: np.uint64(value) for key, value in numbers.items()}}
    if weights is not None:
        arrays["weights"] = weights
    if len(compiled.plasticity):
        arrays |= learned._asdict()
    write_arrays(path, _digest(compiled), arrays)


def load_state(
    path: str | os.PathLike[str], compiled: CompiledNetwork, copies: int
) -> tuple[State, NDArray[Any] | None, LearningState, dict[str, int]]:
    """Read what :func:`save_state` wrote for this network: state, weights (None if unchanged), what they learn with, and numbers.

    Raises SimulationError where the file is missing, damaged, foreign, of another format version, network or number of copies.
    """
    arrays = read_arrays(path, _digest(compiled))
    expected_arrays = {**compiled.state(copies)._asdict(), **dict.fromkeys(_NUMBERS, np.zeros((), np.uint64))}
    if "weights" in arrays:
        expected_arrays["weights"] = compiled.weights
    learned = compiled.plasticity.state()
    if len(compiled.plasticity):
        expected_arrays |= learned._asdict()
    for name, expected in expected_arrays.items():
        found = arrays.get(name)
        if found is None or found.dtype != expected.dtype or found.shape != expected.shape:
            shape = "nothing" if found is None else f"{found.dtype} {found.shape}"
            raise SimulationError(f"{path}: {name} must be {expected.dtype} {expected.shape}, got {shape}")
    state = State(*(aligned(arrays[name]) for name in State._fields))
    if bad := _impossible(compiled, state):
        raise SimulationError(f"{path}: {bad}")
    if len(compiled.plasticity):
        learned = LearningState(*(arrays[name] for name in LearningState._fields))
        if np.any((learned.clock < 0) | (learned.clock > int(arrays["step"]))):
            raise SimulationError(
                f"{path}: clock of plastic projections must lie within 0 and the step {arrays['step']}"
            )
        for name in ("traces", "eligibility", "levels"):
            if not np.isfinite(arrays[name]).all():
                raise SimulationError(f"{path}: {name} must be finite")
    weights = arrays.get("weights")
    if compiled.changes_weights and weights is None:
        weights = compiled.weights.copy()
    return state, weights, learned, {key: int(arrays[key]) for key in _NUMBERS}


def _impossible(compiled: CompiledNetwork, state: State) -> str | None:
    """Return what no run can have left behind, and kernels would follow out of their arrays, or None."""
    for row, name in zip(compiled.populations, compiled.network.populations, strict=True):
        size, slots = row[Pop.SIZE], row[Pop.SLOTS]
        held = state.held[:, row[Pop.NEURON] : row[Pop.NEURON] + size]
        history = state.history[:, row[Pop.HISTORY] : row[Pop.HISTORY] + slots * size]
        lengths = state.lengths[:, row[Pop.LENGTHS] : row[Pop.LENGTHS] + slots]
        if np.any(held < 0) or (row[Pop.DAYS] == 0 and np.any((held > 0) & (held < FOREVER))):
            return f"held of population {name!r} must be steps of refractoriness"
        if np.any((lengths < 0) | (lengths > size)):
            return f"lengths of population {name!r} must lie within 0 and {size}"
        lists = history.reshape(len(history), slots, size)
        used = np.arange(size) < lengths[:, :, None]  # behind its end a list holds what nobody reads
        if np.any(used & ((lists < 0) | (lists >= size))):
            return f"history of population {name!r} must lie within 0 and {size - 1}"
        if np.any(used[:, :, 1:] & (np.diff(lists) <= 0)):
            return f"history of population {name!r} must list the spikes of a step in the order of the neurons"
    return None
