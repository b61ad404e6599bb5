"""Learning kernels by rule, connection and precision: bound from the template on first use, never at import."""

from functools import cache
from typing import Any, NamedTuple

from numba import types
from snnsim_models import Plasticity
from snnsim_models import __name__ as MODEL_PACKAGE  # noqa: N812

from . import plasticity, propagation
from .binding import array_of, bind, of_rows, real_array

__all__ = ["LearningKind", "kind_of", "learning_kernel"]

_I64, _I32 = types.int64, types.int32


class LearningKind(NamedTuple):
    """What plastic projections must share to be served by one kernel."""

    rule: type[Plasticity]
    variant: str
    functions: tuple[Any, Any, Any]  # on_pre, on_post and on_signal, each a compiled function or None
    n_constants: int
    n_pre: int  # traces
    n_post: int
    eligible: bool
    connectivity: str  # "dense" or "sparse"
    narrow: bool  # whether targets have 16 bits (sparse only)
    masked: bool  # whether some pairs have no synapse (dense only)

    def name(self, precision: str) -> str:
        """The suffix that tells its kernel from others."""
        flags = [flag for flag in ("narrow", "masked") if getattr(self, flag)]
        return "_".join([self.rule.__name__, self.variant.replace("-", "_"), self.connectivity, *flags, precision])


def kind_of(rule: Plasticity, connectivity: str, *, narrow: bool, masked: bool) -> LearningKind:
    """Return the kind of a projection that learns by ``rule``."""
    functions = (rule.on_pre, rule.on_post, rule.on_signal)
    numbers = len(rule.constants()), len(rule.pre_traces), len(rule.post_traces)
    return LearningKind(
        type(rule), rule.variant, functions, *numbers, rule.eligibility is not None, connectivity, narrow, masked
    )


def _signature(precision: str) -> Any:
    real, whole, narrow_whole = real_array(precision), array_of(_I64), array_of(_I32)
    return types.void(
        types.boolean, whole, whole, _I64, _I64, array_of(_I64, 2), narrow_whole, narrow_whole, whole, whole, narrow_whole,
        array_of(types.uint16), real, whole, narrow_whole, narrow_whole, array_of(types.uint8), real, array_of(types.float64), real,
        real, whole, array_of(types.float64), narrow_whole, real, whole,
    )  # fmt: skip


@cache
def learning_kernel(kind: LearningKind | None, precision: str) -> Any:
    """Return the compiled kernel of a kind of plastic projection; None: one that does nothing."""
    if kind is None:
        return bind(plasticity.learn_nothing, f"learn_nothing_{precision}", _signature(precision))
    cached = kind.rule.__module__.split(".")[0] == MODEL_PACKAGE
    suffix, dense = kind.name(precision), kind.connectivity == "dense"
    names: dict[str, Any] = {
        "on_pre": kind.functions[0],
        "on_post": kind.functions[1],
        "on_signal": kind.functions[2],
        "HAS_PRE": kind.functions[0] is not None,
        "HAS_POST": kind.functions[1] is not None,
        "HAS_SIGNAL": kind.functions[2] is not None,
        "ELIGIBLE": kind.eligible,
        "DENSE": dense,
        "MASKED": kind.masked,
        "N_PRE": kind.n_pre,
        "N_POST": kind.n_post,
        "N_CONSTANTS": kind.n_constants,
        "reached_of": propagation.narrow if kind.narrow else propagation.wide,
        "row_of": getattr(plasticity, f"row_{kind.connectivity}"),
        "column_of": getattr(plasticity, f"column_{kind.connectivity}"),
        "constants_of": of_rows("scalars", kind.n_constants),
        "weight_at": plasticity.moving_weight if kind.eligible else plasticity.standing_weight,
        "change": plasticity.change_eligibility if kind.eligible else plasticity.change_weight,
    }
    for side, n in (("pre", kind.n_pre), ("post", kind.n_post)):
        names |= {
            f"{side}_rows": of_rows("rows", n),
            f"{side}_of": of_rows("read", n),
            f"raise_{side}": of_rows("raise", n),
            f"{side}_powers": of_rows("powers", n),
            f"{side}_kept": of_rows("scalars", n),
        }
    for loop, wanted in (("rows", "PRE"), ("columns", "POST"), ("signal", "SIGNAL")):
        if names[f"HAS_{wanted}"]:
            template = getattr(plasticity, f"{loop}_{kind.connectivity}")
            names[loop] = bind(template, f"{template.__name__}_{suffix}", None, cached=cached, **names)
    return bind(plasticity.learn, f"learn_{suffix}", _signature(precision), cached=cached, **names)
