"""Hardware-aware training (extra ``train``): resumable, reproducible, with the simulator's devices in the loop.

Every batch runs through a fresh draw of the hardware: the array and the ramps are programmed anew by the simulator's
own functions, with all programming noise and faults of the device; read noise is drawn at the outputs of each step, and
once per batch in the ramps. The running mean of the weights is evaluated on the selection clips, on chips of the
simulator, and the epoch of the best mean accuracy is kept.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memramp.errors import InputError
from memramp.models.analog_lstm import accuracy, program_converter, program_gates, program_network, program_readout
from memramp.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from memramp.models.hardware import HardwareConfig
from memramp.models.torch_network import ColumnDraw, HardwareDraw, KeywordNetwork, Staircase, network_of, powers_of
from memramp.models.training_config import TrainingConfig
from memramp.models.training_data import TrainingData
from memramp.models.training_state import TrainingState, load_state, save_state
from memramp.peripherals import Converter
from memramp.streams import Streams

STATE_FILE = "state.safetensors"
CHECKPOINT_FILE = "checkpoint.safetensors"


@dataclass(frozen=True)
class Progress:
    """What is told after each epoch.

    Parameters
    ----------
    epoch, epochs : int
        Epochs done and to do.
    loss : float
        Mean cross entropy of the epoch [nat].
    accuracy : float or None
        Mean accuracy on the selection clips, where this epoch was evaluated [%].
    best : float
        Best of these so far [%].
    seconds_left : float
        Estimate.
    """

    epoch: int
    epochs: int
    loss: float
    accuracy: float | None
    best: float
    seconds_left: float


@dataclass
class Trainer:
    """One training: its configuration, data, network, and the state that a resumed one goes on from."""

    config: TrainingConfig
    data: TrainingData
    out: Path
    streams: Streams = field(init=False)
    hardware: HardwareConfig | None = field(init=False)
    network: KeywordNetwork = field(init=False)
    teacher: KeywordNetwork | None = field(init=False, default=None)
    state: TrainingState = field(init=False)
    parents: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        torch.set_num_threads(self.config.training.threads)
        numba.set_num_threads(min(self.config.training.threads, numba.get_num_threads()))
        self.streams = Streams(self.config.seed)
        self.hardware = self.config.hardware(self.config.model.tanh_c, self.config.model.readout)
        classes = len(self.data.selection.classes)
        self.network = KeywordNetwork(len(self.data.mean), self.config.model.hidden, classes)
        self.network.initialise(torch_generator(self.streams, "initial"))
        if self.config.model.init is not None:
            self._start_from(self._parent("init", self.config.model.init))
        if self.config.training.teacher is not None:
            self.teacher = self._teacher(self._parent("teacher", self.config.training.teacher))
        identity = json.dumps({"config": self.config.model_dump(mode="json"), "parents": self.parents}, sort_keys=True)
        resumed = load_state(self.out / STATE_FILE, self.network, identity)
        self.state = resumed or TrainingState.fresh(self.network, identity)

    def _parent(self, role: str, name: str) -> Checkpoint:
        checkpoint = load_checkpoint(name)
        self.parents[f"{role}_sha256"] = checkpoint.digest
        return checkpoint

    def _start_from(self, checkpoint: Checkpoint) -> None:
        self.network.load(self._fitting(checkpoint, self.config.model.hidden).tensors)
        # The weights belong to the normalisation that they were trained with.
        self.data = self.data.normalised_as(checkpoint.tensors["features.mean"], checkpoint.tensors["features.scale"])

    def _fitting(self, checkpoint: Checkpoint, hidden: int | None) -> Checkpoint:
        return checkpoint.expecting(hidden, self.data.selection.classes, len(self.data.mean))

    def _teacher(self, checkpoint: Checkpoint) -> KeywordNetwork:
        self._fitting(checkpoint, None)
        ours, theirs = (self.data.mean, self.data.scale), ("features.mean", "features.scale")
        if not all(np.array_equal(own, checkpoint.tensors[name]) for own, name in zip(ours, theirs, strict=True)):
            raise InputError(f"{checkpoint.name}: a teacher needs features normalised as in the training")
        return network_of(checkpoint)

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch; the last, incomplete one is left out."""
        return max(1, self.data.epoch_size // self.config.training.batch)

    def run(self, report: Callable[[Progress], None]) -> Checkpoint:
        """Train to the end and return the best checkpoint, which is also written into the folder `out`."""
        settings, state = self.config.training, self.state
        started, first = monotonic(), state.epoch
        while state.epoch < settings.epochs:
            loss = self._epoch(state.epoch)
            state.epoch += 1
            score = self._evaluate() if self._evaluates(state.epoch) else None
            state.history.append({"epoch": state.epoch, "loss": round(loss, 5), "accuracy": score})
            save_state(state, self.network, self.out / STATE_FILE)
            pace = (monotonic() - started) / (state.epoch - first)
            left = pace * (settings.epochs - state.epoch)
            report(Progress(state.epoch, settings.epochs, loss, score, state.best, left))
        checkpoint = self._checkpoint(state.best_tensors)
        save_checkpoint(checkpoint, self.out / CHECKPOINT_FILE)
        return checkpoint

    def _evaluates(self, epoch: int) -> bool:
        return epoch % self.config.training.evaluate_every == 0 or epoch == self.config.training.epochs

    def _epoch(self, number: int) -> float:
        features, labels = self.data.epoch(number, self.streams.generator("order", number))
        generator = torch_generator(self.streams, "epoch", number)
        batch, losses = min(self.config.training.batch, len(labels)), []
        for index in range(self.steps_per_epoch):
            part = slice(index * batch, (index + 1) * batch)
            draw = self._draw(number, index)
            losses.append(self._step(torch.from_numpy(features[part]), torch.from_numpy(labels[part]), draw, generator))
        return float(np.mean(losses))

    def _step(self, x: Tensor, labels: Tensor, draw: HardwareDraw | None, generator: torch.Generator) -> float:
        settings, state = self.config.training, self.state
        for group in state.optimizer.param_groups:
            group.update(lr=self._learning_rate(), weight_decay=settings.weight_decay)
        scores = self.network(x, draw, settings.dropout, generator)
        loss = self._loss(scores, labels, x)
        state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.gradient_clip)
        state.optimizer.step()
        state.step += 1
        state.average(self.network, settings.average)
        return float(loss.detach())

    def _loss(self, scores: Tensor, labels: Tensor, x: Tensor) -> Tensor:
        loss = torch.nn.functional.cross_entropy(scores, labels)
        if self.teacher is None:
            return loss
        # Hinton, Vinyals, Dean, arXiv 1503.02531: the square of the temperature keeps the gradients' size.
        weight, temperature = self.config.training.teacher_weight, self.config.training.temperature
        with torch.no_grad():
            wanted = torch.log_softmax(self.teacher(x, None) / temperature, dim=1)
        found = torch.log_softmax(scores / temperature, dim=1)
        distance = torch.nn.functional.kl_div(found, wanted, reduction="batchmean", log_target=True)
        return (1.0 - weight) * loss + weight * temperature**2 * distance

    def _learning_rate(self) -> float:
        settings, step = self.config.training, self.state.step
        total = settings.epochs * self.steps_per_epoch
        warm = min(1.0, (step + 1) / (settings.warmup_steps + 1))
        return settings.learning_rate * warm * 0.5 * (1.0 + float(np.cos(np.pi * step / total)))

    def _draw(self, epoch: int, batch: int) -> HardwareDraw | None:
        if self.hardware is None:
            return None
        streams = self.streams.child("draw", epoch, batch)
        return draw_hardware(self._checkpoint(self.network.tensors()), self.hardware, streams)

    def _evaluate(self) -> float:
        tensors = self.state.averaged()
        checkpoint = self._checkpoint(tensors)
        score = float(np.mean(list(self._scores(checkpoint))))
        if score > self.state.best:
            self.state.best, self.state.best_tensors, self.state.best_epoch = score, tensors, self.state.epoch
        return score

    def _scores(self, checkpoint: Checkpoint) -> Iterator[float]:
        selection = self.data.selection
        if self.hardware is None:
            yield accuracy(checkpoint.float_logits(selection.features), selection.labels)
            return
        for chip in range(self.config.training.evaluation_chips):
            # The same chips in every evaluation: epochs are compared under equal noise.
            network = program_network(checkpoint, self.hardware, self.streams.child("evaluation", chip))
            yield accuracy(network.logits(selection.features), selection.labels)

    def _checkpoint(self, weights: dict[str, NDArray[np.float32]]) -> Checkpoint:
        metrics: dict[str, Any] = {
            "training_data": self.data.description,
            "selection_data": self.data.selection.description,
            "selection_accuracy": round(self.state.best, 4),
            "epoch": self.state.best_epoch,
            **self.parents,
        }
        if self.hardware is not None:
            # What the mapping clips is clipped here already, so that the weights mean the same without hardware.
            clip = np.float32(self.hardware.crossbar.w_clip)
            gates = {name: np.clip(weights[name], -clip, clip) for name in weights if name.startswith("lstm.")}
            weights = weights | gates
        normalisation = {"features.mean": self.data.mean, "features.scale": self.data.scale}
        # Where files lie on this machine is nobody's business: a checkpoint travels.
        config = self.config.model_dump(mode="json", exclude={"task": {"root"}, "training": {"feature_cache"}})
        for block, key in (("model", "init"), ("training", "teacher")):
            if config[block][key] is not None:
                config[block][key] = Path(config[block][key]).name
        return Checkpoint({**normalisation, **weights}, self.data.selection.classes, config, metrics)


