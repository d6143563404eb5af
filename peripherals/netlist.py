"""A ramp column as a SPICE deck: memristors, integrator, comparators and counters, for a circuit simulator to check.

The deck holds one resistor for each device that fires, a driver for its word line, an inverting integrator with its
feedback capacitor, and for each data column a held voltage, a clocked comparator and an up/down counter. It is written
for ngspice [1]_; the circuit of the paper [2]_ is known in outline only, so that all values and the timing within a
clock are reconstructed.

References
----------
.. [1] ngspice user's manual, https://ngspice.sourceforge.io/docs.html; tested with release 39.
.. [2] Yang et al., Nat. Commun. 16, 1136 (2025), doi 10.1038/s41467-025-56254-6.
"""

import math
import re
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from memramp.errors import InputError
from memramp.peripherals.circuit import CircuitConfig
from memramp.peripherals.function import FloatArray
from memramp.peripherals.programmed_ramp import ProgrammedRamp
from memramp.peripherals.ramp import RampDesign
from memramp.tablefile import write_new_file

MAX_COLUMNS = 4096
"""Most data columns of a deck."""

OPAMP_GAINS = (100.0, 1e12)
"""Open-loop gains that are taken: below, nothing integrates; above, doubles run out of digits."""

_EDGE = 1 / 500  # of a full ramp pulse: rise and fall of every pulse
_ENTRIES = 6  # of a piecewise linear source in one line: long lines are cut off by some simulators


def ramp_netlist(
    ramp: RampDesign | ProgrammedRamp,
    inputs: ArrayLike = (),
    *,
    circuit: CircuitConfig | None = None,
    scale: float = 75.0,
    opamp_gain: float = 1e9,
    control: bool = True,
) -> str:
    """Return a ramp column and its converters as a self-contained SPICE deck.

    Sign: ramp devices are read with -v_read and bias devices with +v_read, so that the output of the inverting
    integrator rises with the ramp and starts below 0. Its volts divided by `CircuitConfig.volts_per_unit` are
    pre-activations; voltages are relative to that at which the integrator holds the bit line.

    A cycle of the deck lasts half a full ramp pulse longer than the pulse itself: the comparators decide when the
    pulse has settled. No charge flows in that time (but for a finite gain), so that codes do not depend on it.

    Parameters
    ----------
    ramp : RampDesign or ProgrammedRamp
        Ideal devices, or those of one programmed column, without read noise.
    inputs : array_like, [n]
        Pre-activations of the data columns, finite, at most 4096; none leaves the ramp alone.
    circuit : CircuitConfig or None
        Voltage, times and capacitance; None: the defaults. Its errors (offsets, noise, leakage, gain, ...) are not in
        the deck.
    scale : float
        Conductance per weight unit of the crossbar, > 0 [uS].
    opamp_gain : float
        Open-loop gain of the integrator's amplifier, 1e2..1e12. Word lines rest at 0 V and stay connected, so that with
        a finite gain the integrator leaks through all devices, which `IntegratorConfig.gain` leaves out.
    control : bool
        Whether a ``.control`` section runs the deck in ngspice and prints ``threshold_K = VOLTS`` for each threshold
        and ``code_J = CODE`` for each data column; without it, other simulators may read the deck.

    Raises
    ------
    InputError
        Inputs that are not finite, not one-dimensional or too many; a scale, gain or conductance out of range.
    """
    values = _check_inputs(inputs)
    if not 0.0 < scale < np.inf:
        raise InputError(f"scale of a netlist must be positive, found {scale} uS")
    if not OPAMP_GAINS[0] <= opamp_gain <= OPAMP_GAINS[1]:
        raise InputError(f"opamp_gain must be {OPAMP_GAINS[0]:g} to {OPAMP_GAINS[1]:g}, found {opamp_gain}")
    design, gain = (ramp.design, ramp.gain) if isinstance(ramp, ProgrammedRamp) else (ramp, 1.0)
    sections = [
        _heading(design, isinstance(ramp, ProgrammedRamp)),
        _parameters(design, gain, circuit or CircuitConfig(), scale, opamp_gain),
        _devices(ramp, design),
        _integrator(),
        _clocks(design),
        _data_columns(values, int(design.levels.codes[0])),
        _analysis(design),
        _control(design, values.size) if control else [],
        [".end"],
    ]
    return "\n".join(line for section in sections for line in section) + "\n"


def write_netlist(
    path: Path,
    ramp: RampDesign | ProgrammedRamp,
    inputs: ArrayLike = (),
    *,
    circuit: CircuitConfig | None = None,
    scale: float = 75.0,
    opamp_gain: float = 1e9,
    control: bool = True,
    force: bool = False,
) -> None:
    """Write the deck of `ramp_netlist`, which describes the other parameters; the file appears whole or not at all.

    Parameters
    ----------
    path : Path
        File to be written; its folder must exist.
    force : bool
        Replace a file that is there.

    Raises
    ------
    InputError
        The file exists and `force` is not set, it cannot be written, or see `ramp_netlist`.
    """
    deck = ramp_netlist(ramp, inputs, circuit=circuit, scale=scale, opamp_gain=opamp_gain, control=control)
    write_new_file(path, deck.encode("ascii"), force=force)


