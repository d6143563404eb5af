"""The commands between a design and the laboratory: ``ramp export``, ``simulate`` and ``check``; ``export-weights``.

Everything that simulates is imported inside the commands, so that ``--help`` answers at once.
"""

from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated

import typer

from memramp.defaults import INL_LIMIT
from memramp.experiments.commands import (
    Force,
    Seed,
    check_new_file,
    check_not_read,
    checked_seed,
    interruptible,
    make_console,
)
from memramp.experiments.option_values import about, conductance, positive, validated
from memramp.experiments.option_values import device as chosen_device
from memramp.experiments.ramp_error_options import ErrorOptions
from memramp.experiments.ramp_options import DesignOptions, expanded

if TYPE_CHECKING:
    from memramp.peripherals import RampTable, Readback

_TABLES = (".csv", ".json")
NOT_PASSED = 1

Tolerance = Annotated[
    str | None,
    typer.Option(metavar='"5 uS"', help="Half the window that a write must hit; default: that of the device."),
]


@interruptible
@expanded
def export(
    ramp: DesignOptions,
    errors: ErrorOptions,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Table to be written, .csv or .json.")],
    tolerance: Tolerance = None,
    force: Force = False,
) -> None:
    """Write the programming table of ramps.

    FN may be a list with commas, such as sigmoid,tanh: one file for all gates of a layer. A checksum in the file finds
    every changed byte.
    """
    check_not_read(out, ramp.table)
    check_new_file(out, _TABLES, force=force)
    from memramp.experiments.lab_output import exported
    from memramp.peripherals import ramp_name, ramp_table, save_table

    half_width, device = _half_width(tolerance), errors.device(ramp.device)
    designs = {ramp_name(name): design for name, design in ramp.designs(device).items()}
    table = ramp_table(designs, device, tolerance=half_width)
    save_table(out, table, force=force)
    for line in exported(table):
        typer.echo(line)
    typer.echo(f"written to  {out}")


@interruptible
def check(
    table: Annotated[Path, typer.Option(metavar="FILE", help="Table that was programmed, .csv or .json.")],
    readback: Annotated[Path, typer.Option(metavar="FILE.csv", help="What was measured: [ramp,]row,measured_uS.")],
    ramp: Annotated[
        str | None, typer.Option(metavar="NAME", help="Ramp that was measured; default: all of the table.")
    ] = None,
    inl_limit: Annotated[float, typer.Option(metavar="LSB", help="Largest |INL| of a ramp that passes.")] = INL_LIMIT,
    stuck_margin: Annotated[
        str | None,
        typer.Option(metavar='"3 uS"', help="Nearness to g_min or g_max of stuck devices; default: 2 % of the window."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Updated table to be written.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Figure to be written.")] = None,
    force: Force = False,
) -> None:
    """Check programmed ramps by what was measured on their devices.

    Prints realised INL and DNL, devices that are stuck or out of tolerance, and what to write next; the updated table
    holds it. Exit code: 0 if all ramps pass, 1 if one does not, 2 after bad input.
    """
    check_not_read(out, table, readback)
    from memramp.experiments.lab_output import show_check
    from memramp.peripherals import check_readback, load_table, read_back, save_table, updated_table

    programmed = load_table(table)
    figures = _figure_names(plot, [ramp] if ramp is not None else list(programmed.ramps))
    for path, suffixes in ((out, _TABLES), *((path, (".png",)) for path in figures.values())):
        if path is not None:
            check_new_file(path, suffixes, force=force)
    positive("--inl-limit", inl_limit, "LSB")
    measured = read_back(readback, programmed, ramp)
    margin = None if stuck_margin is None else _margin(stuck_margin, programmed, list(measured.measured))
    report = check_readback(programmed, measured, inl_limit, stuck_margin=margin)
    show_check(make_console(), programmed, report)
    if out is not None:
        save_table(out, updated_table(programmed, report), force=force)
        typer.echo(f"written to  {out}")
    _draw(figures, programmed, measured, inl_limit, force=force)
    if not report.passed:
        raise typer.Exit(NOT_PASSED)


@interruptible
@expanded
def simulate(
    table: Annotated[Path, typer.Option(metavar="FILE", help="Table whose rows are written, .csv or .json.")],
    errors: ErrorOptions,
    out: Annotated[Path, typer.Option(metavar="FILE.csv", help="Read-back to be written.")],
    device: Annotated[
        str, typer.Option(metavar="PRESET", help="Device preset, see 'memramp show devices', or a .yaml file.")
    ] = "yang2025_150us",
    previous: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="What was measured before: rows not written stay so.")
    ] = None,
    seed: Seed = 1,
    force: Force = False,
) -> None:
    """Play the laboratory: write the rows of a table into simulated devices, measure them.

    Only rows that the table wants written are written. Which devices are stuck depends on the seed alone.
    """
    check_not_read(out, table, previous)
    check_new_file(out, (".csv",), force=force)
    from memramp.peripherals import load_table, read_back, simulate_readback, write_readback
    from memramp.streams import Streams

    wanted = load_table(table)
    before = None if previous is None else read_back(previous, wanted)
    devices, streams = errors.device(device), Streams(checked_seed(seed))
    with about("--device"):
        measured = simulate_readback(wanted, devices, streams, before)
    write_readback(out, measured.measured, force=force)
    typer.echo(f"{len(wanted.to_write())} devices written and {sum(map(len, measured.measured.values()))} measured")
    typer.echo(f"written to  {out}")


