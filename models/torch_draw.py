"""One draw of the hardware as the training graph takes it (extra ``train``)."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from memramp.models.gates import StateConfig
from memramp.models.torch_lstm import Activation, Driver
from memramp.models.torch_slopes import Slopes
from memramp.parallel import over_parts
from memramp.peripherals.functions import get_function
from memramp.peripherals.kernels import Coding, convert_batch_static

Power = Callable[[Tensor], Tensor]
_LEAST_PART = 16  # samples that are worth a thread


@dataclass(frozen=True)
class Staircase:
    """A converter's transfer curve: output of count c, where c thresholds lie at or below the input."""

    thresholds: Tensor
    outputs: Tensor

    def __call__(self, pre: Tensor) -> Tensor:
        """Return the outputs for pre-activations [batch, columns]."""
        return self.outputs[self.codes(pre)]

    def codes(self, pre: Tensor) -> Tensor:
        """Return the counts for pre-activations [batch, columns]."""
        values = pre.detach().contiguous()
        if values.device.type != "cpu":
            return torch.bucketize(values, self.thresholds, right=True, out_int32=True)
        codes = torch.empty(values.shape, dtype=torch.int16)  # the simulator's kernel is 20 times faster than bucketize
        numbers, thresholds, counts = values.numpy(), self.thresholds.numpy(), codes.numpy()
        batch = len(numbers)
        over_parts(lambda part: convert_batch_static(numbers[part], thresholds, counts[part]), batch, _LEAST_PART)
        return codes.int()


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
        if self.std == 0:
            return held
        return held + self.std * torch.randn(pre.shape, generator=generator, device=pre.device)


