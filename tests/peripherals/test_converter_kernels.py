"""The compiled kernels against slow, readable Python."""

import numba
import numpy as np
import pytest

from memramp.jit import kernel
from memramp.normals import fill_normals
from memramp.peripherals import kernels

RNG = np.random.default_rng(11)


def slow_count(v, thresholds):
    """Count clock cycles until the ramp first exceeds the input."""
    for count, threshold in enumerate(thresholds):
        if threshold > v:
            return count
    return len(thresholds)


def slow_noisy_values(base, std, key, step, sample, purpose):
    """Return the values of the ramp under read noise, device by device, without a running maximum."""
    z = np.empty(base.size, np.float32)
    fill_normals(key, step, sample, purpose, z)
    total, values = 0.0, []
    for value, sigma, normal in zip(base, std, z, strict=True):
        total += float(sigma) * float(normal)
        values.append(float(value) + total)
    return values


def noisy_case(bits, batch=37, cols=13):
    count = 2**bits - 1
    base = np.sort(RNG.normal(0.0, 1.5, count)).astype(np.float32)
    std = RNG.uniform(0.0, 0.4 / np.sqrt(count), count).astype(np.float32)
    return RNG.normal(0.0, 2.0, (batch, cols)).astype(np.float32), base, std


def convert(v, base, std, key=5, first_sample=0, step=3, purpose=1, parts=16):
    codes = np.full(v.shape, -1, np.int16)
    scratch = np.empty((parts, base.size), np.float32)
    kernels.convert_batch(v, base, std, np.uint64(key), first_sample, step, purpose, scratch, codes)
    return codes


@kernel
def count_row_by_search(v, thresholds, codes):
    for j in range(v.shape[0]):
        codes[j] = kernels.count_crossings(v[j], thresholds)


@pytest.mark.parametrize("bits", [1, 2, 3, 5, 9, 10, 12])
def test_both_ways_of_counting_equal_the_slow_reference_also_at_ties_and_neighbours(bits):
    thresholds = np.sort(RNG.normal(0.0, 1.0, 2**bits - 1)).astype(np.float32)
    thresholds[1::3] = thresholds[: thresholds.size - 1 : 3]  # equal ones: missing codes
    picked = thresholds[:: max(1, thresholds.size // 40)]
    v = np.concatenate([picked, np.nextafter(picked, -np.inf), np.nextafter(picked, np.inf), [-np.inf, np.inf]])
    v = v.astype(np.float32)
    expected = [slow_count(value, thresholds) for value in v]
    by_row, by_search = np.empty(v.size, np.int16), np.empty(v.size, np.int16)
    kernels.count_crossings_row(v, thresholds, by_row)
    count_row_by_search(v, thresholds, by_search)
    assert by_row.tolist() == expected
    assert by_search.tolist() == expected


@pytest.mark.parametrize("bits", [1, 3, 5, 8])
def test_noisy_thresholds_are_the_running_maximum_of_the_slow_reference(bits):
    _, base, std = noisy_case(bits)
    out = np.empty_like(base)
    kernels.noisy_thresholds(base, std * 5, np.uint64(2**63 + 7), 4, 9, 2, out)
    values = slow_noisy_values(base, std * 5, np.uint64(2**63 + 7), 4, 9, 2)
    assert bits < 5 or (np.diff(values) < 0).any()
    np.testing.assert_allclose(out, np.maximum.accumulate(values), rtol=1e-5, atol=1e-5)


def test_no_noise_leaves_the_thresholds_as_they_are():
    _, base, std = noisy_case(5)
    out = np.empty_like(base)
    kernels.noisy_thresholds(base, np.zeros_like(std), np.uint64(7), 0, 0, 0, out)
    assert (out == base).all()


@pytest.mark.parametrize("bits", [2, 5, 10])
def test_batch_conversion_equals_the_slow_first_crossing(bits):
    v, base, std = noisy_case(bits)
    codes = convert(v, base, std, key=5, first_sample=100, step=3, purpose=1)
    for b, row in enumerate(v):
        ramp = slow_noisy_values(base, std, np.uint64(5), 3, 100 + b, 1)
        near = np.abs(row[:, None] - np.array(ramp)).min(axis=1) < 1e-5  # where rounding may decide
        expected = np.array([slow_count(value, ramp) for value in row])
        assert (codes[b] == expected)[~near].all()
        assert near.mean() < 0.2


def test_batch_conversion_uses_the_thresholds_of_a_single_conversion_to_the_last_bit():
    v, base, std = noisy_case(5, batch=20, cols=31)
    for b in range(20):  # inputs exactly on the thresholds of their own conversion
        kernels.noisy_thresholds(base, std, np.uint64(5), 3, b, 1, v[b])
    codes = convert(v, base, std)
    below = convert(np.nextafter(v, np.float32(-np.inf)), base, std)
    for b in range(20):
        assert codes[b].tolist() == [slow_count(value, v[b]) for value in v[b]]
        assert below[b].tolist() == [int(np.sum(v[b] < value)) for value in v[b]]


def test_codes_do_not_depend_on_threads_batch_split_or_parts():
    v, base, std = noisy_case(5, batch=101, cols=17)
    whole = convert(v, base, std)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert (convert(v, base, std) == whole).all()
    finally:
        numba.set_num_threads(threads)
    split = [convert(v[:40], base, std), convert(v[40:41], base, std, first_sample=40)]
    split.append(convert(v[41:], base, std, first_sample=41, parts=3))
    assert (np.concatenate(split) == whole).all()


@pytest.mark.parametrize("levels", [0, 1, 7, 127, 32767])
@pytest.mark.parametrize("limit", [1.0, 0.3, 4.0])
def test_batch_quantiser_equals_the_slow_reference(levels, limit):
    x = np.concatenate([RNG.normal(0.0, limit, 200), [0.0, limit, -limit, 9.0, -9.0]]).astype(np.float32)[:, None]
    out = np.empty_like(x)
    kernels.quantise_batch(x, np.float32(limit), levels, out)
    for value, found in zip(x[:, 0], out[:, 0], strict=True):
        clipped = min(max(value, -np.float32(limit)), np.float32(limit))
        steps = np.float32(levels)
        width = np.rint(clipped / np.float32(limit) * steps)
        assert found == (clipped if levels == 0 else width / steps * np.float32(limit))
