"""Search over the doubles themselves: exact to the last bit, in 64 steps, near zero and towards infinity alike."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
_ALL_BUT_SIGN = np.int64(2**63 - 1)


def first_true(holds: Callable[[FloatArray], NDArray[np.bool_]], lo: ArrayLike, hi: ArrayLike) -> FloatArray:
    """Return the lowest numbers of ranges from which on a condition holds, elementwise.

    Parameters
    ----------
    holds : callable
        From an array of the ranges' shape to bool; false up to some number, true from it on. Where products underflow
        to zero, that number is a subnormal one beside 0; then 0 is returned.
    lo, hi : array_like
        Ends of the ranges, infinite ones allowed; the condition is taken to hold at `hi` and not to hold at `lo`.
    """
    before, after = to_order(lo), to_order(hi)
    for _ in range(64):
        middle = halfway(before, after)
        found = holds(from_order(middle))
        after, before = np.where(found, middle, after), np.where(found, before, middle)
    found_at = from_order(after)
    return np.where(np.abs(found_at) < np.finfo(np.float64).tiny, 0.0, found_at)


def to_order(numbers: ArrayLike) -> NDArray[np.int64]:
    """Return integers in the order of doubles: neighbours differ by 1; 0 is 0, and -0 is -1."""
    bits = np.asarray(numbers, dtype=np.float64).view(np.int64)
    return np.asarray(np.where(bits < 0, bits ^ _ALL_BUT_SIGN, bits))


def from_order(order: NDArray[np.int64]) -> FloatArray:
    """Return the doubles of integers of `to_order`; -0 becomes 0."""
    numbers = np.where(order < 0, order ^ _ALL_BUT_SIGN, order).view(np.float64)
    return np.asarray(numbers + 0.0)


def halfway(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the integers halfway, rounded down; a + b would overflow."""
    return np.asarray((a & b) + ((a ^ b) >> 1))
