"""The folder that a comparison writes to: finished parts, the resume check, and nothing of anyone else's.

`<out>/parts/run.json` says what the run is; each finished ANN or spiking network is two more files beside it, its
figures (JSON) and its answers to every image (.npz). A file appears whole or not at all, a part's JSON last.
"""

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from snnsim._errors import ResultsError

OUTPUTS = ("results.json", "points.csv", "accuracy_vs_ops.png", "accuracy_vs_ops.svg", "report.md")
"""Files that a comparison leaves in its folder, beside `parts/` and, where it had to train, `weights/`."""

_PART = re.compile(r"run\.json|(ann|snn|learned)-[\w.-]+\.(json|npz)")

Arrays = dict[str, npt.NDArray[Any]]


class Store:
    """The parts of one run, opened for reading and adding.

    Parameters
    ----------
    out
        The result folder; made where missing.
    run
        What the run is, JSON values only. Every entry must equal that of the run that began the folder.
    force
        Delete an earlier run's files first.

    Raises
    ------
    ResultsError
        The folder holds another run (the message names the entries that differ), or files that are not snnsim's.
    """

    def __init__(self, out: Path, run: dict[str, Any], *, force: bool = False) -> None:
        self.parts = out / "parts"
        refuse(out, run, force=force)
        if force:
            _delete(out)
        if _record(out).exists():
            return
        try:
            self.parts.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResultsError(f"{self.parts}: cannot be made ({error.strerror})") from error
        write(_record(out), to_json(run))

    def read(self, kind: str, name: str) -> tuple[dict[str, Any], Arrays] | None:
        """The finished part of that kind ("ann", "snn" or "learned") and name, None where there is none yet."""
        path = self._path(kind, name)
        arrays = path.with_suffix(".npz")
        if not path.exists() or not arrays.exists():
            return None
        part = _load(path)
        entry = part.get("entry")
        if not isinstance(entry, dict) or entry.get("name") != name or not isinstance(part.get("wall_s"), int | float):
            raise _damaged(path, f"it does not hold {name}")
        return part, _load_arrays(arrays)

    def add(self, kind: str, name: str, part: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Keep a finished part."""
        path = self._path(kind, name)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        write(path.with_suffix(".npz"), buffer.getvalue())
        write(path, to_json(part))

    def _path(self, kind: str, name: str) -> Path:
        # The digest keeps names apart that differ in characters no file name should hold.
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        return self.parts / f"{kind}-{re.sub(r'[^A-Za-z0-9.-]+', '_', name)}-{digest}.json"


def refuse(out: Path, run: dict[str, Any], *, force: bool = False) -> None:
    """Raise ResultsError where a `Store` of the same arguments would, as far as `run` tells; changes nothing.

    `run` may lack entries that are not known yet.
    """
    if out.exists() and not out.is_dir():
        raise ResultsError(f"{out}: is a file, the results need a folder")
    foreign = _foreign(out)
    if force or not _record(out).exists():
        if foreign:
            raise ResultsError(
                f"{out}: holds {foreign[0]}, which no run of snnsim's left there, so nothing is written or deleted; "
                "give another folder with --out"
            )
        return
    earlier = _load(_record(out))
    differing = [key for key in run if run[key] != earlier.get(key)]
    if differing:
        told = "; ".join(_difference(key, earlier.get(key), run[key]) for key in differing)
        raise ResultsError(
            f"{out}: holds another run, so it cannot be resumed: {told}. "
            "Give another folder with --out, or delete that run with --force"
        )


def _record(out: Path) -> Path:
    return out / "parts" / "run.json"


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if not isinstance(content, dict):
        raise _damaged(path, f"a JSON object was expected, not a {type(content).__name__}")
    return content


def _load_arrays(path: Path) -> Arrays:
    if not zipfile.is_zipfile(path):  # NumPy takes whatever is no archive for a pickle
        raise _damaged(path, "no .npz archive, or not a whole one")
    try:
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, why: object) -> ResultsError:
    return ResultsError(f"{path}: damaged ({why}); start over with --force or another --out")


def _foreign(out: Path) -> list[str]:
    """Entries of the folder that no run of snnsim's left there; without a record of a run, its files are foreign too.

    Hidden files are nobody's business.
    """
    own = {"parts", "weights", *(OUTPUTS if _record(out).exists() else ())}
    entries = [path.name for path in out.iterdir()] if out.is_dir() else []
    foreign = [name for name in entries if name not in own and not name.startswith(".")]
    parts = [path.name for path in (out / "parts").iterdir()] if (out / "parts").is_dir() else []
    return sorted(foreign + [f"parts/{name}" for name in parts if not _PART.fullmatch(name) and name[0] != "."])


def _delete(out: Path) -> None:
    for name in OUTPUTS:
        (out / name).unlink(missing_ok=True)
    if (out / "parts").is_dir():
        # The record goes last: a deletion cut short is still known for a run's folder.
        for path in sorted((out / "parts").iterdir(), key=lambda path: path.name == "run.json"):
            if _PART.fullmatch(path.name):
                path.unlink()


def _difference(key: str, earlier: object, now: object) -> str:
    if isinstance(earlier, dict) and isinstance(now, dict):
        names = sorted(name for name in earlier | now if earlier.get(name) != now.get(name))
        return f"{key} differ in {', '.join(names)}"
    return f"{key} was {json.dumps(earlier)} and is {json.dumps(now)}"


def to_json(value: object) -> str:
    """Readable JSON; floats keep every digit."""
    return json.dumps(value, indent=1, allow_nan=False) + "\n"


def write(path: Path, content: str | bytes) -> None:
    """Write a file so that it is never seen half written; raises ResultsError where it cannot be."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    except OSError as error:
        raise ResultsError(f"{path}: cannot be written ({error.strerror})") from error
