"""The trainable twin of the analog network, in PyTorch (extra ``train``).

A forward pass runs through one *draw* of the hardware: weights as a freshly programmed array holds them, ramps as
freshly programmed columns have them. Both come from the simulator's own programming functions, so whatever a device
model can do, training sees. Gradients pass straight through: the staircase of a converter has the derivative of its
smooth function, a programmed weight that of the weight asked for.
"""

from collections.abc import Collection, Mapping
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from memramp.models.checkpoint import Checkpoint
from memramp.models.spec import NetworkSpec, RecurrentSpec
from memramp.models.torch_cells import StepCell
from memramp.models.torch_draw import HardwareDraw
from memramp.models.torch_drawn_lstm import drawn_rules
from memramp.models.torch_fast_lstm import FastRules, fast_lstm_sequence, fast_rules
from memramp.models.torch_lstm import FLOAT, SequenceRules, Workspace, lstm_sequence
from memramp.models.torch_quantise import quantise, written
from memramp.models.torch_scalars import SCALARS, LayerScalars, gradient_factor, log_name, scalar_of

States = dict[str, tuple[Tensor, Tensor]]
"""Recurrent and cell state of each direction."""


_IN_ARRAY = ("weight_x", "weight_h", "bias")
_PARTS = (*_IN_ARRAY, "bias_h")


