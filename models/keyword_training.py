"""Training of keyword spotters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memramp.errors import InputError
from memramp.models.analog_network import accuracy, program_network
from memramp.models.checkpoint import NORMALISATION, Checkpoint
from memramp.models.hardware import HardwareConfig
from memramp.models.metric import ACCURACY
from memramp.models.spec import NetworkSpec, stacked_spec
from memramp.models.training_config import TrainingConfig
from memramp.models.training_data import TrainingData
from memramp.models.training_task import Distillation, Pass
from memramp.streams import Streams

Batch = tuple[Tensor, Tensor]


@dataclass
class KeywordTraining:
    """A round is an epoch: all clips once, in random order."""

    config: TrainingConfig
    data: TrainingData
    metric = ACCURACY

    @property
    def spec(self) -> NetworkSpec:
        """See `TrainingTask`."""
        model = self.config.model
        return stacked_spec(
            model.cell,
            len(self.data.mean),
            (model.hidden,) * model.layers,
            len(self.classes),
            projection=model.projection,
            bidirectional=model.bidirectional,
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """See `TrainingTask`."""
        return self.data.selection.classes

    @property
    def description(self) -> str:
        """See `TrainingTask`."""
        return self.data.description

    @property
    def selection(self) -> dict[str, str]:
        """See `TrainingTask`."""
        return {"description": self.data.selection.description, "sha256": self.data.selection.sha256}

    @property
    def steps(self) -> int:
        """Batches of an epoch; the last, incomplete one is left out."""
        return max(1, self.data.epoch_size // self.config.training.batch)

    def normalisation(self) -> dict[str, NDArray[np.float32]]:
        """See `TrainingTask`."""
        return dict(zip(NORMALISATION, (self.data.mean, self.data.scale), strict=True))

    def start_from(self, checkpoint: Checkpoint) -> None:
        """See `TrainingTask`."""
        self._fitting(checkpoint)
        # The weights belong to the normalisation that they were trained with.
        self.data = self.data.normalised_as(*(checkpoint.tensors[name] for name in NORMALISATION))

    def check_teacher(self, checkpoint: Checkpoint) -> None:
        """See `TrainingTask`."""
        self._fitting(checkpoint)
        ours = self.normalisation()
        if not all(np.array_equal(ours[name], checkpoint.tensors[name]) for name in NORMALISATION):
            raise InputError(f"{checkpoint.name}: a teacher needs features normalised as in the training")

    def _fitting(self, checkpoint: Checkpoint) -> None:
        checkpoint.expecting(None, self.classes, len(self.data.mean))
        if NORMALISATION[0] not in checkpoint.tensors:
            raise InputError(f"{checkpoint.name}: has no normalisation of features")

    def batches(self, number: int, streams: Streams) -> Iterator[Batch]:
        """See `TrainingTask`."""
        features, labels = self.data.epoch(number, streams.generator("order", number))
        batch = min(self.config.training.batch, len(labels))
        for index in range(self.steps):
            part = slice(index * batch, (index + 1) * batch)
            yield torch.from_numpy(features[part]), torch.from_numpy(labels[part])

    def loss(self, batch: Batch, way: Pass, teacher: Distillation | None) -> Tensor:
        """See `TrainingTask`."""
        x, labels = batch
        scores = way.scores(x)
        own = torch.nn.functional.cross_entropy(scores, labels)
        if teacher is None:
            return own
        with torch.no_grad():
            wanted = teacher.network(x, None)
        return teacher.loss(scores, wanted, own)

    def evaluate(self, checkpoint: Checkpoint, hardware: HardwareConfig | None, chips: Mapping[int, Streams]) -> float:
        """See `TrainingTask`."""
        clips = self.data.selection
        if hardware is None:
            return accuracy(checkpoint.float_logits(clips.features), clips.labels)
        scores = [
            accuracy(program_network(checkpoint, hardware, streams).logits(clips.features), clips.labels)
            for streams in chips.values()
        ]
        return float(np.mean(scores))
