"""Current against voltage: linear by default, a hyperbolic sine, or a measured curve.

Every device carries ``I = g F(V)`` with one curve F for all states, odd and monotone, and F(v_ref) = v_ref: g is the
conductance as it is quoted, measured at v_ref. Currents in uS * V = uA. Curves that change their shape with the state
are not described.

References
----------
.. [1] Hyperbolic sine for tunnelling and hopping conduction in filamentary oxide memories: Jiang et al., IEEE Trans.
   Electron Devices 63, 1884 (2016), doi 10.1109/TED.2016.2545412 (Stanford model).
"""

from abc import abstractmethod
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator
from scipy.interpolate import PchipInterpolator

from memramp.config import StrictModel, validate
from memramp.csvfile import csv_number, read_csv_rows
from memramp.errors import InputError
from memramp.quantities import Volts

FloatArray = NDArray[np.float64]

_MAX_BYTES = 1_000_000
_ODD = 0.02  # of the largest current: how far a measured curve may be from odd
_LARGEST = 700.0  # exponents that a float can hold
_Reference = Annotated[Volts, Field(ge=1e-6, le=100.0)]
_Scale = Annotated[Volts, Field(ge=1e-6, le=1e6)]
_MANY = Field(min_length=1, max_length=10_000)


class _Curve(StrictModel):
    """What every kind can do."""

    @abstractmethod
    def shape(self, v: ArrayLike) -> FloatArray:
        """Return F(V), in volts: the current of a device over its quoted conductance.

        Parameters
        ----------
        v : array_like, any shape
            Voltages across the device [V].

        Raises
        ------
        InputError
            A voltage at which the curve is not known, or not finite.
        """

    @abstractmethod
    def slope(self, v: ArrayLike) -> FloatArray:
        """Return dF/dV, dimensionless; as `shape`. Both are what `memramp.crossbar.wire_nonlinear` takes."""

    def current(self, g: ArrayLike, v: ArrayLike) -> FloatArray:
        """Return the currents of devices [uA].

        Parameters
        ----------
        g, v : array_like
            Quoted conductances [uS] and voltages [V], broadcast against each other.
        """
        return np.asarray(np.asarray(g, dtype=np.float64) * self.shape(v))


class LinearCurve(_Curve):
    """Ohm's law."""

    kind: Literal["linear"] = "linear"

    def shape(self, v: ArrayLike) -> FloatArray:
        """Return the voltages."""
        return _voltages(v)

    def slope(self, v: ArrayLike) -> FloatArray:
        """Return ones."""
        return np.ones(_voltages(v).shape)


class SinhCurve(_Curve):
    """``F(V) = v_ref sinh(V / v_0) / sinh(v_ref / v_0)`` [1]_; nearly linear where v_0 is large."""

    kind: Literal["sinh"] = "sinh"
    v_0: _Scale
    """Voltage scale of the nonlinearity [V]."""

    v_ref: _Reference = 0.2
    """Voltage at which conductances are quoted [V]."""

    def shape(self, v: ArrayLike) -> FloatArray:
        """Return F(V) [V]; see `_Curve.shape`."""
        a, b = self._exponents(v)
        size = np.exp(np.abs(a) - b) * (np.expm1(-2.0 * np.abs(a)) / np.expm1(-2.0 * b))  # sinh|a| / sinh b
        return np.asarray(self.v_ref * np.sign(a) * size)

    def slope(self, v: ArrayLike) -> FloatArray:
        """Return dF/dV; see `_Curve.slope`."""
        a, b = self._exponents(v)
        ratio = np.exp(np.abs(a) - b) * (1.0 + np.exp(-2.0 * np.abs(a))) / -np.expm1(-2.0 * b)  # cosh a / sinh b
        return np.asarray(b * ratio)

    def _exponents(self, v: ArrayLike) -> tuple[FloatArray, float]:
        a, b = _voltages(v) / self.v_0, self.v_ref / self.v_0
        if a.size and np.abs(a).max() - b > _LARGEST:
            raise InputError(
                f"I-V curve: at {np.abs(a).max() * self.v_0:g} V, a sinh of v_0 = {self.v_0:g} V gives no finite "
                "current"
            )
        return a, b


class CurvePoints(StrictModel):
    """The points of a measured curve."""

    voltages: Annotated[tuple[Volts, ...], _MANY]
    currents: Annotated[tuple[Annotated[float, Field(strict=True)], ...], _MANY]


