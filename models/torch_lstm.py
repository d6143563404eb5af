"""An LSTM over a whole sequence as one differentiable operation (extra ``train``).

One operation in place of some twenty a step: gradients of the weights are one product over all steps, and what the
backward pass needs is kept once. It is the same for the network in floating point and for one that runs through a draw
of the hardware, whose gradients pass straight through converters and drivers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from memramp.models.torch_exact import ExactLstm, mixed, with_bias
from memramp.models.torch_quantise import driven


@dataclass(frozen=True)
class Activation:
    """What becomes of pre-activations and cell states."""

    gates: Callable[[Tensor, int, Tensor], None]
    """``gates(pre, t, values)`` fills `values` with the gates' values and replaces the pre-activations by the slopes
    that gradients take, all [batch, 4 hidden]."""

    state: Callable[[Tensor, int, Tensor], Tensor | None]
    """``state(c, t, values)`` fills `values` with tanh of the cell states as the hardware finds it, and returns the
    slopes that gradients take, [batch, hidden]; None: those of tanh."""


@dataclass(frozen=True)
class Driver:
    """How the recurrent state drives the word lines: x / unit, within its reach, in `levels` of each polarity."""

    levels: int = 0
    """0: any pulse width."""

    reach: float = 1.0
    """Largest row."""

    def __call__(self, x: Tensor, unit: Tensor) -> Tensor:
        """Return the inputs of the rows."""
        return driven(x / unit, self.reach, self.levels)

    def inside(self, x: Tensor, unit: Tensor) -> Tensor:
        """Return where the input has a pulse of its own."""
        return x.abs() <= self.reach * unit


@dataclass(frozen=True)
class SequenceRules:
    """All that is not a tensor with a gradient."""

    activation: Activation
    driver: Driver | None = None
    """None: the state itself is the rows' input."""

    low_precision: bool = False
    """Matrix products in bfloat16, sums of a product in float32."""

    noise: Callable[[Tensor, int], Tensor] | None = None
    """``noise(rows, t)`` returns the read noise of a step's pre-activations, [batch, 4 hidden]."""

    project: Callable[[Tensor, Tensor], None] | None = None
    """``project(h, rows)`` makes of projected states what an array for the projection does; None: they are digital."""

    register: float | None = None
    """Largest cell state that its register keeps; beyond it, no gradient passes. None: without a limit."""

    exact: ExactLstm | None = None
    """The simulator's arithmetic in the forward pass; None: PyTorch's."""

    workspace: "Workspace" = field(default_factory=lambda: Workspace())

    def projected(self, m: Tensor) -> Tensor:
        """Return what the rows of the projection get of o tanh(c), which lies within -1..1."""
        return m if self.project is None or self.driver is None else self.driver(m, m.new_ones(()))


class Workspace:
    """Memory of a sequence, for the next one of the same shape: pages of a fresh allocation cost as much as a product.

    The backward pass of a sequence must be over before the next one begins.
    """

    def __init__(self) -> None:
        self._held: dict[str, Tensor] = {}

    def empty(self, name: str, like: Tensor, *shape: int) -> Tensor:
        """Return a tensor with any contents."""
        held = self._held.get(name)
        if held is None or held.shape != shape or held.device != like.device or held.dtype != like.dtype:
            held = self._held[name] = like.new_empty(shape)
        return held


