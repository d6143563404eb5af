"""Hardware-aware training (extra ``train``): resumable, reproducible, with the simulator's devices in the loop.

Every batch runs through a fresh draw of the hardware: the array and the ramps are programmed anew by the simulator's
own functions, with all programming noise and faults of the device; read noise is drawn at the outputs of each step, and
once per batch in the ramps. The running mean of the weights is evaluated on the selection data, on chips of their own,
and the round of the best mean score is kept. A round is an epoch, or a part of one where epochs are long: what is on
disk is a round old at most.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray

from memramp.errors import InputError
from memramp.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from memramp.models.compact import compacted
from memramp.models.hardware import HardwareConfig
from memramp.models.spec import NetworkSpec
from memramp.models.torch_draw import HardwareDraw
from memramp.models.torch_network import TrainableNetwork, network_of
from memramp.models.torch_slopes import Blur
from memramp.models.training_config import TrainingConfig
from memramp.models.training_draw import draw_hardware, hardware_of_training
from memramp.models.training_state import TrainingState, load_state, save_state
from memramp.models.training_task import Distillation, Pass, TrainingTask
from memramp.streams import Streams

STATE_FILE = "state.safetensors"
CHECKPOINT_FILE = "checkpoint.safetensors"

_BLOWN_UP = 2.0  # times the loss of the best round
_PATHS = {"root", "file", "training", "validation", "testing"}


@dataclass(frozen=True)
class Progress:
    """What is told after each round.

    Parameters
    ----------
    done, rounds : int
        Rounds done and to do.
    loss : float
        Mean loss of the round [nat].
    score : float or None
        Mean metric on the selection data, where this round was evaluated.
    best : float or None
        Best of these so far.
    seconds_left : float
        Estimate.
    """

    done: int
    rounds: int
    loss: float
    score: float | None
    best: float | None
    seconds_left: float


@dataclass
class Trainer:
    """One training: its configuration, data, network, and the state that a resumed one goes on from."""

    config: TrainingConfig
    task: TrainingTask
    out: Path
    streams: Streams = field(init=False)
    device: torch.device = field(init=False)
    hardware: HardwareConfig | None = field(init=False)
    network: TrainableNetwork = field(init=False)
    teacher: Distillation | None = field(init=False, default=None)
    state: TrainingState = field(init=False)
    parents: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        settings, model = self.config.training, self.config.model
        self.device = device_of(settings.device)
        torch.set_num_threads(settings.threads)
        numba.set_num_threads(min(settings.threads, numba.get_num_threads()))
        self.streams = Streams(self.config.seed)
        self.hardware = self.config.hardware(model.tanh_c, model.readout, model.project)
        initial = None if model.init is None else self._initial(self._parent("init", model.init))
        self.network = TrainableNetwork(
            self.task.spec,
            low_precision=settings.low_precision,
            scalars=self._scalars(initial),
            learn=model.learn,
            weight_drop=settings.weight_drop,
        )
        self.network.initialise(torch_generator(self.streams, "initial"))
        if initial is not None:
            self.network.load(
                initial.tensors | {name: np.array(x, np.float32) for name, x in self._scalars(initial).items()}
            )
        self.network.to(self.device)  # drawn on the processor, so that it starts alike everywhere
        if settings.teacher is not None:
            self.teacher = self._teacher(self._parent("teacher", settings.teacher))
        identity = json.dumps({"config": self.config.model_dump(mode="json"), "parents": self.parents}, sort_keys=True)
        resumed = load_state(self.out / STATE_FILE, self.network, identity)
        self.state = resumed or TrainingState.fresh(self.network, identity)

    def _parent(self, role: str, name: str) -> Checkpoint:
        checkpoint = load_checkpoint(name)
        self.parents[f"{role}_sha256"] = checkpoint.digest
        return checkpoint

    def _scalars(self, initial: Checkpoint | None) -> dict[str, float]:
        """Return ranges and clips, and where those that are learned start: as given, as in `initial`, or by default."""
        model = self.config.model
        values = {"range_x": 1.0, "range_h": 1.0, "clip": self.config.crossbar.w_clip}

        def of_layers(chosen: Mapping[str, float]) -> dict[str, float]:
            return {f"{layer.name}.{key}": value for layer in self.task.spec.recurrent for key, value in chosen.items()}

        start = of_layers({key: values[key] for key in model.learn})
        return start | ({} if initial is None else initial.scalars) | of_layers(model.scalars)

    def _initial(self, checkpoint: Checkpoint) -> Checkpoint:
        self.task.start_from(checkpoint)
        if checkpoint.network != self.task.spec:
            found = ", ".join(f"{name} {list(shape)}" for name, shape in checkpoint.network.shapes().items())
            asked = ", ".join(f"{name} {list(shape)}" for name, shape in self.task.spec.shapes().items())
            raise InputError(f"{checkpoint.name}: is another network ({found}) than the one to train ({asked})")
        return checkpoint

    def _teacher(self, checkpoint: Checkpoint) -> Distillation:
        self.task.check_teacher(checkpoint)
        settings = self.config.training
        return Distillation(network_of(checkpoint).to(self.device), settings.teacher_weight, settings.temperature)

    @property
    def rounds(self) -> int:
        """Rounds of the whole training."""
        return self.config.training.epochs * self.config.training.rounds

    def run(self, report: Callable[[Progress], None]) -> Checkpoint:
        """Train to the end and return the best checkpoint, which is also written into the folder `out`.

        Raises
        ------
        InputError
            The training diverges; the best checkpoint so far is written all the same.
        """
        state = self.state
        started, first = monotonic(), state.round
        while state.round < self.rounds:
            loss = self._round(state.round)
            if self._blown_up(loss):
                self._stop_diverged(f"the loss has risen to {loss:.3g}")
            state.round += 1
            score = self._evaluate() if self._evaluates(state.round) else None
            state.history.append({"epoch": self._epochs(state.round), "loss": round(loss, 5), "score": score})
            save_state(state, self.network, self.out / STATE_FILE)
            pace = (monotonic() - started) / (state.round - first)
            left = pace * (self.rounds - state.round)
            report(Progress(state.round, self.rounds, loss, score, state.best, left))
        return self._save_best()

    def _epochs(self, rounds: int) -> float:
        """Return rounds as epochs: whole numbers where a round is an epoch."""
        parts = self.config.training.rounds
        return rounds // parts if rounds % parts == 0 else round(rounds / parts, 4)

    def _save_best(self) -> Checkpoint:
        checkpoint = self._checkpoint(self.state.best_tensors)
        save_checkpoint(checkpoint, self.out / CHECKPOINT_FILE, compact=self.config.training.store == "bytes")
        return checkpoint

    def _evaluates(self, done: int) -> bool:
        return done % self.config.training.evaluate_every == 0 or done == self.rounds

    def _round(self, number: int) -> float:
        generator, losses = torch_generator(self.streams, "epoch", number, device=self.device), []
        for index, batch in enumerate(self.task.batches(number, self.streams)):
            draw = self._draw(number, index)
            batch = tuple(part.to(self.device) for part in batch)
            losses.append(self._step(batch, Pass(self.network, draw, self.config.training.dropout, generator)))
        return float(np.mean(losses))

    def _step(self, batch: Any, way: Pass) -> float:
        settings, state = self.config.training, self.state
        state.set_rates(settings.rate(state.step, self.rounds * self.task.steps), settings.weight_decay)
        loss = self.task.loss(batch, way, self.teacher)
        state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.gradient_clip)
        if not (torch.isfinite(loss) and torch.isfinite(norm)):
            self._stop_diverged("the loss is no finite number")
        state.optimizer.step()
        state.step += 1
        state.average(self.network, settings.average)
        return float(loss.detach())

    def _blown_up(self, loss: float) -> bool:
        """Return whether a round's loss is above that of guessing, and far above what it was before."""
        before = [float(row["loss"]) for row in self.state.history]
        return bool(before) and loss > max(_BLOWN_UP * min(before), float(np.log(len(self.task.classes))))

    def _stop_diverged(self, what: str) -> None:
        """Say that the training has diverged; the state on disk is that of the last whole round."""
        kept = "no round had been evaluated, so no checkpoint was written"
        if self.state.best_tensors:
            self._save_best()
            kept = f"the checkpoint of epoch {self._epochs(self.state.best_round):g} is kept in {self.out}"
        raise InputError(
            f"training: {what} after {self.state.step} steps; take a smaller "
            f"'training.learning_rate' or 'training.gradient_clip' ({kept})"
        )

    def _draw(self, number: int, batch: int) -> HardwareDraw | None:
        settings = self.config.training
        if self.hardware is None:
            return None
        hardware = hardware_of_training(self.hardware, settings.noise, settings.drop_connect)
        streams = self.streams.child("draw", number, batch)
        blur = Blur(settings.blur) if settings.gradient == "blurred" else None
        draw = draw_hardware(self._checkpoint(self.network.tensors()), hardware, streams, blur)
        return draw.to(self.device)

    def _evaluate(self) -> float:
        state, metric = self.state, self.task.metric
        tensors = state.averaged(self.network)
        # The same chips in every evaluation: epochs are compared under equal noise.
        chips = {n: self.streams.child("evaluation", n) for n in range(self.config.training.evaluation_chips)}
        score = self.task.evaluate(self._checkpoint(tensors), self.hardware, chips)
        if state.best is None or metric.sign * score > metric.sign * state.best:
            state.best, state.best_tensors, state.best_round = score, tensors, state.round
        return score

    def _checkpoint(self, weights: dict[str, NDArray[np.float32]]) -> Checkpoint:
        best = self.state.best
        metrics: dict[str, Any] = {
            "training_data": self.task.description,
            "selection_data": self.task.selection["description"],
            f"selection_{self.task.metric.name}": None if best is None else round(best, 4),
            "epoch": self._epochs(self.state.best_round),
            **self.parents,
        }
        if self.hardware is not None:
            weights = clipped(
                weights,
                self.task.spec,
                self.hardware.crossbar.w_clip,
                projected=self.hardware.projection == "analog",
            )
        if self.config.training.store == "bytes":
            weights = compacted(weights)
        # Where files lie on this machine is nobody's business: a checkpoint travels.
        config = self.config.model_dump(mode="json", exclude={"task": _PATHS, "training": {"feature_cache"}})
        for block, key in (("model", "init"), ("training", "teacher")):
            if config[block][key] is not None:
                config[block][key] = Path(config[block][key]).name
        tensors = self.task.normalisation() | weights
        return Checkpoint(tensors, self.task.classes, config, metrics, spec=self.task.spec)


