"""The ramp column: a staircase from memristors that fire one after another.

The column holds one device or a few per step of the ramp, some bias devices, and spare devices if wanted. All bias
devices fire together, with the sign opposite to the ramp's, and set the start value; then the ramp devices fire clock
by clock, each adding a step that is proportional to its conductance and to the width of its pulse [1]_::

    V_0     = -v_per_us * sum over bias devices (g w)
    V_{k+1} = V_k + v_per_us * sum over the devices of clock k+1 (g w)

Values are in units of the pre-activation (weight unit times full input pulse); `RampDesign.v_per_us` converts
conductances into them and is the only link between the two, fixed by the largest step, which takes g_max.

References
----------
.. [1] Yang et al., Nat. Commun. 16, 1136 (2025), doi 10.1038/s41467-025-56254-6. Equations as in the authors' released
   code; the even split of the bias conductance over its devices, steps of several devices, shorter pulses, lead-in and
   spares are our own.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from memramp.config import StrictModel
from memramp.devices import Device
from memramp.errors import InputError
from memramp.peripherals.function import FloatArray, Function
from memramp.peripherals.levels import Levels

Role = Literal["ramp", "bias", "spare"]


class WindowError(InputError):
    """Steps that no allowed number of devices and width of pulse can make."""


IntArray = NDArray[np.int64]

MAX_ROWS = 8192
_SLACK = 1e-9  # of a device: what rounding may add to a conductance at the edge of the window
_LEAST_BIAS = 0.1  # of g_max: less could not be trimmed downwards by calibration


class Realisation(StrictModel):
    """How steps may be made of devices."""

    max_devices: Annotated[int, Field(strict=True, ge=1, le=16)] = 1
    """Most devices that fire together for one step. With m of them, the largest step is m times g_max, so that an error
    of one device weighs 1/m of what it does in a column of single devices."""

    pulse_widths: Annotated[tuple[float, ...], Field(min_length=1, max_length=16)] = (1.0,)
    """Widths of pulses that the row drivers can make, relative to the ramp's full pulse, 0..1. A small step takes the
    shortest that fits: the larger conductance and its error weigh less."""

    bias_devices: Annotated[int, Field(strict=True, ge=1, le=1024)] | None = None
    """Number of bias devices; None: as few as can hold the start value."""

    spares: Annotated[int, Field(strict=True, ge=0, le=256)] = 0
    """Devices in reserve for ramp devices that turn out to be stuck; see `memramp.peripherals.Calibration`."""

    @field_validator("pulse_widths")
    @classmethod
    def _check_widths(cls, widths: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0.001 <= width <= 1.0 for width in widths) or max(widths) != 1.0:
            raise ValueError(f"pulse widths lie between 0.001 and 1, and 1 is one of them, found {list(widths)}")
        return tuple(sorted(set(widths), reverse=True))


@dataclass(frozen=True, eq=False)
class Column:
    """What stands in a ramp column, one entry a word line (row): ramp devices by clock, then bias, then spares."""

    role: tuple[Role, ...]
    """What each device is for, [rows]."""

    clock: IntArray
    """Clock cycle in which a device fires, [rows]: 1, 2, ... for the ramp, 0 for bias devices, -1 for spares: never."""

    polarity: IntArray
    """Sign with which a device fires, [rows]: +1 for the ramp, -1 for bias devices."""

    width: FloatArray
    """Width of the pulse relative to the ramp's full pulse, [rows], 0..1."""

    target: FloatArray
    """Conductance to be written, [rows]; spares stay at g_min [uS]."""

    write_order: IntArray
    """When a device is written, [rows], from 0; bias devices last, since they may follow what the others turned out to
    be; -1: not at all (spares)."""

    def rows(self, role: Role) -> IntArray:
        """Return the rows of one role."""
        return np.flatnonzero([found == role for found in self.role])

    @property
    def starts(self) -> IntArray:
        """Index, among the ramp rows, of the first device of each clock."""
        clocks = self.clock[self.rows("ramp")]
        return np.flatnonzero(np.diff(clocks, prepend=0))


