"""The commands ``memramp ramp``: from an activation function to a programmed, checked ramp column.

Everything that simulates is imported inside the commands, so that ``--help`` answers at once.
"""

from pathlib import Path
from typing import Annotated

import typer

from memramp.errors import InputError
from memramp.experiments import lab_cli
from memramp.experiments.commands import Force, Seed, check_new_file, checked_seed, interruptible, make_console
from memramp.experiments.option_values import device as chosen_device
from memramp.experiments.option_values import numbers, validated, within
from memramp.experiments.ramp_error_options import CalibrationOptions, ErrorOptions, LimitOptions, SweepOptions
from memramp.experiments.ramp_options import DesignOptions, expanded

ramp_app = typer.Typer(rich_markup_mode=None)

MAX_DRAWN = 100


@ramp_app.command("design")
@interruptible
@expanded
def _design(
    ramp: DesignOptions,
    errors: ErrorOptions,
    way: CalibrationOptions,
    good: LimitOptions,
    chips: Annotated[int, typer.Option(metavar="N", help="Columns that are programmed to tell the INL.")] = 1000,
    seed: Seed = 1,
    full: Annotated[bool, typer.Option("--full", help="Print all rows of a long ramp.")] = False,
) -> None:
    """Design a ramp: its rows, and the INL to expect of it.

    FN is a function of the library; --expr and --table take your own.
    """
    from memramp.experiments.ramp_output import linearity_table, show_design
    from memramp.peripherals.yields import MAX_COLUMNS, linearity_of_columns
    from memramp.streams import Streams

    within("--chips", chips, 1, MAX_COLUMNS)
    device, limits = errors.device(ramp.device), good.limits()
    design, calibration = ramp.single(device), way.chosen(ramp.spares)
    streams = Streams(checked_seed(seed)).child("yield", "")
    before, after = linearity_of_columns(design, device, calibration, limits, chips, streams)
    console, devices = make_console(), len(design.column.role) * calibration.copies
    show_design(console, design, device, ramp.device, ramp.density_of(design.function), full=full)
    console.print()
    console.print(linearity_table(calibration, limits, before, after, devices))


@ramp_app.command("plot")
@interruptible
@expanded
def _plot(
    ramp: DesignOptions,
    errors: ErrorOptions,
    way: CalibrationOptions,
    out: Annotated[Path, typer.Option(metavar="FILE.png", help="Figure to be written.")],
    chips: Annotated[int, typer.Option(metavar="N", help=f"Columns that are drawn, 0 to {MAX_DRAWN}.")] = 10,
    seed: Seed = 1,
    force: Force = False,
) -> None:
    """Draw a ramp: staircase, transfer curve, INL.

    Programmed columns are drawn before and after calibration, beside the ideal one.
    """
    check_new_file(out, (".png",), force=force)
    within("--chips", chips, 0, MAX_DRAWN)
    from memramp.experiments.figures import to_png
    from memramp.experiments.report import described
    from memramp.peripherals import Calibration, program_columns
    from memramp.peripherals.figures import plot_ramp
    from memramp.streams import Streams
    from memramp.tablefile import write_new_file

    device = errors.device(ramp.device)
    design, streams, drawn = ramp.single(device), Streams(checked_seed(seed)), []
    for calibration in dict.fromkeys((Calibration(kind="none"), way.chosen(ramp.spares))) if chips else ():
        columns = program_columns(design, device, streams.generator("columns", 0), chips, calibration)
        drawn += [columns[index] for index in range(chips)]
    figure = plot_ramp(design, drawn, about=described(device, ramp.device))
    write_new_file(out, to_png(figure), force=force)
    typer.echo(f"{out}: {design.bits}-bit {design.function.name} ramp, {chips} columns")


@ramp_app.command("yield")
@interruptible
@expanded
def _yield(
    ramp: DesignOptions,
    swept: SweepOptions,
    good: LimitOptions,
    remap: Annotated[bool, typer.Option("--remap", help="Let spare devices stand in for stuck ones.")] = False,
    columns: Annotated[int, typer.Option(metavar="N", help="Columns at each point.")] = 10_000,
    seed: Seed = 1,
    out: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Table to be written.")] = None,
    force: Force = False,
) -> None:
    """Tell how many of many columns are linear enough.

    Options with lists are swept: every combination is one point. Each column of a point is programmed and calibrated on
    its own. Intervals are those of 95 % confidence.
    """
    if out is not None:
        check_new_file(out, (".csv",), force=force)
    from memramp.experiments.ramp_output import progress, yield_table
    from memramp.experiments.ramp_tables import YieldRun, yield_csv
    from memramp.peripherals.yields import MAX_COLUMNS, sweep_yield
    from memramp.streams import Streams
    from memramp.tablefile import write_new_file

    device, limits, points = chosen_device(ramp.device), good.limits(), swept.points()
    base = swept.base(remap, ramp.spares)
    design, console = ramp.single(device), make_console()
    within("--columns", columns, 1, MAX_COLUMNS)
    swept.check(points, device, base)
    with progress(console, "columns", len(points) * columns) as note:
        streams = Streams(checked_seed(seed))
        found = list(sweep_yield(design, device, base, points, limits, columns, streams, note))
    console.print(yield_table(found, design, limits, device, base))
    if out is not None:
        write_new_file(out, yield_csv(YieldRun(design, ramp.device, device, base, limits, seed), found), force=force)
        typer.echo(f"\nwritten to  {out}")


