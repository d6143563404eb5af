"""Every fast product against a slow readable one, and against each other bit for bit."""

import numba
import numpy as np
import pytest

from memramp.crossbar import kernels
from memramp.jit import kernel


@kernel
def _row_by_row(x, w, out):
    for b in range(x.shape[0]):
        kernels.mac_row(x[b], w, out[b])


@kernel
def _squares(x, out):
    for b in range(x.shape[0]):
        out[b] = kernels.sum_of_squares(x[b])


IMPLEMENTATIONS = [_row_by_row, kernels.mac_block, kernels.mac_batch]
NAMES = ["mac_row", "mac_block", "mac_batch"]
# Batches, rows and columns that leave every kind of remainder, one column tile crossed.
SHAPES = [(1, 1, 1), (4, 4, 8), (5, 7, 3), (7, 73, 128), (19, 6, 33), (6, 9, kernels.TILE + 17)]


def slow_product(x, w):
    """Return ``out[b, j] = sum_i x[b, i] w[i, j]`` in double precision, term by term."""
    out = np.zeros((x.shape[0], w.shape[1]))
    for b, sample in enumerate(x):
        for x_i, w_row in zip(sample, w, strict=True):
            out[b] += float(x_i) * w_row.astype(np.float64)
    return out


def draws(batch, rows, cols):
    rng = np.random.default_rng(batch * 10_000 + rows * 100 + cols)
    x, w = rng.standard_normal((batch, rows)), rng.standard_normal((rows, cols))
    return x.astype(np.float32), w.astype(np.float32)


def run(implementation, x, w):
    out = np.full((x.shape[0], w.shape[1]), np.nan, np.float32)
    implementation(x, w, out)
    return out


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS, ids=NAMES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products_agree_with_the_slow_one(implementation, shape):
    x, w = draws(*shape)
    # Each of the `rows` fused steps rounds once, relative to a partial sum of at most sum |x w|.
    bound = shape[1] * 2.0**-24 * (np.abs(x).astype(np.float64) @ np.abs(w)).max()
    np.testing.assert_allclose(run(implementation, x, w), slow_product(x, w), rtol=0, atol=bound)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS[1:], ids=NAMES[1:])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products_give_the_bits_of_a_single_row(implementation, shape):
    x, w = draws(*shape)
    np.testing.assert_array_equal(run(implementation, x, w), run(_row_by_row, x, w))


def test_a_read_of_no_rows_is_zero():
    out = run(kernels.mac_block, np.zeros((5, 0), np.float32), np.zeros((0, 3), np.float32))
    np.testing.assert_array_equal(out, 0.0)


@pytest.mark.parametrize("rows", [0, 1, 3, 4, 5, 73])
def test_sum_of_squares(rows):
    x, _ = draws(3, rows, 1)
    out = np.empty(3, np.float32)
    _squares(x, out)
    np.testing.assert_allclose(out, (x.astype(np.float64) ** 2).sum(axis=1), rtol=(rows + 2) * 2.0**-24)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")
def test_one_and_two_threads_give_the_same_bits():
    x, w = draws(70, 31, 45)
    read_var = np.abs(draws(1, 31, 45)[1])
    key, before, found = np.uint64(5), numba.get_num_threads(), []
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            uniform, varied = np.empty((2, 70, 45), np.float32)
            kernels.read_uniform(x, w, 0.1, key, 2, 30, uniform)
            kernels.read_varied(x, w, read_var, key, 2, 30, varied)
            found.append((run(kernels.mac_batch, x, w), uniform, varied))
    finally:
        numba.set_num_threads(before)
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)
