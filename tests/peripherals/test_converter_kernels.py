"""The compiled kernels against slow, readable Python."""

import numba
import numpy as np
import pytest

from memramp.jit import kernel
from memramp.normals import fill_normals
from memramp.peripherals import driver_kernels, kernels

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


def convert(v, base, std, key=5, first_sample=0, step=3, purpose=1):
    codes = np.full(v.shape, -1, np.int16)
    kernels.convert_batch(v, base, std, np.uint64(key), first_sample, step, purpose, codes)
    return codes


@kernel
def by_look_up(v, thresholds, numbers, codes):
    kernels.look_up(v, 0, 0, v.shape[1], thresholds, 0, numbers, codes, 0)


@kernel
def by_scan(v, thresholds, numbers, codes):
    kernels._scan(v, 0, 0, v.shape[1], thresholds, 0, numbers, codes, 0)


@kernel
def by_search(v, thresholds, _numbers, codes):
    for j in range(v.shape[1]):
        codes[0, j] = kernels.count_crossings(v[0, j], thresholds[0])


WAYS_OF_COUNTING = {"look_up": by_look_up, "scan": by_scan, "search": by_search}


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 7, 30, 31, 32, 40, 511, 512, 700, 1023, 4095, 5000])
def test_every_way_of_counting_equals_the_slow_reference_also_at_ties_and_neighbours(size):
    thresholds = np.sort(RNG.normal(0.0, 1.0, size)).astype(np.float32)
    thresholds[1::3] = thresholds[: thresholds.size - 1 : 3]  # equal ones: missing codes
    picked = thresholds[:: max(1, thresholds.size // 40)]
    v = np.concatenate([picked, np.nextafter(picked, -np.inf), np.nextafter(picked, np.inf), [-np.inf, np.inf]])
    v = v.astype(np.float32)
    expected = [slow_count(value, thresholds) for value in v]
    found = {}
    for name, count in WAYS_OF_COUNTING.items():
        found[name] = np.full((1, v.size), -1, np.int16)
        count(v.reshape(1, -1), thresholds.reshape(1, -1), np.arange(size + 1, dtype=np.float32), found[name])
    for name, codes in found.items():
        assert codes[0].tolist() == expected, name


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
    split.append(convert(v[41:], base, std, first_sample=41))
    assert (np.concatenate(split) == whole).all()


@pytest.mark.parametrize("levels", [0, 1, 7, 127, 32767])
@pytest.mark.parametrize("limit", [1.0, 0.3, 4.0])
def test_batch_quantiser_equals_the_slow_reference(levels, limit):
    x = np.concatenate([RNG.normal(0.0, limit, 200), [0.0, limit, -limit, 9.0, -9.0]]).astype(np.float32)[:, None]
    out = np.empty_like(x)
    driver_kernels.quantise_batch(x, np.float32(limit), levels, out)
    for value, found in zip(x[:, 0], out[:, 0], strict=True):
        clipped = min(max(value, -np.float32(limit)), np.float32(limit))
        steps = np.float32(levels)
        width = np.rint(clipped / np.float32(limit) * steps)
        assert found == (clipped if levels == 0 else width / steps * np.float32(limit))


def errors_of(columns=13, offset=0.0, sample_std=0.0, decision_std=0.0, hysteresis=0.0, count_all=False):
    offsets = RNG.normal(0.0, offset, columns).astype(np.float32) if offset else np.empty(0, np.float32)
    return kernels.ColumnErrors(
        offsets, np.float32(sample_std), np.float32(decision_std), np.float32(hysteresis), count_all
    )


def convert_columns(v, base, std, errors, first=0, first_sample=0):
    codes = np.full(v.shape, -1, np.int16)
    kernels.convert_batch_columns(v, first, base, std, errors, np.uint64(5), first_sample, 3, 1, codes)
    return codes


def slow_count_all(v, ramp, hysteresis):
    """Count all clocks that say 'not yet'; a comparator that has crossed returns `hysteresis` above it."""
    count, crossed = 0, False
    for value in ramp:
        crossed = v < value + (hysteresis if crossed else 0.0)
        count += not crossed
    return count


@pytest.mark.parametrize("bits", [2, 5, 10])
@pytest.mark.parametrize("count_all", [False, True])
def test_columns_without_errors_are_converted_like_all_alike(bits, count_all):
    v, base, std = noisy_case(bits)
    codes = convert_columns(v, base, std, errors_of(count_all=count_all))
    if not count_all:
        assert (codes == convert(v, base, std)).all()
    for b, row in enumerate(v):
        ramp = np.empty((2, base.size), np.float32)
        kernels.read_ramp(base, std, np.uint64(5), 3, b, 1, count_all, ramp)
        np.testing.assert_allclose(ramp[0], slow_noisy_values(base, std, np.uint64(5), 3, b, 1), rtol=1e-5, atol=1e-5)
        slow = slow_count_all if count_all else lambda value, values, _: slow_count(value, values)
        assert codes[b].tolist() == [slow(value, ramp[0], 0.0) for value in row]


def test_the_two_ways_of_counting_differ_only_where_the_ramp_falls_back():
    v, base, std = noisy_case(5)
    first, every = (convert_columns(v, base, std * 3, errors_of(count_all=way)) for way in (False, True))
    assert (first <= every).all()
    assert (first < every).any()


def test_hysteresis_delays_the_return_of_a_comparator_that_counts_all_clocks():
    base = np.array([0.0, 1.0, 0.3, 0.05, 2.0], np.float32)
    v = np.array([[0.5, 0.32, 1.5]], np.float32)
    for hysteresis, expected in ((0.0, [3, 3, 4]), (0.25, [2, 2, 4]), (0.35, [2, 1, 4])):
        codes = convert_columns(v, base, np.zeros_like(base), errors_of(hysteresis=hysteresis, count_all=True))
        assert codes.tolist() == [expected] == [[slow_count_all(value, base, hysteresis) for value in v[0]]]


def test_offsets_shift_each_column_by_its_number():
    v, base, std = noisy_case(5, cols=8)
    errors = errors_of(columns=20, offset=0.3)
    codes = convert_columns(v, base, std, errors, first=12)
    assert (codes == convert((v.astype(np.float64) - errors.offset[12:]).astype(np.float32), base, std)).all()


CASES = {
    "offset": {"offset": 0.2},
    "sample noise": {"sample_std": 0.1},
    "decision noise": {"decision_std": 0.1},
    "all": {"offset": 0.2, "sample_std": 0.1, "decision_std": 0.1, "hysteresis": 0.1},
}


@pytest.mark.parametrize("count_all", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_codes_of_columns_do_not_depend_on_threads_split_or_neighbours(name, count_all):
    v, base, std = noisy_case(5, batch=41, cols=18)
    errors = errors_of(columns=18, count_all=count_all, **CASES[name])
    whole = convert_columns(v, base, std, errors)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert (convert_columns(v, base, std, errors) == whole).all()
    finally:
        numba.set_num_threads(threads)
    split = [convert_columns(v[:7], base, std, errors)]
    split.append(convert_columns(v[7:], base, std, errors, first_sample=7))
    assert (np.concatenate(split) == whole).all()
    columns = [convert_columns(v[:, :5], base, std, errors), convert_columns(v[:, 5:], base, std, errors, first=5)]
    assert (np.concatenate(columns, axis=1) == whole).all()


def test_thresholds_at_infinity_are_always_or_never_passed_whatever_the_noise():
    base = np.array([-np.inf, -np.inf, 0.0, np.inf], np.float32)
    v = np.array([[-1e30, -5.0, 5.0, 1e30]], np.float32)
    for settings in ({}, {"decision_std": 0.1}, {"sample_std": 0.1, "decision_std": 0.1, "count_all": True}):
        codes = convert_columns(v, base, np.full_like(base, 0.01), errors_of(**settings))
        assert codes.tolist() == [[2, 2, 3, 3]]


def test_noise_far_below_the_distance_of_the_thresholds_changes_nothing():
    v, base, std = noisy_case(6)
    for count_all in (False, True):
        quiet = convert_columns(v, base, std, errors_of(count_all=count_all))
        noisy = convert_columns(v, base, std, errors_of(count_all=count_all, decision_std=1e-12))
        assert (quiet == noisy).all()