ramp_app.command("export")(lab_cli.export)
ramp_app.command("check")(lab_cli.check)
ramp_app.command("simulate")(lab_cli.simulate)


@ramp_app.command("netlist")
@interruptible
@expanded
def _netlist(
    ramp: DesignOptions,
    errors: ErrorOptions,
    way: CalibrationOptions,
    out: Annotated[Path, typer.Option(metavar="FILE.cir", help="Deck to be written.")],
    inputs: Annotated[
        str | None, typer.Option(metavar="V,V,...", help="Pre-activations, a data column each; default: none.")
    ] = None,
    opamp_gain: Annotated[float, typer.Option(metavar="A", help="Open-loop gain of the integrator.")] = 1e9,
    no_control: Annotated[
        bool, typer.Option("--no-control", help="Leave out the commands for ngspice, for other simulators.")
    ] = False,
    programmed: Annotated[
        bool, typer.Option("--programmed", help="Devices as programmed on one chip; else ideal ones.")
    ] = False,
    seed: Seed = 1,
    force: Force = False,
) -> None:
    """Write a SPICE deck of the column, its integrator and comparators.

    'ngspice -b FILE.cir' prints the thresholds in volts, and the code of each data column. Errors of the devices and
    their calibration count with --programmed.
    """
    check_new_file(out, (".cir", ".sp", ".spice"), force=force)
    from memramp.peripherals import program_ramp
    from memramp.peripherals.netlist import OPAMP_GAINS, write_netlist
    from memramp.streams import Streams

    within("--opamp-gain", opamp_gain, *OPAMP_GAINS)
    device, values = errors.device(ramp.device), [] if inputs is None else numbers("--inputs", inputs)
    design, calibration = ramp.single(device), way.chosen(ramp.spares)
    rng = Streams(checked_seed(seed)).generator("columns", 0)
    column = program_ramp(design, device, rng, calibration) if programmed else design
    write_netlist(out, column, values, opamp_gain=opamp_gain, control=not no_control, force=force)
    typer.echo(f"{out}: {design.bits}-bit {design.function.name} ramp, {len(values)} data columns")


@ramp_app.command("record")
@interruptible
def _record(
    checkpoint: Annotated[
        str, typer.Argument(metavar="CHECKPOINT", help="Network: a shipped one, or a .safetensors file.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.json", help="Recording to be written.")],
    task: Annotated[str, typer.Option(metavar="TASK", help="demo_keywords or speech_commands.")] = "demo_keywords",
    root: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of Speech Commands.")] = None,
    split: Annotated[str, typer.Option(metavar="SPLIT", help="Which clips: training, selection, ...")] = "training",
    force: Force = False,
) -> None:
    """Record the pre-activations of a network, to place levels for it.

    The file is for --density, and for the key activation.density of experiments and trainings.
    """
    check_new_file(out, (".json",), force=force)
    from memramp.models.checkpoint import load_checkpoint
    from memramp.models.keyword_data import TaskConfig, load_keyword_set
    from memramp.models.recording import record_preactivations
    from memramp.models.speech_commands import URL
    from memramp.peripherals.density import save_recording

    settings = {"kind": {"demo": "demo_keywords"}.get(task, task), "root": root, "split": split}
    chosen = validated(TaskConfig, settings, {"kind": "--task", "root": "--root", "split": "--split"})
    if chosen.kind == "speech_commands" and root is None:
        raise InputError(f"--root: the folder of the Speech Commands data is needed; unpack {URL} (1.5 GB) into one")
    recording = record_preactivations(load_checkpoint(checkpoint), load_keyword_set(chosen))
    save_recording(out, recording)
    for name, found in recording.functions.items():
        density = found.density("")
        lo, hi = density.span()
        typer.echo(f"{name}: {sum(found.counts)} pre-activations, 99.9 % of them from {lo:.3g} to {hi:.3g}")
    typer.echo(f"written to  {out}")
