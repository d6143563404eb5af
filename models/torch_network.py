"""The trainable twin of the analog network, in PyTorch (extra ``train``).

A forward pass runs through one *draw* of the hardware: weights as a freshly programmed array holds them, ramps as
freshly programmed columns have them. Both come from the simulator's own programming functions, so whatever a device
model can do, training sees. Gradients pass straight through: the staircase of a converter has the derivative of its
smooth function, a programmed weight that of the weight asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from memramp.models.checkpoint import Checkpoint
from memramp.models.spec import NetworkSpec, RecurrentSpec
from memramp.models.torch_lstm import FLOAT, Activation, Driver, SequenceRules, Workspace, lstm_sequence
from memramp.parallel import over_parts
from memramp.peripherals.kernels import Coding, convert_batch_static

Power = Callable[[Tensor], Tensor]
States = dict[str, tuple[Tensor, Tensor]]
"""Recurrent and cell state of each direction."""

_LEAST_PART = 16  # samples that are worth a thread


@dataclass(frozen=True)
class Staircase:
    """A converter's transfer curve: output of count c, where c thresholds lie at or below the input."""

    thresholds: Tensor
    outputs: Tensor

    def __call__(self, pre: Tensor) -> Tensor:
        """Return the outputs for pre-activations [batch, columns]."""
        values = pre.detach().contiguous()
        if values.device.type != "cpu":
            return self.outputs[torch.bucketize(values, self.thresholds, right=True)]
        codes = torch.empty(values.shape, dtype=torch.int16)  # the simulator's kernel is 20 times faster than bucketize
        numbers, thresholds, counts = values.numpy(), self.thresholds.numpy(), codes.numpy()
        batch = len(numbers)
        over_parts(lambda part: convert_batch_static(numbers[part], thresholds, counts[part]), batch, _LEAST_PART)
        return self.outputs[codes.int()]


