"""The command ``memramp import``: a network of another program becomes a checkpoint.

Everything that computes is imported inside the command, so that ``--help`` answers at once.
"""

from pathlib import Path
from typing import Annotated

import typer

from memramp.experiments.commands import Force, check_new_file, check_not_read, interruptible, make_console
from memramp.experiments.option_values import choice, positive

_Text = str | None


@interruptible
def import_file(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="State dict (.pt, .pth, .bin, .ckpt, .safetensors) or ONNX model (.onnx)."),
    ],
    out: Annotated[Path, typer.Option(metavar="CHECKPOINT", help="Checkpoint to be written, .safetensors.")],
    recurrent: Annotated[
        list[str] | None,
        typer.Option(metavar="PREFIX", help="Recurrent module of a state dict; several times: one behind the other."),
    ] = None,
    dense: Annotated[
        _Text, typer.Option(metavar="PREFIX", help="Dense layer of a state dict; none: the states are the scores.")
    ] = None,
    embedding: Annotated[_Text, typer.Option(metavar="PREFIX", help="Embedding of a state dict.")] = None,
    cell: Annotated[_Text, typer.Option(metavar="KIND", help="lstm, gru or rnn: what the shapes must be.")] = None,
    nonlinearity: Annotated[
        _Text, typer.Option(metavar="FN", help="tanh or relu: of a plain RNN in a state dict; default: tanh.")
    ] = None,
    read: Annotated[
        _Text, typer.Option(metavar="STEPS", help="last or all: steps that the dense layer reads; default: last.")
    ] = None,
    classes: Annotated[
        _Text,
        typer.Option(metavar="NAMES", help="a,b,c, a file with one a line, or .json with a list; default: 0, 1, ..."),
    ] = None,
    mean: Annotated[
        _Text, typer.Option(metavar="X", help="Subtracted from features: a number, or a .npy or .csv vector.")
    ] = None,
    scale: Annotated[
        _Text, typer.Option(metavar="X", help="Divides them, then they are clipped to -1..1: likewise.")
    ] = None,
    input_range: Annotated[
        float | None, typer.Option(metavar="X", help="Input that gets the longest pulse; default: 1.")
    ] = None,
    name: Annotated[_Text, typer.Option(metavar="NAME", help="Name of the network; default: that of FILE.")] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Tensors to be left out, such as 'head.*' (repeatable).")
    ] = None,
    force: Force = False,
) -> None:
    """Import a network of another program.

    Recurrent layers of torch.nn or ONNX (LSTM, GRU, RNN), with an embedding before and a dense layer behind them.
    Shapes are checked, gates are brought into our order. Pickled objects are never loaded.
    """
    check_not_read(out, file)
    check_new_file(out, (".safetensors",), force=force)
    for option, text, allowed in (
        ("--cell", cell, ("lstm", "gru", "rnn")),
        ("--nonlinearity", nonlinearity, ("tanh", "relu")),
        ("--read", read, ("last", "all")),
    ):
        if text is not None:
            choice(option, text, allowed)
    if input_range is not None:
        positive("--input-range", input_range, "input units")
    from memramp.experiments.import_output import show_import
    from memramp.experiments.import_values import class_names, vector
    from memramp.models.checkpoint import save_checkpoint
    from memramp.models.import_state import StateOptions
    from memramp.models.importing import CheckpointOptions, checkpoint_of, read_network

    about = CheckpointOptions(
        classes=None if classes is None else class_names("--classes", classes),
        mean=None if mean is None else vector("--mean", mean),
        scale=None if scale is None else vector("--scale", scale),
        input_range=input_range,
        name=name,
    )
    state = StateOptions(
        tuple(recurrent or ()), dense, embedding, cell, nonlinearity, read, tuple(ignore or ())  # type: ignore[arg-type]
    )
    network = read_network(file, state)
    checkpoint = checkpoint_of(network, about, file)
    save_checkpoint(checkpoint, out)
    show_import(make_console(), network, checkpoint)
    typer.echo(f"written to  {out}")
    if checkpoint.network.embedding is None:
        typer.echo(f"next        'model: {{checkpoint: {out}}}' in an experiment file, with a task that has its inputs")