def draw_hardware(checkpoint: Checkpoint, hardware: HardwareConfig, streams: Streams) -> HardwareDraw:
    """Program the hardware once, with the simulator's own functions, for a batch of training.

    Parameters
    ----------
    checkpoint : Checkpoint
        The weights as they are now.
    hardware : HardwareConfig
        Devices, mapping, converters.
    streams : Streams
        Random streams of this batch.

    Raises
    ------
    InputError
        The hardware has something that the training graph does not know.
    """
    _check_trainable(hardware)
    hidden = checkpoint.lstm.hidden
    gates = program_gates(checkpoint.lstm, hardware, streams)
    if gates.partial is not None:
        raise InputError("training knows no sums that are joined in digital ('tile.tall'), where no ramp is used")
    sigmoid, tanh = (program_converter(name, hardware, streams, gates) for name in ("sigmoid", "tanh"))
    readout, scale = None, 1.0
    if hardware.readout == "analog":
        programmed, scale = program_readout(checkpoint.dense, hardware, streams)
        readout = torch.from_numpy(programmed.w_eff / np.float32(scale))
    return HardwareDraw(
        lstm=torch.from_numpy(gates.w_eff),
        dense=readout,
        sigmoid=_staircase(sigmoid, streams.key("sigmoid", "read")),
        tanh=_staircase(tanh, streams.key("tanh", "read")),
        state=None if hardware.tanh_c == "digital" else _staircase(tanh, streams.key("tanh", "read", "state")),
        input_levels=hardware.input.levels,
        input_range=hardware.input.range,
        read_var=_tensor(gates.held_variance),
        read_white=_tensor(gates.white_variance),
        powers=powers_of(hardware.coding),
        gates=_columns(sigmoid, _gate_offsets(sigmoid, tanh, hidden)),
        states=None if hardware.tanh_c == "digital" else _columns(tanh, tanh.offset[hidden:]),
    )


