"""Noise of ramp and columns against decisions drawn one by one; tolerances follow from the sample size."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr

from memramp.peripherals import uniform_adc

pytestmark = pytest.mark.statistics

N = 40_000
SIGMAS = 4.5  # two-sided probability of a false alarm 7e-6
P_VALUE = 1e-5
# The last but one falls back: the comparators decide about it all the same.
RAMP = np.array([-1.0, -0.6, -0.5, -0.1, 0.2, 0.25, 0.7, 0.4, 1.2])


def converter(**settings):
    one = uniform_adc("tanh", 1, 1.0)
    base = RAMP.astype(np.float32)
    outputs = np.linspace(-1.0, 1.0, base.size + 1).astype(np.float32)
    fields = {"base": base, "read_std": np.zeros_like(base), "outputs": outputs, "codes": np.arange(base.size + 1)}
    return replace(one, **(fields | settings))


def one_by_one(v, sigma, counting, hysteresis=0.0, seed=1):
    """Return N counts of a column at v, from a normal for each decision of its comparator."""
    noise = sigma * np.random.default_rng(seed).standard_normal((N, RAMP.size))
    counts, crossed = np.zeros(N, int), np.zeros(N, bool)
    for k, value in enumerate(RAMP):
        now = v + noise[:, k] < value + np.where(crossed, hysteresis, 0.0)
        crossed = crossed | now if counting == "first_crossing" else now
        counts += ~crossed
    return counts


def compare(found, expected):
    """Return the p-value of two samples of counts having one distribution; rare counts are put together."""
    table = np.stack([np.bincount(counts, minlength=RAMP.size + 1) for counts in (found, expected)])
    rare = table.sum(axis=0) < 20
    table = np.concatenate([table[:, ~rare], table[:, rare].sum(axis=1, keepdims=True)], axis=1)
    return stats.chi2_contingency(table[:, table.sum(axis=0) > 0], correction=False).pvalue


@pytest.mark.parametrize("counting", ["first_crossing", "count"])
@pytest.mark.parametrize("sigma", [0.05, 0.3, 2.0])
@pytest.mark.parametrize("v", [-0.55, 0.22, 0.6])
def test_decisions_have_the_distribution_of_draws_one_by_one(v, sigma, counting):
    noisy = converter(decision_std=sigma, counting=counting)
    found = noisy.convert(np.full((N // 40, 40), v), key=7).ravel()
    assert compare(found, one_by_one(v, sigma, counting)) > P_VALUE


def test_hysteresis_under_noise_has_it_too():
    noisy = converter(decision_std=0.2, counting="count", hysteresis=0.3)
    found = noisy.convert(np.full((N, 1), 0.5), key=7).ravel()
    assert compare(found, one_by_one(0.5, 0.2, "count", 0.3)) > P_VALUE
    assert compare(found, one_by_one(0.5, 0.2, "count", 0.0)) < P_VALUE


def test_first_crossing_is_the_running_product_of_the_decisions():
    sigma, v = 0.3, 0.22
    survival = np.cumprod(ndtr((np.float32(v) - RAMP) / sigma))
    counts = converter(decision_std=sigma).convert(np.full((N, 1), v), key=3).ravel()
    found = np.array([(counts > k).mean() for k in range(RAMP.size)])
    assert (np.abs(found - survival) < SIGMAS * np.sqrt(survival * (1 - survival) / N) + 1e-9).all()


def test_noise_of_a_sample_acts_on_all_decisions_of_its_column_at_once():
    sigma, v = 0.3, 0.1
    counts = converter(sample_std=sigma).convert(np.full((N, 1), v), key=3).ravel()
    passed = ndtr((np.float32(v) - np.maximum.accumulate(RAMP)) / sigma)  # a single draw, hence no product
    found = np.array([(counts > k).mean() for k in range(RAMP.size)])
    assert (np.abs(found - passed) < SIGMAS * np.sqrt(passed * (1 - passed) / N) + 1e-9).all()


@pytest.mark.parametrize("counting", ["first_crossing", "count"])
@pytest.mark.parametrize(
    ("noise", "shared"),
    [("sample_std", False), ("decision_std", False), ("read_std", True)],
)
def test_noise_of_the_ramp_is_common_to_all_columns_and_theirs_is_not(noise, shared, counting):
    std = np.full(RAMP.size, 0.1, np.float32) if noise == "read_std" else 0.2
    counts = converter(counting=counting, **{noise: std}).convert(np.full((N // 8, 6), 0.3), key=5).astype(float)
    between = np.corrcoef(counts.T)[~np.eye(6, dtype=bool)]
    if shared:
        assert (between > 1.0 - 1e-9).all()
    else:
        assert (np.abs(between) < SIGMAS / np.sqrt(N // 8)).all()
    following = np.corrcoef(counts[1:, 0], counts[:-1, 0])[0, 1]
    assert abs(following) < SIGMAS / np.sqrt(N // 8 - 1)


def test_ramp_sample_and_decision_noise_are_drawn_independently():
    # Variances of the place of a single threshold add up; a shared draw would change their sum.
    one = uniform_adc("tanh", 1, 1.0)
    std = {"sample_std": 0.3, "decision_std": 0.4}
    noisy = replace(one, read_std=np.array([1.2], np.float32), **std)
    v = 0.8
    found = noisy.convert(np.full((N, 1), v), key=9).mean()
    expected = ndtr(v / np.sqrt(0.3**2 + 0.4**2 + 1.2**2))
    assert abs(found - expected) < SIGMAS * np.sqrt(expected * (1 - expected) / N)


def test_steps_and_purposes_draw_anew():
    noisy = converter(decision_std=0.3, sample_std=0.1)
    v = np.full((N // 10, 1), 0.22)
    first, *others = (
        noisy.convert(v, key=5, step=step, purpose=purpose).ravel().astype(float)
        for step, purpose in ((0, 0), (1, 0), (0, 1))
    )
    for other in others:
        assert abs(np.corrcoef(first, other)[0, 1]) < SIGMAS / np.sqrt(N // 10)
