"""Normals on vectors against those of single words."""

import numpy as np
import pytest

from memramp import simd
from memramp.jit import kernel
from memramp.normals import fill_normals, normal_pair, normals_of_samples, philox

KEY = np.uint64(2**63 + 12345)


@kernel
def one_by_one(key, c1, c2, c3, out):
    for i in range(out.size // 4):
        w0, w1, w2, w3 = philox(key, i, c1, c2, c3)
        out[4 * i], out[4 * i + 1] = normal_pair(w0, w1)
        out[4 * i + 2], out[4 * i + 3] = normal_pair(w2, w3)


@kernel
def of_samples(key, c0, c1, sample, c3, out):
    z0, z1, z2, z3 = normals_of_samples(key, c0, c1, sample, c3)
    simd.store_part(out, (0, 0), z0, 16)
    simd.store_part(out, (1, 0), z1, 16)
    simd.store_part(out, (2, 0), z2, 16)
    simd.store_part(out, (3, 0), z3, 16)


@pytest.mark.parametrize("counters", [(0, 0, 0), (2**32 - 1, 2**32 - 1, 2**32 - 1), (3, 2**31, 7)])
def test_vectors_agree_with_single_words(counters):
    fast, slow = np.empty((2, 40_000), np.float32)
    fill_normals(KEY, *counters, fast)
    one_by_one(KEY, *counters, slow)
    # The same words and the same polynomials; only where the compiler fuses may differ: some last places.
    np.testing.assert_allclose(fast, slow, rtol=0, atol=2e-6)
    assert (fast == slow).mean() > 0.5


@pytest.mark.parametrize("first", [0, 1, 2**31, 2**32 - 16])
def test_lanes_that_are_samples_have_the_bits_of_each_sample_alone(first):
    lanes, alone = np.empty((4, 16), np.float32), np.empty(4 * 6, np.float32)
    for block in (0, 5):
        of_samples(KEY, block, 9, first, 1, lanes)
        for b in range(16):
            fill_normals(KEY, 9, first + b, 1, alone)
            np.testing.assert_array_equal(lanes[:, b], alone[4 * block : 4 * block + 4])
