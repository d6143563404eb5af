"""One draw of the hardware as the training graph takes it (extra ``train``)."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from memramp.models.gates import StateConfig
from memramp.models.torch_exact import function_values
from memramp.models.torch_gate import GateDraw
from memramp.models.torch_lstm import Activation, Driver
from memramp.peripherals.driver_kernels import Coding

Power = Callable[[Tensor], Tensor]


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
    exact : bool
        Forward passes are made in the simulator's arithmetic, see `memramp.models.torch_exact`.
    """

    arrays: dict[str, ArrayDraw]
    gates: tuple[GateDraw, ...]
    state: GateDraw | None = None
    linear: dict[str, GateDraw] = field(default_factory=dict)
    units: tuple[float, float] = (1.0, 1.0)
    clip: float = 1.0
    exact: bool = False

    def activation(self, register: StateConfig, generator: torch.Generator | None) -> Activation:
        """Return what becomes of an LSTM's pre-activations and cell state."""

        def gates(pre: Tensor, _t: int, values: Tensor) -> None:
            for gate in self.gates:
                gate.fill(pre[:, gate.columns], values[:, gate.columns], generator)

        def state(c: Tensor, _t: int, values: Tensor) -> Tensor | None:
            keep(c, register)
            if self.state is None:
                values.copy_(function_values("tanh", c) if self.exact else torch.tanh(c))
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
    dense : ArrayDraw or None
        The read-out, [inputs + 1, classes]; None where it is digital.
    input_levels, input_range : int, float
        Inputs of each polarity that drivers know (0: any), and the largest one.
    register : StateConfig
        How cell states are kept.
    """

    cells: dict[str, CellDraw]
    dense: ArrayDraw | None
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
