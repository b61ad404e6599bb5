"""Saved states: everything that a run changes, so that it goes on from there in another process, spike for spike.

A file belongs to one network, one precision and one number of copies; a digest of the compiled network says so. It is written
beside its place and moved there when it is whole.
"""

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ._errors import SimulationError
from .compilation import CompiledNetwork, State

__all__ = ["FORMAT_VERSION", "load_state", "read_arrays", "save_state", "write_arrays"]

FORMAT_VERSION = 1


def _digest(compiled: CompiledNetwork) -> str:
    digest = hashlib.sha256(
        f"{compiled.precision} {compiled.network.dt!r} {list(compiled.network.populations)}".encode()
    )
    for name in ("populations", "projections", "initial", "constants", "pointers", "targets", "weights", "delays"):
        array = np.ascontiguousarray(getattr(compiled, name))
        digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    for kind in (*compiled.neuron_kinds, *compiled.deliveries):
        digest.update(repr(kind).encode())
    return digest.hexdigest()


def write_arrays(path: str | os.PathLike[str], digest: str, arrays: dict[str, Any]) -> None:
    """Write arrays under a network's digest. Raises SimulationError where it cannot; no file is left then."""
    target = Path(path)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=target.name, suffix=".part", delete=False) as file:
            temporary = Path(file.name)
            np.savez_compressed(file, format=np.int64(FORMAT_VERSION), digest=np.str_(digest), **arrays)
        temporary.replace(target)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise SimulationError(f"the state cannot be written to {target}: {error.strerror or error}") from error


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
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise SimulationError(f"{source}: not a readable state file ({error})") from error
    if "format" not in arrays or "digest" not in arrays:
        raise SimulationError(f"{source}: an .npz file, but not a state saved by snnsim")
    if arrays["format"] != FORMAT_VERSION:
        raise SimulationError(f"{source}: format version {arrays['format']}, this snnsim reads {FORMAT_VERSION}")
    if str(arrays["digest"]) != digest:
        raise SimulationError(f"{source}: the state of another network, or of another precision or time step")
    return arrays


def save_state(path: str | os.PathLike[str], compiled: CompiledNetwork, state: State, numbers: dict[str, int]) -> None:
    """Write a state and the ``numbers`` that go with it (step, seed, first sample). Raises SimulationError where it cannot."""
    arrays = {**state._asdict(), **{key: np.uint64(value) for key, value in numbers.items()}}
    write_arrays(path, _digest(compiled), arrays)


def load_state(path: str | os.PathLike[str], compiled: CompiledNetwork, copies: int) -> tuple[State, dict[str, int]]:
    """Read what :func:`save_state` wrote for this network.

    Raises SimulationError where the file is missing, damaged, foreign, of another format version, network or number of copies.
    """
    arrays = read_arrays(path, _digest(compiled))
    fresh = compiled.state(copies)
    for name, expected in fresh._asdict().items():
        found = arrays.get(name)
        if found is None or found.dtype != expected.dtype or found.shape != expected.shape:
            shape = "nothing" if found is None else f"{found.dtype} {found.shape}"
            raise SimulationError(f"{path}: {name} must be {expected.dtype} {expected.shape}, got {shape}")
    state = State(*(np.ascontiguousarray(arrays[name]) for name in State._fields))
    return state, {key: int(arrays[key]) for key in ("step", "seed", "first_sample")}
