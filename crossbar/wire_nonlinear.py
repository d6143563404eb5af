"""Arrays with wires whose devices do not obey Ohm's law: damped Newton iterations over the linear solver."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from memramp.crossbar.wire_network import build_network, check_voltages
from memramp.crossbar.wire_solver import FloatArray, IntArray, Network, NotConvergedError, solve_network
from memramp.crossbar.wires import WireConfig
from memramp.errors import InputError

Curve = tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray], FloatArray]]
"""F and its derivative, of arrays: a device of conductance g carries the current g F(V). F(0) = 0, F' > 0 [V, 1]."""

_LINEAR_TOLERANCE = 1e-12
_MAX_HALVINGS = 40


@dataclass(frozen=True, eq=False)
class NonlinearSolution:
    """Currents of an array with wires and nonlinear devices."""

    currents: FloatArray
    """Current into the virtual ground of each bit line, [batch, cols] [uA]."""

    iterations: IntArray
    """Newton steps, [batch]."""

    residual: FloatArray
    """Largest violation of Kirchhoff's current law at any node, relative to the largest device current, [batch]."""

    device_voltages: FloatArray
    """Voltages across the cells, [batch, rows, cols] [V]."""


def solve_nonlinear(
    g: ArrayLike,
    wires: WireConfig,
    v: ArrayLike,
    iv: Curve,
    *,
    tolerance: float = 1e-10,
    max_iterations: int = 100,
) -> NonlinearSolution:
    """Solve an array whose devices carry I = g F(V).

    Each Newton step replaces every device by its tangent, a conductance in series with a voltage, solves that linear
    circuit exactly, and is halved until Kirchhoff's law is violated less than before.

    Parameters
    ----------
    g : array_like, [rows, cols]
        Conductances of the devices where F(V) = V, 0 to 1e6 uS [uS].
    wires : WireConfig
        Resistances of the wires; the transistor of a 1T1R cell is taken as linear.
    v : array_like, [batch, rows] or [rows]
        Voltages of the drivers [V].
    iv : pair of callables
        F and F', of arrays of voltages: F(0) = 0, F' > 0 everywhere, e.g.
        ``(lambda u: np.sinh(3 * u) / 3, lambda u: np.cosh(3 * u))``.
    tolerance : float
        Largest residual.
    max_iterations : int
        Most Newton steps.

    Raises
    ------
    InputError
        As `memramp.crossbar.wires.solve`; F' is not positive or F not finite where it is needed.
    NotConvergedError
        The residual stays above the tolerance.
    """
    inputs = check_voltages(v)
    network = build_network(g, wires.model_copy(update={"r_access": 0.0}), len(inputs), voltages=True)
    rows, cols = network.g.shape
    if inputs.shape[1] != rows:
        raise InputError(f"v has {inputs.shape[1]} voltages for each input, allowed for this array: {rows}, one a row")
    cell = _Cell(network.g, iv, wires.r_access * 1e-6)
    found = NonlinearSolution(
        np.empty((len(inputs), cols)), np.empty(len(inputs), np.int64), np.empty(len(inputs)),
        np.empty((len(inputs), rows, cols)),
    )
    for k in range(len(inputs)):
        state = _newton(network, cell, inputs[k : k + 1], tolerance, max_iterations)
        if not state.residual <= tolerance:
            raise NotConvergedError(state.residual, state.steps, tolerance, k, of="the largest device current")
        found.currents[k], found.iterations[k] = state.device.sum(axis=0), state.steps
        found.residual[k], found.device_voltages[k] = state.residual, state.volts
    return found


@dataclass(frozen=True, eq=False)
class _Cell:
    """Cells of device and transistor in series."""

    g: FloatArray
    iv: Curve
    r_access: float

    def tangent(self, volts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return currents and slopes at cell voltages [uA, uS]."""
        inner = self._device_voltage(volts)
        current, slope = self.g * self.iv[0](inner), self.g * self._slope(inner)
        return current, slope / (1.0 + slope * self.r_access)

    def _slope(self, volts: FloatArray) -> FloatArray:
        slope = self.iv[1](volts)
        if not (slope > 0.0).all():
            found = slope[~(slope > 0.0)][0]
            raise InputError(f"the slope of the device curve is {found:g}, allowed: above 0 at every voltage")
        return slope

    def _device_voltage(self, volts: FloatArray) -> FloatArray:
        """Return the part u of each cell's voltage with ``u + r_access g F(u) = volts``: bisection, then Newton."""
        if self.r_access == 0.0:
            return volts
        low, high = np.minimum(volts, 0.0), np.maximum(volts, 0.0)
        inner = volts
        for _ in range(200):
            excess = inner + self.r_access * self.g * self.iv[0](inner) - volts
            low, high = np.where(excess < 0.0, inner, low), np.where(excess > 0.0, inner, high)
            step = inner - excess / (1.0 + self.r_access * self.g * self._slope(inner))
            after = np.where((step >= low) & (step <= high), step, 0.5 * (low + high))
            if np.array_equal(after, inner):
                break
            inner = after
        return inner


@dataclass(frozen=True, eq=False)
class _State:
    """A point of the iteration: the lines are solved for the currents `line`, the devices carry `device`."""

    volts: FloatArray
    line: FloatArray
    device: FloatArray
    slope: FloatArray
    steps: int

    @property
    def residual(self) -> float:
        """Largest violation of Kirchhoff's current law, relative to the largest current."""
        largest = max(float(np.abs(self.line).max()), 1e-300)
        return float(np.abs(self.device - self.line).max()) / largest

    @property
    def misfit(self) -> float:
        """What every full Newton step reduces, if the step is short enough."""
        return float(np.square(self.device - self.line).sum())


def _newton(network: Network, cell: _Cell, v: FloatArray, tolerance: float, max_iterations: int) -> _State:
    nothing = np.zeros_like(network.g)
    state = _State(nothing, nothing, *cell.tangent(nothing), 0)
    while state.steps == 0 or (state.residual > tolerance and state.steps < max_iterations):
        volts, line = _tangent_solution(network, state, v)
        if state.steps == 0:  # the start is no solution for any current: take the whole step
            state = _State(volts, line, *cell.tangent(volts), 1)
            continue
        after = _damped(cell, state, volts - state.volts, line - state.line)
        if after is None:
            return state
        state = after
    return state


def _tangent_solution(network: Network, state: _State, v: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Solve the circuit with every device replaced by its tangent; return cell voltages and currents."""
    with np.errstate(divide="ignore", invalid="ignore"):
        offset = np.where(state.slope > 0.0, state.volts - state.device / state.slope, 0.0)
    linear = replace(network, g=state.slope)
    fields = solve_network(linear, v, offset=offset, tolerance=_LINEAR_TOLERANCE, voltages=True)
    assert fields.word_lines is not None
    assert fields.bit_lines is not None
    volts = fields.word_lines[0] - fields.bit_lines[0]
    return volts, state.slope * (volts - offset)


def _damped(cell: _Cell, state: _State, volts: FloatArray, line: FloatArray) -> _State | None:
    """Take the longest of the steps 1, 1/2, 1/4, ... that improves; None where none does."""
    length = 1.0
    for _ in range(_MAX_HALVINGS):
        with np.errstate(over="ignore", invalid="ignore"):
            there = state.volts + length * volts
            after = _State(there, state.line + length * line, *cell.tangent(there), state.steps + 1)
            if after.misfit < (1.0 - 1e-4 * length) * state.misfit:
                return after
        length /= 2.0
    return None
