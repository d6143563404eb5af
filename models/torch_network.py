"""The trainable twin of the analog network, in PyTorch (extra ``train``).

A forward pass runs through one *draw* of the hardware: weights as a freshly programmed array holds them, ramps as
freshly programmed columns have them. Both come from the simulator's own programming functions, so whatever a device
model can do, training sees. Gradients pass straight through: the staircase of a converter has the derivative of its
smooth function, a programmed weight that of the weight asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from memramp.models.checkpoint import Checkpoint
from memramp.parallel import over_parts
from memramp.peripherals.driver_kernels import Coding
from memramp.peripherals.kernels import convert_batch_static

Power = Callable[[Tensor], Tensor]
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
class HardwareDraw:
    """One draw of everything random in the hardware.

    Parameters
    ----------
    lstm, dense : Tensor
        Realised weights with the bias row last, [inputs + hidden + 1, 4 hidden] and [hidden + 1, classes]; `dense` is
        None where the read-out is digital.
    sigmoid, tanh : Staircase
        Realised transfer curves of the gates' converters.
    state : Staircase or None
        That of the cell state's tanh; None where it is digital.
    read_var : Tensor or None
        Variance of the read noise of each weight that is constant within a read (all its devices), of the shape of
        `lstm`; None without [weight units squared].
    input_levels, input_range : int, float
        Inputs of each polarity that drivers know (0: any), and the largest one.
    read_white : Tensor or None
        The same, of what is white over the pulse, for a full pulse.
    powers : tuple of two functions
        What `read_var` and `read_white` are multiplied with for an input, see `powers_of`.
    gates, states : ColumnDraw or None
        Errors of the gates' columns, in the order i, f, g, o, and of the cell state's; None without any.
    """

    lstm: Tensor
    dense: Tensor | None
    sigmoid: Staircase
    tanh: Staircase
    state: Staircase | None
    read_var: Tensor | None
    input_levels: int
    input_range: float
    read_white: Tensor | None = None
    powers: tuple[Power, Power] = (torch.square, torch.abs)
    gates: ColumnDraw | None = None
    states: ColumnDraw | None = None


def powers_of(coding: Coding | None) -> tuple[Power, Power]:
    """Return what the variances of held and of white noise are multiplied with, for inputs as drivers apply them.

    The simulator's are in `memramp.peripherals.driver_kernels.encode`.
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


