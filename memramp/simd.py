"""Vectors of numbers as values in compiled kernels.

The compiler's own vectoriser leaves a product's sums and a search's results in memory; with vectors as values they stay
in registers. Each operation becomes one instruction of LLVM's portable vector language: processors with narrower
vectors take several instructions for it, and give the same bits. `fma` rounds once, everywhere; nothing else is ever
fused, so that results do not depend on what the compiler makes of a formula.

Arithmetic and comparison operators take two vectors, or a vector and a number. Masks come from comparisons and go into
`select` only. Arrays must be C-contiguous float32; nothing checks their bounds. Plain vectors have 16 lanes; wide ones
have 32, which gives the processor two independent chains to work on.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel.models import PrimitiveModel
from numba.core.datamodel.registry import register_default
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import lower_builtin

from memramp.jit import compiles_for

LANES, WIDE = 16, 32
"""Floats in a plain vector and in a wide one."""

_INT1, _INT32, _INT64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)
_IR_OF = {
    types.float32: ir.FloatType(),
    types.float64: ir.DoubleType(),
    types.int16: ir.IntType(16),
    types.int32: _INT32,
    types.int64: _INT64,
    types.uint64: _INT64,
    types.boolean: _INT1,
}
_FLOATING = (types.float32, types.float64)


def intrinsic(function: Callable[..., Any]) -> Any:
    """Return numba's intrinsic, whose type, unlike numba's own, lets kernels call it without the context."""
    return numba_intrinsic(function)


class Vector(types.Type):
    """Numba's type of a vector of numbers."""

    def __init__(self, element: types.Type, lanes: int) -> None:
        self.element, self.lanes = element, lanes
        super().__init__(name=f"Vector({element}, {lanes})")

    @property
    def ir_type(self) -> ir.VectorType:
        """The type as LLVM has it."""
        return ir.VectorType(_IR_OF[self.element], self.lanes)

    def of(self, element: types.Type) -> "Vector":
        """Return the type with as many lanes of another element."""
        return Vector(element, self.lanes)

    def constant(self, values: Any) -> ir.Constant:
        """Return a constant vector."""
        return ir.Constant(self.ir_type, list(values))


@register_default(Vector)
class _VectorModel(PrimitiveModel):
    def __init__(self, manager: Any, numba_type: Vector) -> None:
        super().__init__(manager, numba_type, numba_type.ir_type)


FLOATS = Vector(types.float32, LANES)
LONGS = Vector(types.uint64, 16)


def broadcast(builder: ir.IRBuilder, value: ir.Value, vector: Vector) -> ir.Value:
    """Return a vector whose lanes all hold one value."""
    undefined = ir.Constant(vector.ir_type, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_INT32, 0))
    return builder.shuffle_vector(first, undefined, vector.of(types.int32).constant([0] * vector.lanes))


def _as_vector(context: Any, builder: ir.IRBuilder, value: ir.Value, found: types.Type, wanted: Vector) -> ir.Value:
    if isinstance(found, Vector):
        return value
    return broadcast(builder, context.cast(builder, value, found, wanted.element), wanted)


def _vector_of(*operands: types.Type) -> Vector | None:
    vectors = {operand for operand in operands if isinstance(operand, Vector)}
    fitting = all(isinstance(operand, Vector | types.Number) for operand in operands)
    return vectors.pop() if len(vectors) == 1 and fitting else None


