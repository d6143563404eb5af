"""An LSTM over a whole sequence with products in bfloat16, on the processor (extra ``train``).

`memramp.models.torch_lstm` does the same for every kind of hardware. This is the way of networks in floating point and
of those whose gates are digital or have converters without errors of their own: between the products there is nothing
then that compiled kernels could not do in one pass. Inputs and recurrent states lie in one matrix, so that a step has
one product, and what a product takes or gives stays bfloat16.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memramp.models import training_kernels as kernels
from memramp.models.torch_draw import CellDraw, HardwareDraw
from memramp.models.torch_gate import GateDraw
from memramp.models.torch_lstm import Driver, Workspace
from memramp.parallel import over_parts

_LEAST_PART = 4  # samples that are worth a thread
_FUNCTIONS = ("sigmoid", "sigmoid", "tanh", "sigmoid")
_DIGITAL = (np.empty((1, 0), np.float32), np.empty(0, np.float32))


@dataclass(frozen=True)
class FastRules:
    """All that is not a tensor with a gradient."""

    curves: kernels.Curves = (_DIGITAL,) * 4
    """Converters of the gates i, f, g, o."""

    driver: Driver | None = None
    """How recurrent states drive the rows; None: the state itself is their input."""

    unit: float = 1.0
    """Recurrent state that a row of 1 stands for."""

    workspace: Workspace = field(default_factory=Workspace)

    def rows(self, h: Tensor) -> Tensor:
        """Return what the rows of the recurrent state get."""
        return h if self.driver is None else self.driver(h, h.new_tensor(self.unit))

    def back(self, d_rows: Tensor, h: Tensor) -> Tensor:
        """Return the gradient of recurrent states for that of their rows."""
        if self.driver is None:
            return d_rows
        return d_rows * self.driver.inside(h, h.new_tensor(self.unit)) / self.unit


def fast_rules(draw: HardwareDraw, cell: CellDraw, workspace: Workspace) -> FastRules | None:
    """Return the rules of a draw, None where it needs `memramp.models.torch_lstm`."""
    array = cell.arrays["gates"]
    plain = array.read_var is None and array.read_white is None and draw.register.range is None
    if not plain or cell.exact or cell.state is not None or "projection" in cell.arrays:
        return None
    curves: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    for gate in cell.gates:
        curves += [_curve(gate)] * _gates_of(gate, array.weights.shape[1])
    fitting = all(_fits(gate, array.weights.shape[1]) for gate in cell.gates) and len(curves) == len(_FUNCTIONS)
    return FastRules(tuple(curves), draw.driver, cell.units[1], workspace) if fitting else None


def _gates_of(gate: GateDraw, columns: int) -> int:
    start, stop, _ = gate.columns.indices(columns)
    return (stop - start) * len(_FUNCTIONS) // columns


def _fits(gate: GateDraw, columns: int) -> bool:
    """Return whether the kernels know a converter."""
    first = gate.columns.indices(columns)[0] * len(_FUNCTIONS) // columns
    known = set(_FUNCTIONS[first : first + _gates_of(gate, columns)]) == {gate.function}
    return known and gate.errors is None and gate.slopes is None


def _curve(gate: GateDraw) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if gate.stairs is None:
        return _DIGITAL
    return gate.stairs.thresholds.numpy()[np.newaxis], gate.stairs.outputs.numpy()


def _floats(tensor: Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = tensor.detach().numpy()
    return found


def _halves(tensor: Tensor) -> NDArray[np.uint16]:
    """Return the bits of a tensor of bfloat16."""
    found: NDArray[np.uint16] = tensor.detach().view(torch.uint16).numpy()
    return found


@dataclass(frozen=True)
class _Steps:
    """What kernels fill and read, as arrays: with one place for each step, but `cells`, which begins with the start."""

    gates: NDArray[np.float32]
    slopes: NDArray[np.uint16]
    cells: NDArray[np.float32]
    tanhs: NDArray[np.float32]
    m: NDArray[np.uint16]

    def forward(self, t: int, sums: Tensor, bias: NDArray[np.float32], curves: kernels.Curves) -> None:
        """Make step t of its products."""
        given, cells = _halves(sums), self.cells

        def part(b: slice) -> None:
            made = (self.gates[t, b], self.slopes[t, b], cells[t + 1, b], self.tanhs[t, b], self.m[t, b])
            kernels.forward_step(given[b], bias, cells[t, b], curves, *made)

        over_parts(part, len(given), _LEAST_PART)

    def backward(self, t: int, d_m: Tensor, d_c: Tensor, d_pre: Tensor) -> None:
        """Carry gradients back through step t; see `memramp.models.training_kernels.backward_step`."""
        given, state, found = _halves(d_m), _floats(d_c), _halves(d_pre)

        def part(b: slice) -> None:
            made = (self.gates[t, b], self.slopes[t, b], self.cells[t, b], self.tanhs[t, b])
            kernels.backward_step(given[b], *made, state[b], found[b])

        over_parts(part, len(given), _LEAST_PART)


class FastLstmSequence(torch.autograd.Function):
    """``(x, h, c, weight_x, weight_h, bias, projection) -> (states, h, c)``.

    x [steps, batch, inputs] is what the rows of the inputs get; h [batch, state] and c [batch, hidden] are where it
    starts; states [steps, batch, state].
    """

    @staticmethod
    def forward(  # noqa: D102
        ctx: Any,
        x: Tensor,
        h: Tensor,
        c: Tensor,
        weight_x: Tensor,
        weight_h: Tensor,
        bias: Tensor,
        projection: Tensor | None,
        rules: FastRules,
    ) -> tuple[Tensor, Tensor, Tensor]:
        (steps, batch, inputs), hidden, state = x.shape, c.shape[1], h.shape[1]
        low, empty = x.new_empty(0, dtype=torch.bfloat16), rules.workspace.empty
        rows = empty("low rows", low, steps + 1, batch, inputs + state)
        gates, cells = empty("gates", x, steps, batch, 4 * hidden), empty("cells", x, steps + 1, batch, hidden)
        slopes, tanhs = empty("low slopes", low, *gates.shape), empty("tanhs", x, steps, batch, hidden)
        m, sums = empty("low m", low, *tanhs.shape), empty("low sums", low, batch, 4 * hidden)
        stacked = torch.cat([weight_x, weight_h]).bfloat16()
        outer = None if projection is None else projection.bfloat16()
        states = x.new_empty(steps, batch, state)
        rows[:steps, :, :inputs], rows[0, :, inputs:], cells[0] = x, rules.rows(h), c
        made = _Steps(_floats(gates), _halves(slopes), _floats(cells), _floats(tanhs), _halves(m))
        for t in range(steps):
            torch.mm(rows[t], stacked, out=sums)
            made.forward(t, sums, _floats(bias), rules.curves)
            states[t] = m[t] if outer is None else m[t] @ outer
            rows[t + 1, :, inputs:] = rules.rows(states[t])
        ctx.rules, ctx.made, ctx.first = rules, made, h
        ctx.save_for_backward(stacked, projection, rows, m, states)
        return states, states[-1].clone(), cells[-1].clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: D102
        d_states, d_h, d_c = gradients
        stacked, projection, rows, m, states = ctx.saved_tensors
        steps, batch, hidden = m.shape
        rules, state = ctx.rules, states.shape[2]
        inputs = rows.shape[2] - state
        d_pre = rules.workspace.empty("low d_pre", m, steps, batch, 4 * hidden)
        d_projected = m.new_empty(steps, batch, state)
        outer = None if projection is None else projection.T.bfloat16()
        inner, dc = stacked[inputs:].T, d_c.clone()
        for t in range(steps - 1, -1, -1):
            torch.add(d_states[t], d_h, out=d_projected[t])
            d_m = d_projected[t] if outer is None else d_projected[t] @ outer
            ctx.made.backward(t, d_m, dc, d_pre[t])
            d_h = rules.back((d_pre[t] @ inner).to(dc.dtype), states[t - 1] if t else ctx.first)
        flat = d_pre.flatten(0, 1)
        d_stacked = (rows[:steps].flatten(0, 1).T @ flat).float()
        d_x = (flat @ stacked[:inputs].T).float().view(steps, batch, inputs) if ctx.needs_input_grad[0] else None
        d_projection = None if projection is None else (m.flatten(0, 1).T @ d_projected.flatten(0, 1)).float()
        d_bias = (m.new_ones(1, len(flat)) @ flat)[0].float()  # faster than a sum, which widens all of it first
        return d_x, d_h, dc, d_stacked[:inputs], d_stacked[inputs:], d_bias, d_projection, None


def fast_lstm_sequence(
    x: Tensor,
    state: tuple[Tensor, Tensor],
    weights: tuple[Tensor, Tensor, Tensor],
    projection: Tensor | None,
    rules: FastRules,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Run a sequence; see `FastLstmSequence` for shapes. Returns states and where it ends."""
    found = FastLstmSequence.apply(x, *state, *weights, projection, rules)  # type: ignore[no-untyped-call]
    states, h, c = found
    return states, (h, c)