def _check_trainable(hardware: HardwareConfig) -> None:
    coding = hardware.coding
    if coding is not None and coding.curve.size:
        raise InputError("training knows no inputs by voltage on devices with a nonlinear I-V curve ('input.coding')")


def _tensor(values: NDArray[np.float32]) -> torch.Tensor | None:
    return torch.from_numpy(values) if values.any() else None


def _gate_offsets(sigmoid: Converter, tanh: Converter, hidden: int) -> NDArray[np.float32]:
    """Return the offsets of the gates' columns in the order i, f, g, o, [4 hidden], or [0] without offsets."""
    return np.concatenate([sigmoid.offset[: 2 * hidden], tanh.offset[:hidden], sigmoid.offset[2 * hidden :]])


def _columns(converter: Converter, offset: NDArray[np.float32]) -> ColumnDraw | None:
    std = float(np.hypot(converter.sample_std, converter.decision_std))  # the same for all of a layer's converters
    if offset.size == 0 and std == 0.0:
        return None
    return ColumnDraw(torch.from_numpy(offset if offset.size else np.zeros(1, np.float32)), std)


def _staircase(converter: Converter, key: np.uint64) -> Staircase:
    return Staircase(torch.from_numpy(converter.read_thresholds(key)), torch.from_numpy(converter.outputs))


def torch_generator(streams: Streams, *names: str | int) -> torch.Generator:
    """Return a PyTorch generator of its own for this name."""
    return torch.Generator().manual_seed(int(streams.key(*names)) >> 1)
