import numpy as np
import pytest
from numba import njit
from scipy import stats

from memramp.normals import fill_normals, normal_pair, random_words


def test_philox_known_answers():
    # From the known-answer tests of Random123, the reference implementation (kat_vectors, philox4x32-10).
    zero = random_words(np.uint64(0), 0, 0, 0, 0)
    ones = random_words(np.uint64(0xFFFFFFFFFFFFFFFF), *[0xFFFFFFFF] * 4)
    digits = random_words(np.uint64(0x299F31D0A4093822), 0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
    assert list(zero) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert list(ones) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    assert list(digits) == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


@njit
def pairs(a, b, z):
    for i in range(a.size):
        z[0, i], z[1, i] = normal_pair(a[i], b[i])


def test_normal_pair_agrees_with_box_muller_in_double_precision():
    rng = np.random.default_rng(1)
    edges = np.array([0, 1, 2, 2**29, 2**30 - 1, 2**30, 2**31, 3 * 2**30, 2**32 - 1], dtype=np.uint32)
    a = np.concatenate([rng.integers(0, 2**32, 20_000, dtype=np.uint32), np.repeat(edges, edges.size)])
    b = np.concatenate([rng.integers(0, 2**32, 20_000, dtype=np.uint32), np.tile(edges, edges.size)])
    z = np.empty((2, a.size), np.float32)
    pairs(a, b, z)
    # The radius is that of the float32 uniform number: its rounding is part of the definition.
    u = ((a.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-32)).astype(np.float64)
    radius, angle = np.sqrt(-2.0 * np.log(u)), 2.0 * np.pi * b / 2.0**32
    assert np.isfinite(z).all()
    assert np.abs(z).max() < 6.77
    np.testing.assert_allclose(z, [radius * np.cos(angle), radius * np.sin(angle)], rtol=0, atol=2e-6)


def draws(n, key=1, *counters):
    out = np.empty(n, np.float32)
    fill_normals(np.uint64(key), *(counters or (0, 0, 0)), out)
    return out


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 31])
def test_shorter_arrays_get_the_first_draws(n):
    np.testing.assert_array_equal(draws(n), draws(64)[:n])


def test_every_counter_and_both_halves_of_the_key_matter():
    variants = [(1, 0, 0, 0), (1, 1, 0, 0), (1, 0, 1, 0), (1, 0, 0, 1), (2, 0, 0, 0), (1 + 2**32, 0, 0, 0)]
    assert len({tuple(draws(4, *variant)) for variant in variants}) == len(variants)


@pytest.mark.statistics
def test_draws_are_standard_normal():
    n = 1_000_000
    z = draws(n).astype(np.float64)
    # Five standard errors of mean, variance, skewness and kurtosis of n normal numbers.
    assert abs(z.mean()) < 5 / np.sqrt(n)
    assert abs(z.var() - 1) < 5 * np.sqrt(2 / n)
    assert abs(stats.skew(z)) < 5 * np.sqrt(6 / n)
    assert abs(stats.kurtosis(z)) < 5 * np.sqrt(24 / n)
    assert stats.kstest(z, "norm").pvalue > 1e-4


@pytest.mark.statistics
def test_neighbouring_draws_counters_and_keys_are_uncorrelated():
    n = 200_000
    z = draws(n)
    others = [np.roll(z, 1), np.roll(z, 2), draws(n, 1, 1, 0, 0), draws(n, 1, 0, 0, 1), draws(n, 2)]
    for other in others:
        assert abs(np.corrcoef(z, other)[0, 1]) < 5 / np.sqrt(n)


@pytest.mark.statistics
def test_tails_are_there():
    n = 4_000_000
    beyond = np.count_nonzero(np.abs(draws(n)) > 4)
    expected = n * 2 * stats.norm.sf(4)
    assert abs(beyond - expected) < 5 * np.sqrt(expected)
