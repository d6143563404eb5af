"""Static linearity of a ramp converter, in LSB of its output."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memramp.peripherals.function import FloatArray
from memramp.peripherals.ramp import RampDesign

_MISSING = 1e-9  # of its ideal width: a code as narrow as this is missing, the rest is rounding


def inl_dnl(thresholds: ArrayLike, design: RampDesign) -> tuple[FloatArray, FloatArray]:
    """Return integral and differential nonlinearity of a nonlinear converter.

    The converter is meant to be nonlinear in its input, so its errors are told at its output: transition i is where the
    function reaches f(V_i), and::

        INL_i = (f(V_i) - f(V_i ideal)) / LSB                              i = 0..K-1
        DNL_i = +-((f(V_{i+1}) - f(V_i)) / LSB - the same of the ideal)    i = 0..K-2

    The sign is that of the ideal step, so that a code is too narrow where its DNL is negative. With evenly spaced
    levels the ideal step is one LSB and DNL = -1 a missing code; with others, LSB is the mean output step. Errors are
    absolute: no offset, gain or best-fit line is taken out. With this definition, the start value exact (`program_ramp`
    with ``ideal_bias``) and a programming noise of 2.67 uS, a 5-bit ramp has a mean |INL| of 0.24 LSB and a mean
    maximum of 0.56 LSB; one-point calibration makes that 0.15 and 0.38.

    Parameters
    ----------
    thresholds : array_like, [..., K]
        Realised thresholds, non-decreasing, of one or more ramps [pre-activation].
    design : RampDesign
        The ideal converter.

    Returns
    -------
    inl : ndarray, [..., K]
        [LSB].
    dnl : ndarray, [..., K - 1]
        Of the counts 1..K-1, which have a transition on either side [LSB].

    Raises
    ------
    ValueError
        The number of thresholds is not that of the design.
    """
    realised = np.asarray(thresholds, dtype=np.float64)
    if realised.shape[-1:] != design.thresholds.shape:
        raise ValueError(f"expected {design.thresholds.size} thresholds, found the shape {realised.shape}")
    domain = design.function.domain
    ideal = design.function(design.thresholds) / design.levels.lsb
    transitions = design.function(np.clip(realised, *domain)) / design.levels.lsb
    steps = np.diff(ideal)
    # Where a counter turns, at a fold, two neighbouring transitions lie at the same output.
    sign = np.where(steps < 0.0, -1.0, 1.0)
    return transitions - ideal, sign * (np.diff(transitions, axis=-1) - steps)


def missing_codes(thresholds: ArrayLike, design: RampDesign) -> NDArray[np.bool_]:
    """Return which codes no input leads to, since their thresholds coincide and no other section shows them.

    Parameters
    ----------
    thresholds : array_like, [..., K]
        Realised thresholds, non-decreasing, of one or more ramps [pre-activation].
    design : RampDesign
        The ideal converter.

    Returns
    -------
    ndarray of bool, [..., codes]
        For each code that the ideal converter shows, in ascending order.
    """
    realised, codes = np.asarray(thresholds, dtype=np.float64), design.levels.codes
    wide = np.diff(realised, axis=-1) > _MISSING * np.diff(design.thresholds)
    taken = np.ones((*realised.shape[:-1], codes.size), np.bool_)  # the outermost counts always occur
    taken[..., 1:-1] = wide
    order = np.argsort(codes, kind="stable")
    first_of_code = np.flatnonzero(np.diff(codes[order], prepend=-1))
    return np.asarray(~np.logical_or.reduceat(taken[..., order], first_of_code, axis=-1))