class TableCurve(_Curve):
    """A measured curve, monotone cubic between its points, odd; beyond them it is refused.

    In a configuration the key ``file``, a CSV file, may stand for voltages and currents; see `iv_from_csv`. Currents
    may be in any unit: they are divided by what the curve has at v_ref. Points of both polarities must mirror each
    other within 2 % of the largest current; their mean is taken.
    """

    kind: Literal["table"] = "table"
    voltages: Annotated[tuple[Volts, ...], _MANY]
    """Ascending, with or without 0, of one polarity (positive) or of both [V]."""

    currents: Annotated[tuple[Annotated[float, Field(strict=True)], ...], _MANY]
    """As many, ascending, of the sign of the voltage [any unit]."""

    v_ref: _Reference = 0.2
    """Voltage at which conductances are quoted, within the table [V]."""

    @classmethod
    def from_file(cls, path: Path) -> CurvePoints:
        """Return what the key ``file`` stands for; see `iv_from_csv` for the form and for errors."""
        rows = read_csv_rows(path, ("voltage_V", "current_uA"), _MAX_BYTES)
        voltages, currents = (
            tuple(csv_number(cells, column, f"{path}, line {line}") for line, cells in rows)
            for column in ("voltage_V", "current_uA")
        )
        return validate(CurvePoints, {"voltages": voltages, "currents": currents}, str(path))

    @model_validator(mode="after")
    def _check(self) -> Self:
        last = self._curve.x[-1]
        if not self.v_ref <= last:
            raise ValueError(f"v_ref must lie within the table, up to {last:g} V, found {self.v_ref:g} V")
        return self

    @property
    def _curve(self) -> PchipInterpolator:
        # Not kept in the object: `model_copy` would hand it on to a curve of other points.
        return _interpolated(self.voltages, self.currents)

    def shape(self, v: ArrayLike) -> FloatArray:
        """Return F(V) [V]; see `_Curve.shape`."""
        voltage, curve = self._within(v), self._curve
        return np.asarray(np.sign(voltage) * self.v_ref * curve(np.abs(voltage)) / curve(self.v_ref))

    def slope(self, v: ArrayLike) -> FloatArray:
        """Return dF/dV; see `_Curve.slope`."""
        curve = self._curve
        return np.asarray(self.v_ref * curve(np.abs(self._within(v)), 1) / curve(self.v_ref))

    def _within(self, v: ArrayLike) -> FloatArray:
        voltage, last = _voltages(v), self._curve.x[-1]
        if voltage.size and np.abs(voltage).max() > last:
            raise InputError(f"I-V curve: it is known up to {last:g} V, found {np.abs(voltage).max():g} V")
        return voltage


@lru_cache(maxsize=16)
def _interpolated(voltages: tuple[float, ...], currents: tuple[float, ...]) -> PchipInterpolator:
    """Return the curve through the points and their mirror images, monotone and smooth; ValueError."""
    v, i = _half(np.array(voltages), np.array(currents))
    return PchipInterpolator(np.concatenate([-v[:0:-1], v]), np.concatenate([-i[:0:-1], i]))


def _half(voltage: FloatArray, current: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the positive half with the origin; raise ValueError on what is no odd monotone curve."""
    if voltage.size != current.size:
        raise ValueError(f"voltages and currents are as many, found {voltage.size} and {current.size}")
    for name, values in (("voltages", voltage), ("currents", current)):
        bad = np.flatnonzero(np.diff(values) <= 0.0)
        if bad.size:
            raise ValueError(f"{name} must ascend, found {values[bad[0]]:g} before {values[bad[0] + 1]:g}")
    up, down = voltage > 0.0, voltage < 0.0
    if not up.any():
        raise ValueError("the table needs points of positive voltage")
    if (current[up] <= 0.0).any() or (current[down] >= 0.0).any() or (current[~(up | down)] != 0.0).any():
        raise ValueError("currents must have the sign of their voltages, and be 0 at 0 V")
    half_v, half_i = np.append(0.0, voltage[up]), np.append(0.0, current[up])
    if not down.any():
        return half_v, half_i
    return half_v, _mirrored(half_v, half_i, -voltage[down][::-1], -current[down][::-1])


def _mirrored(v: FloatArray, i: FloatArray, v_down: FloatArray, i_down: FloatArray) -> FloatArray:
    """Return the mean of both polarities at the points of the positive one."""
    if v.size != v_down.size + 1 or not np.allclose(v[1:], v_down, rtol=1e-3, atol=0.0):
        raise ValueError("with points of both polarities, each positive voltage needs its negative one")
    apart = np.abs(i[1:] - i_down)
    if apart.max() > _ODD * i[-1]:
        at = 1 + int(np.argmax(apart))
        raise ValueError(
            f"the curve must be odd within {100 * _ODD:g} % of its largest current, found {i[at]:g} at {v[at]:g} V and "
            f"{-i_down[at - 1]:g} at {-v[at]:g} V"
        )
    return np.append(0.0, (i[1:] + i_down) / 2.0)


def iv_from_csv(path: Path | str, v_ref: float = 0.2) -> TableCurve:
    """Return the curve that a CSV file of the columns voltage_V,current_uA holds, measured at some conductance.

    Parameters
    ----------
    path : path
        UTF-8, ascending voltages; see `TableCurve`.
    v_ref : float
        Voltage at which conductances are quoted [V].

    Raises
    ------
    InputError
        Names the file, what was found and what is allowed.
    """
    points = TableCurve.from_file(Path(path)).model_dump()
    return validate(TableCurve, {"v_ref": v_ref, **points}, str(path))


def _voltages(v: ArrayLike) -> FloatArray:
    voltage = np.asarray(v, dtype=np.float64)
    if not np.isfinite(voltage).all():
        raise InputError("I-V curve: voltages must be finite numbers")
    return voltage


Curve = Annotated[LinearCurve | SinhCurve | TableCurve, Field(discriminator="kind")]
"""How the current of a device depends on its voltage."""
