"""Ctrl-C while a kernel is compiled."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from numba.extending import overload
from snnsim_kernels._jit import jit


@pytest.fixture(autouse=True)
def ordinary_handler() -> Iterator[None]:
    """What a shell starts in the background ignores Ctrl-C, and so would these tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted_while_compiled(after: list[str]) -> Any:
    def seen() -> int:
        return 0

    @overload(seen)
    def compiled() -> Any:
        signal.raise_signal(signal.SIGINT)
        after.append("went on compiling")
        return lambda: 1

    @jit(cached=False)
    def kernel() -> int:
        return seen()

    return kernel


def test_an_interrupt_waits_until_the_kernel_is_compiled() -> None:
    after: list[str] = []
    kernel = interrupted_while_compiled(after)
    with pytest.raises(KeyboardInterrupt):
        kernel()
    assert after
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert kernel() == 1  # compiled already
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_an_own_handler_is_called_once_the_kernel_is_compiled() -> None:
    called: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: called.append(number))
    assert interrupted_while_compiled([])() == 1
    assert called == [signal.SIGINT]


def test_whoever_ignores_interrupts_goes_on_doing_so() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert interrupted_while_compiled([])() == 1
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
