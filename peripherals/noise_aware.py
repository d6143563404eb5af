"""Levels for a ramp whose devices err: least expected squared error at the output, noise included.

A ramp of unequal steps pays for its largest step: that one takes g_max, so that an error of one device weighs
``v_per_us = (largest step) / g_max``, however small the device's own step is. The errors of the steps add up on the way
from the calibrated mid-scale value to a threshold i, which is off by a standard deviation

    s_i = v_per_us * sqrt(sum of the variances of the steps between them).

With ordered thresholds mu_i, outputs o_c and a density p(v), the expected squared error of f(v) is then exactly

    E = int p(v) sum_c P_c(v) (f(v) - o_c)^2 dv,    P_c(v) = Phi((v - mu_{c-1}) / s_{c-1}) - Phi((v - mu_c) / s_c),

and the best outputs are the conditional means. The placement minimises E over thresholds and outputs, with all steps
within what devices can make for a given ``v_per_us``, for a number of values of that. The design is our own.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import Bounds, minimize
from scipy.special import ndtr

from memramp.devices import Device
from memramp.errors import InputError
from memramp.peripherals.density import Density
from memramp.peripherals.function import FloatArray, Function, Span
from memramp.peripherals.levels import Levels
from memramp.peripherals.placement import halfway, lloyd_max_levels, on_grid, refine
from memramp.peripherals.ramp import RampDesign, Realisation, realise
from memramp.peripherals.ramp_noise import charge_variance

_UNITS = np.geomspace(1.1, 0.2, 14)  # values of v_per_us that are tried, relative to that of the Lloyd-Max ramp
_POINTS = 1024
_LEAST = 0.02  # of a device's g_max: steps below would be lost in the errors of others
_SHARP = 1e-3  # of the mean step: thresholds without noise are smoothed by this, for the sake of the gradient


def noise_aware_levels(
    function: Function,
    bits: int,
    density: Density,
    device: Device,
    realisation: Realisation | None = None,
    span: Span | None = None,
    output_bits: int | None = None,
) -> Levels:
    """Place levels for the least expected squared error at the output of a programmed, one-point calibrated ramp.

    Parameters
    ----------
    function, bits, density, span, output_bits
        As of `memramp.peripherals.placement.lloyd_max_levels`.
    device : Device
        Window, programming and read noise of the ramp's devices. Without noise, the result is that of Lloyd and Max.
    realisation : Realisation or None
        How steps may be made of devices.

    Raises
    ------
    InputError
        What `lloyd_max_levels` refuses, or steps outside the window.
    """
    start, chosen = lloyd_max_levels(function, bits, density, span, output_bits), realisation or Realisation()
    problem = _Problem.of(start, density, device, chosen)
    found = [start, *problem.candidates(start, span, output_bits)]
    errors = [_error_or_inf(levels, density, device, chosen) for levels in found]
    best = found[int(np.argmin(errors))]
    if not np.isfinite(min(errors)):
        realise(best, device, chosen)  # which says what does not fit
    return replace(best, kind="noise_aware")


def expected_error(design: RampDesign, density: Density, device: Device) -> float:
    """Return the root mean squared error at the output that a one-point calibrated ramp is expected to have.

    Parameters
    ----------
    design : RampDesign
        The column.
    density : Density
        Pre-activations to expect.
    device : Device
        The devices that will hold it: programming and read noise count, faults do not.
    """
    points, weights = refine(density)
    lo, hi = design.levels.span
    y = design.function(np.clip(points, lo, hi))
    spread = threshold_std(design, device)
    share = _shares(points, design.thresholds, np.maximum(spread, 1e-12 * design.levels.range))
    return float(np.sqrt(np.sum(weights * np.sum(share * (y - design.outputs[:, None]) ** 2, axis=0))))


def threshold_std(design: RampDesign, device: Device) -> FloatArray:
    """Return the standard deviation of each threshold after one-point calibration, [K] [pre-activation].

    Programming errors count from the calibrated value on, read noise from the start of the ramp on.
    """
    column, anchor = design.column, design.anchor
    ramp, bias = column.rows("ramp"), column.rows("bias")
    width, target = column.width[ramp], column.target[ramp]
    written = np.add.reduceat((width * device.prog_noise.std(target)) ** 2, column.starts)
    read = np.add.reduceat(charge_variance(device, target, width), column.starts)
    total = np.concatenate([[0.0], np.cumsum(written)])
    start = np.sum(charge_variance(device, column.target[bias], column.width[bias]))
    variance = np.abs(total - total[anchor]) + start + np.concatenate([[0.0], np.cumsum(read)])
    return np.asarray(design.v_per_us * np.sqrt(variance[design.compared]))


def _error_or_inf(levels: Levels, density: Density, device: Device, realisation: Realisation) -> float:
    try:
        return expected_error(realise(levels, device, realisation), density, device)
    except InputError:
        return float("inf")


def _shares(points: FloatArray, thresholds: FloatArray, std: FloatArray) -> FloatArray:
    """Return the probability of each count at each point, [K + 1, n]."""
    above = ndtr((points - thresholds[:, None]) / std[:, None])
    shares: FloatArray = np.diff(above, axis=0, prepend=1.0, append=0.0)
    return -shares


@dataclass(frozen=True, eq=False)
class _Problem:
    """The expected error as a function of the mid-scale value and the steps, for a fixed `v_per_us`."""

    levels: Levels
    points: FloatArray
    y: FloatArray
    weights: FloatArray
    charges: FloatArray
    """Sums of g w that a step may have, ascending [uS]."""
    variances: FloatArray
    """Variance of the error of a step of that charge [uS^2]."""
    read_start: float
    """Variance of the read noise of the bias devices [uS^2]."""
    read_step: float
    """Variance of the read noise of a step [uS^2]."""

    @classmethod
    def of(cls, levels: Levels, density: Density, device: Device, realisation: Realisation) -> "_Problem":
        points, weights = refine(density, max(1, _POINTS // density.points.size))
        lo, hi = levels.span
        least = max(device.g_min, _LEAST * device.g_max) * min(realisation.pulse_widths)
        charges = np.linspace(least, realisation.max_devices * device.g_max, 400)
        middle = (device.g_min + device.g_max) / 2
        read = float(charge_variance(device, middle, 1.0))
        rows = np.sum(np.diff(levels.ramp)[: levels.mid]) / np.diff(levels.ramp).max()
        return cls(
            levels=levels,
            points=points,
            y=levels.function(np.clip(points, lo, hi)),
            weights=weights,
            charges=charges,
            variances=_least_variance(charges, device, realisation),
            read_start=read * float(rows) * realisation.max_devices,
            read_step=read,
        )

    def candidates(self, start: Levels, span: Span | None, output_bits: int | None) -> list[Levels]:
        """Return the best levels for each of a number of values of `v_per_us`."""
        base = np.diff(start.ramp).max() / self.charges[-1]
        found, ramp = [], start.ramp
        for unit in base * _UNITS:
            ramp, outputs = self._solve(ramp, unit, None)
            if output_bits is not None:
                try:
                    outputs = on_grid(outputs, start.function.output_range(span), output_bits)
                except InputError:
                    continue
                ramp, outputs = self._solve(ramp, unit, outputs)
            if np.all(np.diff(outputs) > 0.0):
                lsb = float((outputs[-1] - outputs[0]) / (outputs.size - 1))
                found.append(replace(start, ramp=ramp, outputs=outputs[start.codes], lsb=lsb))
        return found

    def _solve(self, ramp: FloatArray, unit: float, fixed: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        """Return the best ramp and the outputs of the codes, with steps that devices can make at this unit."""
        low, high = unit * self.charges[0], unit * self.charges[-1]
        first = np.concatenate([[ramp[self.levels.mid]], np.clip(np.diff(ramp), low, high)])
        steps = np.ones(first.size - 1)
        bounds = Bounds(np.append(-np.inf, low * steps), np.append(np.inf, high * steps))
        scale = 1.0 / np.sum(self.weights * (self.y - np.sum(self.weights * self.y)) ** 2)
        result = minimize(  # type: ignore[call-overload]
            lambda x: self._error(x, unit, fixed, scale),
            first,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 80, "maxfun": 120},
        )
        x = np.asarray(result.x, dtype=np.float64)
        return self._ramp(x), self._outputs(_shares(self.points, self._ramp(x), self._std(x, unit)[0]), fixed)

    def _ramp(self, x: FloatArray) -> FloatArray:
        rise = np.concatenate([[0.0], np.cumsum(x[1:])])
        return np.asarray(x[0] + rise - rise[self.levels.mid])

    def _std(self, x: FloatArray, unit: float) -> tuple[FloatArray, FloatArray]:
        """Return the spread of each threshold, and the derivative of the variance that a step adds by that step."""
        charge = x[1:] / unit
        variance = np.interp(charge, self.charges, self.variances)
        slope = np.interp(charge, self.charges, np.gradient(self.variances, self.charges))
        total = np.concatenate([[0.0], np.cumsum(variance)])
        read = self.read_start + self.read_step * np.arange(total.size)
        sharp = (_SHARP * float(x[1:].mean())) ** 2
        spread = np.sqrt(unit**2 * (np.abs(total - total[self.levels.mid]) + read) + sharp)
        return spread, unit * slope

    def _outputs(self, share: FloatArray, fixed: FloatArray | None) -> FloatArray:
        if fixed is not None:
            return fixed
        # Not by BLAS, whose bits may depend on the number of threads.
        mass, moment = np.sum(share * self.weights, axis=1), np.sum(share * (self.weights * self.y), axis=1)
        codes, count = self.levels.codes, 2**self.levels.bits
        weight, sums = np.bincount(codes, mass, count), np.bincount(codes, moment, count)
        known = np.flatnonzero(weight > 1e-12)
        return np.asarray(np.interp(np.arange(count), known, sums[known] / weight[known]))

    def _error(self, x: FloatArray, unit: float, fixed: FloatArray | None, scale: float) -> tuple[float, FloatArray]:
        ramp, (spread, slope) = self._ramp(x), self._std(x, unit)
        share = _shares(self.points, ramp, spread)
        outputs = self._outputs(share, fixed)[self.levels.codes]
        error = float(np.sum(self.weights * np.sum(share * (self.y - outputs[:, None]) ** 2, axis=0)))
        # At the best outputs, the error does not change with them to first order: thresholds and spreads are left.
        gain = np.diff(outputs)[:, None] * (2 * halfway(outputs)[:, None] - 2 * self.y)
        z = (self.points - ramp[:, None]) / spread[:, None]
        bell = self.weights * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) / spread[:, None] * gain
        by_ramp, by_spread = -bell.sum(axis=1), -(bell * z).sum(axis=1)
        return scale * error, scale * self._gradient(by_ramp, by_spread / (2 * spread), slope)

    def _gradient(self, by_ramp: FloatArray, by_total: FloatArray, slope: FloatArray) -> FloatArray:
        """Return the gradient by mid-scale value and steps: seen from mid-scale, a step moves all beyond it."""
        mid = self.levels.mid
        return np.concatenate([[by_ramp.sum()], _beyond(by_ramp, mid, -1.0) + slope * _beyond(by_total, mid, 1.0)])


def _beyond(values: FloatArray, mid: int, sign: float) -> FloatArray:
    """Return for each step the sum over the thresholds beyond it; `sign` is that of those below mid-scale."""
    below = sign * np.cumsum(values[:mid])
    above = np.cumsum(values[: mid : -1])[::-1]
    return np.concatenate([below, above])


def _least_variance(charges: FloatArray, device: Device, realisation: Realisation) -> FloatArray:
    """Return the variance of the error of steps, made in the best way that is allowed [uS^2]."""
    options = [(m, w) for m in range(1, realisation.max_devices + 1) for w in realisation.pulse_widths]
    found = np.full(charges.shape, np.inf)
    for devices, width in options:
        g = charges / (devices * width)
        fits = (g >= device.g_min * (1 - 1e-9)) & (g <= device.g_max * (1 + 1e-9))
        found = np.where(fits, np.minimum(found, devices * (width * device.prog_noise.std(g)) ** 2), found)
    finite = np.isfinite(found)
    return np.asarray(np.interp(charges, charges[finite], found[finite]))