def product(a: Tensor, b: Tensor, low: bool) -> Tensor:
    """Return a b, perhaps of rounded factors and rounded."""
    return (a.bfloat16() @ b.bfloat16()).to(a.dtype) if low else a @ b


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Return a b in the precision of b."""
    return a.to(b.dtype) @ b


def _mark_within(rules: SequenceRules, c: Tensor, within: Tensor | None, t: int) -> None:
    """Note which cell states their register keeps as they are."""
    if within is not None and rules.register is not None:
        within[t] = c.abs() <= rules.register


class LstmSequence(torch.autograd.Function):
    """``(x, h, c, weight_x, weight_h, bias, projection, unit, gain) -> (states, h, c)``.

    x [steps, batch, inputs] is what the rows of the inputs get; h [batch, state] and c [batch, hidden] are where it
    starts; unit [] is the recurrent state that a row of 1 stands for. Rows are scaled outside: a weight of the rows of
    h counts for h / unit. gain [] or None multiplies the read noise; it is one, for its gradient's sake.
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
        unit: Tensor,
        gain: Tensor | None,
        rules: SequenceRules,
    ) -> tuple[Tensor, Tensor, Tensor]:
        steps, batch, _ = x.shape
        low, hidden, empty = rules.low_precision, c.shape[1], rules.workspace.empty
        slopes, exact = empty("slopes", x, steps, batch, 4 * hidden), rules.exact  # pre-activations at first
        if exact is None:
            torch.add(product(x.flatten(0, 1), weight_x, low).view_as(slopes), bias, out=slopes)
        gates, cells = empty("gates", x, *slopes.shape), empty("cells", x, steps + 1, batch, hidden)
        tanhs, states = empty("tanhs", x, steps, batch, hidden), x.new_empty(steps, batch, h.shape[1])
        rows = empty("rows", x, *states.shape)
        inner = weight_h.bfloat16() if low else weight_h
        outer = None if projection is None else projection.bfloat16() if low else projection
        noises = empty("noises", x, *slopes.shape) if rules.noise is not None and gain is not None else None
        state_slopes: Tensor | None = None
        within = None if rules.register is None else empty("within", x, *tanhs.shape)
        cells[0], first = c, h
        for t in range(steps):
            rows[t] = h if rules.driver is None else rules.driver(h, unit)
            pre = slopes[t]
            if exact is None:
                pre.add_(_product(rows[t], inner))
            else:
                pre.copy_(exact.gates(with_bias(x[t], rows[t])))
            if rules.noise is not None:
                noise = rules.noise(rows[t], t)
                pre += noise
                if noises is not None:
                    noises[t] = noise
            rules.activation.gates(pre, t, gates[t])
            i, f, g, o = gates[t].chunk(4, dim=1)
            if exact is None:
                torch.mul(f, cells[t], out=cells[t + 1]).addcmul_(i, g)
            else:
                cells[t + 1] = mixed(f, cells[t], i, g)
            _mark_within(rules, cells[t + 1], within, t)
            slope = rules.activation.state(cells[t + 1], t, tanhs[t])
            if slope is not None:
                state_slopes = empty("state_slopes", x, *tanhs.shape) if state_slopes is None else state_slopes
                state_slopes[t] = slope
            h = states[t]
            if outer is None:
                torch.mul(o, tanhs[t], out=h)
            else:
                m = rules.projected(o * tanhs[t])
                h.copy_(_product(m, outer) if exact is None or exact.projection is None else exact.projection(m))
                if rules.project is not None:
                    rules.project(h, m)
        ctx.rules, ctx.first, ctx.noises, ctx.state_slopes, ctx.within = rules, first, noises, state_slopes, within
        ctx.save_for_backward(x, weight_x, weight_h, projection, unit, slopes, gates, cells, tanhs, states, rows)
        return states, states[-1].clone(), cells[-1].clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: D102
        d_states, d_h, d_c = gradients
        x, weight_x, weight_h, projection, unit, slopes, gates, cells, tanhs, states, rows = ctx.saved_tensors
        rules, steps = ctx.rules, len(x)
        low = rules.low_precision
        inner = weight_h.T.bfloat16() if low else weight_h.T
        outer = None if projection is None else projection.T.bfloat16() if low else projection.T
        d_pre, d_unit = rules.workspace.empty("d_pre", gates, *gates.shape), torch.zeros_like(unit)
        d_projected = None if projection is None else torch.empty_like(states)
        dc = d_c
        for t in range(steps - 1, -1, -1):
            dh = d_states[t] + d_h
            if d_projected is not None and outer is not None:
                d_projected[t] = dh
                dh = _product(dh, outer).to(dc.dtype)
            i, f, g, o = gates[t].chunk(4, dim=1)
            dc = torch.addcmul(dc, dh * o, _state_slope(ctx, cells, t))
            if ctx.within is not None:
                dc = dc * ctx.within[t]
            parts = d_pre[t].chunk(4, dim=1)
            torch.mul(dc, g, out=parts[0])
            torch.mul(dc, cells[t], out=parts[1])
            torch.mul(dc, i, out=parts[2])
            torch.mul(dh, tanhs[t], out=parts[3])
            d_pre[t].mul_(slopes[t])
            dc = dc * f
            before = states[t - 1] if t else ctx.first
            d_rows = _product(d_pre[t], inner).to(dc.dtype)
            if rules.driver is not None:
                d_rows = d_rows * rules.driver.inside(before, unit) / unit
                if ctx.needs_input_grad[7]:
                    d_unit -= (d_rows * before).sum() / unit
            d_h = d_rows
        flat = d_pre.flatten(0, 1)
        d_weight_h = product(rows.flatten(0, 1).T, flat, low)
        d_weight_x = product(x.flatten(0, 1).T, flat, low)
        d_x = product(flat, weight_x.T, low).view_as(x) if ctx.needs_input_grad[0] else None
        d_projection = None
        if d_projected is not None:
            m = rules.projected(gates[:, :, 3 * (gates.shape[2] // 4) :] * tanhs)
            d_projection = product(m.flatten(0, 1).T, d_projected.flatten(0, 1), low)
        d_gain = None if ctx.noises is None else (d_pre * ctx.noises).sum()
        return d_x, d_h, dc, d_weight_x, d_weight_h, flat.sum(0), d_projection, d_unit, d_gain, None


def _state_slope(ctx: Any, cells: Tensor, t: int) -> Tensor:
    """Return the slope of what becomes of the cell states of a step."""
    if ctx.state_slopes is not None:
        found: Tensor = ctx.state_slopes[t]
        return found
    smooth = torch.tanh(cells[t + 1])
    return 1.0 - smooth * smooth


def lstm_sequence(
    x: Tensor,
    state: tuple[Tensor, Tensor],
    weights: tuple[Tensor, Tensor, Tensor],
    projection: Tensor | None,
    units: tuple[Tensor, Tensor | None],
    rules: SequenceRules,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Run a sequence; see `LstmSequence` for shapes; `units` are unit and gain. Returns states and where it ends."""
    found = LstmSequence.apply(x, *state, *weights, projection, *units, rules)  # type: ignore[no-untyped-call]
    states, h, c = found
    return states, (h, c)


def float_gates(pre: Tensor, _t: int, values: Tensor) -> None:
    """Compute gates i, f, g, o in floating point, see `Activation.gates`."""
    hidden = pre.shape[1] // 4
    g = slice(2 * hidden, 3 * hidden)
    torch.sigmoid(pre, out=values)
    values[:, g] = torch.tanh(pre[:, g])
    torch.mul(values, values, out=pre)
    torch.sub(values, pre, out=pre)  # of the sigmoid: s - s^2
    pre[:, g] = 1.0 - values[:, g] ** 2


def float_state(c: Tensor, _t: int, values: Tensor) -> None:
    """Compute tanh of the cell state in floating point."""
    torch.tanh(c, out=values)


FLOAT = Activation(float_gates, float_state)
