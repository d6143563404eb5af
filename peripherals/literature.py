"""Activation functions from the literature, most of them not monotone: their extrema are folds, as the nearest doubles.

Trainable parameters are fixed here, at the authors' initial values where these are known and at values of our choice
where the entry says so. Other values are an expression's matter (`memramp.peripherals.expression`).
"""

import math

import numpy as np
from scipy.special import expit, ndtr

from memramp.peripherals.function import FloatArray, Function, Span, quiet

_WIDE: Span = (-4.0, 4.0)
_CRRELU_EPSILON = 0.01  # initial value of the trainable factor
_ASH_SLOPE, _ASH_THRESHOLD = 2.0, 1.0  # ours: one standard deviation above the mean of standardised inputs
_POLY_1, _POLY_3 = 1.20096 / 8.0, -0.81562 / 8.0**3  # Kim et al. 2018, degree 3, least squares on -8 to 8


def _silu_slope(v: FloatArray) -> FloatArray:
    return np.asarray(expit(v) * (1.0 + v * expit(-v)))


def _gelu_slope(v: FloatArray) -> FloatArray:
    return np.asarray(ndtr(v) + v * np.exp(-0.5 * v * v) / math.sqrt(2.0 * math.pi))


def _mish_slope(v: FloatArray) -> FloatArray:
    softplus = np.logaddexp(0.0, v)
    # 1 - tanh^2 of the softplus, with all its digits
    return np.asarray(np.tanh(softplus) + 4.0 * v * expit(2.0 * softplus) * expit(-2.0 * softplus) * expit(v))


def _ash(v: FloatArray) -> FloatArray:
    return np.asarray(v * expit(_ASH_SLOPE * (v - _ASH_THRESHOLD)))


def _ash_slope(v: FloatArray) -> FloatArray:
    gate = _ASH_SLOPE * (v - _ASH_THRESHOLD)
    return np.asarray(expit(gate) * (1.0 + _ASH_SLOPE * v * expit(-gate)))


def _crrelu_slope(v: FloatArray) -> FloatArray:
    near = np.clip(v, -40.0, 40.0)  # beyond, the correction underflows to 0, and infinity times 0 is no number
    return np.where(v > 0, 1.0, 0.0) + _CRRELU_EPSILON * (1.0 - near * near) * np.exp(-0.5 * near * near)


def _hard_swish_slope(v: FloatArray) -> FloatArray:
    return np.where(v < -3.0, 0.0, np.where(v > 3.0, 1.0, (2.0 * v + 3.0) / 6.0))


def _polyrelu(v: FloatArray) -> FloatArray:
    part = np.maximum(v, 0.0)
    return part * (1.0 + part * (1.0 + part)) / 3.0


def _polyrelu_slope(v: FloatArray) -> FloatArray:
    part = np.maximum(v, 0.0)
    return np.where(v > 0, (1.0 + part * (2.0 + 3.0 * part)) / 3.0, 0.0)


def _cosine_sum(v: FloatArray) -> FloatArray:
    return 0.6 * np.sin(v) + 0.3 * np.sin(2.0 * v) + 0.1 * np.sin(4.0 * v)


def _cosine_sum_slope(v: FloatArray) -> FloatArray:
    return 0.6 * np.cos(v) + 0.6 * np.cos(2.0 * v) + 0.4 * np.cos(4.0 * v)


