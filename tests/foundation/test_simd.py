"""Vectors as values, against NumPy."""

import numpy as np
import pytest

from memramp import simd
from memramp.jit import kernel

RNG = np.random.default_rng(3)


@kernel
def arithmetic(a, b, out):
    x, y = simd.load_part(a, (0,), 16), simd.load_part(b, (0,), 16)
    simd.store_part(out, (0, 0), x + y, 16)
    simd.store_part(out, (1, 0), x - np.float32(2.0), 16)
    simd.store_part(out, (2, 0), x * y, 16)
    simd.store_part(out, (3, 0), np.float32(1.0) / y, 16)
    simd.store_part(out, (4, 0), simd.square_root(simd.absolute(x)), 16)
    simd.store_part(out, (5, 0), simd.nearest(x), 16)
    simd.store_part(out, (6, 0), simd.copy_sign(x, y), 16)
    simd.store_part(out, (7, 0), simd.lesser(x, y), 16)
    simd.store_part(out, (8, 0), simd.greater(x, y), 16)
    simd.store_part(out, (9, 0), simd.select(x >= y, x, np.float32(7.0)), 16)
    simd.store_part(out, (10, 0), simd.moved_up(x, np.float32(-1.0)), 16)
    simd.store_part(out, (11, 0), simd.to_floats(simd.to_doubles(x) * simd.to_doubles(y)), 16)


def test_operations_are_those_of_numpy_to_the_last_bit():
    x, y = RNG.normal(0.0, 3.0, (2, 16)).astype(np.float32)
    x[:3] = 0.5, -1.5, 2.5
    out = np.empty((12, 16), np.float32)
    arithmetic(x, y, out)
    expected = [
        x + y,
        x - np.float32(2.0),
        x * y,
        np.float32(1.0) / y,
        np.sqrt(np.abs(x)),
        np.rint(x),
        np.copysign(x, y),
        np.minimum(x, y),
        np.maximum(x, y),
        np.where(x >= y, x, np.float32(7.0)),
        np.concatenate([[np.float32(-1.0)], x[:-1]]),
        (x.astype(np.float64) * y).astype(np.float32),
    ]
    np.testing.assert_array_equal(out, expected)


@kernel
def fused(a, b, c, out):
    x, y, z = simd.load_part(a, (0,), 16), simd.load_part(b, (0,), 16), simd.load_part(c, (0,), 16)
    simd.store_part(out, (0,), simd.fma(x, y, z), 16)
    out[16] = simd.total(x)


def test_fma_rounds_once():
    x, y = (1.0 + RNG.integers(0, 2**20, (2, 16)) * 2.0**-23).astype(np.float32)
    z = -(x * y)  # what is left is the rounding of the product
    out = np.empty(17, np.float32)
    fused(x, y, z, out)
    exact = x.astype(np.float64) * y + z
    assert exact.any()
    np.testing.assert_array_equal(out[:16], exact)
    halves = x
    while halves.size > 1:
        halves = halves[: halves.size // 2] + halves[halves.size // 2 :]
    assert out[16] == halves[0]


@kernel
def copy_wide(source, count, target, codes):
    part = simd.load_wide(source, (1, 2), count)
    simd.store_part(target, (1, 1), part, count)
    simd.store_part(codes, (0,), part, count)


@pytest.mark.parametrize("count", [-3, 0, 1, 15, 16, 17, 31, 32, 2**40])
def test_parts_touch_nothing_beyond_them(count):
    source = np.arange(120, dtype=np.float32).reshape(3, 40)
    target, codes = np.full((3, 40), -1.0, np.float32), np.full(40, -1, np.int16)
    copy_wide(source, count, target, codes)
    copied = min(max(count, 0), 32)
    expected = np.full((3, 40), -1.0)
    expected[1, 1 : 1 + copied] = source[1, 2 : 2 + copied]
    np.testing.assert_array_equal(target, expected)
    np.testing.assert_array_equal(codes, np.concatenate([source[1, 2 : 2 + copied], np.full(40 - copied, -1)]))


@kernel
def shuffles(a, b, out, quads):
    x, y = simd.load_wide(a, (0,), 32), simd.load_wide(b, (0,), 32)
    low, high = simd.interleave(x, y)
    simd.store_part(out, (0, 0), low, 32)
    simd.store_part(out, (1, 0), high, 32)
    even, odd = simd.deinterleave(x)
    simd.store_part(out, (2, 0), even, 16)
    simd.store_part(out, (2, 16), odd, 16)
    simd.store_quads(quads, (1, 2), even)


def test_shuffles_move_lanes_to_their_places():
    x, y = np.arange(32, dtype=np.float32), 100 + np.arange(32, dtype=np.float32)
    out, quads = np.empty((3, 32), np.float32), np.zeros((6, 7), np.float32)
    shuffles(x, y, out, quads)
    np.testing.assert_array_equal(out[:2].ravel(), np.stack([x, y], axis=1).ravel())
    np.testing.assert_array_equal(out[2], np.concatenate([x[::2], x[1::2]]))
    expected = np.zeros((6, 7))
    expected[1:5, 2:6] = x[::2].reshape(4, 4)
    np.testing.assert_array_equal(quads, expected)
