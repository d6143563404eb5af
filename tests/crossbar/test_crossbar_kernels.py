"""Every fast product against a slow readable one, and reads against the draws that they document."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from threads import with_threads

from memramp.crossbar import CrossbarConfig, kernels, measured_array, product_kernels
from memramp.crossbar.kernels import ReadNoise, Telegraph
from memramp.devices import Device
from memramp.jit import kernel
from memramp.normals import fill_normals, philox

KEY = np.uint64(5)
WIDTH, SAMPLES = product_kernels.WIDTH, product_kernels.SAMPLES


@kernel
def _product(x, w, start, stop, out):
    product_kernels.mac_rows(x, w, start, stop, out)


@kernel
def _words(key, c0, c1, c2, c3, out):
    for k, word in enumerate(philox(key, c0, c1, c2, c3)):
        out[k] = word


# Batches, rows and columns that leave every kind of remainder; several panels.
SHAPES = [(1, 1, 1), (4, 4, 8), (5, 7, 3), (7, 73, 128), (19, 6, 33), (6, 9, 3 * WIDTH + 17)]


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


def product(x, w, start=0, stop=None):
    out = np.full((x.shape[0], w.shape[1]), np.nan, np.float32)
    _product(x, product_kernels.panels_of(w), start, x.shape[1] if stop is None else stop, out)
    return out


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products_agree_with_the_slow_one(shape):
    x, w = draws(*shape)
    # Each of the `rows` fused steps rounds once, relative to a partial sum of at most sum |x w|.
    bound = shape[1] * 2.0**-24 * (np.abs(x).astype(np.float64) @ np.abs(w)).max()
    np.testing.assert_allclose(product(x, w), slow_product(x, w), rtol=0, atol=bound)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_sample_and_a_column_have_the_same_bits_alone(shape):
    x, w = draws(*shape)
    whole = product(x, w)
    np.testing.assert_array_equal(whole, np.concatenate([product(row[None], w) for row in x]))
    np.testing.assert_array_equal(whole, np.concatenate([product(x, w[:, j : j + 1]) for j in range(shape[2])], axis=1))


def test_some_of_the_rows_are_those_rows_alone():
    x, w = draws(7, 40, 9)
    alone = product(np.ascontiguousarray(x[:, 11:32]), w[11:32])
    np.testing.assert_array_equal(product(x, w, 11, 32), alone)
    np.testing.assert_array_equal(product(x, w, 11, 11), 0.0)


def test_a_read_of_no_rows_is_zero():
    np.testing.assert_array_equal(product(np.zeros((5, 0), np.float32), np.zeros((0, 3), np.float32)), 0.0)


def test_panels_hold_the_matrix_and_zeros_beyond():
    _, w = draws(1, 5, WIDTH + 3)
    panels = product_kernels.panels_of(w)
    assert panels.shape == (2, 5, WIDTH)
    assert panels.flags.writeable
    np.testing.assert_array_equal(np.concatenate(list(panels), axis=1)[:, : WIDTH + 3], w)
    np.testing.assert_array_equal(panels[1, :, 3:], 0.0)


ROWS, COLS, BATCH = 13, 37, 21
RNG = np.random.default_rng(8)
X = RNG.uniform(-1.0, 1.0, (BATCH, ROWS)).astype(np.float32)
X[:, 3] = 0.0
W = RNG.normal(0.0, 0.7, (ROWS, COLS)).astype(np.float32)


def some(*shape, low=0.0, high=0.02):
    return RNG.uniform(low, high, shape).astype(np.float32)


TELEGRAPH = Telegraph(
    row=np.sort(RNG.integers(0, ROWS, 14)).astype(np.int32),
    col=RNG.integers(-1, COLS, 14).astype(np.int32),
    delta=some(14, low=-0.5, high=0.5),
    duty=np.array([0.0, 1.0, *some(12, high=1.0)], np.float32),
)
KINDS = {
    "none": ReadNoise(),
    "held alike": ReadNoise(held_std=0.1),
    "white alike": ReadNoise(white_std=0.2),
    "both alike": ReadNoise(held_std=0.1, white_std=0.2),
    "held": ReadNoise(held=some(ROWS, COLS)),
    "white": ReadNoise(white=some(ROWS, COLS)),
    "all of a pair": ReadNoise(0.1, 0.05, some(ROWS, COLS), some(ROWS, COLS)),
    "telegraph": ReadNoise(telegraph=TELEGRAPH),
    "shared": ReadNoise(shared_held=some(ROWS)),
    "everything": ReadNoise(
        0.1, 0.05, some(ROWS, COLS), some(ROWS, COLS), TELEGRAPH, some(ROWS), some(ROWS)
    ),
}


def array(noise):
    made = measured_array(np.maximum(W, 0.0) * 75.0, np.maximum(-W, 0.0) * 75.0, CrossbarConfig(), IDEAL)
    return replace(made, noise=noise)


IDEAL = Device(g_min=0.0, g_max=1000.0)


def documented_noise(noise, step, sample, x, start=0, stop=ROWS, tile=0):
    """Return what one read adds, draw by draw as documented, in double precision."""
    x = np.where((np.arange(ROWS) >= start) & (np.arange(ROWS) < stop), x, 0.0).astype(np.float64)
    size, z, shared, words = np.abs(x), np.empty(COLS, np.float32), np.empty(1, np.float32), np.empty(4, np.uint32)
    held = (noise.held if noise.held.size else 0.0) + np.full((ROWS, COLS), noise.held_std**2)
    white = (noise.white if noise.white.size else 0.0) + np.full((ROWS, COLS), noise.white_std**2)
    fill_normals(KEY, step, sample, 4 * tile, z)
    out = z * np.sqrt(x**2 @ held + size @ white)
    fill_normals(KEY, step, sample, 4 * tile + 1, shared)
    variance = sum(w @ part for w, part in ((x**2, noise.shared_held), (size, noise.shared_white)) if part.size)
    out += shared[0] * np.sqrt(variance)
    for d, (row, col, delta, duty) in enumerate(zip(*noise.telegraph, strict=True)):
        _words(KEY, d // 4, step, sample, 4 * tile + 2, words)
        if (words[d % 4] + 0.5) * 2.0**-32 < duty:
            out[col if col >= 0 else slice(None)] += x[row] * delta
    return out


@pytest.mark.parametrize("name", KINDS)
def test_noise_is_the_documented_draws(name):
    a = array(KINDS[name])
    expected = X.astype(np.float64) @ a.w_eff + [documented_noise(a.noise, 3, 40 + b, x) for b, x in enumerate(X)]
    np.testing.assert_allclose(a.multiply(X, KEY, first_sample=40, step=3), expected, rtol=0, atol=3e-6)


def test_rows_of_a_tile_have_noise_of_their_own_and_no_other_devices():
    a = array(KINDS["everything"])
    noise = [documented_noise(a.noise, 3, b, x, 4, 9, tile=2) for b, x in enumerate(X)]
    expected = X[:, 4:9].astype(np.float64) @ a.w_eff[4:9] + noise
    np.testing.assert_allclose(a.multiply(X, KEY, step=3, rows=(4, 9), tile=2), expected, rtol=0, atol=3e-6)


@pytest.mark.parametrize("name", ["both alike", "all of a pair", "everything"])
def test_reads_do_not_depend_on_threads_or_split(name):
    a = array(KINDS[name])
    whole = a.multiply(X, KEY, step=1)
    single = with_threads(1, lambda: a.multiply(X, KEY, step=1))
    parts = [a.multiply(X[:6], KEY, step=1), a.multiply(X[6:], KEY, first_sample=6, step=1)]
    np.testing.assert_array_equal(single, whole)
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")
def test_a_large_batch_has_the_same_bits_on_one_and_two_threads():
    a, x = array(KINDS["everything"]), RNG.uniform(-1.0, 1.0, (403, ROWS))
    np.testing.assert_array_equal(*(with_threads(n, lambda: a.multiply(x, KEY)) for n in (1, 2)))


def test_rows_beyond_the_array_are_refused():
    for rows in ((-1, 3), (5, 4), (0, ROWS + 1)):
        with pytest.raises(ValueError, match="rows lie in 0..13"):
            array(ReadNoise()).multiply(X, KEY, rows=rows)


def test_the_variance_of_a_full_pulse_is_that_of_all_pairs():
    every = KINDS["everything"]
    expected = every.held + every.white + np.float32(0.1**2 + 0.05**2)
    np.testing.assert_allclose(array(every).read_var, expected, rtol=1e-6)
    assert array(KINDS["held alike"]).uniform_read_std == 0.1
    assert array(every).uniform_read_std is None
