"""Figures of arrays with wires; Matplotlib without pyplot, so that no global state and no display is needed."""

from dataclasses import dataclass
from textwrap import wrap

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from memramp.crossbar.wire_network import cell_conductances, check_memory
from memramp.crossbar.wire_solver import FloatArray
from memramp.crossbar.wires import WireConfig, drop_of, solve
from memramp.errors import InputError

_WIDTH = 74  # letters of a line of the title


@dataclass(frozen=True, eq=False)
class WorstCase:
    """An array whose devices are all on and whose inputs are all full."""

    g_on: float
    """Conductance of all devices [uS]."""

    wires: WireConfig
    """Resistances of the wires."""

    drop: FloatArray
    """IR drop of every device, [rows, cols] [%]."""

    currents: FloatArray
    """Of the columns, for 1 V at each driver, [cols] [uA]."""

    @property
    def lost(self) -> FloatArray:
        """By how much the currents are below those of perfect wires with the same transistors, [cols] [%]."""
        perfect = cell_conductances(np.full(self.drop.shape, self.g_on), self.wires, None).sum(axis=0)
        lost: FloatArray = 100.0 * (1.0 - self.currents / perfect)
        return lost


def plot_worst_ir_drop(rows: int, cols: int, g_on: float, wires: WireConfig, about: str = "") -> Figure:
    """Draw the IR drop of every device in the worst case: all devices on, all inputs full.

    Parameters
    ----------
    rows, cols : int
        Size of the array.
    g_on : float
        Conductance of a device that is on [uS].
    wires : WireConfig
        Resistances of the wires.
    about : str
        What the array belongs to, for the title's last lines.

    Returns
    -------
    matplotlib.figure.Figure
        Heat map [% of the drivers' voltage], rows down, columns to the right; the worst device is marked.

    Raises
    ------
    InputError
        As `memramp.crossbar.wires.solve`; the array has no rows or no columns.
    """
    return plot_worst_case(worst_case(rows, cols, g_on, wires), about)


def plot_worst_case(case: WorstCase, about: str = "") -> Figure:
    """Draw the IR drop of every device, see `plot_worst_ir_drop`."""
    percent = case.drop
    i, j = np.unravel_index(np.argmax(percent), percent.shape)
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    axes = figure.add_subplot()
    # Cells are numbered at their centres: the edges lie half a cell outside.
    image = axes.imshow(percent, cmap="viridis", vmin=0.0, aspect="auto", interpolation="nearest")
    bar = figure.colorbar(image, ax=axes)
    bar.set_label("voltage that a device misses (% of its driver's)")
    axes.plot(j, i, marker="o", markersize=9, markerfacecolor="none", markeredgecolor="red", clip_on=False)
    axes.set(xlabel="bit line (column)", ylabel="word line (row)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    worst = f"worst {percent[i, j]:.3g} % at row {i}, column {j}"
    rows, cols = percent.shape
    title = (f"IR drop, all {rows} x {cols} devices at {case.g_on:g} uS:", worst, describe(case.wires), about)
    axes.set_title("\n".join(line for text in title for line in evenly_wrapped(text, _WIDTH)), fontsize="medium")
    return figure


def worst_case(rows: int, cols: int, g_on: float, wires: WireConfig) -> WorstCase:
    """Solve an array with all devices on and all inputs full; see `plot_worst_ir_drop` for parameters and errors."""
    if rows < 1 or cols < 1:
        raise InputError(f"an array of {rows} x {cols} cells was asked for, allowed: at least one row and one column")
    check_memory(rows, cols, 1, voltages=True)
    g, v = np.full((rows, cols), g_on), np.ones(rows)
    solution = solve(g, wires, v, voltages=True)
    return WorstCase(g_on, wires, 100.0 * drop_of(solution, g, wires, v), solution.currents[0])


def evenly_wrapped(text: str, width: int) -> list[str]:
    """Wrap a text into as few lines as the width [letters] allows, of as even a length as possible."""
    lines = wrap(text, width)
    longest = max(map(len, lines), default=0)
    for narrower in range(longest - 1, 0, -1):
        narrow = wrap(text, narrower, break_long_words=False)
        if len(narrow) > len(lines) or max(map(len, narrow)) > longest:
            break
        lines, longest = narrow, max(map(len, narrow))
    return lines


def describe(wires: WireConfig) -> str:
    """Return the resistances and ends in one line, e.g. for a title."""
    values = ", ".join(f"{name} {getattr(wires, name):g}" for name in ("r_row", "r_col", "r_source", "r_sink"))
    access = f", r_access {wires.r_access:g}" if wires.cell == "1T1R" else ""
    return f"{values}{access} ohm; driven {wires.drive}, sensed {wires.sense}"