def clipped(
    tensors: Mapping[str, NDArray[np.float32]], spec: NetworkSpec, w_clip: float, *, projected: bool = False
) -> dict[str, NDArray[np.float32]]:
    """Return a checkpoint's tensors with those weights clipped that the mapping clips: they mean the same without it.

    Rows are written multiplied by what a full pulse stands for, so that is in the limit; `projected` where projections
    are written into arrays, too.
    """
    found = dict(tensors)
    for layer, name in spec.directions():
        clip, *units = (
            float(tensors.get(f"{layer.name}.{key}", np.float32(default)))
            for key, default in (("clip", w_clip), ("range_x", 1.0), ("range_h", 1.0))
        )
        limits = {"weight_x": clip / units[0], "weight_h": clip / units[1], "bias": clip, "bias_h": clip}
        if projected:
            limits["projection"] = clip
        for part, limit in limits.items():
            if (tensor := tensors.get(f"{name}.{part}")) is not None:
                most = np.float32(limit)
                found[f"{name}.{part}"] = np.clip(tensor, -most, most)
    return found


def torch_generator(streams: Streams, *names: str | int, device: torch.device | None = None) -> torch.Generator:
    """Return a PyTorch generator of its own for this name, on a device (None: the processor)."""
    return torch.Generator(device or "cpu").manual_seed(int(streams.key(*names)) >> 1)


def device_of(name: str) -> torch.device:
    """Return where a training runs.

    Raises
    ------
    InputError
        CUDA is asked for and PyTorch finds none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("training.device: 'cuda' is asked for, but PyTorch finds no CUDA device here; take 'cpu'")
    return torch.device(name)