def _operator(function: Callable[..., Any], floating: str, integer: str, *, mask: bool = False) -> None:
    """Give an operator a meaning for vectors: the names of LLVM's instructions, or of a predicate that makes a mask."""

    @infer_global(function)
    class Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            vector = _vector_of(*args) if len(args) == 2 and not kws else None
            return vector and signature(vector.of(types.boolean) if mask else vector, *args)

    def lower(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        vector = _vector_of(*sig.args)
        assert vector is not None
        operands = [_as_vector(context, builder, a, t, vector) for a, t in zip(args, sig.args, strict=True)]
        is_floating = vector.element in _FLOATING
        if mask:
            return (builder.fcmp_ordered if is_floating else builder.icmp_signed)(floating, *operands)
        return getattr(builder, floating if is_floating else integer)(*operands)

    for pair in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(function, *pair)(lower)


for _function, _names in {
    operator.add: ("fadd", "add"),
    operator.sub: ("fsub", "sub"),
    operator.mul: ("fmul", "mul"),
    operator.truediv: ("fdiv", ""),
    operator.and_: ("", "and_"),
    operator.or_: ("", "or_"),
    operator.xor: ("", "xor"),
    operator.lshift: ("", "shl"),
    operator.rshift: ("", "lshr"),
}.items():
    _operator(_function, *_names)
for _function, _predicate in {operator.ge: ">=", operator.gt: ">", operator.lt: "<", operator.le: "<="}.items():
    _operator(_function, _predicate, "", mask=True)


def _call(builder: ir.IRBuilder, name: str, vector: Vector, *args: ir.Value) -> ir.Value:
    kind = "f32" if vector.element == types.float32 else "f64"
    shape = ir.FunctionType(vector.ir_type, [vector.ir_type] * len(args))
    function = cgutils.get_or_insert_function(builder.module, shape, f"llvm.{name}.v{vector.lanes}{kind}")
    return builder.call(function, args)


def _mathematical(name: str, *given: types.Type) -> Any:
    vector = _vector_of(*given)
    if vector is None:
        return None

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        operands = [_as_vector(context, builder, a, t, vector) for a, t in zip(args, sig.args, strict=True)]
        return _call(builder, name, vector, *operands)

    return vector(*given), generate


@intrinsic
def fma(_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return ``a * b + c``, rounded once."""
    return _mathematical("fma", a, b, c)


@intrinsic
def square_root(_context: Any, a: Any) -> Any:
    """Return the square roots."""
    return _mathematical("sqrt", a)


@intrinsic
def absolute(_context: Any, a: Any) -> Any:
    """Return the magnitudes."""
    return _mathematical("fabs", a)


@intrinsic
def nearest(_context: Any, a: Any) -> Any:
    """Return the nearest whole numbers, halves to even."""
    return _mathematical("rint", a)


@intrinsic
def copy_sign(_context: Any, a: Any, b: Any) -> Any:
    """Return the magnitudes of `a` with the signs of `b`."""
    return _mathematical("copysign", a, b)


@intrinsic
def lesser(_context: Any, a: Any, b: Any) -> Any:
    """Return the lesser of two numbers in each lane."""
    return _mathematical("minnum", a, b)


@intrinsic
def greater(_context: Any, a: Any, b: Any) -> Any:
    """Return the greater of two numbers in each lane."""
    return _mathematical("maxnum", a, b)


def _converted(value: types.Type, source: types.Type, target: types.Type, instruction: str, lanes: int = 1) -> Any:
    if not isinstance(value, Vector) or value.element != source:
        return None
    result = Vector(target, value.lanes * lanes)

    def generate(_context: Any, builder: ir.IRBuilder, _sig: Any, args: Any) -> ir.Value:
        return getattr(builder, instruction)(args[0], result.ir_type)

    return result(value), generate


@intrinsic
def to_doubles(_context: Any, value: Any) -> Any:
    """Return floats as doubles."""
    return _converted(value, types.float32, types.float64, "fpext")


@intrinsic
def to_floats(_context: Any, value: Any) -> Any:
    """Return doubles rounded to floats."""
    return _converted(value, types.float64, types.float32, "fptrunc")


@intrinsic
def from_unsigned(_context: Any, value: Any) -> Any:
    """Return words, taken as unsigned, as floats."""
    return _converted(value, types.int32, types.float32, "uitofp")


@intrinsic
def from_signed(_context: Any, value: Any) -> Any:
    """Return words, taken as signed, as floats."""
    return _converted(value, types.int32, types.float32, "sitofp")


@intrinsic
def bits_of(_context: Any, value: Any) -> Any:
    """Return the bits of floats as words, of doubles as signed long words."""
    if isinstance(value, Vector) and value.element == types.float64:
        return _converted(value, types.float64, types.int64, "bitcast")
    return _converted(value, types.float32, types.int32, "bitcast")


@intrinsic
def floats_of(_context: Any, value: Any) -> Any:
    """Return the floats that words are the bits of."""
    return _converted(value, types.int32, types.float32, "bitcast")


@intrinsic
def doubles_of(_context: Any, value: Any) -> Any:
    """Return the doubles that signed long words are the bits of."""
    return _converted(value, types.int64, types.float64, "bitcast")


@intrinsic
def halves(_context: Any, value: Any) -> Any:
    """Return the lower and the upper word of each long word, in this order."""
    return _converted(value, types.uint64, types.int32, "bitcast", lanes=2)


@intrinsic
def splat(_context: Any, value: Any) -> Any:
    """Return a plain vector of one float."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return _as_vector(context, builder, args[0], sig.args[0], FLOATS)

    return FLOATS(value), generate


@intrinsic
def splat_wide(_context: Any, value: Any) -> Any:
    """Return a wide vector of one float."""
    vector = Vector(types.float32, WIDE)

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return _as_vector(context, builder, args[0], sig.args[0], vector)

    return vector(value), generate


@intrinsic
def longs(_context: Any, a: Any, b: Any) -> Any:
    """Return 16 long words, eight times `a` and eight times `b`."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        parts = [_as_vector(context, builder, value, kind, LONGS) for value, kind in zip(args, sig.args, strict=True)]
        return builder.shuffle_vector(*parts, LONGS.of(types.int32).constant([0] * 8 + [16] * 8))

    return LONGS(a, b), generate


@intrinsic
def eights(_context: Any) -> Any:
    """Return the long words 0, 1, ... 7, 0, 1, ... 7."""

    def generate(_context: Any, _builder: ir.IRBuilder, _sig: Any, _args: Any) -> ir.Value:
        return LONGS.constant(list(range(8)) * 2)

    return LONGS(), generate


@intrinsic
def select(_context: Any, mask: Any, yes: Any, no: Any) -> Any:
    """Return `yes` where the mask is set, else `no`."""
    vector = _vector_of(yes, no)
    if vector is None or mask != vector.of(types.boolean):
        return None

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return builder.select(args[0], *(_as_vector(context, builder, args[k], sig.args[k], vector) for k in (1, 2)))

    return vector(mask, yes, no), generate


@intrinsic
def interleave(_context: Any, a: Any, b: Any) -> Any:
    """Return the vectors a0, b0, a1, b1, ... of the lower halves of two vectors, and of the upper."""
    if a != b or not isinstance(a, Vector):
        return None
    pair, half = types.UniTuple(a, 2), a.lanes // 2

    def generate(context: Any, builder: ir.IRBuilder, _sig: Any, args: Any) -> ir.Value:
        orders = [[k for i in range(start, start + half) for k in (i, i + a.lanes)] for start in (0, half)]
        parts = [builder.shuffle_vector(*args, a.of(types.int32).constant(order)) for order in orders]
        return context.make_tuple(builder, pair, parts)

    return pair(a, b), generate


@intrinsic
def total(_context: Any, a: Any) -> Any:
    """Return the sum of a vector's floats, by halves: first ``a[i] + a[i + lanes / 2]``, and so on."""
    if not isinstance(a, Vector):
        return None

    def generate(_context: Any, builder: ir.IRBuilder, _sig: Any, args: Any) -> ir.Value:
        value, width = args[0], a.lanes
        while width > 1:
            width //= 2
            order = [Vector(types.int32, width).constant(range(start, start + width)) for start in (0, width)]
            value = builder.fadd(*(builder.shuffle_vector(value, value, part) for part in order))
        return builder.extract_element(value, ir.Constant(_INT32, 0))

    return a.element(a), generate


@intrinsic
def deinterleave(_context: Any, a: Any) -> Any:
    """Return the even and the odd lanes of a vector, two vectors of half its lanes."""
    if not isinstance(a, Vector):
        return None
    half = Vector(a.element, a.lanes // 2)
    pair = types.UniTuple(half, 2)

    def generate(context: Any, builder: ir.IRBuilder, _sig: Any, args: Any) -> ir.Value:
        orders = [half.of(types.int32).constant(range(start, a.lanes, 2)) for start in (0, 1)]
        return context.make_tuple(builder, pair, [builder.shuffle_vector(args[0], args[0], order) for order in orders])

    return pair(a), generate


@intrinsic
def moved_up(_context: Any, a: Any, first: Any) -> Any:
    """Return a vector whose lane i has what lane i - 1 of `a` has, lane 0 the number `first`; the last lane is lost."""
    if not isinstance(a, Vector):
        return None

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        filled = _as_vector(context, builder, args[1], sig.args[1], a)
        order = a.of(types.int32).constant([a.lanes, *range(a.lanes - 1)])
        return builder.shuffle_vector(args[0], filled, order)

    return a(a, first), generate


@intrinsic
def no_counts(_context: Any) -> Any:
    """Return a wide vector of words, all 0."""
    vector = Vector(types.int32, WIDE)

    def generate(_context: Any, _builder: ir.IRBuilder, _sig: Any, _args: Any) -> ir.Value:
        return vector.constant([0] * WIDE)

    return vector(), generate


PICKS = compiles_for("avx512f")
"""Whether the processor can look 32 floats up in registers, see `pick`."""


@intrinsic
def pick(_context: Any, table: Any, places: Any) -> Any:
    """Return in each lane the float of a wide vector that stands in the lane of this number, 0..31; needs `PICKS`."""
    if (table, places) != (Vector(types.float32, WIDE), Vector(types.int32, WIDE)):
        return None

    def generate(_context: Any, builder: ir.IRBuilder, _sig: Any, args: Any) -> ir.Value:
        shape = ir.FunctionType(FLOATS.ir_type, [FLOATS.ir_type, FLOATS.of(types.int32).ir_type, FLOATS.ir_type])
        function = cgutils.get_or_insert_function(builder.module, shape, "llvm.x86.avx512.vpermi2var.ps.512")
        halves = [Vector(types.int32, LANES).constant(range(start, start + LANES)) for start in (0, LANES)]
        low, high = (builder.shuffle_vector(args[0], args[0], half) for half in halves)
        found = [
            builder.call(function, [low, builder.shuffle_vector(args[1], args[1], half), high]) for half in halves
        ]
        return builder.shuffle_vector(*found, places.constant(range(WIDE)))

    return table(table, places), generate


def pointer_to(
    context: Any, builder: ir.IRBuilder, array: types.Array, value: ir.Value, at: list[ir.Value]
) -> ir.Value:
    """Return where the element with the indices `at`, not negative, of an array lies."""
    view = context.make_array(array)(context, builder, value)
    shape, strides = (cgutils.unpack_tuple(builder, part, array.ndim) for part in (view.shape, view.strides))
    return cgutils.get_item_pointer2(context, builder, view.data, shape, strides, array.layout, at, wraparound=False)


def _place(context: Any, builder: ir.IRBuilder, sig: Any, args: Any, vector: Vector) -> ir.Value:
    given = zip(cgutils.unpack_tuple(builder, args[1]), sig.args[1], strict=True)
    at = [context.cast(builder, value, kind, types.intp) for value, kind in given]
    place = pointer_to(context, builder, sig.args[0], args[0], at)
    return builder.bitcast(place, vector.ir_type.as_pointer())


def first_lanes(builder: ir.IRBuilder, count: ir.Value, vector: Vector) -> ir.Value:
    """Return a mask of the first `count` lanes; count a 64-bit number, of any sign and size."""
    zero, all_lanes, one = (ir.Constant(_INT64, number) for number in (0, vector.lanes, 1))
    count = builder.select(builder.icmp_signed(">", count, zero), count, zero)
    count = builder.select(builder.icmp_signed("<", count, all_lanes), count, all_lanes)
    bits = builder.sub(builder.shl(one, count), one)  # cheaper than comparing the lanes' numbers with the count
    return builder.bitcast(builder.trunc(bits, ir.IntType(vector.lanes)), vector.of(types.boolean).ir_type)


def store_masked(builder: ir.IRBuilder, value: ir.Value, place: ir.Value, mask: ir.Value, vector: Vector) -> None:
    """Write the lanes of a vector that the mask has set."""
    shape = ir.FunctionType(ir.VoidType(), [vector.ir_type, place.type, _INT32, mask.type])
    kind = "i16" if vector.element == types.int16 else "f32"
    name = f"llvm.masked.store.v{vector.lanes}{kind}.p0"
    align = ir.Constant(_INT32, 2 if vector.element == types.int16 else 4)
    builder.call(cgutils.get_or_insert_function(builder.module, shape, name), [value, place, align, mask])


@intrinsic
def store_quads(_context: Any, array: Any, at: Any, value: Any) -> Any:
    """Write a plain vector in four parts of four floats: to element `at` = (row, column) and to the rows below."""
    quad = Vector(types.float32, 4)

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        row, column = (
            context.cast(builder, place, kind, types.intp)
            for place, kind in zip(cgutils.unpack_tuple(builder, args[1]), sig.args[1], strict=True)
        )
        for k in range(4):
            order = quad.of(types.int32).constant(range(4 * k, 4 * k + 4))
            at_row = [builder.add(row, ir.Constant(_INT64, k)), column]
            place = pointer_to(context, builder, sig.args[0], args[0], at_row)
            part = builder.shuffle_vector(args[2], args[2], order)
            builder.store(part, builder.bitcast(place, quad.ir_type.as_pointer()), align=4)
        return context.get_dummy_value()

    return (types.void(array, at, value), generate) if value == FLOATS else None


def _load_part(vector: Vector, array: Any, at: Any, count: Any, *fill: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        place = _place(context, builder, sig, args, vector)
        mask = first_lanes(builder, context.cast(builder, args[2], sig.args[2], types.int64), vector)
        zeros = vector.constant([0.0] * vector.lanes)
        filled = _as_vector(context, builder, args[3], sig.args[3], vector) if fill else zeros
        shape = ir.FunctionType(vector.ir_type, [place.type, _INT32, mask.type, vector.ir_type])
        function = cgutils.get_or_insert_function(builder.module, shape, f"llvm.masked.load.v{vector.lanes}f32.p0")
        return builder.call(function, [place, ir.Constant(_INT32, 4), mask, filled])

    return vector(array, at, count, *fill), generate


@intrinsic
def load_part(_context: Any, array: Any, at: Any, count: Any) -> Any:
    """Return the `count` floats (at most 16) from the element with the indices `at` (a tuple) on; 0 elsewhere."""
    return _load_part(FLOATS, array, at, count)


@intrinsic
def load_wide(_context: Any, array: Any, at: Any, count: Any) -> Any:
    """Return a wide vector, see `load_part`."""
    return _load_part(Vector(types.float32, WIDE), array, at, count)


@intrinsic
def load_wide_or(_context: Any, array: Any, at: Any, count: Any, fill: Any) -> Any:
    """Return a wide vector, with the number `fill` beyond `count`; see `load_part`."""
    return _load_part(Vector(types.float32, WIDE), array, at, count, fill)


@intrinsic
def store_part(_context: Any, array: Any, at: Any, value: Any, count: Any) -> Any:
    """Write the first `count` lanes (at most all) of a vector of floats; see `load_part`.

    Into an array of integers go whole numbers, which must fit.
    """
    if not isinstance(value, Vector):
        return None

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        vector, stored = value.of(array.dtype), args[2]
        if array.dtype != value.element:
            stored = builder.fptosi(stored, vector.ir_type)
        place = _place(context, builder, sig, args, vector)
        mask = first_lanes(builder, context.cast(builder, args[3], sig.args[3], types.int64), value)
        store_masked(builder, stored, place, mask, vector)
        return context.get_dummy_value()

    return types.void(array, at, value, count), generate
