"""Drivers and written weights as differentiable operations (extra ``train``)."""

from typing import Any

import torch
from torch import Tensor


class _Quantise(torch.autograd.Function):
    """Forward the pulse widths of the input drivers, backward the identity within their range."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, limit: float, levels: int) -> Tensor:
        ctx.save_for_backward(x.abs() <= limit)
        return driven(x, limit, levels)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None


class _Written(torch.autograd.Function):
    """Forward the realised weights, backward to those that were asked for and to the weight that fills the window."""

    @staticmethod
    def forward(ctx: Any, asked: Tensor, realised: Tensor, clip: Tensor | None) -> Tensor:
        ctx.clips = clip is not None
        if clip is not None:
            ctx.save_for_backward(asked, realised, clip)
        return realised.view_as(realised)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, Tensor | None]:
        (slope,) = gradients
        if not ctx.clips:
            return slope, None, None
        asked, realised, clip = ctx.saved_tensors
        clipped = torch.clamp(asked, -clip, clip)
        beyond = asked.abs() > clip
        # Errors of the devices are conductances: in weight units, they grow with the clip.
        of_clip = (realised - clipped).div_(clip).add_(torch.sign(asked) * beyond)
        return slope * ~beyond, None, (slope * of_clip).sum()


def driven(x: Tensor, limit: float, levels: int) -> Tensor:
    """Return inputs as the drivers apply them; see `memramp.peripherals.quantise_inputs`."""
    clipped = x.clamp(-limit, limit)
    return clipped if levels == 0 else torch.round(clipped / limit * levels) / levels * limit


def quantise(x: Tensor, limit: float, levels: int) -> Tensor:
    """Return inputs as the drivers apply them, differentiable straight through the rounding."""
    result: Tensor = _Quantise.apply(x, limit, levels)  # type: ignore[no-untyped-call]
    return result


def written(asked: Tensor, realised: Tensor, clip: Tensor | None = None) -> Tensor:
    """Return the realised weights in value, with the gradient of those asked for.

    Parameters
    ----------
    asked, realised : Tensor
        Weights, [rows, cols] [weight units].
    clip : Tensor or None
        Weight that fills the window, []: weights beyond it have no gradient, but their sign is that of the clip, and
        the errors of the devices are proportional to it. None: the gradient passes weights beyond it, too.
    """
    result: Tensor = _Written.apply(asked, realised, clip)  # type: ignore[no-untyped-call]
    return result
