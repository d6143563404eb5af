"""Training of character language models."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memramp.errors import InputError
from memramp.models.character_set import CharacterSet
from memramp.models.checkpoint import Checkpoint
from memramp.models.hardware import HardwareConfig
from memramp.models.metric import BPC
from memramp.models.spec import NetworkSpec, stacked_spec
from memramp.models.torch_draw import HardwareDraw
from memramp.models.torch_network import States, TrainableNetwork, network_of
from memramp.models.training_config import TrainingConfig
from memramp.models.training_draw import draw_hardware
from memramp.models.training_task import Distillation, Pass
from memramp.streams import Streams

Batch = tuple[Tensor, Tensor]
_EVALUATED_TOGETHER = 64  # parts of the validation text, each from zero states
_EVALUATED_STEPS = 256


@dataclass
class CharacterTraining:
    """The text lies in `batch` streams side by side; a round takes the next part of all of them.

    States are carried from slice to slice within a round, so that a network learns with the states that it will meet.
    """

    config: TrainingConfig
    data: CharacterSet
    metric = BPC
    _states: States = field(default_factory=dict)
    _taught: States = field(default_factory=dict)

    @property
    def spec(self) -> NetworkSpec:
        """See `TrainingTask`."""
        model = self.config.model
        return stacked_spec(
            model.cell,
            model.embedding,
            (model.hidden,) * model.layers,
            len(self.classes),
            projection=model.projection,
            symbols=len(self.classes),
            read="all",
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """See `TrainingTask`."""
        return self.data.vocabulary

    @property
    def description(self) -> str:
        """See `TrainingTask`."""
        return self.data.description

    @property
    def selection(self) -> dict[str, str]:
        """See `TrainingTask`."""
        return {"description": f"{self.data.description}, validation", "sha256": self.data.sha256}

    @property
    def _slices(self) -> int:
        settings = self.config.training
        return (len(self.data.training) - 1) // (settings.batch * settings.slice)

    @property
    def steps(self) -> int:
        """Slices of a round; the rest of the text that fills no slice is left out."""
        return max(1, self._slices // self.config.training.rounds)

    def normalisation(self) -> dict[str, NDArray[np.float32]]:
        """See `TrainingTask`."""
        return {}

    def start_from(self, checkpoint: Checkpoint) -> None:
        """See `TrainingTask`."""
        checkpoint.expecting(None, self.classes)

    def check_teacher(self, checkpoint: Checkpoint) -> None:
        """See `TrainingTask`."""
        checkpoint.expecting(None, self.classes)
        if checkpoint.network.embedding is None or checkpoint.network.read != "all":
            raise InputError(f"{checkpoint.name}: is no language model, which a teacher of texts has to be")

    def batches(self, number: int, streams: Streams) -> Iterator[Batch]:
        """See `TrainingTask`."""
        settings = self.config.training
        length, lines = settings.slice, self._lines(number // settings.rounds, streams)
        first = (number % settings.rounds) * self.steps
        self._states, self._taught = {}, {}
        for index in range(first, first + self.steps):
            part = lines[:, index * length : (index + 1) * length + 1]
            yield part[:, :-1], part[:, 1:]

    def _lines(self, epoch: int, streams: Streams) -> Tensor:
        """Return the text of an epoch as streams [batch, symbols]; each epoch cuts it at other places."""
        settings = self.config.training
        text, length = self.data.training, self.steps * settings.rounds * settings.slice
        if length == 0 or settings.batch * length + 1 > len(text):
            raise InputError(
                f"training: {settings.batch} streams with {settings.rounds} rounds of slices of {settings.slice} "
                f"symbols need more than the text's {len(text)} symbols"
            )
        turned = np.roll(text, -int(streams.generator("cut", epoch).integers(len(text))))
        lines = np.lib.stride_tricks.sliding_window_view(turned, length + 1)[:: length][: settings.batch]
        return torch.from_numpy(lines.astype(np.int64))

    def loss(self, batch: Batch, way: Pass, teacher: Distillation | None) -> Tensor:
        """See `TrainingTask`."""
        x, wanted = batch
        scores, self._states = way.network.run(x, way.draw, self._states, way.dropout, way.generator)
        flat = scores.flatten(0, 1)
        own = torch.nn.functional.cross_entropy(flat, wanted.flatten())
        if teacher is None:
            return own
        with torch.no_grad():
            taught, self._taught = teacher.network.run(x, None, self._taught)
        return teacher.loss(flat, taught.flatten(0, 1), own)

    def evaluate(self, checkpoint: Checkpoint, hardware: HardwareConfig | None, chips: Mapping[int, Streams]) -> float:
        """Return the bits per character on the beginning of the validation text, in streams side by side."""
        symbols = self.data.validation[: self.config.training.evaluation_symbols]
        settings = self.config.training
        network = network_of(checkpoint, low_precision=settings.low_precision).to(torch.device(settings.device))
        if hardware is None:
            return bits_per_character(network, symbols, None)
        draws = (draw_hardware(checkpoint, hardware, streams) for streams in chips.values())
        seeds = (int(streams.key("read")) >> 1 for streams in chips.values())
        scores = (bits_per_character(network, symbols, *each) for each in zip(draws, seeds, strict=True))
        return float(np.mean(list(scores)))


def bits_per_character(
    network: TrainableNetwork, symbols: NDArray[np.integer], draw: HardwareDraw | None, seed: int = 0
) -> float:
    """Return the bits per character of the training graph, the text cut into streams from zero states.

    `seed` is that of the read noise.
    """
    streams = min(_EVALUATED_TOGETHER, max(1, (len(symbols) - 1) // 2))
    length = (len(symbols) - 1) // streams
    lines = np.stack([symbols[k * length : (k + 1) * length + 1] for k in range(streams)]).astype(np.int64)
    device = network.device
    text, total = torch.from_numpy(lines).to(device), 0.0
    draw = None if draw is None else draw.to(device)
    states: States = {}
    generator = torch.Generator(device).manual_seed(seed)
    with torch.no_grad():
        for start in range(0, length, _EVALUATED_STEPS):
            part = text[:, start : start + _EVALUATED_STEPS + 1]
            scores, states = network.run(part[:, :-1], draw, states, 0.0, generator)
            wanted = part[:, 1:].flatten()
            total += float(torch.nn.functional.cross_entropy(scores.flatten(0, 1), wanted, reduction="sum"))
    return total / (streams * length) / math.log(2.0)
