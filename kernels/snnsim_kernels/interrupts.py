"""Ctrl-C while Numba compiles waits until it has: an exception in the middle of LLVM's callbacks ends the process with a fault."""

import signal
import threading
from functools import cache
from types import FrameType
from typing import Any

from numba.core import event

__all__ = ["defer_interrupts"]


class _Deferral(event.Listener):  # type: ignore[misc]
    """Holds an interrupt back from when the main thread asks for the compiler's lock until it has released it."""

    def __init__(self) -> None:
        self._depth = 0
        self._interrupted = False
        self._handler: Any = None

    def on_start(self, event: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # Python runs signal handlers in the main thread alone
        self._depth += 1
        if self._depth == 1:
            self._handler = signal.getsignal(signal.SIGINT)
            if callable(self._handler):
                signal.signal(signal.SIGINT, self._hold)

    def on_end(self, event: Any) -> None:
        if threading.current_thread() is not threading.main_thread() or self._depth == 0:
            return
        self._depth -= 1
        if self._depth == 0 and callable(self._handler):
            signal.signal(signal.SIGINT, self._handler)
            if self._interrupted:
                self._interrupted = False
                self._handler(signal.SIGINT, None)

    def _hold(self, number: int, frame: FrameType | None) -> None:
        self._interrupted = True


_deferral = _Deferral()


@cache
def defer_interrupts() -> None:
    """Hold interrupts back from now on while anything is compiled in this process; they act as soon as it is."""
    event.register("numba:compiler_lock", _deferral)