@dataclass(frozen=True)
class ColumnDraw:
    """What tells a converter's columns apart in one draw of the hardware; see `memramp.peripherals.Converter`.

    The comparators' noise is taken as one draw per column and conversion, of the variance of the sample's and a
    decision's together: the simulator's chips, on which networks are selected and tested, draw it for each decision.

    Parameters
    ----------
    offset : Tensor
        Offsets of the columns' comparators, [columns], or [1] for all of them [pre-activation].
    std : float
        Noise of each column and conversion [pre-activation].
    """

    offset: Tensor
    std: float

    def __call__(self, pre: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return what the comparators see of pre-activations [batch, columns]."""
        held = pre - self.offset
        return held + self.std * torch.randn(pre.shape, generator=generator) if self.std > 0 else held


@dataclass(frozen=True)
class GateDraw:
    """The converter of some adjacent gates, or of the cell state, in one draw of the hardware.

    Parameters
    ----------
    columns : slice
        Which columns of the pre-activations.
    function : str
        ``sigmoid`` or ``tanh``.
    stairs : Staircase or None
        Its realised transfer curve; None: the function itself, digitally.
    errors : ColumnDraw or None
        Errors of the columns; None without any.
    """

    columns: slice
    function: str
    stairs: Staircase | None
    errors: ColumnDraw | None = None

    def fill(self, pre: Tensor, values: Tensor, generator: torch.Generator | None) -> None:
        """Fill `values` with what becomes of pre-activations, and replace these by the slopes that gradients take."""
        held = pre if self.errors is None else self.errors(pre, generator)
        smooth = torch.sigmoid(held) if self.function == "sigmoid" else torch.tanh(held)
        values.copy_(smooth if self.stairs is None else self.stairs(held))
        pre.copy_(smooth - smooth * smooth if self.function == "sigmoid" else 1 - smooth * smooth)


@dataclass(frozen=True)
class CellDraw:
    """One draw of a recurrent layer's array and converters.

    Parameters
    ----------
    weights : Tensor
        Realised weights with the bias row last, [inputs + state + 1, gates hidden].
    gates : tuple of GateDraw
        Converters of all columns.
    state : GateDraw or None
        That of the cell state's tanh; None where it is digital.
    read_var : Tensor or None
        Variance of the read noise of each weight that is constant within a read (all its devices), of the shape of
        `weights`; None without [weight units squared].
    read_white : Tensor or None
        The same, of what is white over the pulse, for a full pulse.
    powers : tuple of two functions
        What `read_var` and `read_white` are multiplied with for an input, see `powers_of`.
    """

    weights: Tensor
    gates: tuple[GateDraw, ...]
    state: GateDraw | None
    read_var: Tensor | None = None
    read_white: Tensor | None = None
    powers: tuple[Power, Power] = (torch.square, torch.abs)

    def activation(self, generator: torch.Generator | None) -> Activation:
        """Return what becomes of the pre-activations and the cell state."""

        def gates(pre: Tensor, _t: int, values: Tensor) -> None:
            for gate in self.gates:
                gate.fill(pre[:, gate.columns], values[:, gate.columns], generator)

        def state(c: Tensor, _t: int, values: Tensor) -> None:
            if self.state is None:
                torch.tanh(c, out=values)
            else:
                self.state.fill(c.clone(), values, generator)

        return Activation(gates, state)

    def noises(self) -> list[tuple[Power, Tensor]]:
        """Return the kinds of read noise that there are."""
        kinds = zip(self.powers, (self.read_var, self.read_white), strict=True)
        return [(power, matrix) for power, matrix in kinds if matrix is not None]


@dataclass(frozen=True)
class HardwareDraw:
    """One draw of everything random in the hardware.

    Parameters
    ----------
    cells : dict of str to CellDraw
        The recurrent layers, by direction.
    dense : Tensor or None
        Realised weights of the read-out with the bias row last, [inputs + 1, classes]; None where it is digital.
    input_levels, input_range : int, float
        Inputs of each polarity that drivers know (0: any), and the largest one.
    """

    cells: dict[str, CellDraw]
    dense: Tensor | None
    input_levels: int
    input_range: float

    @property
    def driver(self) -> Driver:
        """How recurrent states drive the rows."""
        return Driver(self.input_levels, self.input_range)


def powers_of(coding: Coding | None) -> tuple[Power, Power]:
    """Return what the variances of held and of white noise are multiplied with, for inputs as drivers apply them.

    The simulator's are in `memramp.peripherals.kernels.encode`.
    """
    if coding is None:
        return torch.square, torch.abs
    if not coding.serial:
        return torch.square, lambda x: x.abs().clamp(min=1.0)
    limit, levels = float(coding.limit), int(coding.levels)

    def of_bits(x: Tensor) -> Tensor:
        number = torch.round(x.abs() / limit * levels).to(torch.int32)
        weights = (limit / levels * 2.0**bit for bit in range(levels.bit_length()))
        return torch.stack([weight**2 * (number >> bit & 1) for bit, weight in enumerate(weights)]).sum(0)

    return of_bits, of_bits


class _Quantise(torch.autograd.Function):
    """Forward the pulse widths of the input drivers, backward the identity within their range."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, limit: float, levels: int) -> Tensor:
        ctx.save_for_backward(x.abs() <= limit)
        clipped = x.clamp(-limit, limit)
        return clipped if levels == 0 else torch.round(clipped / limit * levels) / levels * limit

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None


class _Through(torch.autograd.Function):
    """Forward the realised weights, backward to those that were asked for."""

    @staticmethod
    def forward(_ctx: Any, _asked: Tensor, realised: Tensor) -> Tensor:
        return realised.view_as(realised)

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class TrainableNetwork(nn.Module):
    """A network in floating point or through a `HardwareDraw`.

    Parameters
    ----------
    spec : NetworkSpec
        The layers.
    low_precision : bool
        Matrix products of the recurrent layers in bfloat16.
    """

    def __init__(self, spec: NetworkSpec, *, low_precision: bool = False) -> None:
        super().__init__()
        self.spec, self.low_precision = spec, low_precision
        self._names = {name: name.replace(".", "_") for name in spec.shapes()}
        for name, shape in spec.shapes().items():
            self.register_parameter(self._names[name], nn.Parameter(torch.zeros(shape)))
        if spec.embedding is not None:
            self.tensor(f"{spec.embedding.name}.weight").requires_grad_(False)
        self._workspaces = {name: Workspace() for _, name in spec.directions()}

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

    def stacked(self, name: str) -> Tensor:
        """Return a direction's weights as they are written into one array: rows x, h, bias."""
        weight_x, weight_h, bias = (self.tensor(f"{name}.{part}") for part in ("weight_x", "weight_h", "bias"))
        return torch.cat([weight_x, weight_h, bias[None]])

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
            Of dropout and read noise.

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
        return self._scores(state, draw), ends

    def _scores(self, state: Tensor, draw: HardwareDraw | None) -> Tensor:
        name = self.spec.dense.name
        if draw is None or draw.dense is None:
            return state @ self.tensor(f"{name}.weight") + self.tensor(f"{name}.bias")
        dense = through(self.stacked_dense(), draw.dense)
        return quantise(state, draw.input_range, draw.input_levels) @ dense[:-1] + dense[-1]

    def _cell(
        self,
        x: Tensor,
        layer: RecurrentSpec,
        name: str,
        draw: HardwareDraw | None,
        state: tuple[Tensor, Tensor] | None,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        if layer.kind != "lstm":
            raise NotImplementedError(layer.kind)
        batch = x.shape[1]
        start = state or (x.new_zeros(batch, layer.state), x.new_zeros(batch, layer.hidden))
        projection = None if layer.projection is None else self.tensor(f"{name}.projection")
        workspace = self._workspaces[name]
        one = x.new_ones(())
        if draw is None:
            weight_x, weight_h, bias = (self.tensor(f"{name}.{part}") for part in ("weight_x", "weight_h", "bias"))
            rules = SequenceRules(FLOAT, low_precision=self.low_precision, workspace=workspace)
            return lstm_sequence(x, start, (weight_x, weight_h, bias), projection, one, rules)
        cell = draw.cells[name]
        x = quantise(x, draw.input_range, draw.input_levels)
        stacked = through(self.stacked(name), cell.weights)
        weights = (stacked[: layer.inputs], stacked[layer.inputs : -1], stacked[-1])
        rules = SequenceRules(
            cell.activation(generator),
            draw.driver,
            self.low_precision,
            _read_noise(x, layer.inputs, cell, generator),
            workspace,
        )
        return lstm_sequence(x, start, weights, projection, one, rules)

    def named_tensors(self) -> list[tuple[str, nn.Parameter]]:
        """Return the weights with the names that they have in a checkpoint."""
        return [(name, self.tensor(name)) for name in self._names]

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of the weights under the names of a checkpoint."""
        return {name: parameter.detach().cpu().numpy().copy() for name, parameter in self.named_tensors()}

    def load(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        """Take the weights from a checkpoint's tensors."""
        with torch.no_grad():
            for name, parameter in self.named_tensors():
                parameter.copy_(torch.from_numpy(tensors[name]))


def _read_noise(
    x: Tensor, inputs: int, cell: CellDraw, generator: torch.Generator | None
) -> Callable[[Tensor, Tensor, int], None] | None:
    """Return what adds the read noise to the pre-activations of a step, None without any."""
    noises = cell.noises()
    if not noises:
        return None
    given = x.detach()
    fixed = torch.stack([power(given) @ matrix[:inputs] + matrix[-1] for power, matrix in noises]).sum(0)
    of_state = [(power, matrix[inputs:-1]) for power, matrix in noises]

    def add(pre: Tensor, rows: Tensor, t: int) -> None:
        variance = fixed[t]
        for power, matrix in of_state:
            variance = variance + power(rows) @ matrix
        pre += variance.sqrt() * torch.randn(pre.shape, generator=generator, device=pre.device)

    return add


def quantise(x: Tensor, limit: float, levels: int) -> Tensor:
    """Return inputs as the drivers apply them; see `memramp.peripherals.quantise_inputs`."""
    if levels == 0 and limit >= 1.0:  # features and hidden states lie in -1 .. 1
        return x
    result: Tensor = _Quantise.apply(x, limit, levels)  # type: ignore[no-untyped-call]
    return result


def through(asked: Tensor, realised: Tensor) -> Tensor:
    """Return the realised weights in value, with the gradient of those asked for."""
    result: Tensor = _Through.apply(asked, realised)  # type: ignore[no-untyped-call]
    return result


def network_of(checkpoint: Checkpoint, *, low_precision: bool = False) -> TrainableNetwork:
    """Return a network with a checkpoint's weights."""
    network = TrainableNetwork(checkpoint.network, low_precision=low_precision)
    network.load(checkpoint.tensors)
    return network
