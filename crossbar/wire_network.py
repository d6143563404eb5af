"""From conductances and wire resistances to the network that the solver takes; checks of what a user gives."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from memramp.crossbar.wire_kernels import OPEN
from memramp.crossbar.wire_solver import FloatArray, Network
from memramp.errors import InputError
from memramp.memory import refuse_more_than_memory
from memramp.quantities import MAX_MICROSIEMENS

if TYPE_CHECKING:
    from memramp.crossbar.wires import WireConfig

MAX_VOLTS = 1e6
"""Largest voltage that is taken; all products stay finite."""

_MEGOHM = 1e-6  # ohm to megohm = 1/uS

Scheme = Literal["floating", "grounded", "half", "third"]


@dataclass(frozen=True, eq=False)
class Lines:
    """Which word lines are driven and which bit lines are sensed, and the voltages of the others.

    In a 1T1R array the transistors of word lines that are not driven are off.
    """

    driven: NDArray[np.bool_] | None = None
    """Word lines that get their input, [rows]; None: all."""

    sensed: NDArray[np.bool_] | None = None
    """Bit lines at virtual ground, [cols]; None: all."""

    other_rows: float | None = None
    """Voltage behind `r_source` of the other word lines; None: they float [V]."""

    other_cols: float | None = None
    """Voltage behind `r_sink` of the other bit lines; None: they float [V]."""

    def __post_init__(self) -> None:
        for name in ("driven", "sensed"):
            mask = getattr(self, name)
            if mask is not None:  # numbers 0 and 1 would count as places, not as no and yes
                object.__setattr__(self, name, np.asarray(mask, bool))

    @classmethod
    def select(cls, driven: ArrayLike, sensed: ArrayLike, scheme: Scheme, v_read: float = 0.0) -> "Lines":
        """Return the usual ways to bias the lines that are not selected.

        Parameters
        ----------
        driven, sensed : array_like of bool, [rows], [cols]
            Selected word lines and bit lines.
        scheme : str
            ``floating``; ``grounded``; ``half``: other lines at v_read / 2; ``third``: other word lines at v_read / 3,
            other bit lines at 2 v_read / 3, so that no device that is not selected sees more than v_read / 3.
        v_read : float
            Voltage of the selected word lines, for ``half`` and ``third`` [V].
        """
        schemes = {
            "floating": (None, None),
            "grounded": (0.0, 0.0),
            "half": (v_read / 2.0, v_read / 2.0),
            "third": (v_read / 3.0, 2.0 * v_read / 3.0),
        }
        if scheme not in schemes:
            raise InputError(f"scheme is {scheme!r}, allowed: {', '.join(schemes)}")
        rows, cols = schemes[scheme]
        return cls(np.asarray(driven, bool), np.asarray(sensed, bool), rows, cols)

    def check(self, shape: tuple[int, int]) -> None:
        """Check masks against an array's shape; InputError."""
        for name, mask, n in (("driven", self.driven, shape[0]), ("sensed", self.sensed, shape[1])):
            if mask is not None and mask.shape != (n,):
                raise InputError(f"lines.{name} has the shape {mask.shape}, allowed for this array: ({n},)")
        for name, volts in (("other_rows", self.other_rows), ("other_cols", self.other_cols)):
            if volts is not None and not abs(volts) <= MAX_VOLTS:
                raise InputError(f"lines.{name} is {volts} V, allowed: finite voltages up to {MAX_VOLTS:g} V")

    def supplies(self, v: FloatArray, shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
        """Return the supply voltages of all word lines and bit lines, [batch, rows], [batch, cols]; InputError."""
        rows, cols = shape
        if v.shape[1] != rows:
            raise InputError(f"v has {v.shape[1]} voltages for each input, allowed for this array: {rows}, one a row")
        v_cols = np.zeros((len(v), cols))
        if self.sensed is not None and self.other_cols is not None:
            v_cols[:, ~self.sensed] = self.other_cols
        if self.driven is None:
            return v, v_cols
        given = np.argwhere((v != 0.0) & ~self.driven)
        if given.size:
            k, i = given[0]
            raise InputError(f"v[{k}, {i}] is {v[k, i]:g} V, allowed: 0, since word line {i} is not driven")
        return np.where(self.driven, v, self.other_rows or 0.0), v_cols

    def floating_cols(self, cols: int) -> NDArray[np.bool_]:
        """Return which bit lines float, [cols]."""
        if self.sensed is None or self.other_cols is not None:
            return np.zeros(cols, bool)
        return ~self.sensed

    def floating_rows(self, rows: int) -> NDArray[np.bool_]:
        """Return which word lines float, [rows]."""
        if self.driven is None or self.other_rows is not None:
            return np.zeros(rows, bool)
        return ~self.driven


def check_conductances(g: ArrayLike) -> FloatArray:
    """Return conductances as a matrix of float64 [uS]; InputError."""
    matrix = np.ascontiguousarray(_numbers(g, "g"))
    if matrix.ndim != 2 or matrix.size == 0:
        raise InputError(f"g has the shape {matrix.shape}, allowed: [rows, cols], at least one of each")
    bad = ~((matrix >= 0.0) & (matrix <= MAX_MICROSIEMENS))
    if bad.any():
        i, j = np.argwhere(bad)[0]
        raise InputError(
            f"g[{i}, {j}] is {matrix[i, j]:g} uS, allowed: conductances of 0 to {MAX_MICROSIEMENS:g} uS"
        )
    return matrix


def check_voltages(v: ArrayLike) -> FloatArray:
    """Return voltages as a batch, [batch, rows] [V]; InputError."""
    batch = np.atleast_2d(np.ascontiguousarray(_numbers(v, "v")))
    if batch.ndim != 2:
        raise InputError(f"v has the shape {batch.shape}, allowed: [batch, rows] or [rows]")
    bad = ~(np.abs(batch) <= MAX_VOLTS)
    if bad.any():
        k, i = np.argwhere(bad)[0]
        raise InputError(f"v[{k}, {i}] is {batch[k, i]:g} V, allowed: finite voltages up to {MAX_VOLTS:g} V")
    return batch


def _numbers(values: ArrayLike, name: str) -> FloatArray:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} is no array of numbers: {str(values)[:40]!r}") from None


