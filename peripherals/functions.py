"""The library of functions that a ramp can put into its converter.

Bounded functions need no span: their levels divide the range between their limits. The others come with a default
span, the inputs between which the converter does not saturate: -4 to 4, four standard deviations of a standardised
pre-activation, unless a function asks for another. These defaults are our choice; measure your own network's
pre-activations and set the span.

At a kink, `Function.derivative` is what PyTorch takes; it is 0 wherever the converter would be flat.

References
----------
The functions without a source in their entry are textbook ones, as PyTorch defines them. Those from the literature are
in `memramp.peripherals.literature`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.special import expit

from memramp.errors import InputError
from memramp.peripherals.function import FloatArray, Function, Span, quiet, saturating
from memramp.peripherals.literature import LITERATURE

__all__ = ["ALIASES", "FUNCTIONS", "FloatArray", "Function", "FunctionInfo", "describe_functions", "get_function"]

_WIDE: Span = (-4.0, 4.0)
_LEAK = 0.01  # Maas et al. 2013, and PyTorch's default

# Klambauer et al. 2017: the fixed point at mean 0 and variance 1
_SELU_SCALE = 1.0507009873554804934193349852946
_SELU_ALPHA = 1.6732632423543772848170429916717


def _sigmoid_inverse(y: FloatArray) -> FloatArray:
    return np.log(y / (1.0 - y))


def _sigmoid_slope(v: FloatArray) -> FloatArray:
    return np.asarray(expit(v) * expit(-v))


def _tanh_inverse(y: FloatArray) -> FloatArray:
    return 0.5 * np.log((1.0 + y) / (1.0 - y))


def _tanh_slope(v: FloatArray) -> FloatArray:
    # 1 - tanh(v)^2 loses all digits for large |v|; tanh(v) = 2 sigmoid(2v) - 1 does not.
    return 4.0 * _sigmoid_slope(2.0 * v)


def _softplus_inverse(y: FloatArray) -> FloatArray:
    return y + np.log(-np.expm1(-y))  # log(exp(y) - 1) without overflow


def _elu(v: FloatArray) -> FloatArray:
    return np.where(v > 0, v, np.expm1(np.minimum(v, 0.0)))


def _elu_inverse(y: FloatArray) -> FloatArray:
    return np.where(y > 0, y, np.log1p(np.minimum(y, 0.0)))


def _selu(v: FloatArray) -> FloatArray:
    return _SELU_SCALE * np.where(v > 0, v, _SELU_ALPHA * np.expm1(np.minimum(v, 0.0)))


def _selu_slope(v: FloatArray) -> FloatArray:
    return _SELU_SCALE * np.where(v > 0, 1.0, _SELU_ALPHA * np.exp(np.minimum(v, 0.0)))


def _selu_inverse(y: FloatArray) -> FloatArray:
    return np.where(y > 0, y / _SELU_SCALE, np.log1p(np.minimum(y, 0.0) / (_SELU_SCALE * _SELU_ALPHA)))


_SQRT_DOMAIN: Span = (0.0, math.inf)
_SQRT, _SQRT_SLOPE = saturating(np.sqrt, quiet(lambda v: 0.5 / np.sqrt(v)), _SQRT_DOMAIN)

_STANDARD = (
    Function(
        "sigmoid",
        "1 / (1 + exp(-x))",
        lambda v: np.asarray(expit(v)),
        _sigmoid_slope,
        limits=(0, 1),
        inverses=(_sigmoid_inverse,),
    ),
    Function("tanh", "tanh(x)", np.tanh, _tanh_slope, limits=(-1, 1), inverses=(_tanh_inverse,)),
    Function(
        "hard_sigmoid",
        "min(max(x + 3, 0), 6) / 6",
        lambda v: np.clip(v + 3.0, 0.0, 6.0) / 6.0,
        lambda v: np.where(np.abs(v) < 3.0, 1.0 / 6.0, 0.0),
        limits=(0, 1),
        inverses=(lambda y: 6.0 * y - 3.0,),
    ),
    Function(
        "hard_tanh",
        "min(max(x, -1), 1)",
        lambda v: np.clip(v, -1.0, 1.0),
        lambda v: np.where(np.abs(v) < 1.0, 1.0, 0.0),
        limits=(-1, 1),
        inverses=(np.positive,),
    ),
    Function(
        "softsign",
        "x / (1 + abs(x))",
        lambda v: v / (1.0 + np.abs(v)),
        quiet(lambda v: (1.0 + np.abs(v)) ** -2.0),
        limits=(-1, 1),
        inverses=(lambda y: y / (1.0 - np.abs(y)),),
    ),
    Function(
        "softplus",
        "log(1 + exp(x))",
        lambda v: np.logaddexp(0.0, v),
        lambda v: np.asarray(expit(v)),
        span=_WIDE,
        inverses=(_softplus_inverse,),
    ),
    Function(
        "relu",
        "max(x, 0)",
        lambda v: np.maximum(v, 0.0),
        lambda v: np.where(v > 0, 1.0, 0.0),
        span=(0.0, 4.0),
        inverses=(np.positive,),
    ),
    Function(
        "leaky_relu",
        "x if x > 0 else 0.01 x",
        lambda v: np.where(v > 0, v, _LEAK * v),
        lambda v: np.where(v > 0, 1.0, _LEAK),
        span=_WIDE,
        inverses=(lambda y: np.where(y > 0, y, y / _LEAK),),
    ),
    Function(
        "elu",
        "x if x > 0 else exp(x) - 1",
        _elu,
        lambda v: np.exp(np.minimum(v, 0.0)),
        span=_WIDE,
        inverses=(_elu_inverse,),
        source="Clevert, Unterthiner, Hochreiter, ICLR 2016, arXiv:1511.07289",
    ),
    Function(
        "selu",
        "1.0507 (x if x > 0 else 1.67326 (exp(x) - 1))",
        _selu,
        _selu_slope,
        span=_WIDE,
        inverses=(_selu_inverse,),
        source="Klambauer et al., NeurIPS 2017, arXiv:1706.02515",
    ),
    Function("exp", "exp(x)", quiet(np.exp), quiet(np.exp), span=(-2.0, 2.0), inverses=(np.log,)),
    Function(
        "sqrt",
        "sqrt(x)",
        _SQRT,
        _SQRT_SLOPE,
        domain=_SQRT_DOMAIN,
        span=(0.0, 4.0),
        inverses=(np.square,),
    ),
    Function("identity", "x", np.positive, np.ones_like, span=_WIDE, inverses=(np.positive,)),
)

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {function.name: function for function in (*_STANDARD, *LITERATURE)}
)
"""The function library, by name."""

ALIASES: Mapping[str, str] = MappingProxyType({"swish": "silu", "linear": "identity", "daruan": "cosine_sum"})
"""Other names of functions in the library."""


@dataclass(frozen=True)
class FunctionInfo:
    """What a listing tells of a function."""

    name: str
    aliases: tuple[str, ...]
    formula: str

    domain: Span
    """Inputs for which it is defined [pre-activation]."""

    span: Span | None
    """Inputs that a converter resolves unless told otherwise; None: all [pre-activation]."""

    output_range: tuple[float, float]
    """Outputs over the span."""

    folds: tuple[float, ...]
    """Inputs at which it turns [pre-activation]."""

    source: str


def get_function(name: str) -> Function:
    """Return a function of the library.

    Raises
    ------
    InputError
        There is no function of this name.
    """
    known = ALIASES.get(name, name)
    if known not in FUNCTIONS:
        raise InputError(f"unknown activation function '{name}', allowed: {', '.join([*FUNCTIONS, *ALIASES])}")
    return FUNCTIONS[known]


def describe_functions() -> tuple[FunctionInfo, ...]:
    """Return what a listing tells of the library, in its order."""
    return tuple(_describe(function) for function in FUNCTIONS.values())


def _describe(function: Function) -> FunctionInfo:
    aliases = tuple(alias for alias, name in ALIASES.items() if name == function.name)
    return FunctionInfo(
        function.name,
        aliases,
        function.formula,
        function.domain,
        function.span,
        function.output_range(),
        function.folds,
        function.source,
    )
