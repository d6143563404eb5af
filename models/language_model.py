"""Language models: bits per character of a text that is read once, with the states carried from end to end."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from memramp.errors import InputError
from memramp.models.analog_cell import AnalogState
from memramp.models.analog_network import ProgrammedNetwork
from memramp.models.checkpoint import Checkpoint
from memramp.models.digital_product import DigitalMatrix
from memramp.models.fast_float import fast_cells
from memramp.streams import COUNTER_LIMIT

Floats = NDArray[np.float32]
Symbols = NDArray[np.integer]

_CHUNK = 256  # steps whose scores are held at once


class Cell(Protocol):
    """What both analog cells and those in floating point can do."""

    def zeros(self, n: int) -> AnalogState:
        """Return the initial state."""
        ...

    def sequence(self, x: Floats, state: AnalogState, *, first_sample: int = 0, first_step: int = 0) -> Floats:
        """Run inputs from a state, which is left at the end."""
        ...


Scorer = Callable[[Floats, int, int], NDArray[np.floating]]
"""Scores of symbols for states [n, steps, state]; numbers of first sample and step."""


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A network that reads a symbol at each step and scores the next one."""

    embedding: Floats
    """A row for each symbol."""

    cells: Mapping[str, Cell]
    """In the order of the layers, one direction each."""

    scores: Scorer

    @classmethod
    def floating(cls, checkpoint: Checkpoint) -> "LanguageModel":
        """Return a network in floating point."""
        return cls(_embedding(checkpoint), fast_cells(checkpoint), _digital_scores(checkpoint))

    @classmethod
    def on_chip(cls, chip: ProgrammedNetwork) -> "LanguageModel":
        """Return a network on one chip."""
        if chip.readout is None:
            return cls(_embedding(chip.checkpoint), chip.cells, _digital_scores(chip.checkpoint))

        def scores(states: Floats, first_sample: int, first_step: int) -> NDArray[np.floating]:
            found = [chip.scores(states[:, t], first_sample, first_step + t) for t in range(states.shape[1])]
            return np.stack(found, axis=1) / chip.readout_factor

        return cls(_embedding(chip.checkpoint), chip.cells, scores)

    def states(self, n: int) -> dict[str, AnalogState]:
        """Return the initial states of `n` samples."""
        return {name: cell.zeros(n) for name, cell in self.cells.items()}

    def run(
        self, symbols: Symbols, states: dict[str, AnalogState], first_sample: int = 0, first_step: int = 0
    ) -> NDArray[np.float64]:
        """Return the log-probabilities of the next symbol, [n, steps, symbols], for symbols [n, steps].

        Parameters
        ----------
        symbols : int array [n, steps]
            Numbers of the symbols that are read.
        states : dict of str to AnalogState
            Where the cells start; left at the end.
        first_sample, first_step : int
            Numbers of the first sample and step, which pick the noise.
        """
        x = self.embedding[symbols]
        for name, cell in self.cells.items():
            x = cell.sequence(x, states[name], first_sample=first_sample, first_step=first_step)
        scores = self.scores(x, first_sample, first_step).astype(np.float64)
        return np.asarray(scores - logsumexp(scores, axis=2, keepdims=True))


def _embedding(checkpoint: Checkpoint) -> Floats:
    spec = checkpoint.network
    if spec.embedding is None or spec.read != "all" or any(layer.bidirectional for layer in spec.recurrent):
        raise InputError(
            f"{checkpoint.name}: is no language model, which has an embedding, reads all steps, and from the beginning"
        )
    return checkpoint.tensors[f"{spec.embedding.name}.weight"]


def _digital_scores(checkpoint: Checkpoint) -> Scorer:
    matrix, bias = DigitalMatrix(checkpoint.dense.weight), np.asarray(checkpoint.dense.bias, np.float32)

    def scores(states: Floats, _sample: int, _step: int) -> NDArray[np.floating]:
        n, steps, width = states.shape
        return matrix(states.reshape(n * steps, width)).reshape(n, steps, -1) + bias

    return scores


@dataclass(frozen=True)
class Scored:
    """How well a text was foretold."""

    bits: float
    """Sum over all symbols but the first [bit]."""

    symbols: int
    """Symbols that were foretold."""

    @property
    def bpc(self) -> float:
        """Bits per character."""
        return self.bits / self.symbols


def score_text(
    model: LanguageModel,
    symbols: Symbols,
    *,
    streams: int = 1,
    warm_up: int = 500,
    report: Callable[[int, float], None] = lambda _done, _bits: None,
) -> Scored:
    """Read a text once and return in how many bits it could have been written.

    Parameters
    ----------
    model : LanguageModel
        The network.
    symbols : int array [n]
        The text, at least two symbols.
    streams : int
        1: one pass from end to end. More: the text is cut in so many parts of equal length that are read side by side,
        which is faster; each begins `warm_up` symbols before its part, from zero states, and these are not counted.
    warm_up : int
        Symbols that let a later stream forget that it started from zero.
    report : callable
        Is told, from time to time, how many symbols have been foretold and in how many bits.

    Raises
    ------
    InputError
        The text is too short for so many streams, or longer than the counters of the noise.
    """
    lines = _lines(np.asarray(symbols), streams, warm_up)
    states, bits, counted = model.states(len(lines.inputs)), 0.0, 0
    for start in range(0, lines.inputs.shape[1], _CHUNK):
        part = slice(start, start + _CHUNK)
        found = model.run(lines.inputs[:, part], states, 0, start)
        told = np.take_along_axis(found, lines.targets[:, part, np.newaxis], axis=2)[:, :, 0]
        bits -= math.fsum(told[lines.counts[:, part]]) / math.log(2.0)
        counted += int(lines.counts[:, part].sum())
        report(counted, bits)
    return Scored(bits, counted)


@dataclass(frozen=True, eq=False)
class _Lines:
    """Streams of a text side by side, [streams, steps] each."""

    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]
    counts: NDArray[np.bool_]
    """Whether a symbol is counted: all are, once."""


def _lines(symbols: Symbols, streams: int, warm_up: int) -> _Lines:
    told = len(symbols) - 1
    if symbols.ndim != 1 or told < 1 or told < streams:
        raise InputError(f"a text of {len(symbols)} symbols is too short for {streams} streams")
    if told >= COUNTER_LIMIT:
        raise InputError(f"a text of {len(symbols)} symbols is too long, at most {COUNTER_LIMIT} can be told apart")
    bounds = list(_bounds(told, streams))
    before = [min(warm_up, start) for start, _ in bounds]
    length = max(stop - start + lead for (start, stop), lead in zip(bounds, before, strict=True))
    # Streams begin together; shorter ones are padded at their end, where nothing is counted.
    shape = (streams, length)
    inputs, targets, counts = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
    for n, ((start, stop), lead) in enumerate(zip(bounds, before, strict=True)):
        size = stop - start + lead
        inputs[n, :size] = symbols[start - lead : stop]
        targets[n, :size] = symbols[start - lead + 1 : stop + 1]
        counts[n, lead:size] = True
    return _Lines(inputs, targets, counts)


def _bounds(told: int, streams: int) -> Iterator[tuple[int, int]]:
    for n in range(streams):
        yield told * n // streams, told * (n + 1) // streams
