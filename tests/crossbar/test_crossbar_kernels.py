"""Every fast product against a slow readable one, and reads against the draws that they document."""

import numba
import numpy as np
import pytest
from threads import with_threads

from memramp.crossbar import kernels, product_kernels
from memramp.crossbar.kernels import ReadNoise, Shared, Telegraph
from memramp.jit import kernel
from memramp.normals import fill_normals, random_words
from memramp.parallel import over_parts

KEY = np.uint64(5)
WIDTH, SAMPLES = product_kernels.WIDTH, product_kernels.SAMPLES


@kernel
def _product(x, w, start, stop, out):
    product_kernels.mac_rows(x, w, start, stop, 0, w.shape[0], out)


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
    col=RNG.integers(-2, COLS, 14).astype(np.int32),
    delta=some(14, low=-0.5, high=0.5),
    duty=np.array([0.0, 1.0, *some(12, high=1.0)], np.float32),
)
SHARED = Shared(
    held=some(ROWS, 2),
    white=some(ROWS, 2),
    part=(np.arange(COLS) >= 20).astype(np.int32),
    factor=some(COLS, low=0.5, high=1.5),
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
    "shared": ReadNoise(shared=SHARED),
    "everything": ReadNoise(0.1, 0.05, some(ROWS, COLS), some(ROWS, COLS), TELEGRAPH, SHARED),
}
POWERS = {"pulses": None, "others": (some(BATCH, ROWS, high=1.0), some(BATCH, ROWS, high=1.0))}


def read(noise, x=X, powers=None, *, step=0, first=0, rows=(0, ROWS), tile=0):
    """Read on all threads, as arrays do."""
    out = np.full((len(x), COLS), np.nan, np.float32)
    weights, told = product_kernels.panels_of(W), kernels.noise_for_kernels(noise)

    def part(where):
        both = None if powers is None else (powers[0][where], powers[1][where])
        kernels.read_batch(x[where], both, weights, told, *rows, tile, KEY, step, first + where.start, out[where])

    over_parts(part, len(x), SAMPLES)
    return out


def documented_noise(noise, step, sample, x, powers=None, rows=(0, ROWS), tile=0):
    """Return what one read adds, draw by draw as documented, in double precision."""
    chosen = (np.arange(ROWS) >= rows[0]) & (np.arange(ROWS) < rows[1])
    x = np.where(chosen, x, 0.0).astype(np.float64)
    square, size = (x**2, np.abs(x)) if powers is None else (np.where(chosen, power, 0.0) for power in powers)
    z = np.empty(COLS, np.float32)
    held = (noise.held if noise.held.size else 0.0) + np.full((ROWS, COLS), noise.held_std**2)
    white = (noise.white if noise.white.size else 0.0) + np.full((ROWS, COLS), noise.white_std**2)
    fill_normals(KEY, step, sample, 4 * tile, z)
    out, common = z * np.sqrt(square @ held + size @ white), np.zeros(2)
    if noise.shared is not None:
        for part in range(2):
            drawn = np.empty(4 * part + 1, np.float32)  # the first normal of block `part`
            fill_normals(KEY, step, sample, 4 * tile + 1, drawn)
            variance = square @ noise.shared.held[:, part] + size @ noise.shared.white[:, part]
            common[part] = drawn[-1] * np.sqrt(variance)
    for d, (row, col, delta, duty) in enumerate(zip(*noise.telegraph, strict=True)):
        words = random_words(KEY, d // 4, step, sample, 4 * tile + 2)
        if (words[d % 4] + 0.5) * 2.0**-32 < duty:
            if col >= 0:
                out[col] += x[row] * delta
            else:
                common[-1 - col] += x[row] * delta
    return out if noise.shared is None else out - noise.shared.factor * common[noise.shared.part]


@pytest.mark.parametrize("powers", POWERS)
@pytest.mark.parametrize("name", KINDS)
def test_noise_is_the_documented_draws(name, powers):
    noise, both = KINDS[name], POWERS[powers]
    each = [None] * BATCH if both is None else list(zip(*both, strict=True))
    added = [documented_noise(noise, 3, 40 + b, X[b], each[b]) for b in range(BATCH)]
    expected = X.astype(np.float64) @ W + added
    np.testing.assert_allclose(read(noise, powers=both, step=3, first=40), expected, rtol=0, atol=3e-6)


def test_rows_of_a_tile_have_noise_of_their_own_and_no_other_devices():
    noise = KINDS["everything"]
    added = [documented_noise(noise, 3, b, x, rows=(4, 9), tile=2) for b, x in enumerate(X)]
    expected = X[:, 4:9].astype(np.float64) @ W[4:9] + added
    np.testing.assert_allclose(read(noise, step=3, rows=(4, 9), tile=2), expected, rtol=0, atol=3e-6)


@pytest.mark.parametrize("name", ["both alike", "all of a pair", "everything"])
def test_reads_do_not_depend_on_threads_or_split(name):
    noise = KINDS[name]
    whole = read(noise, step=1)
    single = with_threads(1, lambda: read(noise, step=1))
    parts = [read(noise, X[:6], step=1), read(noise, X[6:], step=1, first=6)]
    np.testing.assert_array_equal(single, whole)
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")
def test_a_large_batch_has_the_same_bits_on_one_and_two_threads():
    x = RNG.uniform(-1.0, 1.0, (403, ROWS)).astype(np.float32)
    np.testing.assert_array_equal(*(with_threads(n, lambda: read(KINDS["everything"], x)) for n in (1, 2)))


@pytest.mark.statistics
def test_states_have_their_duties_and_are_independent():
    count, n, sigmas = 40, 20_000, 4.5  # two-sided probability of a false alarm 7e-6
    duty = np.linspace(0.0, 1.0, count).astype(np.float32)
    places = np.arange(count, dtype=np.int32)
    told = kernels.noise_for_kernels(ReadNoise(telegraph=Telegraph(places, places, np.ones(count, np.float32), duty)))
    weights, ones = product_kernels.panels_of(np.zeros((count, count))), np.ones((n, count), np.float32)
    states = np.empty((3, n, count), np.float32)
    for t, out in enumerate(states):
        kernels.read_batch(ones, None, weights, told, 0, count, 0, KEY, t, 0, out)
    states = states.reshape(-1, count)
    assert set(np.unique(states)) == {0.0, 1.0}
    spread = np.sqrt(duty * (1.0 - duty) / len(states))
    assert (np.abs(states.mean(axis=0) - duty) <= sigmas * spread).all()
    correlations = np.corrcoef(states[:, 1:-1], rowvar=False)[np.triu_indices(count - 2, 1)]
    assert np.abs(correlations).max() < 5.5 / np.sqrt(len(states))  # of 703 pairs
    lagged = np.corrcoef(states[:-1, 20], states[1:, 20])[0, 1]
    assert abs(lagged) < sigmas / np.sqrt(len(states))