@dataclass(frozen=True, eq=False)
class RampDesign:
    """What is to be programmed into a ramp column, and the converter that it would give with ideal devices."""

    levels: Levels
    """Function, resolution, ideal thresholds and outputs."""

    g_min: float
    """Lower end of the device window [uS]."""

    g_max: float
    """Upper end of the device window [uS]."""

    column: Column
    """The devices."""

    ramp: FloatArray
    """Ideal values, [n_clocks + 1]: those of the levels, after the start value where there is a lead-in
    [pre-activation]."""

    first: int
    """Index in `ramp` of the first threshold: 0, or 1 with a lead-in."""

    bias_total: float
    """What the bias devices hold together, with the width of their pulse: for the sigmoid, the half-ramp sum [uS]."""

    v_per_us: float
    """Pre-activation per uS that fires with a full pulse."""

    @property
    def function(self) -> Function:
        """The activation function."""
        return self.levels.function

    @property
    def bits(self) -> int:
        """Resolution of the converter."""
        return self.levels.bits

    @property
    def thresholds(self) -> FloatArray:
        """Ideal thresholds, [K], strictly increasing [pre-activation]."""
        return self.levels.thresholds

    @property
    def outputs(self) -> FloatArray:
        """Output of each count, [K + 1]."""
        return self.levels.outputs

    @property
    def g_steps(self) -> FloatArray:
        """Targets of the ramp devices in firing order [uS]."""
        return self.column.target[self.column.rows("ramp")]

    @property
    def g_bias(self) -> FloatArray:
        """Targets of the bias devices, all equal [uS]."""
        return self.column.target[self.column.rows("bias")]

    @property
    def steps(self) -> FloatArray:
        """Ideal steps of the ramp, [n_clocks], positive [pre-activation]."""
        return np.diff(self.ramp)

    @property
    def v_start(self) -> float:
        """Ideal start value, negative [pre-activation]."""
        return float(self.ramp[0])

    @property
    def anchor(self) -> int:
        """Index in `ramp` of the value nearest to 0, at which one-point calibration measures."""
        return self.first + self.levels.mid

    @property
    def compared(self) -> slice:
        """The values of the ramp that are thresholds."""
        return slice(self.first, self.first + self.thresholds.size)

    def pulse_width(self, scale: float) -> float:
        """Return how long a ramp device fires for a full pulse, in units of a full input pulse.

        Where ramp and weights share read voltage and feedback capacitance, a device of the ramp adds what a weight
        device of the same conductance adds for an input of this size.

        Parameters
        ----------
        scale : float
            Conductance per weight unit of the crossbar, > 0 [uS].
        """
        return self.v_per_us * scale


def realise(levels: Levels, device: Device, realisation: Realisation | None = None) -> RampDesign:
    """Turn the values that a ramp is to visit into the conductances of a column.

    The largest step takes `Realisation.max_devices` devices of g_max, which fixes `RampDesign.v_per_us`. Every other
    step takes that number of devices and that width of pulse, among those allowed and with conductances within the
    window, which leave the least programming error; with equal errors, the fewest devices and the widest pulse. The
    number of bias devices is the smallest that can hold the start value (5 for 5 bit, as printed in the paper); they
    share it evenly, which leaves each the same room for trimming.

    A ramp whose first threshold is not below 0 by a good part of a device's step (a ReLU's) starts with a *lead-in*:
    one bias device in the middle of the window lowers the start value, so that it can be trimmed both ways, and the
    first clock raises it to the first threshold.

    Raises
    ------
    InputError
        A step, the lead-in or the bias needs conductances outside the window, or too many devices.
    """
    chosen = realisation or Realisation()
    steps = np.diff(levels.ramp)
    if steps.size == 0:
        raise InputError(f"{levels.bits} bits of {levels.function.name} have one threshold only, which makes no ramp")
    full = chosen.max_devices * device.g_max
    unit = float(steps.max() / full)
    counts, widths, g_steps = _make_steps(levels, full * (steps / steps.max()), device, chosen)
    ramp, lead = levels.ramp, 0.0
    if -ramp[0] / unit < max(device.g_min, _LEAST_BIAS * device.g_max):
        start = -0.5 * (device.g_min + device.g_max) * unit
        lead = float((ramp[0] - start) / unit)
        ramp = np.concatenate([[start], ramp])
    bias = _share(-float(ramp[0]) / unit, device, chosen, levels, chosen.bias_devices)
    leading = _share(lead, device, chosen, levels) if lead else (0, 1.0, 0.0)
    column = _column(leading, (counts, widths, g_steps), bias, chosen.spares, device)
    return RampDesign(
        levels=levels,
        g_min=device.g_min,
        g_max=device.g_max,
        column=column,
        ramp=ramp,
        first=int(lead > 0.0),
        bias_total=bias[0] * bias[1] * bias[2],
        v_per_us=unit,
    )


