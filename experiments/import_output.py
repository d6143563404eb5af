"""What ``memramp import`` prints."""

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from memramp.config import describe
from memramp.crossbar import CrossbarConfig
from memramp.experiments.report import labelled
from memramp.models.checkpoint import Checkpoint
from memramp.models.import_parts import ImportedNetwork, listed
from memramp.models.spec import EmbeddingSpec, LayerSpec, RecurrentSpec

_Row = tuple[str, str, str]


def show_import(console: Console, network: ImportedNetwork, checkpoint: Checkpoint) -> None:
    """Print layers, shapes, numbers of weights and the largest ones, what was assumed and what will be clipped."""
    table = Table(box=None, pad_edge=False)
    for title, right in (
        ("layer", False), ("what it is", False), ("shape", True), ("weights", True), ("largest", True), ("from", False)
    ):  # fmt: skip
        table.add_column(title, justify="right" if right else "left", overflow="fold")
    for layer, source in zip(checkpoint.network.layers, _sources(network), strict=True):
        numbers = _numbers(checkpoint, layer)
        largest = max(float(np.abs(each).max()) for each in numbers)
        count = sum(each.size for each in numbers)
        what, shape = _described(layer)
        table.add_row(layer.name, what, shape, f"{count:,}", f"{largest:.3g}", Text(_printable(source)))
    console.print(table)
    console.print(labelled(_facts(checkpoint)))
    for note in (*(f"note: {note}" for note in network.notes), *_warnings(checkpoint)):
        console.print(Text(note))


def _sources(network: ImportedNetwork) -> list[str]:
    before = [] if network.embedding is None else [network.embedding_source]
    return [*before, *(layer.source for layer in network.layers), network.dense_source]


def _printable(name: str) -> str:
    return name if name.isprintable() and len(name) <= 60 else describe(name)


def _numbers(checkpoint: Checkpoint, layer: LayerSpec) -> list[np.ndarray]:
    return [checkpoint.tensors[name] for name in layer.shapes()]


def _described(layer: LayerSpec) -> tuple[str, str]:
    """Return what a layer is, and what goes through it."""
    if isinstance(layer, EmbeddingSpec):
        return "embedding", f"{layer.symbols} -> {layer.outputs}"
    if not isinstance(layer, RecurrentSpec):
        return "dense", f"{layer.inputs} -> {layer.outputs}"
    what = [layer.kind.upper()]
    what += [layer.nonlinearity] if layer.kind == "rnn" else []
    what += ["reset before product"] if layer.reset == "before" else []
    what += ["both directions"] if layer.bidirectional else []
    middle = "" if layer.projection is None else f" -> {layer.hidden}"
    return ", ".join(what), f"{layer.inputs}{middle} -> {layer.outputs}"


def _facts(checkpoint: Checkpoint) -> list[tuple[str, str]]:
    spec = checkpoint.network
    total = sum(tensor.size for layer in spec.layers for tensor in _numbers(checkpoint, layer))
    facts = [
        ("network", f"{checkpoint.config['name']}, {total:,} weights and biases"),
        ("reads", "the dense layer reads " + ("all steps" if spec.read == "all" else "the last step")),
        ("classes", f"{len(checkpoint.classes)}: {listed(checkpoint.classes)}"),
    ]
    if spec.embedding is None:
        scaled = "features.mean" in checkpoint.tensors
        facts.append(("inputs", f"{spec.inputs} features a step, " + ("normalised" if scaled else "taken as they are")))
    return facts


def _warnings(checkpoint: Checkpoint) -> list[str]:
    """Return what will not reach the hardware as it is."""
    spec, clip = checkpoint.network, CrossbarConfig().w_clip
    found = []
    for layer in spec.recurrent:
        numbers = np.concatenate([np.abs(each).ravel() for each in _numbers(checkpoint, layer)])
        if beyond := int(np.count_nonzero(numbers > clip)):
            found.append(
                f"warning: {beyond} of {numbers.size} weights of {layer.name} lie beyond +-{clip:g} and are clipped, "
                f"unless crossbar.w_clip is {float(numbers.max()):.3g} or more"
            )
    if spec.embedding is None and "features.mean" not in checkpoint.tensors:
        name = f"{spec.recurrent[0].name}.range_x"
        most = float(checkpoint.tensors[name]) if name in checkpoint.tensors else 1.0
        found.append(
            f"note: features beyond +-{most:g} are clipped: --mean and --scale normalise, --input-range widens"
        )
    return found
