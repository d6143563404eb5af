"""Arrays with resistive wires: exact currents, device voltages and IR drop.

>>> import numpy as np
>>> from memramp.crossbar.wires import WireConfig, solve
>>> wires = WireConfig(r_row=1.0, r_col=1.0, r_source=1.0, r_sink=1.0)
>>> solution = solve(np.full((64, 32), 100.0), wires, np.full((1, 64), 0.2))
>>> solution.currents.shape, bool(solution.currents[0, 0] < 64 * 100.0 * 0.2)
((1, 32), True)

The circuit, its equations and the method are described in ``docs/wires.md``.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import model_validator

from memramp.config import StrictModel
from memramp.crossbar.wire_network import Lines, build_network, check_voltages, device_share
from memramp.crossbar.wire_solver import DEFAULT_TOLERANCE, FloatArray, IntArray, NotConvergedError, solve_network
from memramp.quantities import Ohms

__all__ = ["Lines", "NotConvergedError", "WireConfig", "WireSolution", "drop_of", "ir_drop", "solve"]


class WireConfig(StrictModel):
    """Resistances of an array's wires, and where it is driven and sensed.

    A word line runs along a row: driver, `r_source`, cell 0, `r_row`, cell 1, ... A bit line runs along a column:
    cell 0, `r_col`, cell 1, ..., last cell, `r_sink`, virtual ground. Any of them may be 0; with all of them 0 the
    currents are the plain product, bit for bit.
    """

    r_row: Ohms = 0.0
    """Word line, between neighbouring cells [ohm]."""

    r_col: Ohms = 0.0
    """Bit line, between neighbouring cells [ohm]."""

    r_source: Ohms = 0.0
    """From a driver to the cell next to it, driver and its piece of wire together [ohm]."""

    r_sink: Ohms = 0.0
    """From the cell next to it to a virtual ground, sense amplifier and its piece of wire together [ohm]."""

    drive: Literal["left", "right", "both"] = "left"
    """Ends of the word lines that have a driver: left at column 0, right at the last column."""

    sense: Literal["bottom", "top", "both"] = "bottom"
    """Ends of the bit lines that have a virtual ground: top at row 0, bottom at the last row; currents of both add."""

    cell: Literal["1R", "1T1R"] = "1R"
    """``1R``: the memristor alone. ``1T1R``: in series with a transistor, which is off in word lines not driven."""

    r_access: Ohms = 0.0
    """Resistance of the transistor that is on, of a 1T1R cell [ohm]."""

    @model_validator(mode="after")
    def _check_access(self) -> "WireConfig":
        if self.cell == "1R" and self.r_access > 0.0:
            raise ValueError(f"r_access is {self.r_access:g} ohm, allowed with cell 1R: 0; set cell to 1T1R")
        return self

    @property
    def ideal(self) -> bool:
        """Whether all resistances are 0."""
        return self.r_row == self.r_col == self.r_source == self.r_sink == self.r_access == 0.0


@dataclass(frozen=True, eq=False)
class WireSolution:
    """Currents of an array with wires, for each input vector."""

    currents: FloatArray
    """Current into the virtual ground of each bit line, into both where both ends have one, [batch, cols] [uA].

    For a bit line at another voltage, what flows into its supply; 0 for a floating one."""

    iterations: IntArray
    """Of the conjugate gradients, [batch]."""

    residual: FloatArray
    """Largest violation of the circuit's equations, relative to the largest supply voltage, [batch].

    With all currents summed by Kirchhoff's law from those of the devices, it is the largest error of Ohm's law in any
    piece of wire."""

    word_lines: FloatArray | None = None
    """Voltages of the word-line nodes, [batch, rows, cols] [V]; None where not asked for."""

    bit_lines: FloatArray | None = None
    """Voltages of the bit-line nodes, [batch, rows, cols] [V]; None where not asked for."""


def solve(
    g: ArrayLike,
    wires: WireConfig,
    v: ArrayLike,
    lines: Lines | None = None,
    *,
    tolerance: float = DEFAULT_TOLERANCE,
    max_iterations: int | None = None,
    voltages: bool = False,
) -> WireSolution:
    """Solve the circuit of an array and its wires exactly.

    The same input gives the same bits alone or in any batch, and on any number of threads.

    Parameters
    ----------
    g : array_like, [rows, cols]
        Conductances of the memristors, 0 to 1e6 uS; 0 is an open device [uS].
    wires : WireConfig
        Resistances of the wires.
    v : array_like, [batch, rows] or [rows]
        Voltages of the drivers [V].
    lines : Lines, optional
        Which word lines are driven and which bit lines are sensed, and what becomes of the others; by default all are.
    tolerance : float
        Largest residual, 1e-14 to 1e-3. Currents are right to about this part of full scale.
    max_iterations : int, optional
        Most iterations for an input; by default forty for each row and column, and a
        thousand: far more than any array of memristors takes.
    voltages : bool
        Whether the solution holds the voltages of all nodes.

    Raises
    ------
    InputError
        Shapes do not fit, a number is not finite or out of range, or there is not enough memory.
    NotConvergedError
        An `InputError`: the tolerance was not reached; it holds residual and iterations.
    """
    inputs = check_voltages(v)
    network = build_network(g, wires, len(inputs), voltages=voltages, lines=lines)
    lines = Lines() if lines is None else lines
    rows, cols = lines.supplies(inputs, network.g.shape)
    found = solve_network(
        network, rows, cols, tolerance=tolerance, max_iterations=max_iterations, voltages=voltages
    )
    found.currents[:, lines.floating_cols(network.g.shape[1])] = 0.0  # but for rounding they are
    return WireSolution(found.currents, found.iterations, found.residuals, found.word_lines, found.bit_lines)


def ir_drop(g: ArrayLike, wires: WireConfig, v: ArrayLike) -> FloatArray:
    """Return the part of its driver's voltage that each device misses.

    Parameters
    ----------
    g, wires
        As for `solve`.
    v : array_like, [rows]
        Voltages of the drivers [V].

    Returns
    -------
    ndarray, [rows, cols]
        ``1 - device voltage / driver voltage``: 0 without wires, 1 where nothing arrives; NaN in rows at 0 V. It can
        be below 0 or above 1 where inputs of other rows push the bit line. Independent of a common factor of `v`.

    Raises
    ------
    InputError
        As `solve`.
    """
    return drop_of(solve(g, wires, v, voltages=True), g, wires, v)


def drop_of(solution: WireSolution, g: ArrayLike, wires: WireConfig, v: ArrayLike) -> FloatArray:
    """Return what `ir_drop` does from a solution of the same array that holds the voltages."""
    assert solution.word_lines is not None
    assert solution.bit_lines is not None
    across = (solution.word_lines[0] - solution.bit_lines[0]) * device_share(g, wires)
    driver = check_voltages(v)[0][:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(driver == 0.0, np.nan, 1.0 - across / driver)
