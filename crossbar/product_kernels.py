"""The matrix product, with its sums in registers; float32.

Weights come in panels of `WIDTH` columns, see `panels_of`, so that a pass over the rows reads memory in order. Sums run
over the rows in rising order, one fused multiply-add a row, whatever the batch, its split, or the processor's width: a
sample gives the same bits in every one of them. (BLAS does not promise that.)

Inputs are not checked here; arrays must be C-contiguous float32 and of fitting shapes.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numpy.typing import NDArray

from memramp import simd
from memramp.jit import compiles_for, inline_kernel
from memramp.simd import intrinsic

Floats = NDArray[np.float32]

# Four samples by four vectors are 16 sums: enough to hide the latency of a multiply-add, and they leave registers for
# the weights where there are 32 of 512 bits. Elsewhere a vector takes several registers, and one a sample has to do.
SAMPLES = 4
_VECTORS = 4 if compiles_for("avx512f") else 1

WIDTH = _VECTORS * simd.LANES
"""Columns of a panel."""


def panels_of(matrix: NDArray[np.floating]) -> Floats:
    """Return a matrix [rows, cols] as the kernels take it: panels [ceil(cols / WIDTH), rows, WIDTH], zero beyond."""
    rows, cols = matrix.shape
    panels = np.zeros((-(-cols // WIDTH), rows, WIDTH), np.float32)
    for panel, start in zip(panels, range(0, cols, WIDTH), strict=True):
        part = matrix[:, start : start + WIDTH]
        panel[:, : part.shape[1]] = part
    return panels


class _Tile:
    """Writes the loop over the rows for some samples and one panel."""

    def __init__(self, builder: ir.IRBuilder, samples: int) -> None:
        self.builder, self.samples = builder, samples
        self.vector, self.int = simd.FLOATS.ir_type, ir.IntType(64)

    def _load(self, place: ir.Value) -> ir.Value:
        return self.builder.load(self.builder.bitcast(place, self.vector.as_pointer()), align=4)

    def _step(self, pulses: list[ir.Value], weights: ir.Value, row: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
        builder = self.builder
        first = builder.gep(weights, [builder.mul(row, self.int(WIDTH))])
        parts = [self._load(builder.gep(first, [self.int(simd.LANES * v)])) for v in range(_VECTORS)]
        shape = ir.FunctionType(self.vector, [self.vector] * 3)
        function = cgutils.get_or_insert_function(builder.module, shape, f"llvm.fma.v{simd.LANES}f32")
        factors = [simd.broadcast(builder, builder.load(builder.gep(p, [row])), simd.FLOATS) for p in pulses]
        return [
            builder.call(function, [factors[k // _VECTORS], parts[k % _VECTORS], total]) for k, total in enumerate(sums)
        ]

    def sums(self, pulses: list[ir.Value], weights: ir.Value, start: ir.Value, stop: ir.Value) -> list[ir.Value]:
        """Return the sums over rows start..stop-1, for each sample those of the panel's vectors."""
        builder = self.builder
        before, loop, after = builder.block, *(builder.append_basic_block() for _ in range(2))
        zeros = [simd.FLOATS.constant([0.0] * simd.LANES)] * (self.samples * _VECTORS)
        builder.cbranch(builder.icmp_signed("<", start, stop), loop, after)
        builder.position_at_end(loop)
        row, sums = builder.phi(self.int), [builder.phi(self.vector) for _ in zeros]
        found = self._step(pulses, weights, row, sums)
        following = builder.add(row, self.int(1))
        for phi, first, then in zip([row, *sums], [start, *zeros], [following, *found], strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(then, loop)
        builder.cbranch(builder.icmp_signed("<", following, stop), loop, after)
        builder.position_at_end(after)
        results = [builder.phi(self.vector) for _ in zeros]
        for phi, zero, last in zip(results, zeros, found, strict=True):
            phi.add_incoming(zero, before)
            phi.add_incoming(last, loop)
        return results

    def write(self, sums: list[ir.Value], places: list[ir.Value], count: ir.Value) -> None:
        """Write the first `count` columns of each sample's sums."""
        builder = self.builder
        for v in range(_VECTORS):
            mask = simd.first_lanes(builder, builder.sub(count, self.int(simd.LANES * v)), simd.FLOATS)
            for place, value in zip(places, sums[v::_VECTORS], strict=True):
                target = builder.bitcast(builder.gep(place, [self.int(simd.LANES * v)]), self.vector.as_pointer())
                simd.store_masked(builder, value, target, mask, simd.FLOATS)


def _tile(samples: int, *given: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        x, weights, out = ((sig.args[k], args[k]) for k in (0, 1, 2))
        sample, panel, start, stop = (context.cast(builder, args[k], sig.args[k], types.int64) for k in range(3, 7))
        zero, width = ir.Constant(ir.IntType(64), 0), ir.Constant(ir.IntType(64), WIDTH)
        column = builder.mul(panel, width)
        rows = [builder.add(sample, ir.Constant(ir.IntType(64), k)) for k in range(samples)]
        tile = _Tile(builder, samples)
        sums = tile.sums(
            [simd.pointer_to(context, builder, *x, [row, zero]) for row in rows],
            simd.pointer_to(context, builder, *weights, [panel, zero, zero]),
            start,
            stop,
        )
        view = context.make_array(out[0])(context, builder, out[1])
        count = builder.sub(cgutils.unpack_tuple(builder, view.shape, 2)[1], column)
        tile.write(sums, [simd.pointer_to(context, builder, *out, [row, column]) for row in rows], count)
        return context.get_dummy_value()

    return types.void(*given), generate


@intrinsic
def _tile_of_several(_context: Any, x: Any, w: Any, out: Any, sample: Any, panel: Any, start: Any, stop: Any) -> Any:
    return _tile(SAMPLES, x, w, out, sample, panel, start, stop)


@intrinsic
def _tile_of_one(_context: Any, x: Any, w: Any, out: Any, sample: Any, panel: Any, start: Any, stop: Any) -> Any:
    return _tile(1, x, w, out, sample, panel, start, stop)


@inline_kernel
def mac_rows(x: Floats, w: Floats, start: int, stop: int, first: int, last: int, out: Floats) -> None:
    """Multiply by some of the rows and columns: ``out[b, j] = sum_i x[b, i] w[i, j]``, i from start to stop - 1.

    x [n, rows]; w [panels, rows, WIDTH], see `panels_of`; out [n, cols], of which the columns of the panels first to
    last - 1 are filled.
    """
    n = x.shape[0]
    several = n - n % SAMPLES
    for panel in range(first, last):
        for b in range(0, several, SAMPLES):
            _tile_of_several(x, w, out, b, panel, start, stop)
        for b in range(several, n):
            _tile_of_one(x, w, out, b, panel, start, stop)