@dataclass(frozen=True)
class GateDraw:
    """The converter of some adjacent gates, or of the cell state, in one draw of the hardware.

    Parameters
    ----------
    columns : slice
        Which columns of the pre-activations.
    function : str
        Name of the function.
    stairs : Staircase or None
        Its realised transfer curve; None: the function itself, digitally.
    errors : ColumnDraw or None
        Errors of the columns; None without any.
    slopes : Slopes or None
        Slopes that gradients take; None: those of the function.
    """

    columns: slice
    function: str
    stairs: Staircase | None
    errors: ColumnDraw | None = None
    slopes: Slopes | None = None

    def fill(self, pre: Tensor, values: Tensor, generator: torch.Generator | None) -> None:
        """Fill `values` with what becomes of pre-activations, and replace these by the slopes that gradients take."""
        held = pre if self.errors is None else self.errors(pre, generator)
        if self.stairs is not None and self.slopes is not None:
            values.copy_(self.stairs(held))
            pre.copy_(self.slopes(held))
            return
        smooth, slope = smooth_function(self.function, held)
        values.copy_(smooth if self.stairs is None else self.stairs(held))
        pre.copy_(slope)

    def __call__(self, pre: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return what becomes of pre-activations, with the slopes that gradients take."""
        result: Tensor = _Converted.apply(pre, self, generator)  # type: ignore[no-untyped-call]
        return result


class _Converted(torch.autograd.Function):
    """Forward the converter, backward its slopes."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, gate: GateDraw, generator: torch.Generator | None) -> Tensor:
        slopes, values = pre.clone(), torch.empty_like(pre)
        gate.fill(slopes, values, generator)
        ctx.save_for_backward(slopes)
        return values

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (slopes,) = ctx.saved_tensors
        return gradients[0] * slopes, None, None


def smooth_function(name: str, v: Tensor) -> tuple[Tensor, Tensor]:
    """Return a function of the library and its derivative; those of PyTorch where it has them."""
    if name == "sigmoid":
        found = torch.sigmoid(v)
        return found, found - found * found
    if name == "tanh":
        found = torch.tanh(v)
        return found, 1 - found * found
    if name == "identity":
        return v, torch.ones_like(v)
    if name == "relu":
        return torch.relu(v), (v > 0).to(v.dtype)
    function, numbers = get_function(name), v.detach().cpu().numpy().astype(np.float64)
    parts = (torch.from_numpy(np.asarray(part, np.float32)).to(v.device) for part in
             (function(numbers), function.derivative(numbers)))
    value, slope = parts
    return value, slope


@dataclass(frozen=True)
class ArrayDraw:
    """One draw of an array.

    Parameters
    ----------
    weights : Tensor
        Realised weights with the bias row last, [rows, cols].
    read_var : Tensor or None
        Variance of the read noise of each weight that is constant within a read (all its devices), of the shape of
        `weights`; None without [weight units squared].
    read_white : Tensor or None
        The same, of what is white over the pulse, for a full pulse.
    powers : tuple of two functions
        What `read_var` and `read_white` are multiplied with for an input, see `powers_of`.
    """

    weights: Tensor
    read_var: Tensor | None = None
    read_white: Tensor | None = None
    powers: tuple[Power, Power] = (torch.square, torch.abs)

    def variance(self, rows: Tensor, first: int = 0) -> Tensor | None:
        """Return the variance of the outputs' read noise for inputs on the rows from `first` on; None without noise."""
        total = None
        for power, matrix in zip(self.powers, (self.read_var, self.read_white), strict=True):
            if matrix is not None:
                part = power(rows.detach()) @ matrix[first : first + rows.shape[-1]]
                total = part if total is None else total + part
        return total

    @property
    def bias_variance(self) -> Tensor | float:
        """The variance that a bias row adds, which always gets one full pulse."""
        return sum((matrix[-1] for matrix in (self.read_var, self.read_white) if matrix is not None), 0.0)

    def noise(self, rows: Tensor, generator: torch.Generator | None) -> Tensor | float:
        """Return the read noise of the outputs for inputs on all rows but the bias row."""
        variance = self.variance(rows)
        if variance is None:
            return 0.0
        variance = variance + self.bias_variance
        return variance.sqrt() * torch.randn(variance.shape, generator=generator, device=rows.device)


@dataclass(frozen=True)
class CellDraw:
    """One draw of a direction's arrays and converters; see `memramp.models.analog_cell.AnalogCell`.

    Parameters
    ----------
    arrays : dict of str to ArrayDraw
        By part.
    gates : tuple of GateDraw
        Converters of the gates.
    state : GateDraw or None
        That of the cell state's tanh; None where it is digital.
    linear : dict of str to GateDraw
        Uniform converters, by the part whose sums they convert.
    units : tuple of float
        Input and recurrent state of a full pulse.
    clip : float
        Weight that fills the devices' window.
    """

    arrays: dict[str, ArrayDraw]
    gates: tuple[GateDraw, ...]
    state: GateDraw | None = None
    linear: dict[str, GateDraw] = field(default_factory=dict)
    units: tuple[float, float] = (1.0, 1.0)
    clip: float = 1.0

    def activation(self, register: StateConfig, generator: torch.Generator | None) -> Activation:
        """Return what becomes of an LSTM's pre-activations and cell state."""

        def gates(pre: Tensor, _t: int, values: Tensor) -> None:
            for gate in self.gates:
                gate.fill(pre[:, gate.columns], values[:, gate.columns], generator)

        def state(c: Tensor, _t: int, values: Tensor) -> Tensor | None:
            keep(c, register)
            if self.state is None:
                torch.tanh(c, out=values)
                return None
            slopes = c.clone()
            self.state.fill(slopes, values, generator)
            return slopes

        return Activation(gates, state)


def keep(c: Tensor, register: StateConfig) -> None:
    """Put cell states into their register, see `StateConfig.kept`."""
    if register.range is not None:
        c.clamp_(-register.range, register.range)
        if register.levels:
            step = float(np.float32(register.range / register.levels))
            c.div_(step).round_().mul_(step)


def moved(draw: Any, device: torch.device) -> Any:
    """Return a draw, or a part of one, with all its tensors on a device."""
    if isinstance(draw, Tensor):
        return draw.to(device)
    if isinstance(draw, dict):
        return {key: moved(value, device) for key, value in draw.items()}
    if isinstance(draw, tuple):
        return tuple(moved(value, device) for value in draw)
    if is_dataclass(draw) and not isinstance(draw, type):
        return replace(draw, **{field.name: moved(getattr(draw, field.name), device) for field in fields(draw)})
    return draw


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
    register : StateConfig
        How cell states are kept.
    """

    cells: dict[str, CellDraw]
    dense: Tensor | None
    input_levels: int
    input_range: float
    register: StateConfig

    def to(self, device: torch.device) -> "HardwareDraw":
        """Return the draw with all its tensors on a device."""
        found: HardwareDraw = self if device.type == "cpu" else moved(self, device)
        return found

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
