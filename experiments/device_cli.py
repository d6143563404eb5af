"""The command ``memramp device``: presets and own devices, fitted to measurements or imported.

Everything that computes is imported inside the commands, so that ``--help`` answers at once.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memramp.errors import InputError
from memramp.experiments.commands import Force, check_new_file, check_not_read, interruptible, make_console
from memramp.experiments.option_values import conductance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

device_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_YAML = (".yaml",)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Preset, see 'memramp device list', or a .yaml file.")]
Out = Annotated[Path, typer.Option(metavar="FILE.yaml", help="Device to be written.")]
Plot = Annotated[Path | None, typer.Option(metavar="FILE.png", help="Figure to be written.")]


@device_app.command("list")
def _list() -> None:
    """List the presets."""
    from memramp.experiments.device_output import show_presets

    show_presets(make_console())


@device_app.command("show")
def _show(name: Name) -> None:
    """Show the numbers of a device with their sources."""
    from memramp.experiments.device_output import show_device

    show_device(make_console(), name)


@device_app.command("plot")
@interruptible
def _plot(
    name: Name,
    out: Annotated[Path, typer.Option(metavar="FILE.png", help="Figure to be written.")],
    force: Force = False,
) -> None:
    """Draw the errors of a device that is written and read."""
    check_not_read(out, Path(name))
    check_new_file(out, (".png",), force=force)
    from memramp.devices import load_preset
    from memramp.experiments.device_figures import plot_device

    _draw(out, plot_device(load_preset(name), name), force=force)


@device_app.command("fit")
@interruptible
def _fit(
    measured: Annotated[Path, typer.Argument(metavar="MEASURED.csv", help="Columns target_uS,measured_uS, see below.")],
    out: Out,
    plot: Plot = None,
    g_min: Annotated[
        str | None, typer.Option(metavar='"0 uS"', help="Lower end of the window; default: the lowest target.")
    ] = None,
    g_max: Annotated[
        str | None, typer.Option(metavar='"150 uS"', help="Upper end of the window; default: the highest target.")
    ] = None,
    force: Force = False,
) -> None:
    """Fit a device to measurements.

    A row of the file is one read. Optional columns: device, read (repeated reads give the read noise), time_s (gives
    the drift), temperature_K. The file that is written is a device for --device and for the block 'device' of an
    experiment.
    """
    check_not_read(out, measured)
    check_not_read(plot, measured)
    check_new_file(out, _YAML, force=force)
    if plot is not None:
        check_new_file(plot, (".png",), force=force)
    from memramp.devices.fit import fit_device
    from memramp.devices.measurements import load_measurements
    from memramp.experiments.device_output import save_device, show_fit

    measurements = load_measurements(measured)
    fit = fit_device(measurements, _window(g_min, g_max, measurements.target.min(), measurements.target.max()))
    show_fit(make_console(), fit)
    save_device(out, fit.block(), force=force)
    typer.echo(f"written to  {out}")
    if plot is not None:
        from memramp.experiments.device_figures import plot_fit

        _draw(plot, plot_fit(fit), force=force)


@device_app.command("import")
@interruptible
def _import(
    states: Annotated[Path, typer.Argument(metavar="FILE", help="mem_states.csv of NeuroSim: columns mean, std.")],
    out: Out,
    kind: Annotated[str, typer.Option("--format", metavar="FORMAT", help="neurosim.")] = "neurosim",
    unit: Annotated[str, typer.Option(metavar="UNIT", help="Unit of the file: S, as in NeuroSim, mS, uS or nS.")] = "S",
    force: Force = False,
) -> None:
    """Import a device of another simulator."""
    if kind != "neurosim":
        raise InputError(f"--format: expected neurosim, found '{kind}'")
    if unit not in ("S", "mS", "uS", "nS"):
        raise InputError(f"--unit: expected S, mS, uS or nS, found '{unit}'")
    check_not_read(out, states)
    check_new_file(out, _YAML, force=force)
    from memramp.devices.neurosim import load_mem_states
    from memramp.experiments.device_output import imported_block, save_device

    device = load_mem_states(states, unit)  # type: ignore[arg-type]
    save_device(out, imported_block(device, states, unit), force=force)
    levels = device.level_values()
    typer.echo(f"{0 if levels is None else levels.size} states, {device.g_min:.4g} to {device.g_max:.4g} uS")
    typer.echo(f"written to  {out}")


def _window(low: str | None, high: str | None, lowest: float, highest: float) -> tuple[float, float] | None:
    if low is None and high is None:
        return None
    return (
        float(lowest) if low is None else conductance("--g-min", low),
        float(highest) if high is None else conductance("--g-max", high),
    )


def _draw(path: Path, figure: "Figure", *, force: bool) -> None:
    from memramp.experiments.figures import to_png
    from memramp.tablefile import write_new_file

    write_new_file(path, to_png(figure), force=force)
    typer.echo(f"written to  {path}")
