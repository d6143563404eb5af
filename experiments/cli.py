"""The command line: ``memramp run``, ``train``, ``ramp export``, ``show``.

Everything that simulates is imported inside the commands, so that ``--help`` answers at once.
"""

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from memramp import __version__
from memramp.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from memramp.peripherals import LevelsKind

app = typer.Typer(
    name="memramp", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, no_args_is_help=False
)
ramp_app = typer.Typer(rich_markup_mode=None)
app.add_typer(ramp_app, name="ramp", help="Ramp columns of the nonlinear ADC.")

Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the file, e.g. activation.bits=4 (repeatable)."),
]
FAILURE, USAGE_ERROR, INTERRUPTED = 1, 2, 130


@app.callback(invoke_without_command=True)
def _memramp(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Simulate analog in-memory computing with activation functions inside the ADC."""
    if version:
        _version()
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


class _InterruptedError(Exception):
    """Ctrl-C on its way through Typer, which would keep the message of a KeyboardInterrupt to itself."""


def _interruptible(command: Callable[..., None]) -> Callable[..., None]:
    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except KeyboardInterrupt as error:
            raise _InterruptedError(str(error) or "interrupted: nothing was written") from None

    return run


@app.command("run")
@_interruptible
def _run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Experiment file, or the name of a shipped one: kws.")],
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the results, missing or empty; default: runs/NAME-001, -002, ..."),
    ] = None,
) -> None:
    """Run an experiment file.

    Tests a network in floating point, with ideal devices and on noisy chips; writes tables and figures.
    """
    from memramp.experiments.folders import check_vacant

    if out is not None:
        check_vacant(out)  # before the slow imports
    from memramp.experiments.loading import load_experiment
    from memramp.experiments.report import TerminalReporter
    from memramp.experiments.runner import run_experiment

    run_experiment(load_experiment(file, overrides or ()), out, TerminalReporter(_console()))


@app.command("train")
@_interruptible
def _train(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Training file.")],
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder, resumed if it holds this training; default: trainings/NAME."),
    ] = None,
) -> None:
    """Train a network for the hardware.

    Needs PyTorch: pip install 'memramp[train]'. A training that was cut goes on where it stopped.
    """
    from memramp.experiments.train import train

    train(file, overrides or (), out, _console())


@ramp_app.command("export")
@_interruptible
def _export(
    function: Annotated[str, typer.Argument(metavar="FN", help="Activation function: sigmoid or tanh.")],
    bits: Annotated[int, typer.Option(metavar="N", help="Resolution, 1 to 12; from 2 on for midpoint levels.")],
    device: Annotated[str, typer.Option(metavar="PRESET", help="Device preset, see 'memramp show devices'.")],
    out: Annotated[Path, typer.Option(metavar="FILE.csv", help="Table to be written.")],
    levels: Annotated[str, typer.Option(help="midpoint or paper.")] = "midpoint",
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write the programming table of a ramp.

    Columns: row (word line), role (ramp or bias), target_uS, threshold (pre-activation), level (function there).
    """
    from memramp.devices import load_preset
    from memramp.peripherals import design_ramp, write_ramp_table

    design = design_ramp(function, bits, cast("LevelsKind", levels), load_preset(device))  # which checks the levels
    write_ramp_table(out, design, force=force)
    steps, bias = design.g_steps, design.g_bias
    typer.echo(
        f"{out}: {len(steps)} ramp devices of {steps.min():.1f} to {steps.max():.1f} uS, "
        f"{len(bias)} bias devices of {bias[0]:.1f} uS; one uS that fires adds {design.v_per_us:.6g} pre-activation"
    )


@app.command("show")
def _show(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="devices, checkpoints or experiments.")],
) -> None:
    """List what comes with memramp."""
    from memramp.experiments.listing import show

    show(what, _console())


@app.command("version")
def _version() -> None:
    """Print the version."""
    typer.echo(f"memramp {__version__}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 2 after bad input, 130 after Ctrl-C.

    Parameters
    ----------
    arguments : sequence of str or None
        The arguments, by default those of the process.
    """
    try:
        code = app(args=None if arguments is None else list(arguments), prog_name="memramp", standalone_mode=False)
    except _InterruptedError as error:
        return _end(str(error), INTERRUPTED)
    except InputError as error:
        return _end(f"error: {error}", USAGE_ERROR)
    except OSError as error:  # a full disk, a folder that vanished
        return _end(f"error: {error.filename or 'writing'}: {(error.strerror or str(error)).lower()}", FAILURE)
    except Exception as error:
        if not hasattr(error, "format_message"):  # Typer's own: an unknown option, a missing argument
            raise
        said = str(error.format_message())
        return _end(f"error: {said[:1].lower()}{said[1:].rstrip('.')} (see memramp --help)", USAGE_ERROR)
    return code if isinstance(code, int) else 0


def _end(text: str, code: int) -> int:
    """Print one line to stderr, whatever is in the text: names of files may hold anything."""
    line = "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))
    sys.stderr.write(f"{line}\n")
    return code


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False)


if __name__ == "__main__":
    sys.exit(main())
