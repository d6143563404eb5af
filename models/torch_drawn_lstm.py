"""How an LSTM runs through one draw of the hardware (extra ``train``)."""

from collections.abc import Callable

import torch
from torch import Tensor

from memramp.models.torch_draw import ArrayDraw, CellDraw, HardwareDraw
from memramp.models.torch_exact import ExactLstm, product_of
from memramp.models.torch_lstm import SequenceRules, Workspace


def drawn_rules(
    x: Tensor,
    draw: HardwareDraw,
    name: str,
    generator: torch.Generator | None,
    workspace: Workspace,
    projection: Tensor | None,
    *,
    low_precision: bool,
) -> SequenceRules:
    """Return the rules of a direction through a draw.

    Parameters
    ----------
    x : Tensor
        What the rows of the inputs get, [steps, batch, inputs].
    draw, name
        The draw, and the direction's name in it.
    generator : torch.Generator or None
        Of read noise.
    workspace : Workspace
        The direction's memory.
    projection : Tensor or None
        The projection as it is realised.
    low_precision : bool
        Matrix products in bfloat16; not those of an exact draw.
    """
    cell = draw.cells[name]
    exact = None
    if cell.exact:
        exact = ExactLstm(
            product_of(cell.arrays["gates"].weights), None if projection is None else product_of(projection)
        )
    return SequenceRules(
        cell.activation(draw.register, generator),
        draw.driver,
        low_precision,
        _read_noise(x, cell.arrays["gates"], generator),
        _analog_projection(cell, generator),
        draw.register.range,
        exact,
        workspace,
    )


def _read_noise(
    x: Tensor, array: ArrayDraw, generator: torch.Generator | None
) -> Callable[[Tensor, int], Tensor] | None:
    """Return what draws the read noise of the pre-activations of a step, None without any."""
    fixed, inputs = array.variance(x), x.shape[2]
    if fixed is None:
        return None
    fixed = fixed + array.bias_variance

    def drawn(rows: Tensor, t: int) -> Tensor:
        of_state = array.variance(rows, inputs)
        assert of_state is not None
        std = (fixed[t] + of_state).sqrt()
        return std * torch.randn(std.shape, generator=generator, device=std.device)

    return drawn


def _analog_projection(cell: CellDraw, generator: torch.Generator | None) -> Callable[[Tensor, Tensor], None] | None:
    """Return what an array and its converters do to the projected states, None where they are digital."""
    if "projection" not in cell.arrays:
        return None
    array, converter = cell.arrays["projection"], cell.linear["projection"]

    def convert(h: Tensor, rows: Tensor) -> None:
        variance = array.variance(rows)
        if variance is not None:
            h += variance.sqrt() * torch.randn(h.shape, generator=generator, device=h.device)
        converter.fill(h.clone(), h, generator)

    return convert
