"""The command ``memramp diagnose``: where the error of an experiment's network comes from.

Everything that computes is imported inside the command, so that ``--help`` answers at once.
"""

from pathlib import Path
from typing import Annotated

import typer

from memramp.experiments.commands import interruptible, make_console


@interruptible
def diagnose(
    file: Annotated[
        Path,
        typer.Argument(metavar="EXPERIMENT", help="Experiment file, or a name that 'memramp show experiments' lists."),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the file (repeatable)."),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(metavar="N", help="Sequences, evenly spread over the data; default: 128 clips, 16 of a text."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Symbols of each sequence of a text; default: 100.")
    ] = None,
    chips: Annotated[
        int | None, typer.Option(metavar="N", help="Chips; default: those of the experiment, at most 5.")
    ] = None,
    sobol: Annotated[
        int, typer.Option(metavar="N", help="Points of the Sobol indices, a power of two; 0: none.")
    ] = 64,
    scale: Annotated[
        float, typer.Option(metavar="K", help="For them, sources are varied from 0 to K times what the file says.")
    ] = 1.0,
    point: Annotated[int | None, typer.Option(metavar="N", help="Which point of a sweep, from 1.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder, missing or empty; default: runs/NAME-diagnosis-001, -002, ..."),
    ] = None,
) -> None:
    """Find out where the error of an experiment's network comes from.

    Compares the network on chips with itself in floating point, step by step, gate by gate; takes the sources of error
    one at a time, and by Sobol indices; shows how pre-activations lie in the range of their converters. Writes
    tables, diagnosis.json and figures.
    """
    from memramp.experiments.folders import check_vacant

    if out is not None:
        check_vacant(out)  # before the slow imports
    from memramp.experiments.diagnosis import Extent, diagnose_file
    from memramp.experiments.diagnosis_report import TerminalListener

    extent = Extent(samples, steps, chips, sobol, scale, point)
    diagnose_file(file, overrides or (), extent, out, TerminalListener(make_console()))
