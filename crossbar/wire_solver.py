"""Solutions of an array with wires, from its compiled loops; and what a network of lines is."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from memramp.crossbar import wire_kernels as kernels
from memramp.errors import InputError
from memramp.parallel import over_parts

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

DEFAULT_TOLERANCE = 1e-10
"""Residual that ends a solution, relative to the largest supply voltage."""

_MAX_SEARCHES = 5
"""Searches of one solution; the second and later ones start from what the one before left."""

_SEARCH_GOAL = 100.0
"""Goal of a search in units of the tolerance: solving both kinds of line once more gains powers of ten."""

_THREADED_CELLS = 10_000  # below, threads wait for the interpreter longer than they compute

_NO_OFFSET = np.empty((0, 0))


class NotConvergedError(InputError):
    """The wire solver did not reach its tolerance; no result is given."""

    def __init__(
        self, residual: float, iterations: int, tolerance: float, index: int, of: str = "the largest supply voltage"
    ) -> None:
        super().__init__(
            f"the wire solver did not converge for input {index}: after {iterations} iterations the residual is "
            f"{residual:.2g} of {of}, allowed: {tolerance:.2g}"
        )
        self.residual = residual
        self.iterations = iterations


@dataclass(frozen=True, eq=False)
class Network:
    """An array of cells with its word lines (rows) and bit lines (columns), and the weights that solve its lines.

    All resistances are in megohm (1/uS); an end of a line without a driver or sink has the resistance `kernels.OPEN`.
    """

    g: FloatArray
    """Conductances of the cells, [rows, cols] [uS]."""

    r_row: float
    """Between neighbouring cells of a word line [megohm]."""

    r_col: float
    """Between neighbouring cells of a bit line [megohm]."""

    left: FloatArray
    """Between the supply and the first cell of each word line, [rows] [megohm]."""

    right: FloatArray
    """Between the supply and the last cell of each word line, [rows] [megohm]."""

    top: FloatArray
    """Between the supply and the first cell of each bit line, [cols] [megohm]."""

    bottom: FloatArray
    """Between the supply and the last cell of each bit line, [cols] [megohm]."""

    weights: FloatArray = field(init=False)
    """Weights of the sweeps, see `memramp.crossbar.wire_kernels`, [4, rows, cols]: row p, row q, column p, column q."""

    def __post_init__(self) -> None:
        # One block: large enough for the system's large pages, which halve the time of a large array.
        weights = np.empty((4, *self.g.shape))
        kernels.factor_rows(self.g, self.r_row, self.left, self.right, weights[0], weights[1])
        scratch = np.empty(self.g.shape[1])
        kernels.factor_columns(self.g, self.r_col, self.top, self.bottom, scratch, weights[2], weights[3])
        object.__setattr__(self, "weights", weights)

    def transposed(self) -> "Network":
        """Return the network seen from its columns: word lines and bit lines change places."""
        g = np.ascontiguousarray(self.g.T)
        return Network(g, self.r_col, self.r_row, self.top, self.bottom, self.left, self.right)


@dataclass(frozen=True, eq=False)
class Fields:
    """What `solve_network` finds for each set of supplies."""

    currents: FloatArray
    """Sums of the device currents that each bit line receives, [n, cols] [uA]."""

    residuals: FloatArray
    """Largest violation of the circuit's equations, relative to the largest supply voltage, [n]."""

    iterations: IntArray
    """[n]"""

    word_lines: FloatArray | None
    """Voltages of the word-line nodes, [n, rows, cols] [V]."""

    bit_lines: FloatArray | None
    """Voltages of the bit-line nodes, [n, rows, cols] [V]."""

    own: FloatArray | None
    """Voltages of the cells of row k for set k, [n, cols] [V]."""