class TrainableNetwork(nn.Module):
    """A network in floating point or through a `HardwareDraw`.

    Parameters
    ----------
    spec : NetworkSpec
        The layers.
    low_precision : bool
        Matrix products of the recurrent layers in bfloat16.
    scalars : mapping of str to float, or None
        Ranges and clips of layers under the names of a checkpoint.
    learn : collection of str
        Which of `SCALARS` are trained; all layers have those among `scalars`.
    weight_drop : float
        Part of the weights between recurrent state and gates that each run in floating point drops, the same at all
        steps; Merity et al., arXiv 1708.02182.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        *,
        low_precision: bool = False,
        scalars: Mapping[str, float] | None = None,
        learn: Collection[str] = (),
        weight_drop: float = 0.0,
    ) -> None:
        super().__init__()
        self.spec, self.low_precision, self.weight_drop = spec, low_precision, weight_drop
        given = {} if scalars is None else dict(scalars)
        self.learned = tuple(f"{layer.name}.{key}" for layer in spec.recurrent for key in SCALARS if key in learn)
        self._fixed = {name: value for name, value in given.items() if name not in self.learned}
        shapes = spec.shapes() | {log_name(name): () for name in self.learned}
        self._names = {name: name.replace(".", "_") for name in shapes}
        for name, shape in shapes.items():
            self.register_parameter(self._names[name], nn.Parameter(torch.zeros(shape)))
        self._set_scalars(given)
        if spec.embedding is not None:
            self.tensor(f"{spec.embedding.name}.weight").requires_grad_(False)
        self._workspaces = {name: Workspace() for _, name in spec.directions()}

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.parameters()).device

    def tensor(self, name: str) -> nn.Parameter:
        """Return the parameter that a checkpoint calls by this name."""
        return cast(nn.Parameter, getattr(self, self._names[name]))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial weights: uniform, with the forget gate's bias at 1; the embedding's rows are orthonormal."""
        with torch.no_grad():
            if self.spec.embedding is not None:
                weight = self.tensor(f"{self.spec.embedding.name}.weight")
                nn.init.orthogonal_(weight, generator=generator)
            for layer, name in self.spec.directions():
                self._initialise_cell(layer, name, generator)
            dense = self.spec.dense
            reach = dense.inputs**-0.5
            self.tensor(f"{dense.name}.weight").uniform_(-reach, reach, generator=generator)

    def _initialise_cell(self, layer: RecurrentSpec, name: str, generator: torch.Generator) -> None:
        reach = layer.hidden**-0.5
        # Normalised features are clipped at three standard deviations and scaled to -1 .. 1; the factor 3 gives
        # them the weight that features of unit variance would have. Rows of an embedding have unit length.
        gain = 3.0 if layer is self.spec.recurrent[0] else 1.0
        self.tensor(f"{name}.weight_x").uniform_(-gain * reach, gain * reach, generator=generator)
        self.tensor(f"{name}.weight_h").uniform_(-reach, reach, generator=generator)
        if layer.projection is not None:
            self.tensor(f"{name}.projection").uniform_(-reach, reach, generator=generator)
        if layer.kind == "lstm":
            self.tensor(f"{name}.bias")[layer.hidden : 2 * layer.hidden] = 1.0

    def stacked_dense(self) -> Tensor:
        """Return the read-out's weights as they are written into one array: rows h, bias."""
        name = self.spec.dense.name
        return torch.cat([self.tensor(f"{name}.weight"), self.tensor(f"{name}.bias")[None]])

    def forward(
        self, x: Tensor, draw: HardwareDraw | None, dropout: float = 0.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the scores [batch, classes] or [batch, steps, classes], from zero states; see `run`."""
        return self.run(x, draw, {}, dropout, generator)[0]

    def run(
        self,
        x: Tensor,
        draw: HardwareDraw | None,
        states: States,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, States]:
        """Run sequences.

        Parameters
        ----------
        x : Tensor
            Normalised features [batch, steps, inputs], or symbols [batch, steps].
        draw : HardwareDraw or None
            The hardware; None: floating point.
        states : dict of str to (Tensor, Tensor)
            Where each direction starts; those that are not there start at zero.
        dropout : float
            Part of what the dense layer reads that is dropped.
        generator : torch.Generator or None
            Of dropout, of weights as well, and read noise.

        Returns
        -------
        scores : Tensor
            [batch, classes], or [batch, steps, classes] where the network reads all steps.
        ends : dict of str to (Tensor, Tensor)
            Where each direction ended, detached.
        """
        inputs = x
        if self.spec.embedding is not None:
            inputs = self.tensor(f"{self.spec.embedding.name}.weight")[x]
        sequence, ends = inputs.transpose(0, 1), {}
        last: list[Tensor] = []
        for layer in self.spec.recurrent:
            outputs, last = [], []
            for name in layer.directions:
                backwards = name != layer.name
                given = sequence.flip(0) if backwards else sequence
                found, (h, c) = self._cell(given.contiguous(), layer, name, draw, states.get(name), generator)
                outputs.append(found.flip(0) if backwards else found)
                last.append(h)
                ends[name] = (h.detach(), c.detach())
            sequence = torch.cat(outputs, dim=2) if len(outputs) > 1 else outputs[0]
        state = sequence.transpose(0, 1) if self.spec.read == "all" else torch.cat(last, dim=1)
        if dropout > 0:
            keep = torch.rand(state.shape, generator=generator, device=state.device) >= dropout
            state = state * keep / (1 - dropout)
        return self._scores(state, draw, generator), ends

    def _scores(self, state: Tensor, draw: HardwareDraw | None, generator: torch.Generator | None) -> Tensor:
        name = self.spec.dense.name
        if draw is None or draw.dense is None:
            return state @ self.tensor(f"{name}.weight") + self.tensor(f"{name}.bias")
        dense = written(self.stacked_dense(), draw.dense.weights)
        rows = quantise(state, draw.input_range, draw.input_levels)
        return rows @ dense[:-1] + dense[-1] + draw.dense.noise(rows, generator)

    def _cell(
        self,
        x: Tensor,
        layer: RecurrentSpec,
        name: str,
        draw: HardwareDraw | None,
        state: tuple[Tensor, Tensor] | None,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        batch = x.shape[1]
        start = state or (x.new_zeros(batch, layer.state), x.new_zeros(batch, layer.hidden))
        if layer.kind != "lstm":
            weights: dict[str, Tensor] = {
                part: self.tensor(f"{name}.{part}") for part in _PARTS if f"{name}.{part}" in self._names
            }
            if draw is None:
                weights["weight_h"] = self._dropped(weights["weight_h"], generator)
            scalars = None if draw is None else self.scalars(layer, draw)
            cell = StepCell(layer, weights, None if draw is None else draw.cells[name], draw, generator, scalars)
            return cell.sequence(x, start)
        return self._lstm(x, layer, name, draw, start, generator)

    def _lstm(
        self,
        x: Tensor,
        layer: RecurrentSpec,
        name: str,
        draw: HardwareDraw | None,
        start: tuple[Tensor, Tensor],
        generator: torch.Generator | None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        projection: Tensor | None = None if layer.projection is None else self.tensor(f"{name}.projection")
        workspace, one = self._workspaces[name], x.new_ones(())
        if draw is None:
            weight_x, bias = self.tensor(f"{name}.weight_x"), self.tensor(f"{name}.bias")
            weight_h = self._dropped(self.tensor(f"{name}.weight_h"), generator)
            if self._is_fast(x):
                fast = FastRules(workspace=workspace)
                return fast_lstm_sequence(x, start, (weight_x, weight_h, bias), projection, fast)
            rules = SequenceRules(FLOAT, low_precision=self.low_precision, workspace=workspace)
            return lstm_sequence(x, start, (weight_x, weight_h, bias), projection, (one, None), rules)
        cell = draw.cells[name]
        scalars = self.scalars(layer, draw)
        x = quantise(x / scalars.units[0], draw.input_range, draw.input_levels)
        stacked = written(self._scaled(name, scalars.units), cell.arrays["gates"].weights, scalars.clip)
        weights = (stacked[: layer.inputs], stacked[layer.inputs : -1], stacked[-1])
        if projection is not None and "projection" in cell.arrays:
            projection = written(projection, cell.arrays["projection"].weights, scalars.clip)
        if self._is_fast(x) and not self.learned and (drawn := fast_rules(draw, cell, workspace)) is not None:
            return fast_lstm_sequence(x, start, weights, projection, drawn)
        rules = drawn_rules(x, draw, name, generator, workspace, projection, low_precision=self.low_precision)
        return lstm_sequence(x, start, weights, projection, (scalars.units[1], scalars.gain), rules)

    def _dropped(self, weight: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return a matrix for one run, with a part of its weights dropped and the others larger by as much."""
        if self.weight_drop == 0:
            return weight
        keep = torch.rand(weight.shape, generator=generator, device=weight.device) >= self.weight_drop
        return weight * keep / (1 - self.weight_drop)

    def _is_fast(self, x: Tensor) -> bool:
        return self.low_precision and x.device.type == "cpu"

    def scalars(self, layer: RecurrentSpec, draw: HardwareDraw) -> LayerScalars:
        """Return the ranges and the clip of a layer as it was drawn, with the gradients of what is learned."""
        cell, levels = draw.cells[layer.name], draw.input_levels
        x, h, clip = (
            self._scalar(layer, key, value, levels)
            for key, value in zip(SCALARS, (*cell.units, cell.clip), strict=True)
        )
        return LayerScalars((x, h), clip if self.learned else None)

    def _scalar(self, layer: RecurrentSpec, key: str, value: float, levels: int) -> Tensor:
        name = f"{layer.name}.{key}"
        if name in self.learned:
            return scalar_of(self.tensor(log_name(name)), value, gradient_factor(layer, key, levels))
        like = self.tensor(f"{layer.name}.bias")
        return torch.full((), value, dtype=like.dtype, device=like.device)

    def _scaled(self, name: str, units: tuple[Tensor, Tensor]) -> Tensor:
        """Return a direction's weights as they are written, rows multiplied by what a full pulse stands for."""
        weight_x, weight_h, bias = (self.tensor(f"{name}.{part}") for part in _IN_ARRAY)
        return torch.cat([weight_x * units[0], weight_h * units[1], bias[None]])

    def named_tensors(self) -> list[tuple[str, nn.Parameter]]:
        """Return what is trained: weights with the names of a checkpoint, logarithms with those of `log_name`."""
        return [(name, self.tensor(name)) for name in self._names]

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of all tensors under the names of a checkpoint."""
        return self.as_checkpoint(dict(self.named_tensors()))

    def as_checkpoint(self, trained: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
        """Return a checkpoint's tensors for those of `named_tensors`."""
        logs = {log_name(name): name for name in self.learned}
        found = {
            logs.get(name, name): (tensor.detach().exp() if name in logs else tensor.detach()).cpu().numpy().copy()
            for name, tensor in trained.items()
        }
        return found | {name: np.array(value, np.float32) for name, value in self._fixed.items()}

    def load(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        """Take the weights from a checkpoint's tensors, and the learned scalars where it has them."""
        names = self.spec.shapes()
        self.restore({name: torch.from_numpy(tensors[name]) for name in names})
        self._set_scalars({name: float(tensors[name]) for name in self.learned if name in tensors})

    def restore(self, trained: Mapping[str, Tensor]) -> None:
        """Take values of tensors of `named_tensors`."""
        with torch.no_grad():
            for name, tensor in trained.items():
                self.tensor(name).copy_(tensor)

    def _set_scalars(self, values: Mapping[str, float]) -> None:
        learned = {log_name(name): torch.tensor(values[name]).log() for name in self.learned if name in values}
        self.restore(learned)


def network_of(checkpoint: Checkpoint, *, low_precision: bool = False) -> TrainableNetwork:
    """Return a network with a checkpoint's weights."""
    network = TrainableNetwork(checkpoint.network, low_precision=low_precision, scalars=checkpoint.scalars)
    network.load(checkpoint.tensors)
    return network
