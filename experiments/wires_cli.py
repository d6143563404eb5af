"""The command ``memramp wires``: IR drop of arrays, and exact currents of measured ones.

Everything that computes is imported inside the commands, so that ``--help`` answers at once.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memramp.errors import InputError
from memramp.experiments.commands import Force, check_new_file, check_not_read, interruptible
from memramp.experiments.option_values import conductance, validated

if TYPE_CHECKING:
    from memramp.crossbar.wires import WireConfig

_DIGITS = 7  # of a percentage: the solver is right to 1e-10 of full scale

wires_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Row = Annotated[str, typer.Option("--r-row", metavar="OHM", help="Word line, between neighbouring cells.")]
Col = Annotated[str, typer.Option("--r-col", metavar="OHM", help="Bit line, between neighbouring cells.")]
Source = Annotated[str, typer.Option("--r-source", metavar="OHM", help="Driver and its wire to the nearest cell.")]
Sink = Annotated[str, typer.Option("--r-sink", metavar="OHM", help="Nearest cell to virtual ground.")]
Drive = Annotated[str, typer.Option("--drive", metavar="END", help="Driven ends: left, right or both.")]
Sense = Annotated[str, typer.Option("--sense", metavar="END", help="Sensed ends: bottom, top or both.")]
Access = Annotated[
    str | None, typer.Option("--r-access", metavar="OHM", help="Transistor in series with each device (1T1R).")
]


@wires_app.command("map")
@interruptible
def _map(
    size: Annotated[str, typer.Option("--size", metavar="ROWSxCOLS", help="Size of the array, e.g. 128x64.")],
    out: Annotated[Path, typer.Option(metavar="FILE.png", help="Figure to be written.")],
    g_on: Annotated[str, typer.Option("--g-on", metavar='"150 uS"', help="Conductance of all devices.")] = "150 uS",
    r_row: Row = "1",
    r_col: Col = "1",
    r_source: Source = "0",
    r_sink: Sink = "0",
    drive: Drive = "left",
    sense: Sense = "bottom",
    r_access: Access = None,
    force: Force = False,
) -> None:
    """Draw the worst-case IR drop: all devices on, all inputs full."""
    check_new_file(out, (".png",), force=force)
    rows, cols = _size(size)
    g = conductance("--g-on", g_on)
    if g == 0.0:
        raise InputError(f"--g-on: expected more than 0 uS, found '{g_on}'")
    wires = _wires(r_row, r_col, r_source, r_sink, drive, sense, r_access)
    from memramp.crossbar.wire_figures import plot_worst_case, worst_case
    from memramp.experiments.figures import to_png
    from memramp.tablefile import write_new_file

    case = worst_case(rows, cols, g, wires)
    write_new_file(out, to_png(plot_worst_case(case)), force=force)
    lost = case.lost.round(_DIGITS) + 0.0  # no -0
    typer.echo(f"currents of the columns are {lost.min():.3g} to {lost.max():.3g} % below those of perfect wires")
    typer.echo(f"written to  {out}")


@wires_app.command("solve")
@interruptible
def _solve(
    conductances: Annotated[
        Path, typer.Option(metavar="G.csv", help="Conductances in uS: a line a word line, a number a bit line.")
    ],
    voltages: Annotated[Path, typer.Option(metavar="V.csv", help="Voltages in V: a line an input, a number a row.")],
    out: Annotated[Path, typer.Option(metavar="I.csv", help="Currents in uA: a line an input, a number a column.")],
    r_row: Row = "1",
    r_col: Col = "1",
    r_source: Source = "0",
    r_sink: Sink = "0",
    drive: Drive = "left",
    sense: Sense = "bottom",
    r_access: Access = None,
    force: Force = False,
) -> None:
    """Solve the circuit of an array of known conductances exactly."""
    check_not_read(out, conductances, voltages)
    check_new_file(out, (".csv",), force=force)
    wires = _wires(r_row, r_col, r_source, r_sink, drive, sense, r_access)
    from memramp.crossbar.wires import solve
    from memramp.csvfile import read_matrix
    from memramp.tablefile import csv_lines, write_new_file

    g, v = read_matrix(conductances), read_matrix(voltages)
    if v.shape[1] != g.shape[0]:
        raise InputError(
            f"{voltages}: an input has a voltage for each of the {g.shape[0]} word lines of {conductances}, "
            f"found {v.shape[1]}"
        )
    found = solve(g, wires, v)
    write_new_file(out, csv_lines(found.currents.tolist()).encode(), force=force)
    typer.echo(f"residual {found.residual.max():.1e}, {found.iterations.max()} iterations")
    typer.echo(f"written to  {out}")


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})", text.strip())
    if match is None:
        raise InputError(f"--size: expected two whole numbers such as 128x64, found '{text}'")
    return int(match[1]), int(match[2])


def _wires(
    r_row: str, r_col: str, r_source: str, r_sink: str, drive: str, sense: str, r_access: str | None
) -> "WireConfig":
    from memramp.crossbar.wires import WireConfig

    values: dict[str, Any] = {
        "r_row": r_row, "r_col": r_col, "r_source": r_source, "r_sink": r_sink, "drive": drive, "sense": sense,
    }  # fmt: skip
    if r_access is not None:
        values |= {"cell": "1T1R", "r_access": r_access}
    return validated(WireConfig, values, {key: f"--{key.replace('_', '-')}" for key in values})