def _check_inputs(inputs: ArrayLike) -> FloatArray:
    values = np.asarray(inputs, dtype=np.float64)
    if values.ndim != 1 or values.size > MAX_COLUMNS:
        raise InputError(f"inputs of a netlist are a list of at most {MAX_COLUMNS}, found the shape {values.shape}")
    if not np.isfinite(values).all():
        raise InputError(f"inputs of a netlist must be finite, found {values[~np.isfinite(values)][0]}")
    return values


def _number(value: float) -> str:
    """Return a number in the shortest form that reads back as the same double; with a point, whatever the locale."""
    return repr(float(value))


def _plain(text: str) -> str:
    """Return a name as it may stand in a deck: no line break, no character that means something to a simulator."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)[:60]


def _heading(design: RampDesign, programmed: bool) -> list[str]:
    name, kind = _plain(design.function.name), design.levels.kind
    devices = "as programmed on one chip" if programmed else "ideal, as designed"
    return [
        f"memramp ramp column: {design.bits}-bit {name}, levels {kind}",
        f"* {design.thresholds.size} thresholds; devices: {devices}",
        "* Units: volt, second, farad, ohm. Circuit and values are reconstructed; the paper is Yang et al.,",
        "* Nat. Commun. 16, 1136 (2025), doi 10.1038/s41467-025-56254-6.",
        "* V(ramp) / volts_per_unit is a pre-activation (weight unit times full input pulse). The integrator inverts:",
        "* ramp devices are read with -v_read, so that V(ramp) rises; bias devices with +v_read.",
        "* First cycle: reset. Second: all bias devices (clock 0). Then clock 1, 2, ... of the ramp, one cycle each.",
        "* Within a cycle: the read pulses, a pause, the strobe of the comparators.",
        "",
    ]


def _parameters(design: RampDesign, gain: float, circuit: CircuitConfig, scale: float, opamp_gain: float) -> list[str]:
    shortest = float(design.column.width[design.column.clock >= 0].min()) * min(gain, 1.0)
    given = {
        "v_read": (circuit.v_read, "V, read pulses of ramp, bias and data columns"),
        "t_ramp": (circuit.t_ramp, "s, full pulse of a ramp device: one clock"),
        "t_pulse": (circuit.t_pulse, "s, full input pulse of a data column"),
        "c_fb": (circuit.c_fb, "F, feedback capacitor of a data column"),
        "scale_us": (scale, "uS per weight unit in the data columns"),
        "v_per_us": (design.v_per_us, "pre-activation per uS that fires with a full ramp pulse"),
        "gain": (gain, "width of ramp pulses relative to the designed one, set by two-point calibration"),
        "a_ol": (opamp_gain, "open-loop gain of the integrator's amplifier"),
    }
    derived = {
        "volts_per_unit": ("scale_us*1e-6*v_read*t_pulse/c_fb", "V per unit of pre-activation"),
        "c_ramp": ("c_fb*t_ramp/(t_pulse*v_per_us*scale_us)", "F, 1 uS of a full ramp pulse gives v_per_us units"),
        "t_edge": (f"{_number(min(_EDGE, shortest / 4))}*t_ramp", "s, rise and fall of all pulses"),
        "t_full": ("t_ramp*max(1,gain)", "s, time for the read pulses"),
        "t_cycle": ("t_full+0.5*t_ramp", "s, one cycle of the deck"),
        "t_strobe": ("0.2*t_ramp", "s, time in which a comparator decides and its counter counts"),
    }
    lines = [f".param {name}={_number(value)} ; {what}" for name, (value, what) in given.items()]
    return [*lines, *(f".param {name}={{{rule}}} ; {what}" for name, (rule, what) in derived.items()), ""]


def _devices(ramp: RampDesign | ProgrammedRamp, design: RampDesign) -> list[str]:
    """Return driver and resistor of each row; the charge of a pulse is v_read * width, its edges included."""
    column = design.column
    g = column.target.copy()
    g[column.rows("ramp")], g[column.rows("bias")] = ramp.g_steps, ramp.g_bias
    lines = ["* Memristors: row, role, clock, width of pulse, conductance; each with the driver of its word line."]
    for row, role in enumerate(column.role):
        held = f"width {_number(column.width[row])}, {_number(g[row])} uS"
        if role == "spare":
            lines.append(f"* row {row}: spare, never fires in its own place, left out")
        elif not _conducts(float(g[row])):
            lines.append(f"* row {row}: {role}, clock {column.clock[row]}, {held}: does not conduct, left out")
        else:
            lines.append(f"* row {row}: {role}, clock {column.clock[row]}, {held}")
            lines += [_driver(design, row), f"R{role}_{row} wl_{row} sum {_number(1e6 / g[row])}"]
    return [*lines, ""]


def _conducts(g: float) -> bool:
    """Return whether a conductance [uS] has a finite resistance."""
    if not 0.0 <= g < np.inf:
        raise InputError(f"conductances of a netlist are finite and not negative, found {g} uS")
    return g > 0.0 and math.isfinite(1e6 / g)


def _driver(design: RampDesign, row: int) -> str:
    column = design.column
    ramp = column.role[row] == "ramp"
    height = "-v_read" if column.polarity[row] > 0 else "v_read"
    width = f"{_number(column.width[row])}*t_ramp{'*gain' if ramp else ''}-t_edge"
    pulse = f"{{{height}}} {{{column.clock[row] + 1}*t_cycle}} {{t_edge}} {{t_edge}} {{{width}}}"
    return f"Vwl_{row} wl_{row} 0 PULSE(0 {pulse})"


def _integrator() -> list[str]:
    return [
        "* Integrator: the amplifier holds the bit line `sum` at 0 V; the switch discharges the capacitor at first.",
        "Eamp ramp 0 0 sum {a_ol}",
        "Cramp sum ramp {c_ramp}",
        "Vreset reset 0 PWL(0 1 {0.5*t_cycle} 1 {0.6*t_cycle} 0)",
        "Sreset sum ramp reset 0 reset_switch",
        ".model reset_switch SW(VT=0.5 VH=0 RON=1 ROFF=1e15)",
        "",
    ]


def _clocks(design: RampDesign) -> list[str]:
    """Return the strobe and the direction of counting: 0 in cycles whose ramp value is no threshold."""
    directions = np.zeros(design.ramp.size + 1, np.int64)
    directions[1 + design.compared.start : 1 + design.compared.stop] = design.levels.directions
    points = ["0 0"]
    for cycle in np.flatnonzero(np.diff(directions)) + 1:
        before, after = directions[cycle - 1 : cycle + 1]
        points += [f"{{{cycle}*t_cycle}} {before}", f"{{{cycle}*t_cycle+t_edge}} {after}"]
    rows = [" ".join(points[k : k + _ENTRIES]) for k in range(0, len(points), _ENTRIES)]
    return [
        "* Clock of the comparators, and the counters' direction: +1 up, -1 down, 0 where nothing is compared.",
        "Vstrobe strobe 0 PULSE(0 1 {t_full+0.2*t_ramp} {t_edge} {t_edge} {t_strobe-t_edge} {t_cycle})",
        "Vdirection direction 0 PWL(",
        *(f"+ {row}" for row in rows),
        "+ )",
        "",
    ]


def _data_columns(values: FloatArray, start: int) -> list[str]:
    lines = [
        "* Data columns: held voltage; comparator and counter. While the strobe is high, a column whose voltage is not",
        "* below V(ramp) moves its counter by 1 V up or down. V(count_J) reads the code at the end.",
    ]
    for j, value in enumerate(values):
        lines += [
            f"Vdata_{j} data_{j} 0 DC {{{_number(value)}*volts_per_unit}}",
            f"Bcount_{j} 0 count_{j} I={{1e-12/t_strobe}}*V(strobe)*V(direction)*(V(data_{j}) >= V(ramp) ? 1 : 0)",
            f"Ccount_{j} count_{j} 0 1e-12",
            f".ic V(count_{j})={start}",
        ]
    return [*lines, ""]


def _analysis(design: RampDesign) -> list[str]:
    return [
        "* All sources are piecewise linear, which the trapezoidal rule integrates exactly between corners; tighter",
        "* tolerances than these only cut the time steps to nothing where charges are near 0.",
        ".options method=trap reltol=1e-4 vntol=1e-9",
        f".tran {{0.1*t_ramp}} {{{design.ramp.size + 1}*t_cycle}} 0 {{0.1*t_ramp}}",
        "",
    ]


def _control(design: RampDesign, columns: int) -> list[str]:
    """Return commands for ngspice: thresholds are read in the middle of the strobe."""
    return [
        "* Prints `threshold_K = VOLTS` and `code_J = CODE` of each data column; other lines are ngspice's own.",
        ".csparam t_cycle={t_cycle}",
        ".csparam t_decision={t_full+0.3*t_ramp}",
        ".control",
        "set numdgt=12",
        "run",
        "let k = 0",
        f"while k < {design.thresholds.size}",
        f"  let t_now = (k + {design.first + 1}) * t_cycle + t_decision",
        "  meas tran level find v(ramp) at=$&t_now",
        "  let threshold_$&k = level",
        "  print threshold_$&k",
        "  let k = k + 1",
        "end",
        "let j = 0",
        f"while j < {columns}",
        "  let code_$&j = v(count_$&j)[length(time) - 1]",
        "  print code_$&j",
        "  let j = j + 1",
        "end",
        "quit ; take this line away to look at waveforms",
        ".endc",
    ]
