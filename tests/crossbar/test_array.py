"""The programmed array: laws of the circuit, separate effects, reproducible reads."""

import numpy as np
import pytest

from memramp import memory
from memramp.crossbar import CrossbarConfig, program_array
from memramp.devices import ConstantNoise, Device, ProportionalNoise, load_preset
from memramp.errors import InputError
from memramp.normals import fill_normals

IDEAL = Device(g_min=0.0, g_max=150.0)
W = np.random.default_rng(1).normal(0.0, 0.7, (13, 9))
X = np.random.default_rng(2).uniform(-1.0, 1.0, (37, 13)).astype(np.float32)
KEY = np.uint64(42)


def array(device=IDEAL, config=None, seed=3, w=W):
    return program_array(w, config or CrossbarConfig(), device, np.random.default_rng(seed))


def device(**changes):
    return Device(**{"g_min": 0.0, "g_max": 150.0, **changes})


READ_NOISES = {
    "none": device(),
    "uniform": device(read_noise=ConstantNoise(sigma=3.5)),
    "varied": device(read_noise=ProportionalNoise(fraction=0.05)),
}


def test_asymmetric_golden_case():
    w = [[1.0, -0.5, 0.25], [2.0, 0.125, -4.0]]  # -4 is clipped to -2
    y = array(w=w).multiply([[1.0, 0.0], [0.0, 1.0], [2.0, -0.5], [0.0, 0.0]], KEY)
    np.testing.assert_array_equal(y, [[1.0, -0.5, 0.25], [2.0, 0.125, -2.0], [1.0, -1.0625, 1.5], [0.0, 0.0, 0.0]])


def test_output_is_the_difference_of_the_currents_of_both_bit_lines():
    noisy = array(load_preset("yang2025_150us").model_copy(update={"read_noise": IDEAL.read_noise}))
    currents = [[sum(float(x_i) * g_i for x_i, g_i in zip(x, g, strict=True)) for g in side.T]
                for side in (noisy.g_pos, noisy.g_neg) for x in X]  # fmt: skip
    i_pos, i_neg = np.array(currents).reshape(2, *X.shape[:1], W.shape[1])
    np.testing.assert_allclose(noisy.multiply(X, KEY), (i_pos - i_neg) / 75.0, atol=1e-5)


def test_without_read_noise_the_array_is_linear_and_ignores_the_key():
    a = array(device(prog_noise=ConstantNoise(sigma=3.0)))
    np.testing.assert_array_equal(a.multiply(X, KEY), a.multiply(X, np.uint64(1), first_sample=9, step=4))
    both = a.multiply(2.0 * X[:5] - X[5:10], KEY)
    np.testing.assert_allclose(both, 2.0 * a.multiply(X[:5], KEY) - a.multiply(X[5:10], KEY), atol=1e-5)


