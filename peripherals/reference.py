"""Where the thresholds of a converter come from: what the effects of a circuit on them depend on."""

from dataclasses import dataclass, field

import numpy as np

from memramp.peripherals.function import FloatArray
from memramp.peripherals.programmed_ramp import ProgrammedRamp


@dataclass(frozen=True, eq=False)
class Reference:
    """Where the thresholds of a converter come from. By default, from somewhere without memristors or lead-in."""

    tracks: bool = False
    """Whether the thresholds scale as a ramp of memristors does, with read voltage, temperature and drift."""

    v_per_us: float | None = None
    """Pre-activation per uS of the ramp's full pulse; None where no memristors make the ramp."""

    lead: FloatArray = field(default_factory=lambda: np.empty(0))
    """Values of the ramp from its start to before the first threshold, [n_lead], usually none [pre-activation]."""

    widths: FloatArray = field(default_factory=lambda: np.empty(0))
    """Width of the pulse that leads to each value, lead included, relative to the ramp's full pulse, [n_lead + K],
    0..1; the first element is the start's. Empty: all 1."""


def reference_of(ramp: ProgrammedRamp) -> Reference:
    """Return what is behind the thresholds of a programmed ramp column."""
    return Reference(
        tracks=True,
        v_per_us=ramp.design.v_per_us,
        lead=ramp.values[: ramp.design.first],
        widths=_pulse_widths(ramp),
    )


def _pulse_widths(ramp: ProgrammedRamp) -> FloatArray:
    """Return the widths of the pulses that lead to the ramp's values, see `Reference.widths`.

    Where pulses of several widths lead to one, their mean, weighted by what each adds per time.
    """
    column, count = ramp.design.column, ramp.design.compared.stop
    rows = column.rows("ramp")
    clock, g = column.clock[rows], column.target[rows]
    charge = np.bincount(clock, g * column.width[rows], minlength=count)
    widths = np.ones(count)
    np.divide(charge[:count], np.bincount(clock, g, minlength=count)[:count], out=widths, where=charge[:count] > 0.0)
    widths[0] = column.width[column.rows("bias")].max(initial=0.0) or 1.0
    return np.asarray(np.minimum(widths * np.where(np.arange(count) > 0, ramp.gain, 1.0), 1.0))