def _half_width(tolerance: str | None) -> float | None:
    return None if tolerance is None else positive("--tolerance", conductance("--tolerance", tolerance), "uS")


def _margin(text: str, table: "RampTable", ramps: list[str]) -> float:
    from memramp.peripherals.check import check_margin

    margin = positive("--stuck-margin", conductance("--stuck-margin", text), "uS")
    with about("--stuck-margin"):
        for name in ramps:
            check_margin(table.ramp(name), margin)
    return margin


def _figure_names(plot: Path | None, ramps: list[str]) -> dict[str, Path]:
    """Return the figure of each ramp; where there are several, their names stand in those of the files."""
    if plot is None:
        return {}
    return {name: plot if len(ramps) == 1 else plot.with_name(f"{plot.stem}_{name}{plot.suffix}") for name in ramps}


def _draw(figures: dict[str, Path], table: "RampTable", measured: "Readback", limit: float, *, force: bool) -> None:
    if not figures:
        return  # before Matplotlib is imported
    from memramp.experiments.figures import to_png
    from memramp.peripherals import ramp_from_readback
    from memramp.peripherals.figures import plot_ramp
    from memramp.tablefile import write_new_file

    for name, path in figures.items():
        found = ramp_from_readback(table, name, measured)
        about = f"measured devices of {found.design.g_min:g} to {found.design.g_max:g} uS, {measured.name}"
        figure = plot_ramp(found.design, [found], label="measured", about=shorten(about, 100), inl_limit=limit)
        write_new_file(path, to_png(figure), force=force)
        typer.echo(f"written to  {path}")


@interruptible
def export_weights(
    checkpoint: Annotated[
        str, typer.Argument(metavar="CHECKPOINT", help="Network: a shipped one, or a .safetensors file.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Table to be written, .csv or .safetensors.")],
    device: Annotated[
        str, typer.Option(metavar="PRESET", help="Device preset, see 'memramp show devices', or a .yaml file.")
    ] = "yang2025_150us",
    scale: Annotated[
        str, typer.Option(metavar='"75 uS"', help="Conductance of one weight unit; at most the window over --w-clip.")
    ] = "75 uS",
    w_clip: Annotated[float, typer.Option(metavar="W", help="Weights are clipped to -W..W.")] = 2.0,
    readout: Annotated[
        str, typer.Option(metavar="KIND", help="analog: the dense read-out is in memristors too; or digital.")
    ] = "digital",
    tolerance: Tolerance = None,
    force: Force = False,
) -> None:
    """Write the programming table of a network's weights.

    Rows are word lines (inputs), columns are bit lines (outputs); each weight has a device of either sign.
    """
    check_new_file(out, (".csv", ".safetensors"), force=force)
    from memramp.crossbar import save_weight_table
    from memramp.models.checkpoint import load_checkpoint
    from memramp.models.digital_twin import network_weight_table
    from memramp.models.hardware import HardwareConfig

    half_width, network = _half_width(tolerance), load_checkpoint(checkpoint)
    mapping = {"scale": conductance("--scale", scale), "w_clip": w_clip}
    chosen = {"device": chosen_device(device), "readout": readout, "crossbar": mapping}
    options = {"readout": "--readout", "crossbar.scale": "--scale", "crossbar.w_clip": "--w-clip"}
    hardware = validated(HardwareConfig, chosen, options)
    with about("--scale and --w-clip"):
        table = network_weight_table(network, hardware, half_width)
    save_weight_table(out, table, force=force)
    for name, targets in table.arrays.items():
        rows, columns = targets.shape
        typer.echo(f"{out}: {name}, {rows} rows x {columns} columns, {2 * rows * columns} devices")
