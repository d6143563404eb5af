"""Where a training stands, as a file that a later run goes on from, bit for bit."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from memramp.errors import InputError
from memramp.files import in_fixed_order, read_limited, write_atomically
from memramp.models.torch_network import TrainableNetwork
from memramp.models.torch_scalars import log_name
from memramp.models.training_config import same_training

FORMAT = "memramp-training-state"
MAX_BYTES = 10_000_000_000


@dataclass
class TrainingState:
    """Everything that changes during a training, except the network's weights."""

    identity: str
    """The training's configuration as JSON: a state goes on only in the training that it stems from."""

    optimizer: torch.optim.AdamW
    means: dict[str, Tensor]
    """Running means of the weights, by a checkpoint's names."""

    round: int = 0
    step: int = 0
    best: float | None = None
    best_round: int = 0
    best_tensors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def fresh(cls, network: TrainableNetwork, identity: str) -> "TrainingState":
        """Return the state at the start."""
        means = {name: tensor.detach().clone() for name, tensor in network.named_tensors()}
        return cls(identity, torch.optim.AdamW(_groups(network), fused=True), means)

    def average(self, network: TrainableNetwork, decay: float) -> None:
        """Take the network's weights into the running means, whose memory grows with the steps up to `decay`."""
        weight = 1.0 - min(decay, (1.0 + self.step) / (10.0 + self.step))
        for name, parameter in network.named_tensors():
            self.means[name].lerp_(parameter.detach(), weight if decay > 0 else 1.0)

    def averaged(self, network: TrainableNetwork) -> dict[str, NDArray[np.float32]]:
        """Return the running means as a checkpoint's tensors."""
        return network.as_checkpoint(self.means)

    def set_rates(self, learning_rate: float, weight_decay: float) -> None:
        """Set the learning rate, and the decay of weights: learned ranges are drawn to no value."""
        for group in self.optimizer.param_groups:
            group.update(lr=learning_rate, weight_decay=weight_decay if group["decays"] else 0.0)


def _groups(network: TrainableNetwork) -> list[dict[str, Any]]:
    """Return the parameters of the optimiser, those that decay first."""
    logs = set(map(log_name, network.learned))
    found = []
    for decays in (True, False):
        chosen = [parameter for name, parameter in network.named_tensors() if (name not in logs) is decays]
        found += [{"params": chosen, "decays": decays}] if chosen else []
    return found


def save_state(state: TrainingState, network: TrainableNetwork, path: Path) -> None:
    """Write the state in one step."""
    tensors: dict[str, Tensor] = {f"weight/{name}": tensor.detach() for name, tensor in network.named_tensors()}
    tensors |= {f"mean/{name}": tensor for name, tensor in state.means.items()}
    tensors |= {f"best/{name}": torch.from_numpy(tensor) for name, tensor in state.best_tensors.items()}
    for name, parameter in network.named_tensors():
        for key, value in state.optimizer.state.get(parameter, {}).items():
            tensors[f"adam/{name}/{key}"] = value
    about = {key: getattr(state, key) for key in ("identity", "round", "step", "best", "best_round", "history")}
    tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    content = save(tensors, {"format": FORMAT, "state": json.dumps(about)})
    write_atomically(path, in_fixed_order(content))


def load_state(path: Path, network: TrainableNetwork, identity: str) -> TrainingState | None:
    """Return the state of a training that was cut, and load its weights; None where there is none.

    Raises
    ------
    InputError
        The file is damaged or belongs to a training with another configuration.
    """
    if not path.exists():
        return None
    try:
        content = read_limited(path, MAX_BYTES)
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        tensors = load(content)
        about = json.loads(metadata["state"])
        if not _same(about.pop("identity"), identity):
            raise InputError(f"{path.parent}: holds a training with another configuration; choose another --out")
        return _restore(TrainingState.fresh(network, identity), network, tensors, about)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: damaged training state ({str(error).splitlines()[0]})") from None


def _same(stored: str, identity: str) -> bool:
    one, other = json.loads(stored), json.loads(identity)
    return bool(one["parents"] == other["parents"]) and same_training(one["config"], other["config"])


def _restore(
    state: TrainingState, network: TrainableNetwork, tensors: dict[str, Tensor], about: dict[str, Any]
) -> TrainingState:
    state.round, state.step, state.best_round = (int(about[key]) for key in ("round", "step", "best_round"))
    state.best = None if about["best"] is None else float(about["best"])
    state.history = [dict(entry) for entry in about["history"]]
    network.restore({name: tensors[f"weight/{name}"] for name, _ in network.named_tensors()})
    state.means = {name: tensors[f"mean/{name}"].to(mean.device) for name, mean in state.means.items()}
    state.best_tensors = _numpy(tensors, "best/")
    for name, parameter in network.named_tensors():
        moments = {key.rsplit("/", 1)[1]: value for key, value in tensors.items() if key.startswith(f"adam/{name}/")}
        if moments:  # also the count of steps: a fused optimiser has it where the parameter is
            state.optimizer.state[parameter] = {key: value.to(parameter.device) for key, value in moments.items()}
    return state


def _numpy(tensors: dict[str, Tensor], prefix: str) -> dict[str, NDArray[np.float32]]:
    return {name.removeprefix(prefix): tensor.numpy() for name, tensor in tensors.items() if name.startswith(prefix)}
