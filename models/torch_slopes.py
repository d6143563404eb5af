"""Slopes of blurred staircases, which gradients may take in place of those of the smooth function (extra ``train``).

What a noisy pre-activation v + e makes of a staircase is, in the mean over e, the staircase convolved with the density
of e: a smooth function, whose derivative is a sum of bells at the thresholds, each as high as the output steps there.
For Gaussian e that is the exact gradient of the expected output. It knows where thresholds really lie, and vanishes
beyond the last one, where the output no longer changes.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Doubles = NDArray[np.float64]

_REACH = 5.0  # deviations beyond which a bell is left out: 6e-7 of it
_FINENESS = 6.0  # grid points in the narrowest bell's deviation: interpolation errs by 0.4 % of its height at most
_MOST_POINTS = 2**16


@dataclass(frozen=True)
class Blur:
    """Which blur: its deviation, or that of the hardware."""

    std: float | None = None
    """Deviation [pre-activation]; None: that which errors and read noise of the weights give to the sums of inputs
    that are independent and uniform in -1..1."""


@dataclass(frozen=True)
class Slopes:
    """A function of the pre-activation by linear interpolation between points of an even grid; zero outside."""

    low: float
    """First point [pre-activation]."""

    per_unit: float
    """Points for each unit of the pre-activation."""

    values: Tensor
    """At the points, [points]; the first and the last are zero."""

    rises: Tensor
    """From each point to the next, [points]; the last is zero."""

    def __call__(self, v: Tensor) -> Tensor:
        """Return the slopes at pre-activations of any shape."""
        place = ((v - self.low) * self.per_unit).clamp_(0, len(self.values) - 1)
        point = place.to(torch.int32)
        return torch.addcmul(self.values[point], self.rises[point], place - point)


def blurred_slopes(thresholds: Doubles, outputs: Doubles, std: float) -> Slopes:
    """Return the slopes of a blurred staircase.

    Parameters
    ----------
    thresholds : ndarray, [K]
        Non-decreasing [pre-activation].
    outputs : ndarray, [K + 1]
        Output of each count.
    std : float
        Deviation of the pre-activation's noise, >= 0. Each threshold has at least half the mean of the steps on its
        sides, so that slopes never vanish between thresholds [pre-activation].
    """
    spread = bell_deviations(thresholds, std)
    step = max(float(spread.min()) / _FINENESS, float(np.ptp(thresholds) + 2 * _REACH * spread.max()) / _MOST_POINTS)
    low = float((thresholds - _REACH * spread).min()) - step
    points = int(np.ceil((float((thresholds + _REACH * spread).max()) - low) / step)) + 2
    values = _bells(thresholds, np.diff(outputs), spread, low, step, points)
    rises = np.append(np.diff(values), 0.0)
    return Slopes(low, 1.0 / step, *(torch.from_numpy(part.astype(np.float32)) for part in (values, rises)))


def bell_deviations(thresholds: Doubles, std: float) -> Doubles:
    """Return the deviation of each threshold's bell, see `blurred_slopes`, [K]."""
    if len(thresholds) == 1:
        return np.array([max(std, 0.5)])  # one bit: there is no step to go by
    gaps = np.diff(thresholds)
    local = 0.5 * (np.append(gaps, gaps[-1]) + np.append(gaps[0], gaps))
    least = 1e-3 * max(float(np.ptp(thresholds)), 1e-3)  # where thresholds coincide
    found: Doubles = np.maximum(np.maximum(0.5 * local, std), least)
    return found


def _bells(centres: Doubles, areas: Doubles, spread: Doubles, low: float, step: float, points: int) -> Doubles:
    """Return the sum of Gaussian bells at the points of a grid, zero at both ends."""
    width = int(np.ceil(_REACH * spread.max() / step))
    nearest = np.rint((centres - low) / step).astype(np.int64)
    places = nearest[:, np.newaxis] + np.arange(-width, width + 1)
    away = (low + places * step - centres[:, np.newaxis]) / spread[:, np.newaxis]
    heights = (areas / (np.sqrt(2 * np.pi) * spread))[:, np.newaxis] * np.exp(-0.5 * away**2)
    inside = (np.abs(away) <= _REACH) & (places > 0) & (places < points - 1)
    return np.bincount(places[inside], heights[inside], minlength=points).astype(np.float64)
