"""What a network is looked at with: some sequences, and what it should make of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from memramp.errors import InputError
from memramp.models.analog_network import ProgrammedNetwork
from memramp.models.cell_trace import CellTrace, float_trace
from memramp.models.checkpoint import Checkpoint
from memramp.models.float_network import Doubles, dense
from memramp.models.spec import RecurrentSpec

Floats = NDArray[np.float32]
Traces = dict[str, CellTrace]
"""By direction, see `memramp.models.spec.NetworkSpec.directions`."""


@dataclass(frozen=True, eq=False)
class Probe:
    """Sequences for a network. Made by `of_features` or `of_symbols`."""

    checkpoint: Checkpoint
    inputs: Floats
    """Of the first recurrent layer, [n, steps, inputs]."""

    labels: NDArray[np.integer] | None = None
    """Classes, [n], or at each step what comes next, [n, steps]; None: unknown."""

    warm_up: int = 0
    """First steps whose labels do not count; the states are looked at from the first step on."""

    @classmethod
    def of_features(
        cls, checkpoint: Checkpoint, features: NDArray[np.floating], labels: NDArray[np.integer] | None = None
    ) -> "Probe":
        """Take labelled features [n, steps, inputs], as the front end makes them.

        Raises
        ------
        InputError
            The features are not those that the checkpoint was made for, or there are none.
        """
        inputs = checkpoint.normalise(features)
        if inputs.shape[0] < 1 or inputs.shape[1] < 1:
            raise InputError(f"{checkpoint.name}: a probe needs at least one sequence of one step, found none")
        expected = inputs.shape[: 1 if checkpoint.network.read == "last" else 2]
        if labels is not None and labels.shape != expected:
            raise InputError(f"{checkpoint.name}: labels must have the shape {expected}, found {labels.shape}")
        return cls(checkpoint, inputs, labels)

    @classmethod
    def of_symbols(cls, checkpoint: Checkpoint, symbols: NDArray[np.integer], warm_up: int = 0) -> "Probe":
        """Take texts [n, steps + 1] as numbers of symbols, read from zero states; the last symbol is only foretold.

        Parameters
        ----------
        warm_up : int
            First steps that do not count in the bits per character, as the network knows no context yet.

        Raises
        ------
        InputError
            The checkpoint is no language model, or the texts are too short.
        """
        embedding = checkpoint.network.embedding
        if embedding is None or checkpoint.network.read != "all":
            raise InputError(f"{checkpoint.name}: is no language model, which has an embedding and reads all steps")
        if symbols.ndim != 2 or symbols.shape[0] < 1 or not 0 <= warm_up < symbols.shape[1] - 1:
            found = f"an array of shape {symbols.shape} and a warm-up of {warm_up}"
            raise InputError(f"a probe needs texts [n, steps + 1] that are longer than the warm-up, found {found}")
        vectors = checkpoint.tensors[f"{embedding.name}.weight"]
        return cls(checkpoint, np.asarray(vectors[symbols[:, :-1]], np.float32), symbols[:, 1:], warm_up)

    @classmethod
    def of_text(cls, checkpoint: Checkpoint, symbols: NDArray[np.integer], samples: int, steps: int) -> "Probe":
        """Take stretches of a text [n], evenly spread; the first half of each does not count in the bits per character.

        Raises
        ------
        InputError
            See `of_symbols`, or the text is shorter than a stretch.
        """
        room = len(symbols) - (steps + 1)
        if room < 0 or steps < 1:
            raise InputError(f"a text of {len(symbols)} symbols has no stretch of {steps} steps and one symbol more")
        starts = np.arange(samples) * room // max(samples - 1, 1)
        return cls.of_symbols(checkpoint, symbols[starts[:, np.newaxis] + np.arange(steps + 1)], steps // 2)

    def sample(self, n: int) -> "Probe":
        """Return `n` of the sequences, evenly spread over their order; all if there are no more."""
        total = len(self.inputs)
        rows = np.arange(min(n, total)) * total // min(n, total)
        return replace(self, inputs=self.inputs[rows], labels=None if self.labels is None else self.labels[rows])

    @property
    def metric(self) -> str:
        """``accuracy`` (percent) or ``bpc`` (bits per character)."""
        return "accuracy" if self.checkpoint.network.embedding is None else "bpc"

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of sequences and steps."""
        return self.inputs.shape[0], self.inputs.shape[1]

    def score(self, scores: NDArray[np.floating]) -> float:
        """Return the metric of class scores [n, classes] or [n, steps, classes]; NaN without labels."""
        if self.labels is None:
            return float("nan")
        if self.metric == "accuracy":
            return 100.0 * float(np.mean(np.argmax(scores, axis=-1) == self.labels))
        counted, labels = scores[:, self.warm_up :], self.labels[:, self.warm_up :]
        told = np.take_along_axis(counted, labels[:, :, np.newaxis], axis=2)[:, :, 0] - logsumexp(counted, axis=2)
        return -float(np.mean(told)) / float(np.log(2.0))


