"""The simulator's own arithmetic in the training graph (extra ``train``).

PyTorch makes sums in another order than the simulator, which differs by some 1e-7 and so carries a value across a
threshold once in a while. In exact mode, products are made by the simulator's kernels, in its order of sums, and
elementary functions are `memramp.elementary`'s: every code is the simulator's, bit for bit. Gradients are those of the
usual graph. It works on the processor only, and is meant for checks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from memramp.elementary import sigmoid, tanh
from memramp.models.digital_product import DigitalMatrix
from memramp.peripherals.functions import get_function

_ELEMENTARY = {"sigmoid": sigmoid, "tanh": tanh}

Product = Callable[[Tensor], Tensor]


def function_values(name: str, v: Tensor) -> Tensor:
    """Return a function of the library as the simulator's digital units compute it, float32."""
    numbers = v.detach().numpy()
    exact = _ELEMENTARY.get(name)
    return torch.from_numpy(exact(numbers) if exact else get_function(name)(numbers).astype(np.float32))


def product_of(matrix: Tensor) -> Product:
    """Return the product of rows [n, rows] with a matrix [rows, cols], as the simulator makes it."""
    multiply = DigitalMatrix(matrix.detach().numpy())
    return lambda rows: torch.from_numpy(multiply(rows.detach().numpy()))


def with_bias(*rows: Tensor) -> Tensor:
    """Return rows beside each other with a bias row's full pulse last."""
    return torch.cat([*rows, rows[0].new_ones(len(rows[0]), 1)], dim=1)


def mixed(a: Tensor, x: Tensor, b: Tensor, y: Tensor) -> Tensor:
    """Return a x + b y, rounded once: products of float32 numbers are exact in float64."""
    return (a.double() * x.double() + b.double() * y.double()).to(x.dtype)


@dataclass(frozen=True)
class ExactLstm:
    """Products of an LSTM."""

    gates: Product
    """Of the array's rows: inputs, state, bias."""

    projection: Product | None


class _Product(torch.autograd.Function):
    """A product in the simulator's arithmetic, with the gradients of any."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(rows, weights)
        return product_of(weights)(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        rows, weights = ctx.saved_tensors
        return gradients[0] @ weights.T, rows.T @ gradients[0]


class _Tanh(torch.autograd.Function):
    """The simulator's tanh."""

    @staticmethod
    def forward(ctx: Any, v: Tensor) -> Tensor:
        found = function_values("tanh", v)
        ctx.save_for_backward(found)
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (found,) = ctx.saved_tensors
        slope: Tensor = gradients[0] * (1.0 - found * found)
        return slope


def exact_product(rows: Tensor, weights: Tensor) -> Tensor:
    """Return rows times weights, differentiable."""
    result: Tensor = _Product.apply(rows, weights)  # type: ignore[no-untyped-call]
    return result


def exact_tanh(v: Tensor) -> Tensor:
    """Return tanh, differentiable."""
    result: Tensor = _Tanh.apply(v)  # type: ignore[no-untyped-call]
    return result
