"""Whether there is a card to run on, and if not, why. This can be asked where numba-cuda is not installed."""

__all__ = ["missing_card"]


def missing_card() -> str | None:
    """Return in a few words why no kernel can run on a card here, or None. Numba's simulator is no card."""
    try:
        from numba import config, cuda
    except ImportError as error:
        return f"numba-cuda is not installed ({error})"
    if config.ENABLE_CUDASIM:
        return "NUMBA_ENABLE_CUDASIM is set: Numba simulates a card"
    try:
        if cuda.is_available():
            cuda.current_context()
            return None
        why = cuda.cuda_error() or "none that is supported"
    except Exception as error:  # whatever the driver says: it is too old, there is no memory for a context
        why = f"{type(error).__name__}: {error}"
    return f"no CUDA card or driver can be used ({' '.join(str(why).split())})"