def cell_conductances(g: FloatArray, wires: "WireConfig", lines: Lines | None) -> FloatArray:
    """Return the conductances of the cells, memristor and transistor in series, [rows, cols] [uS]."""
    cells = g / (1.0 + g * (wires.r_access * _MEGOHM)) if wires.r_access > 0.0 else g
    if wires.cell == "1T1R" and lines is not None and lines.driven is not None:
        cells = np.where(lines.driven[:, None], cells, 0.0)
    return cells


def device_share(g: ArrayLike, wires: "WireConfig") -> FloatArray:
    """Return the part of a cell's voltage that is across its memristor, [rows, cols]."""
    return 1.0 / (1.0 + check_conductances(g) * (wires.r_access * _MEGOHM))


def build_network(
    g: ArrayLike, wires: "WireConfig", batch: int, *, voltages: bool = False, lines: Lines | None = None
) -> Network:
    """Check what a user gives, and the memory, then prepare the array's lines for solutions.

    Raises
    ------
    InputError
        As `memramp.crossbar.wires.solve`.
    """
    lines = Lines() if lines is None else lines
    matrix = check_conductances(g)
    rows, cols = matrix.shape
    lines.check((rows, cols))
    check_memory(rows, cols, batch, voltages=voltages)
    source, sink = np.full(rows, wires.r_source * _MEGOHM), np.full(cols, wires.r_sink * _MEGOHM)
    source[lines.floating_rows(rows)] = OPEN
    sink[lines.floating_cols(cols)] = OPEN
    no_source, no_sink = np.full(rows, OPEN), np.full(cols, OPEN)
    return Network(
        cell_conductances(matrix, wires, lines),
        wires.r_row * _MEGOHM,
        wires.r_col * _MEGOHM,
        no_source if wires.drive == "right" else source,
        no_source if wires.drive == "left" else source,
        no_sink if wires.sense == "bottom" else sink,
        no_sink if wires.sense == "top" else sink,
    )


def needed_bytes(rows: int, cols: int, batch: int, *, voltages: bool = False) -> int:
    """Return how much memory a solution takes: the array and its weights, scratch of each thread, results."""
    cells = rows * cols
    matrices = 6 + 5 * min(numba.get_num_threads(), batch) + (2 * batch if voltages else 0)
    return 8 * (cells * matrices + batch * (2 * rows + 3 * cols))


def check_memory(rows: int, cols: int, batch: int, *, voltages: bool = False) -> None:
    """Refuse a solution that does not fit into memory, before it is tried; InputError."""
    needed = needed_bytes(rows, cols, batch, voltages=voltages)
    refuse_more_than_memory(needed, f"an array of {rows} x {cols} cells with {batch} inputs")