class _Workspace:
    """Scratch of one thread, and the steps of one solution."""

    def __init__(self, net: Network) -> None:
        rows, cols = net.g.shape
        self.net = net
        self.fields, self.b = np.empty((4, rows, cols)), np.empty((rows, cols))
        self.rho, self.z, _, self.image = self.fields
        self.five, self.none = np.empty((5, cols)), np.zeros(max(rows, cols))

    def word_lines(self, offset: FloatArray, supply: FloatArray, out: FloatArray) -> None:
        """Solve the word lines for the present bit-line voltages."""
        far = np.add(self.b, offset, out=self.image) if offset.size else self.b
        kernels.sweep_rows(far, self.net.weights[0], self.net.weights[1], supply, out)

    def bit_lines(self, w: FloatArray, offset: FloatArray, supply: FloatArray) -> None:
        """Solve the bit lines for given word-line voltages."""
        far = np.subtract(w, offset, out=self.image) if offset.size else w
        kernels.sweep_columns(far, self.net.weights[2], self.net.weights[3], supply, self.b)

    def residual(self, v_rows: FloatArray, v_cols: FloatArray, offset: FloatArray, currents: FloatArray) -> float:
        """Check the circuit's equations for word lines in `z` and bit lines in `b`; fill in the currents."""
        net = self.net
        largest = kernels.device_currents(net.g, self.z, self.b, offset, self.image, currents)
        volts, kept = kernels.row_violation(self.image, self.z, net.r_row, net.left, net.right, v_rows)
        col_volts, col_kept = kernels.column_violation(
            self.image, self.b, net.r_col, net.top, net.bottom, v_cols, self.five
        )
        supply = max(np.abs(v_rows).max(), np.abs(v_cols).max())
        return float(
            max(volts, col_volts) / max(supply, kernels.TINY) + max(kept, col_kept) / max(largest, kernels.TINY)
        )

    def solve(
        self,
        v_rows: FloatArray,
        v_cols: FloatArray,
        offset: FloatArray,
        currents: FloatArray,
        tolerance: float,
        limit: int,
    ) -> tuple[float, int]:
        """Solve for one set of supplies; return residual and iterations. Leaves w in `z`, b in `b`.

        After each search, word lines and bit lines are solved once more, each for the other's voltages.
        """
        relative = (_SEARCH_GOAL * tolerance) ** 2
        self.z.fill(0.0)
        if offset.size or v_cols.any():
            self.bit_lines(self.z, offset, v_cols)
        else:
            self.b.fill(0.0)
        goal, count, residual = -1.0, 0, np.inf
        for _ in range(_MAX_SEARCHES):
            self.word_lines(offset, v_rows, self.rho)
            self.rho -= self.z
            goal, done = kernels.search(
                self.net.g, self.net.weights, self.fields, self.b, self.five, self.none, goal, relative, limit - count
            )
            self.word_lines(offset, v_rows, self.z)
            self.bit_lines(self.z, offset, v_cols)
            residual = self.residual(v_rows, v_cols, offset, currents)
            count += done
            goal *= 1e-4
            if residual <= tolerance or count >= limit:
                break
        return residual, count


def solve_network(
    net: Network,
    v_rows: FloatArray,
    v_cols: FloatArray | None = None,
    *,
    offset: FloatArray = _NO_OFFSET,
    tolerance: float = DEFAULT_TOLERANCE,
    max_iterations: int | None = None,
    voltages: bool = False,
    own: bool = False,
) -> Fields:
    """Solve a network for several sets of supplies, a large one on all threads; no result depends on the others.

    Conjugate gradients solve (1 - R C) w = s for the word-line voltages w; R and C are the answers of word lines and of
    bit lines to voltages at the far side of the devices. The system is symmetric and positive in the product
    ``sum g x C y``.

    Parameters
    ----------
    net : Network
        The array.
    v_rows, v_cols : ndarray, [n, rows], [n, cols]
        Voltages of the supplies behind the ends of the lines; None: all bit lines at 0 V [V].
    offset : ndarray, [rows, cols] or [0, 0]
        Voltage in series with each device: its current is g (w - b - offset) [V].
    tolerance : float
        Largest residual.
    max_iterations : int, optional
        Of each set; by default forty for each row and column, and a thousand.
    voltages, own : bool
        Whether `Fields` tells the voltages of all nodes; those of the cells of row k for set k.

    Raises
    ------
    InputError
        The tolerance is not within 1e-14..1e-3.
    NotConvergedError
        A residual stays above the tolerance.
    """
    (rows, cols), n = net.g.shape, len(v_rows)
    if not 1e-14 <= tolerance <= 1e-3:
        raise InputError(f"the tolerance of the wire solver is {tolerance:g}, allowed: 1e-14 to 1e-3")
    limit = 1000 + 40 * (rows + cols) if max_iterations is None else max_iterations
    v_cols = np.zeros((n, cols)) if v_cols is None else v_cols
    shape = (n, rows, cols)
    found = Fields(
        np.empty((n, cols)),
        np.empty(n),
        np.empty(n, np.int64),
        np.empty(shape) if voltages else None,
        np.empty(shape) if voltages else None,
        np.empty((n, cols)) if own else None,
    )

    def solve_part(part: slice) -> None:
        work = _Workspace(net)
        for k in range(part.start, part.stop):
            found.residuals[k], found.iterations[k] = work.solve(
                v_rows[k], v_cols[k], offset, found.currents[k], tolerance, limit
            )
            if found.word_lines is not None and found.bit_lines is not None:
                found.word_lines[k], found.bit_lines[k] = work.z, work.b
            if found.own is not None:
                np.subtract(work.z[k], work.b[k], out=found.own[k])  # row k of set k

    if rows * cols >= _THREADED_CELLS:
        over_parts(solve_part, n, 1)
    else:
        solve_part(slice(0, n))
    bad = np.flatnonzero(~(found.residuals <= tolerance))
    if bad.size:
        k = int(bad[0])
        raise NotConvergedError(float(found.residuals[k]), int(found.iterations[k]), tolerance, k)
    return found