LITERATURE = (
    Function(
        "gelu",
        "x (1 + erf(x / sqrt(2))) / 2",
        lambda v: np.asarray(v * ndtr(v)),
        quiet(_gelu_slope),
        span=_WIDE,
        folds=(-0.7517915246935645,),
        source="Hendrycks, Gimpel, arXiv:1606.08415 (2016)",
    ),
    Function(
        "silu",
        "x / (1 + exp(-x))",
        lambda v: np.asarray(v * expit(v)),
        _silu_slope,
        span=_WIDE,
        folds=(-1.2784645427610737,),
        source="Elfwing, Uchibe, Doya, Neural Networks 107 (2018), arXiv:1702.03118; as Swish: Ramachandran, Zoph, Le, "
        "arXiv:1710.05941 (2017)",
    ),
    Function(
        "hard_swish",
        "x min(max(x + 3, 0), 6) / 6",
        quiet(lambda v: v * (np.clip(v + 3.0, 0.0, 6.0) / 6.0)),
        quiet(_hard_swish_slope),
        span=_WIDE,
        folds=(-1.5,),
        source="Howard et al., Searching for MobileNetV3, ICCV 2019, arXiv:1905.02244",
    ),
    Function(
        "mish",
        "x tanh(log(1 + exp(x)))",
        lambda v: np.asarray(v * np.tanh(np.logaddexp(0.0, v))),
        _mish_slope,
        span=_WIDE,
        folds=(-1.1924312145154952,),
        source="Misra, BMVC 2020, arXiv:1908.08681",
    ),
    Function(
        "crrelu",
        "max(x, 0) + 0.01 x exp(-x^2 / 2)",
        quiet(lambda v: np.maximum(v, 0.0) + _CRRELU_EPSILON * v * np.exp(-0.5 * v * v)),
        _crrelu_slope,
        span=_WIDE,
        folds=(-1.0,),
        source="Sun et al., A Method on Searching Better Activation Functions, arXiv:2405.12954 (2024); factor 0.01",
    ),
    Function(
        "ash",
        "x / (1 + exp(-2 (x - 1)))",
        _ash,
        _ash_slope,
        span=_WIDE,
        folds=(-0.5237392455124328,),
        source="Lee et al., Stochastic Adaptive Activation Function, NeurIPS 2022, arXiv:2210.11672; slope 2 and "
        "threshold 1, a standard deviation above the mean of standardised inputs, are our choice",
    ),
    Function(
        "square",
        "x^2",
        quiet(np.square),
        quiet(lambda v: 2.0 * v),
        span=(-2.0, 2.0),
        folds=(0.0,),
        inverses=(lambda y: -np.sqrt(y), np.sqrt),
        source="Gilad-Bachrach et al., CryptoNets, ICML 2016, PMLR 48:201-210",
    ),
    Function(
        "cube",
        "x^3",
        quiet(lambda v: v * v * v),
        quiet(lambda v: 3.0 * v * v),
        span=(-2.0, 2.0),
        inverses=(np.cbrt,),
        source="Chen, Manning, EMNLP 2014, doi 10.3115/v1/D14-1082",
    ),
    Function(
        "polyrelu",
        "(r + r^2 + r^3) / 3 with r = max(x, 0)",
        quiet(_polyrelu),
        quiet(_polyrelu_slope),
        span=(0.0, 2.0),
        source="Zhuo et al., Polynomial Composition Activations, ICLR 2025, arXiv:2411.03884; initial coefficients 1/3",
    ),
    Function(
        "poly_sigmoid",
        "0.5 + 1.20096 (x / 8) - 0.81562 (x / 8)^3",
        quiet(lambda v: 0.5 + v * (_POLY_1 + _POLY_3 * v * v)),
        quiet(lambda v: _POLY_1 + 3.0 * _POLY_3 * v * v),
        span=(-8.0, 8.0),
        folds=(-5.604665496199856, 5.604665496199856),
        source="Kim et al., JMIR Med. Inform. 6(2):e19 (2018), doi 10.2196/medinform.8805; coefficients as public "
        "implementations of it have them",
    ),
    Function(
        "snake",
        "x + sin(x)^2",
        quiet(lambda v: v + np.sin(v) ** 2),
        lambda v: 1.0 + np.sin(2.0 * v),
        span=_WIDE,
        source="Ziyin, Hartwig, Ueda, NeurIPS 2020, arXiv:2006.08195; frequency a = 1",
    ),
    Function(
        "cosine_sum",
        "0.6 cos(x - pi/2) + 0.3 cos(2 x - pi/2) + 0.1 cos(4 x - pi/2)",
        _cosine_sum,
        _cosine_sum_slope,
        span=(-math.pi, math.pi),
        folds=(-2.8089006694848457, -0.8007733198691254, 0.8007733198691254, 2.8089006694848457),
        source="data re-uploading activation (DARUAN): Jiang et al., Quantum Variational Activation Functions Empower "
        "Kolmogorov-Arnold Networks, arXiv:2509.14026 (2025); the coefficients are our choice",
    ),
)