@pytest.mark.parametrize("kind", READ_NOISES)
def test_splitting_a_batch_does_not_change_a_bit(kind):
    a = array(READ_NOISES[kind])
    whole = a.multiply(X, KEY, first_sample=100, step=3)
    for size in (1, 2, 5, 16, 36):
        parts = [a.multiply(X[s : s + size], KEY, first_sample=100 + s, step=3) for s in range(0, len(X), size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("kind", ["uniform", "varied"])
def test_key_sample_and_step_each_change_the_noise_of_every_output(kind):
    a = array(READ_NOISES[kind])
    first = a.multiply(X, KEY)
    np.testing.assert_array_equal(first, a.multiply(X, KEY))
    for other in (a.multiply(X, np.uint64(43)), a.multiply(X, KEY, step=1), a.multiply(X, KEY, first_sample=1000)):
        assert (other != first).all()


@pytest.mark.parametrize("noise_on", ["pair", "used_side"])
@pytest.mark.parametrize("kind", ["uniform", "varied"])
def test_noise_is_the_documented_draw_times_the_documented_deviation(kind, noise_on):
    config = CrossbarConfig(noise_on=noise_on)
    a, quiet = array(READ_NOISES[kind], config), array(IDEAL, config)
    z = np.empty((len(X), W.shape[1]), np.float32)
    for b, row in enumerate(z):
        fill_normals(KEY, 5, 20 + b, 0, row)
    used = np.abs(W).clip(max=2.0)
    std = {  # in weight units; both sides of a pair have the noise of g = 0 or of the used conductance
        ("uniform", "pair"): np.full_like(W, np.sqrt(2.0) * 3.5 / 75.0),
        ("uniform", "used_side"): np.full_like(W, 3.5 / 75.0),
        ("varied", "pair"): 0.05 * used,
        ("varied", "used_side"): 0.05 * used,
    }[kind, noise_on]
    expected = quiet.multiply(X, KEY) + z * np.sqrt((X.astype(np.float64) ** 2) @ std**2)
    np.testing.assert_allclose(a.multiply(X, KEY, first_sample=20, step=5), expected, atol=1e-5)


def test_read_noise_grows_in_proportion_to_the_pulse():
    a = array(READ_NOISES["uniform"], w=np.zeros((1, 9)))
    np.testing.assert_allclose(a.multiply([[0.5]], KEY) * 2.0, a.multiply([[1.0]], KEY), rtol=1e-6)
    np.testing.assert_array_equal(a.multiply([[0.0]], KEY), 0.0)


def test_common_read_deviation_is_recognised():
    assert array(READ_NOISES["none"]).noise.held_std == 0.0
    assert array(READ_NOISES["uniform"]).noise.held_std == pytest.approx(np.sqrt(2.0) * 3.5 / 75.0)
    assert array(READ_NOISES["uniform"]).noise.held.size == 0
    varied = array(READ_NOISES["varied"])
    assert varied.noise.held_std == 0.0
    np.testing.assert_array_equal(varied.noise.held, varied.held_variance)
    for kind in READ_NOISES:
        a = array(READ_NOISES[kind])
        assert a.held_variance.shape == a.w_eff.shape == a.shape == W.shape
        assert not a.white_variance.any()


def test_read_noise_does_not_change_what_is_programmed():
    noise = ConstantNoise(sigma=2.0)
    quiet = array(device(prog_noise=noise, stuck_off_rate=0.1))
    fluctuating = array(device(prog_noise=noise, stuck_off_rate=0.1, read_noise=ConstantNoise(sigma=3.5)))
    np.testing.assert_array_equal(quiet.w_eff, fluctuating.w_eff)


@pytest.mark.parametrize("noise_on", ["pair", "used_side"])
def test_faults_do_not_shift_the_programming_noise_of_healthy_pairs(noise_on):
    config, noise = CrossbarConfig(noise_on=noise_on), ConstantNoise(sigma=2.0)
    clean = array(device(prog_noise=noise), config)
    faulty = array(device(prog_noise=noise, stuck_off_rate=0.2), config)
    same = clean.w_eff == faulty.w_eff
    # A pair stays as it was if no device of it is stuck, or only an idle one whose error would be clipped anyway.
    expected = 0.8 * (0.8 + 0.2 * 0.5) if noise_on == "pair" else 0.8
    assert abs(same.mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / same.size)


def test_sides_of_a_pair_and_repeated_programming_draw_independently():
    rng = np.random.default_rng(4)
    noisy = device(prog_noise=ConstantNoise(sigma=2.0))
    first, second = (program_array(np.full((5, 5), 1.0), CrossbarConfig(), noisy, rng) for _ in range(2))
    assert (first.g_pos != second.g_pos).all()
    errors = first.g_pos - 75.0, first.g_neg
    assert not np.isclose(errors[0].clip(min=0.0), errors[1]).any(where=errors[1] > 0)


def test_stuck_at_off_on_the_used_side_removes_the_weight_exactly():
    a = array(device(prog_noise=ConstantNoise(sigma=2.0), stuck_off_rate=1.0), CrossbarConfig(noise_on="used_side"))
    np.testing.assert_array_equal(a.w_eff, 0.0)


def test_stuck_at_on_on_the_used_side_gives_the_largest_weight_of_the_same_sign():
    a = array(device(stuck_on_rate=1.0), CrossbarConfig(noise_on="used_side"))
    np.testing.assert_array_equal(a.w_eff, np.where(W >= 0, 2.0, -2.0))


def test_pairs_stuck_on_both_sides_cancel():
    np.testing.assert_array_equal(array(device(stuck_on_rate=1.0)).w_eff, 0.0)


def test_conductances_stay_in_reach_and_a_small_weight_keeps_its_gaussian_error_on_the_used_side():
    small = np.full((40, 40), 0.01)
    noisy = Device(g_min=2.0, g_max=152.0, prog_noise=ConstantNoise(sigma=5.0))
    used = array(noisy, CrossbarConfig(noise_on="used_side"), w=small)
    assert min(used.g_pos.min(), used.g_neg.min()) >= 2.0
    np.testing.assert_array_equal(np.minimum(used.g_pos, used.g_neg), 2.0)
    assert (used.w_eff < 0).any()
    pair = array(noisy, w=small)
    assert min(pair.g_pos.min(), pair.g_neg.min()) == 0.0


@pytest.mark.parametrize("x", [np.ones(13), np.ones((2, 12)), np.ones((2, 13, 1))])
def test_inputs_of_another_shape_are_refused(x):
    for multiply in (lambda a: a.multiply(x, KEY), lambda a: a.multiply_per_device(x, np.random.default_rng(1))):
        with pytest.raises(ValueError, match=r"x must be \[batch, 13\]"):
            multiply(array())


@pytest.mark.parametrize("counters", [{"first_sample": -1}, {"step": -1}, {"step": 2**32}, {"first_sample": 2**32 - 3}])
def test_counters_beyond_32_bits_are_refused_rather_than_repeated(counters):
    with pytest.raises(ValueError, match=r"0\.\.2\*\*32 - 1"):
        array().multiply(X, KEY, **counters)


def test_any_array_of_numbers_is_taken_as_inputs():
    a = array(READ_NOISES["uniform"])
    plain = a.multiply(X, KEY)
    np.testing.assert_array_equal(a.multiply(np.asfortranarray(X.astype(np.float64)), KEY), plain)
    np.testing.assert_array_equal(a.multiply(X[::2], KEY), a.multiply(X[::2].copy(), KEY))
    assert a.multiply(np.empty((0, 13)), KEY).shape == (0, 9)


def test_a_weight_that_does_not_fit_is_refused_before_anything_is_drawn():
    rng = np.random.default_rng(1)
    for noise_on in ("pair", "used_side"):
        with pytest.raises(InputError, match="scale is at most 25 uS"):
            program_array(W, CrossbarConfig(noise_on=noise_on), load_preset("yang2025_50us"), rng)
    assert rng.bit_generator.seed_seq.n_children_spawned == 0


def test_an_array_that_does_not_fit_into_memory_is_refused_before_it_is_tried(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 10_000)
    rng = np.random.default_rng(1)
    with pytest.raises(InputError, match=r"programming 234 devices needs 2\.81e-05 GB of memory, available: 1e-05 GB"):
        program_array(W, CrossbarConfig(), IDEAL, rng)
    assert rng.bit_generator.seed_seq.n_children_spawned == 0