_Share = tuple[int, float, float]
"""Number of devices that fire together, width of their pulse, conductance of each."""


def _make_steps(
    levels: Levels, charges: FloatArray, device: Device, realisation: Realisation
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return for each step the number of devices, the width of pulse and the conductance; `charges` are sums of g w."""
    options = [(m, w) for m in range(1, realisation.max_devices + 1) for w in realisation.pulse_widths]
    devices, widths = np.array([m for m, _ in options]), np.array([w for _, w in options])
    g = charges[:, None] / (devices * widths)
    slack = _SLACK * device.g_max
    fits = (g >= device.g_min - slack) & (g <= device.g_max + slack)
    variance = devices * (widths * device.prog_noise.std(g)) ** 2
    best = np.argmin(np.where(fits, variance, np.inf), axis=1)
    if not (possible := fits.any(axis=1)).all():
        raise WindowError(_out_of_window(levels, float(charges[~possible].min()), device, realisation))
    picked = np.arange(charges.size), best
    return devices[best], widths[best], np.clip(g[picked], device.g_min, device.g_max)


def _out_of_window(levels: Levels, charge: float, device: Device, realisation: Realisation) -> str:
    shortest = min(realisation.pulse_widths)
    pulses = f" with pulses of {shortest:g}" if shortest < 1.0 else ""
    return (
        f"a {levels.bits}-bit {levels.function.name} ramp with levels '{levels.kind}' needs steps down to {charge:.3g} "
        f"uS, below the device's g_min of {device.g_min:g} uS{pulses}; "
        f"take pulse_widths down to {charge / device.g_min:.2g}"
    )


def _share(
    charge: float, device: Device, realisation: Realisation, levels: Levels, devices: int | None = None
) -> _Share:
    """Return how devices that fire together hold a conductance evenly."""
    for width in realisation.pulse_widths:
        count = math.ceil(charge / (width * device.g_max) - _SLACK) if devices is None else devices
        g = charge / (max(count, 1) * width)
        if device.g_min <= g <= device.g_max * (1 + _SLACK) and count <= MAX_ROWS:
            return count, width, min(g, device.g_max)
    name, needed = f"{levels.bits}-bit {levels.function.name} ramp", math.ceil(charge / device.g_max - _SLACK)
    if devices is not None:
        raise InputError(f"{devices} bias devices cannot hold the start value of the {name}; it takes {needed}")
    raise InputError(
        f"the start value of the {name} takes {charge:.4g} uS, which {needed} devices of {device.g_min:g} to "
        f"{device.g_max:g} uS cannot share evenly; add pulse_widths below 1"
    )


def _column(
    lead: _Share, steps: tuple[IntArray, FloatArray, FloatArray], bias: _Share, spares: int, device: Device
) -> Column:
    counts = np.concatenate([[lead[0]] if lead[0] else [], steps[0]]).astype(np.int64)
    widths = np.concatenate([[lead[1]] if lead[0] else [], steps[1]])
    targets = np.concatenate([[lead[2]] if lead[0] else [], steps[2]])
    n_ramp, n_bias = int(counts.sum()), bias[0]
    if n_ramp + n_bias + spares > MAX_ROWS:
        rows = n_ramp + n_bias + spares
        raise InputError(f"the ramp column would take {rows} devices, at most {MAX_ROWS} are possible")
    roles = _roles("ramp", n_ramp) + _roles("bias", n_bias) + _roles("spare", spares)
    clocks = np.repeat(np.arange(1, counts.size + 1), counts)
    return Column(
        role=roles,
        clock=np.concatenate([clocks, np.full(n_bias, 0), np.full(spares, -1)]),
        polarity=np.array([1] * n_ramp + [-1] * n_bias + [1] * spares),
        width=np.concatenate([np.repeat(widths, counts), np.full(n_bias, bias[1]), np.ones(spares)]),
        target=np.concatenate([np.repeat(targets, counts), np.full(n_bias, bias[2]), np.full(spares, device.g_min)]),
        write_order=np.concatenate([np.arange(n_ramp + n_bias), np.full(spares, -1)]).astype(np.int64),
    )


def _roles(role: Role, count: int) -> tuple[Role, ...]:
    return (role,) * count
