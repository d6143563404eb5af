"""What a training needs to know about its data: the same loop trains keyword spotters and language models."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memramp.models.checkpoint import Checkpoint
from memramp.models.hardware import HardwareConfig
from memramp.models.metric import Metric
from memramp.models.spec import NetworkSpec
from memramp.models.torch_draw import HardwareDraw
from memramp.models.torch_network import TrainableNetwork
from memramp.streams import Streams


@dataclass(frozen=True)
class Pass:
    """How a batch goes through the network."""

    network: TrainableNetwork
    draw: HardwareDraw | None
    dropout: float
    generator: torch.Generator

    def scores(self, x: Tensor) -> Tensor:
        """Return the scores from zero states, see `TrainableNetwork.forward`."""
        scores: Tensor = self.network(x, self.draw, self.dropout, self.generator)
        return scores


@dataclass(frozen=True)
class Distillation:
    """A teacher's part in the loss."""

    network: TrainableNetwork
    weight: float
    temperature: float

    def loss(self, scores: Tensor, wanted: Tensor, own: Tensor) -> Tensor:
        """Return the loss for scores [n, classes], the teacher's, and the loss `own` from the labels.

        Hinton, Vinyals, Dean, arXiv 1503.02531: the square of the temperature keeps the gradients' size.
        """
        target = torch.log_softmax(wanted / self.temperature, dim=1)
        found = torch.log_softmax(scores / self.temperature, dim=1)
        distance = torch.nn.functional.kl_div(found, target, reduction="batchmean", log_target=True)
        return (1.0 - self.weight) * own + self.weight * self.temperature**2 * distance


class TrainingTask(Protocol):
    """The data of a training and what is done with them."""

    @property
    def metric(self) -> Metric:
        """What is measured on the selection data."""
        ...

    @property
    def spec(self) -> NetworkSpec:
        """The network that is trained."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs."""
        ...

    @property
    def description(self) -> str:
        """What is learned."""
        ...

    @property
    def selection(self) -> dict[str, str]:
        """``description`` and ``sha256`` of the data that epochs are chosen on."""
        ...

    @property
    def steps(self) -> int:
        """Batches of a round."""
        ...

    def normalisation(self) -> dict[str, NDArray[np.float32]]:
        """Return the tensors of a checkpoint that are not trained."""
        ...

    def start_from(self, checkpoint: Checkpoint) -> None:
        """Check that a checkpoint is one of this task, and take over its normalisation."""
        ...

    def check_teacher(self, checkpoint: Checkpoint) -> None:
        """Check that a checkpoint can be the teacher."""
        ...

    def batches(self, number: int, streams: Streams) -> Iterator[Any]:
        """Yield the batches of a round."""
        ...

    def loss(self, batch: Any, way: Pass, teacher: Distillation | None) -> Tensor:
        """Return the loss of a batch [nat]."""
        ...

    def evaluate(self, checkpoint: Checkpoint, hardware: HardwareConfig | None, chips: Mapping[int, Streams]) -> float:
        """Return the mean metric on the selection data, over chips where there is hardware."""
        ...
