"""Converters of gates as the training graph takes them (extra ``train``)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from memramp.models.torch_exact import function_values
from memramp.models.torch_slopes import Slopes
from memramp.parallel import over_parts
from memramp.peripherals.functions import get_function
from memramp.peripherals.kernels import convert_batch_static

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
    exact : bool
        A digital function has the simulator's bits.
    """

    columns: slice
    function: str
    stairs: Staircase | None
    errors: ColumnDraw | None = None
    slopes: Slopes | None = None
    exact: bool = False

    def fill(self, pre: Tensor, values: Tensor, generator: torch.Generator | None) -> None:
        """Fill `values` with what becomes of pre-activations, and replace these by the slopes that gradients take."""
        held = pre if self.errors is None else self.errors(pre, generator)
        if self.stairs is not None and self.slopes is not None:
            values.copy_(self.stairs(held))
            pre.copy_(self.slopes(held))
            return
        smooth, slope = smooth_function(self.function, held)
        if self.stairs is None and self.exact:
            smooth = function_values(self.function, held)
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
