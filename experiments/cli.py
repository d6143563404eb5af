"""The command line: ``memramp run``, ``train``, ``import``, ``diagnose``, ``ramp``, ``device``, ``wires``, ``show``.

Everything that simulates is imported inside the commands, so that ``--help`` answers at once.
"""

import re
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from memramp import __version__
from memramp.errors import InputError
from memramp.experiments.commands import InterruptedByUserError, interruptible, make_console
from memramp.experiments.device_cli import device_app
from memramp.experiments.diagnose_cli import diagnose
from memramp.experiments.import_cli import import_file
from memramp.experiments.lab_cli import export_weights
from memramp.experiments.ramp_cli import ramp_app
from memramp.experiments.wires_cli import wires_app

app = typer.Typer(
    name="memramp", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, no_args_is_help=False
)
app.add_typer(ramp_app, name="ramp", help="Ramp columns of the nonlinear ADC.")

app.add_typer(device_app, name="device", help="Memristors: presets, fits to measurements, imports.")

app.add_typer(wires_app, name="wires", help="IR drop and exact currents of arrays.")

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


@app.command("run")
@interruptible
def _run(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Experiment file, or a name that 'memramp show experiments' lists."),
    ],
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the results, missing or empty; default: runs/NAME-001, -002, ..."),
    ] = None,
) -> None:
    """Run an experiment file.

    Tests a network in floating point, with ideal devices and on noisy chips, or ramp columns before and after
    calibration ('experiment: ramp'); writes tables and figures.
    """
    from memramp.experiments.folders import check_vacant

    if out is not None:
        check_vacant(out)  # before the slow imports
    from memramp.experiments.kinds import run_any

    run_any(file, overrides or (), out, make_console())


@app.command("train")
@interruptible
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

    train(file, overrides or (), out, make_console())


app.command("diagnose")(diagnose)
app.command("import")(import_file)
app.command("export-weights")(export_weights)


@app.command("show")
def _show(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT", help="devices, functions, densities, checkpoints, components or experiments."
        ),
    ],
) -> None:
    """List what comes with memramp."""
    from memramp.experiments.listing import show

    show(what, make_console())


@app.command("version")
def _version() -> None:
    """Print the version."""
    typer.echo(f"memramp {__version__}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 if a check failed, 2 after bad input, 130 after Ctrl-C.

    Parameters
    ----------
    arguments : sequence of str or None
        The arguments, by default those of the process.
    """
    try:
        code = app(args=None if arguments is None else list(arguments), prog_name="memramp", standalone_mode=False)
    except InterruptedByUserError as error:
        return _end(str(error), INTERRUPTED)
    except InputError as error:
        return _end(f"error: {error}", USAGE_ERROR)
    except OSError as error:  # a full disk, a folder that vanished
        return _end(f"error: {error.filename or 'writing'}: {(error.strerror or str(error)).lower()}", FAILURE)
    except Exception as error:
        if not hasattr(error, "format_message"):  # Typer's own: an unknown option, a missing argument
            raise
        given = sys.argv[1:] if arguments is None else arguments
        return _end(f"error: {_usage(str(error.format_message()), given)} (see memramp --help)", USAGE_ERROR)
    return code if isinstance(code, int) else 0


def _usage(said: str, arguments: Sequence[str]) -> str:
    """Return what Typer says in our words: option, what is allowed, what was found."""
    wrong = re.match(r"Invalid value for '(--[a-z-]+)'.*valid (integer|number|float)", said)
    if wrong is None:
        return f"{said[:1].lower()}{said[1:].rstrip('.')}"
    option, kind = wrong[1], "a whole number" if wrong[2] == "integer" else "a number"
    found = [after for before, after in pairwise(arguments) if before == option]
    found += [text.partition("=")[2] for text in arguments if text.startswith(f"{option}=")]
    return f"{option}: expected {kind}" + (f", found '{found[0]}'" if len(found) == 1 else "")


def _end(text: str, code: int) -> int:
    """Print one line to stderr, whatever is in the text: names of files may hold anything."""
    line = "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))
    sys.stderr.write(f"{line}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
