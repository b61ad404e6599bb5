"""Which CUDA card there is to use. The driver itself is asked: that takes no memory on the card, and needs no numba-cuda."""

import ctypes
from importlib.util import find_spec
from typing import Any, NamedTuple

from numba import config

__all__ = ["Card", "NoCard", "find_card", "one_line", "require_numba_cuda", "simulated"]

_CUDA = (13, 0)
"""The CUDA of the ``gpu`` extra: what its compiler makes is refused by drivers of older ones."""

_CAPABILITY = (7, 5)
"""The oldest that this CUDA compiles for."""

_DRIVERS = ("libcuda.so.1", "nvcuda.dll")
_NO_DEVICE = 100
_ATTRIBUTE_MAJOR, _ATTRIBUTE_MINOR = 75, 76

_INSTALL = "pip install 'snnsim[gpu]'"


class NoCard(Exception):  # noqa: N818 (it says what is the case, and nobody but the choice of a backend sees it)
    """There is no card to use, and why, in one line."""


class Card(NamedTuple):
    """The first device that the driver shows."""

    name: str
    capability: tuple[int, int]
    memory: int
    """Bytes that it has in all."""
    cuda: tuple[int, int]
    """The newest CUDA that its driver knows."""

    def __str__(self) -> str:
        (major, minor), (of, revision) = self.capability, self.cuda
        return f"{self.name}, compute capability {major}.{minor}, {self.memory / 2**30:.0f} GiB, driver for CUDA {of}.{revision}"


def simulated() -> bool:
    """Return whether Numba's CUDA simulator stands in for a card."""
    return bool(config.ENABLE_CUDASIM)


def find_card() -> Card:
    """Return the card. Raises NoCard where there is no driver, no device, or one of them is too old for the compiler."""
    driver = _load_driver()
    version = ctypes.c_int()
    _call(driver, "cuDriverGetVersion", ctypes.byref(version))
    cuda = (version.value // 1000, version.value % 1000 // 10)
    if cuda < _CUDA:
        raise NoCard(f"the NVIDIA driver is too old: it knows CUDA {_dotted(cuda)}, snnsim needs {_dotted(_CUDA)}")
    count, device = ctypes.c_int(), ctypes.c_int()
    _call(driver, "cuInit", 0)
    _call(driver, "cuDeviceGetCount", ctypes.byref(count))
    if count.value == 0:
        raise NoCard("the NVIDIA driver shows no CUDA device")
    _call(driver, "cuDeviceGet", ctypes.byref(device), 0)
    name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t()
    _call(driver, "cuDeviceGetName", name, len(name), device)
    _call(driver, "cuDeviceTotalMem_v2", ctypes.byref(memory), device)
    major, minor = (_attribute(driver, which, device) for which in (_ATTRIBUTE_MAJOR, _ATTRIBUTE_MINOR))
    card = Card(name.value.decode(errors="replace"), (major, minor), memory.value, cuda)
    if card.capability < _CAPABILITY:
        raise NoCard(
            f"the card is too old: {card.name} has compute capability {major}.{minor}, CUDA {_dotted(_CUDA)} needs "
            f"{_dotted(_CAPABILITY)}"
        )
    return card


def require_numba_cuda() -> None:
    """Raise NoCard where numba-cuda is missing, or cannot compile, or does not come along with the driver.

    Imports it and opens the card: about a second.
    """
    if find_spec("numba_cuda") is None:
        raise NoCard(f"numba-cuda is not installed; {_INSTALL}")
    try:
        from numba import cuda
        from numba.cuda.cudadrv import nvvm

        nvvm.NVVM()
        cuda.current_context()
    except Exception as error:  # what is half-installed raises many kinds
        raise NoCard(f"numba-cuda does not work ({one_line(error)}); {_INSTALL}") from error


def one_line(error: Exception) -> str:
    """Return an error's kind and the beginning of what it says."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"


def _load_driver() -> Any:
    for name in _DRIVERS:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise NoCard(f"there is no NVIDIA driver ({_DRIVERS[0]} cannot be loaded)")


def _call(driver: Any, function: str, *arguments: Any) -> None:
    code = getattr(driver, function)(*arguments)
    if code == _NO_DEVICE:
        raise NoCard("the NVIDIA driver shows no CUDA device")
    if code != 0:
        raise NoCard(f"the NVIDIA driver does not work ({function} returned error {code})")


def _attribute(driver: Any, which: int, device: ctypes.c_int) -> int:
    value = ctypes.c_int()
    _call(driver, "cuDeviceGetAttribute", ctypes.byref(value), which, device)
    return value.value


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
