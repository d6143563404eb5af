"""Learned ranges of a layer's drivers and devices in the training graph (extra ``train``).

Trained are the logarithms, so that ranges stay positive and a step of the optimiser changes them by a part. The
gradient of a range passes straight through the drivers' rounding, which leaves the step size's gradient of Esser et
al., arXiv 1902.08153, and that of Choi et al., arXiv 1805.06085, beyond the range: rows are divided by the range and
the weights that are written are multiplied by it, so the graph finds both by itself. Gradients are multiplied with
Esser's factor, without which a range would have as large a gradient as all weights together.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from memramp.models.spec import RecurrentSpec

SCALARS = ("range_x", "range_h", "clip")
"""Input and recurrent state of a full pulse; weight that fills the devices' window."""


def log_name(name: str) -> str:
    """Return the name of the parameter behind a scalar of a checkpoint: ``lstm.log_clip`` for ``lstm.clip``."""
    layer, key = name.rsplit(".", 1)
    return f"{layer}.log_{key}"


@dataclass(frozen=True)
class LayerScalars:
    """The scalars of a layer in one forward pass."""

    units: tuple[Tensor, Tensor]
    """Input and recurrent state of a full pulse."""

    clip: Tensor | None = None
    """Weight that fills the window, where anything is learned."""

    @property
    def gain(self) -> Tensor | None:
        """One, whose gradient is what read noise, which grows with the clip, does to it."""
        return None if self.clip is None or not self.clip.requires_grad else self.clip / self.clip.detach()


class _Scalar(torch.autograd.Function):
    """Forward a value, backward to its logarithm, times a factor."""

    @staticmethod
    def forward(ctx: Any, log: Tensor, value: float, factor: float) -> Tensor:
        ctx.slope = value * factor
        return torch.full_like(log, value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0] * ctx.slope, None, None


def scalar_of(log: Tensor, value: float, factor: float) -> Tensor:
    """Return a learned scalar: the value that the hardware was drawn with, with the gradient of its logarithm."""
    result: Tensor = _Scalar.apply(log, value, factor)  # type: ignore[no-untyped-call]
    return result


def gradient_factor(layer: RecurrentSpec, key: str, levels: int) -> float:
    """Return Esser's factor 1 / sqrt(values that share the scalar x steps of each sign)."""
    if key == "clip":
        return float(((layer.inputs + layer.state + 1) * layer.columns) ** -0.5)
    values = layer.inputs if key == "range_x" else layer.state
    return float((values * max(levels, 1)) ** -0.5)
