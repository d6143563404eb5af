"""Work on arrays with wires: all columns' currents for some inputs, and the matrix that an array with wires is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.protocol import Work
from benchmarks.wire_data import OHM, wire_data
from memramp.crossbar.wire_fold import effective_conductance
from memramp.crossbar.wires import WireConfig, solve

WIRES = WireConfig(r_row=OHM, r_col=OHM, r_source=OHM, r_sink=OHM)


def solve_wires(g: NDArray[np.float64], v: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return memramp's currents of all columns [inputs, cols] uA, and the relative residual."""
    solution = solve(g, WIRES, v)
    return solution.currents, float(np.max(solution.residual))


def fold_wires(g: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return memramp's effective conductances [rows, cols] uS."""
    return effective_conductance(g, WIRES)


def wires(size: int, inputs: int) -> Work:
    """Return: the currents of all columns, from conductances."""
    g, v = wire_data(size, inputs)

    def run() -> dict[str, Any]:
        currents, residual = solve_wires(g, v)
        return {"outputs": currents[0].tolist(), "residual": residual}

    return run


def wires_fold(size: int) -> Work:
    """Return: the effective conductance matrix, from conductances."""
    g, _ = wire_data(size, 1)
    return lambda: fold_wires(g)


def dense_solution(g: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the currents of all columns by Kirchhoff's law at every node, in one dense system: the slow reference.

    Nodes are numbered row by row, those of the word lines first. Word lines are driven at the first column, bit lines
    grounded after the last row, each through one more piece of wire.
    """
    rows, cols = g.shape
    wire, count = 1e6 / OHM, g.size
    node = np.arange(count).reshape(rows, cols)
    a, b = np.zeros((2 * count, 2 * count)), np.zeros((2 * count, len(v)))

    def connect(first: NDArray[np.int64], second: NDArray[np.int64], conductance: NDArray[np.float64] | float) -> None:
        for p, q in ((first, second), (second, first)):
            np.add.at(a, (p, p), conductance)
            np.add.at(a, (p, q), -np.asarray(conductance))

    connect(node.ravel(), count + node.ravel(), g.ravel())
    connect(node[:, :-1].ravel(), node[:, 1:].ravel(), wire)
    connect(count + node[:-1].ravel(), count + node[1:].ravel(), wire)
    np.add.at(a, (node[:, 0], node[:, 0]), wire)
    np.add.at(a, (count + node[-1], count + node[-1]), wire)
    b[node[:, 0]] = wire * v.T
    return np.asarray((np.linalg.solve(a, b)[count + node[-1]] * wire).T)