@dataclass(frozen=True, eq=False)
class Twin:
    """The network in floating point on a probe."""

    traces: Traces
    inputs: Mapping[str, NDArray[np.floating]]
    """Of each direction, in the order in which it reads."""

    outputs: Doubles
    """States of the last layer in the order of the sequence, [n, steps, outputs]."""

    metric: float


def run_twin(probe: Probe) -> Twin:
    """Run a network in floating point and keep all that it does."""
    x: NDArray[np.floating] = probe.inputs
    traces: Traces = {}
    inputs: dict[str, NDArray[np.floating]] = {}
    for layer in probe.checkpoint.network.recurrent:
        for name in layer.directions:
            inputs[name] = read_by(x, layer, name)
            traces[name] = float_trace(inputs[name], layer, probe.checkpoint.cells[name])
        found = {name: traces[name].stacked("state", "h") for name in layer.directions}
        x, ends = joined(found, layer)
    read = x if probe.checkpoint.network.read == "all" else ends
    return Twin(traces, inputs, np.asarray(x, np.float64), probe.score(dense(read, probe.checkpoint.dense)))


@dataclass(frozen=True, eq=False)
class Seen:
    """A chip on a probe."""

    outputs: Floats
    """States of the last layer in the order of the sequence, [n, steps, outputs]."""

    metric: float


def run_chip(chip: ProgrammedNetwork, probe: Probe, traces: Traces | None = None) -> Seen:
    """Run a chip from zero states, each layer on what the one before gives.

    Parameters
    ----------
    chip : ProgrammedNetwork
        Programmed with the probe's checkpoint.
    probe : Probe
        What it reads.
    traces : dict or None
        Receives a trace of each direction; None: whole sequences run in one compiled call where they can, which gives
        the same bits faster.
    """
    x: NDArray[np.floating] = probe.inputs
    for layer in probe.checkpoint.network.recurrent:
        found = {}
        for name in layer.directions:
            given = np.ascontiguousarray(read_by(x, layer, name), np.float32)
            if traces is None:
                found[name] = chip.cells[name].run(given, record=True)
            else:
                traces[name] = CellTrace()
                found[name] = chip.cells[name].sequence(given, chip.cells[name].zeros(len(given)), trace=traces[name])
        x, ends = joined(found, layer)
    return Seen(np.asarray(x, np.float32), probe.score(_scores(chip, np.asarray(x), np.asarray(ends))))


def _scores(chip: ProgrammedNetwork, outputs: Floats, ends: Floats) -> NDArray[np.float64]:
    if chip.checkpoint.network.read == "last":
        return chip.scores(ends) / chip.readout_factor
    found = [chip.scores(outputs[:, t], 0, t) for t in range(outputs.shape[1])]
    return np.stack(found, axis=1) / chip.readout_factor


def read_by(x: NDArray[np.floating], layer: RecurrentSpec, name: str) -> NDArray[np.floating]:
    """Return a sequence [n, steps, width] in the order in which a direction reads it."""
    return x if name == layer.name else x[:, ::-1]


def joined(
    found: Mapping[str, NDArray[np.floating]], layer: RecurrentSpec
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the states of a layer's directions side by side: [n, steps, outputs], and those come to last."""
    in_order = [read_by(found[name], layer, name) for name in layer.directions]
    return np.concatenate(in_order, axis=2), np.concatenate([found[name][:, -1] for name in layer.directions], axis=1)
