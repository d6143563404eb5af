"""Drivers and written weights as differentiable operations (extra ``train``)."""

from typing import Any

import torch
from torch import Tensor


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


def quantise(x: Tensor, limit: float, levels: int) -> Tensor:
    """Return inputs as the drivers apply them; see `memramp.peripherals.quantise_inputs`."""
    result: Tensor = _Quantise.apply(x, limit, levels)  # type: ignore[no-untyped-call]
    return result


def through(asked: Tensor, realised: Tensor) -> Tensor:
    """Return the realised weights in value, with the gradient of those asked for."""
    result: Tensor = _Through.apply(asked, realised)  # type: ignore[no-untyped-call]
    return result