class _Convert(torch.autograd.Function):
    """Forward the staircase, backward the smooth function."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, stairs: Staircase, function: str) -> Tensor:
        smooth = torch.sigmoid(pre) if function == "sigmoid" else torch.tanh(pre)
        ctx.save_for_backward(smooth)
        ctx.function = function
        return stairs(pre)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (smooth,) = ctx.saved_tensors
        slope = smooth * (1 - smooth) if ctx.function == "sigmoid" else 1 - smooth * smooth
        return gradients[0] * slope, None, None


def _convert(pre: Tensor, stairs: Staircase, function: str) -> Tensor:
    result: Tensor = _Convert.apply(pre, stairs, function)  # type: ignore[no-untyped-call]
    return result


class KeywordNetwork(nn.Module):
    """LSTM and dense read-out, in floating point or through a `HardwareDraw`.

    Parameters
    ----------
    inputs, hidden, classes : int
        Features of a step, hidden units, classes.
    """

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.weight_x = nn.Parameter(torch.empty(inputs, 4 * hidden))
        self.weight_h = nn.Parameter(torch.empty(hidden, 4 * hidden))
        self.bias = nn.Parameter(torch.zeros(4 * hidden))
        self.dense_weight = nn.Parameter(torch.empty(hidden, classes))
        self.dense_bias = nn.Parameter(torch.zeros(classes))

    @property
    def hidden(self) -> int:
        """Number of hidden units."""
        return self.weight_h.shape[0]

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial weights: uniform, with the forget gate's bias at 1."""
        hidden = self.hidden
        with torch.no_grad():
            # Normalised features are clipped at three standard deviations and scaled to -1 .. 1; the factor 3 gives
            # them the weight that features of unit variance would have.
            self.weight_x.uniform_(-3 * hidden**-0.5, 3 * hidden**-0.5, generator=generator)
            for parameter in (self.weight_h, self.dense_weight):
                parameter.uniform_(-(hidden**-0.5), hidden**-0.5, generator=generator)
            self.bias[hidden : 2 * hidden] = 1.0

    def stacked(self) -> Tensor:
        """Return the LSTM's weights as they are written into one array: rows x, h, bias."""
        return torch.cat([self.weight_x, self.weight_h, self.bias[None]])

    def stacked_dense(self) -> Tensor:
        """Return the read-out's weights as they are written into one array: rows h, bias."""
        return torch.cat([self.dense_weight, self.dense_bias[None]])

    def forward(
        self, x: Tensor, draw: HardwareDraw | None, dropout: float = 0.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the class scores [batch, classes] for normalised features [batch, steps, inputs] in -1 .. 1."""
        state = self._analog_state(x, draw, generator) if draw else self._float_state(x)
        if dropout > 0:
            keep = torch.rand(state.shape, generator=generator) >= dropout
            state = state * keep / (1 - dropout)
        if draw is None or draw.dense is None:
            return state @ self.dense_weight + self.dense_bias
        dense = through(self.stacked_dense(), draw.dense)
        return quantise(state, draw.input_range, draw.input_levels) @ dense[:-1] + dense[-1]

    def _float_state(self, x: Tensor) -> Tensor:
        # torch.lstm has fused kernels for the whole sequence; its weights are [out, in].
        zeros = x.new_zeros(1, x.shape[0], self.hidden)
        weights = [self.weight_x.T.contiguous(), self.weight_h.T.contiguous(), self.bias, torch.zeros_like(self.bias)]
        _, h, _ = torch.lstm(x, (zeros, zeros), weights, True, 1, 0.0, self.training, False, True)
        return h[0]

    def _analog_state(self, x: Tensor, draw: HardwareDraw, generator: torch.Generator | None) -> Tensor:
        batch, _, inputs = x.shape
        hidden, limit, levels = self.hidden, draw.input_range, draw.input_levels
        x = quantise(x, limit, levels)
        weights = through(self.stacked(), draw.lstm)
        from_x, weight_h = x @ weights[:inputs] + weights[-1], weights[inputs:-1]
        var_x, of_hidden = self._read_variances(x, draw)
        h, c = x.new_zeros(batch, hidden), x.new_zeros(batch, hidden)
        # unbind's backward stacks the steps' gradients once; indexing from_x[:, t] would fill a zero array per step
        for from_x_t, var_x_t in zip(from_x.unbind(1), var_x.unbind(1), strict=True):
            pulses = quantise(h, limit, levels)
            pre = torch.addmm(from_x_t, pulses, weight_h)
            if of_hidden:
                variances = [var_x_t, *(power(pulses.detach()) @ matrix for power, matrix in of_hidden)]
                spread = torch.stack(variances).sum(0).sqrt()
                pre = pre + spread * torch.randn(pre.shape, generator=generator)
            if draw.gates is not None:
                pre = draw.gates(pre, generator)
            i, f = _convert(pre[:, : 2 * hidden], draw.sigmoid, "sigmoid").chunk(2, dim=1)
            g = _convert(pre[:, 2 * hidden : 3 * hidden], draw.tanh, "tanh")
            o = _convert(pre[:, 3 * hidden :], draw.sigmoid, "sigmoid")
            c = f * c + i * g
            h = o * self._tanh_of_state(c, draw, generator)
        return h

    @staticmethod
    def _tanh_of_state(c: Tensor, draw: HardwareDraw, generator: torch.Generator | None) -> Tensor:
        if draw.state is None:
            return torch.tanh(c)
        return _convert(c if draw.states is None else draw.states(c, generator), draw.state, "tanh")

    @staticmethod
    def _read_variances(x: Tensor, draw: HardwareDraw) -> tuple[Tensor, list[tuple[Power, Tensor]]]:
        """Return what the inputs and the bias row add to the variance of each output, and what hidden states will."""
        kinds = zip(draw.powers, (draw.read_var, draw.read_white), strict=True)
        parts = [(power, matrix) for power, matrix in kinds if matrix is not None]
        if not parts:
            return x[:, :, :1], []
        inputs = x.shape[2]
        fixed = [power(x.detach()) @ matrix[:inputs] + matrix[-1] for power, matrix in parts]
        return torch.stack(fixed).sum(0), [(power, matrix[inputs:-1]) for power, matrix in parts]

    def named_tensors(self) -> list[tuple[str, nn.Parameter]]:
        """Return the weights with the names that they have in a checkpoint."""
        return [(name, getattr(self, attribute)) for name, attribute in _NAMES.items()]

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of the weights under the names of a checkpoint."""
        return {name: parameter.detach().numpy().copy() for name, parameter in self.named_tensors()}

    def load(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        """Take the weights from a checkpoint's tensors."""
        with torch.no_grad():
            for name, parameter in self.named_tensors():
                parameter.copy_(torch.from_numpy(tensors[name]))


_NAMES = {
    "lstm.weight_x": "weight_x",
    "lstm.weight_h": "weight_h",
    "lstm.bias": "bias",
    "dense.weight": "dense_weight",
    "dense.bias": "dense_bias",
}


def quantise(x: Tensor, limit: float, levels: int) -> Tensor:
    """Return inputs as the drivers apply them; see `memramp.peripherals.quantise_inputs`."""
    if levels == 0 and limit >= 1.0:  # features and hidden states lie in -1 .. 1
        return x
    result: Tensor = _Quantise.apply(x, limit, levels)  # type: ignore[no-untyped-call]
    return result


def through(asked: Tensor, realised: Tensor) -> Tensor:
    """Return the realised weights in value, with the gradient of those asked for."""
    return asked + (realised - asked).detach()


def network_of(checkpoint: Checkpoint) -> KeywordNetwork:
    """Return a network with a checkpoint's weights."""
    network = KeywordNetwork(checkpoint.lstm.inputs, checkpoint.lstm.hidden, len(checkpoint.classes))
    network.load(checkpoint.tensors)
    return network
