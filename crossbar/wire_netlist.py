"""An array with wires as a list of resistors: a SPICE deck of it, and the slow readable solution that tests use."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike
from scipy.sparse.linalg import spsolve

from memramp.crossbar.wire_network import Lines, cell_conductances, check_conductances, check_voltages
from memramp.crossbar.wire_solver import FloatArray
from memramp.crossbar.wires import WireConfig
from memramp.errors import InputError


@dataclass(frozen=True)
class Resistor:
    """A piece of wire or a cell."""

    name: str
    one: str
    other: str
    ohms: float


def resistors(g: ArrayLike, wires: WireConfig, lines: Lines | None = None) -> Iterator[Resistor]:
    """Yield every resistor of the circuit, wires of 0 ohm too, open cells and open ends not.

    Nodes: ``w_i_j`` and ``b_i_j`` where cell ij meets its word line and its bit line, ``wl_i`` the supply of word line
    i, ``bl_j`` that of bit line j. Names: ``Rrow_i_j`` behind cell ij, ``Rcol_i_j`` below it, ``Rcell_i_j``, and
    ``Rleft_i``, ``Rright_i``, ``Rtop_j``, ``Rbottom_j`` at the ends.
    """
    matrix, lines = check_conductances(g), Lines() if lines is None else lines
    rows, cols = matrix.shape
    cells = cell_conductances(matrix, wires, lines)
    for i in range(rows):
        for j in range(cols):
            if cells[i, j] > 0.0:
                yield Resistor(f"Rcell_{i}_{j}", f"w_{i}_{j}", f"b_{i}_{j}", 1e6 / float(cells[i, j]))
            if j < cols - 1:
                yield Resistor(f"Rrow_{i}_{j}", f"w_{i}_{j}", f"w_{i}_{j + 1}", wires.r_row)
            if i < rows - 1:
                yield Resistor(f"Rcol_{i}_{j}", f"b_{i}_{j}", f"b_{i + 1}_{j}", wires.r_col)
    yield from _ends(wires, lines, rows, cols)


def _ends(wires: WireConfig, lines: Lines, rows: int, cols: int) -> Iterator[Resistor]:
    for i in np.flatnonzero(~lines.floating_rows(rows)):
        if wires.drive != "right":
            yield Resistor(f"Rleft_{i}", f"wl_{i}", f"w_{i}_0", wires.r_source)
        if wires.drive != "left":
            yield Resistor(f"Rright_{i}", f"wl_{i}", f"w_{i}_{cols - 1}", wires.r_source)
    for j in np.flatnonzero(~lines.floating_cols(cols)):
        if wires.sense != "bottom":
            yield Resistor(f"Rtop_{j}", f"bl_{j}", f"b_0_{j}", wires.r_sink)
        if wires.sense != "top":
            yield Resistor(f"Rbottom_{j}", f"bl_{j}", f"b_{rows - 1}_{j}", wires.r_sink)


def joined(parts: list[Resistor]) -> list[Resistor]:
    """Return the resistors above 0 ohm, with the nodes that wires of 0 ohm join under one name, a supply's if any."""
    names: dict[str, str] = {}

    def name_of(node: str) -> str:
        while node in names:
            node = names[node]
        return node

    for part in parts:
        if part.ohms == 0.0:
            one, other = name_of(part.one), name_of(part.other)
            if one != other:  # a supply keeps its name
                keep, drop = (other, one) if other.startswith(("wl_", "bl_")) else (one, other)
                names[drop] = keep
    return [
        Resistor(part.name, name_of(part.one), name_of(part.other), part.ohms) for part in parts if part.ohms > 0.0
    ]


def wire_netlist(g: ArrayLike, wires: WireConfig, v: ArrayLike, lines: Lines | None = None) -> str:
    """Return a SPICE deck of the circuit for one input; it prints the current into each bit line's supply.

    Parameters
    ----------
    g, wires, lines
        As for `memramp.crossbar.wires.solve`.
    v : array_like, [rows]
        Voltages of the drivers [V].

    Returns
    -------
    str
        Deck for ngspice; ``ngspice -b`` prints lines ``i(vbl_J) = NUMBER`` [A].

    Raises
    ------
    InputError
        As `memramp.crossbar.wires.solve`.
    """
    supplies = _supplies(g, v, lines)
    deck = ["* crossbar with wires: w_i_j on word lines, b_i_j on bit lines, row i, column j"]
    deck += [f"V{node} {node} 0 DC {volts!r}" for node, volts in supplies.items()]
    deck += [f"{part.name} {part.one} {part.other} {part.ohms!r}" for part in joined(list(resistors(g, wires, lines)))]
    printed = [f"print i(V{node})" for node in supplies if node.startswith("bl_")]
    return "\n".join([*deck, ".control", "set numdgt=15", "op", *printed, "quit 0", ".endc", ".end", ""])


def reference_currents(g: ArrayLike, wires: WireConfig, v: ArrayLike, lines: Lines | None = None) -> FloatArray:
    """Solve the circuit by nodal analysis of the list of its resistors: slow, plain, and independent of the solver.

    Returns
    -------
    ndarray, [cols]
        Currents into the supplies of the bit lines [uA].
    """
    supplies = _supplies(g, v, lines)
    parts = _supplied(joined(list(resistors(g, wires, lines))), set(supplies))
    nodes = sorted({node for part in parts for node in (part.one, part.other)} - set(supplies))
    number = {node: k for k, node in enumerate(nodes)}
    matrix = scipy.sparse.lil_matrix((len(nodes), len(nodes)))
    injected = np.zeros(len(nodes))
    for part in parts:
        for here, there in ((part.one, part.other), (part.other, part.one)):
            if here in number:
                matrix[number[here], number[here]] += 1.0 / part.ohms
                if there in number:
                    matrix[number[here], number[there]] -= 1.0 / part.ohms
                else:
                    injected[number[here]] += supplies[there] / part.ohms
    solved = np.atleast_1d(spsolve(matrix.tocsc(), injected)) if nodes else np.empty(0)
    volts = supplies | {node: float(solved[k]) for node, k in number.items()}
    currents = np.zeros(check_conductances(g).shape[1])
    for part in parts:
        for here, there in ((part.one, part.other), (part.other, part.one)):
            if there.startswith("bl_"):
                currents[int(there[3:])] += 1e6 * (volts[here] - volts[there]) / part.ohms
    return currents


def _supplied(parts: list[Resistor], reached: set[str]) -> list[Resistor]:
    """Return the resistors that a supply reaches; the voltages of the others are not determined."""
    found: list[Resistor] = []
    while True:
        more = [part for part in parts if part.one in reached or part.other in reached]
        if len(more) == len(found):
            return found
        found, reached = more, reached | {node for part in more for node in (part.one, part.other)}


def _supplies(g: ArrayLike, v: ArrayLike, lines: Lines | None) -> dict[str, float]:
    """Return the voltages of all supplies by the names of their nodes; floating lines have none."""
    batch, lines = check_voltages(v), Lines() if lines is None else lines
    shape = check_conductances(g).shape
    if len(batch) != 1:
        raise InputError(f"v has {len(batch)} inputs, allowed here: one")
    lines.check((shape[0], shape[1]))
    v_rows, v_cols = lines.supplies(batch, (shape[0], shape[1]))
    rows, cols = np.flatnonzero(~lines.floating_rows(shape[0])), np.flatnonzero(~lines.floating_cols(shape[1]))
    return {f"wl_{i}": float(v_rows[0, i]) for i in rows} | {f"bl_{j}": float(v_cols[0, j]) for j in cols}
