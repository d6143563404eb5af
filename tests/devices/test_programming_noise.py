"""Kinds of programming errors: formulas, tables, files, and what is refused."""

import numpy as np
import pytest

from memramp.config import validate
from memramp.devices import (
    Device,
    PolynomialNoise,
    SigmaTableNoise,
    TableNoise,
    load_preset,
    program_keyed,
    resolve_device,
)
from memramp.devices.kernels import normals
from memramp.devices.tolerance import write_tolerance
from memramp.errors import InputError
from memramp.normals import fill_normals, random_words

KEY = np.uint64(0x0123456789ABCDEF)
TARGET = np.linspace(10.0, 140.0, 203)
TABLE = TableNoise(targets=(50.0, 100.0), errors=((-4.0, 0.0, 2.0), (-2.0, 1.0, 6.0)))


def device(noise, **changes):
    return Device(**{"g_min": 0.0, "g_max": 150.0, "prog_noise": noise, **changes})


def uniforms(n):
    words = np.array([random_words(KEY, b, 0, 0, 0) for b in range(-(-n // 4))], np.uint32).ravel()[:n]
    return (words + 0.5) / 2.0**32


def test_the_polynomial_takes_published_coefficients_as_they_are():
    noise = load_preset("pcm_joshi2020").prog_noise
    x = np.array([0.0, 0.3, 1.0])
    np.testing.assert_allclose(noise.std(25.0 * x), 0.26348 + 1.9650 * x - 1.1731 * x**2)


def test_a_polynomial_below_zero_is_no_error():
    noise = PolynomialNoise(coefficients=(1.0, -2.0), g_ref=100.0)
    np.testing.assert_allclose(noise.std([0.0, 25.0, 50.0, 100.0]), [1.0, 0.5, 0.0, 0.0])


def test_standard_deviations_are_interpolated_and_stay_beyond_the_ends():
    noise = SigmaTableNoise(targets=(50.0, 100.0), sigmas=(1.0, 3.0))
    np.testing.assert_allclose(noise.std([0.0, 50.0, 75.0, 100.0, 150.0]), [1.0, 1.0, 2.0, 3.0, 3.0])


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 1023, 1024, 1030])
def test_gaussian_errors_are_those_of_the_plain_formula(n):
    noise = PolynomialNoise(coefficients=(1.0, 4.0), g_ref=150.0)
    target = np.linspace(0.0, 150.0, n)
    z = np.empty(n, np.float32)
    fill_normals(KEY, 0, 0, 0, z)
    expected = np.maximum(target + noise.std(target) * z.astype(float), 0.0)
    np.testing.assert_allclose(program_keyed(device(noise), target, KEY).g, expected, rtol=1e-13, atol=1e-13)


def test_draws_of_a_block_are_those_of_the_whole():
    whole, part = np.empty(1000, np.float32), np.empty(391, np.float32)
    normals(KEY, 0, 3, whole)
    normals(KEY, 400, 3, part)
    np.testing.assert_array_equal(part, whole[400:791])


@pytest.mark.parametrize("n", [1, 6, 203])
def test_table_errors_are_drawn_by_inverse_transform(n):
    target = np.linspace(20.0, 140.0, n)
    u = uniforms(n)
    places = np.linspace(0.0, 1.0, 3)
    low, high = (np.interp(u, places, row) for row in TABLE.errors)
    weight = np.clip((target - 50.0) / 50.0, 0.0, 1.0)
    got = program_keyed(device(TABLE), target, KEY).g
    np.testing.assert_allclose(got, target + (1.0 - weight) * low + weight * high, rtol=1e-12)


def test_the_standard_deviation_of_a_table_is_that_of_its_quantile_function():
    places = np.linspace(0.0, 1.0, 3)
    u = (np.arange(400_000) + 0.5) / 400_000
    for g, weight in ((0.0, 0.0), (50.0, 0.0), (60.0, 0.2), (100.0, 1.0), (150.0, 1.0)):
        low, high = (np.interp(u, places, row) for row in TABLE.errors)
        errors = (1.0 - weight) * low + weight * high
        assert TABLE.mean(g) == pytest.approx(errors.mean(), abs=1e-9)
        assert TABLE.std(g) == pytest.approx(errors.std(), rel=1e-5)
    np.testing.assert_allclose(TABLE.window([50.0, 75.0, 100.0]), [4.0, 4.0, 6.0])


def test_a_table_of_one_target_and_of_one_value():
    noise = TableNoise(targets=(50.0,), errors=((1.0, 1.0),))
    np.testing.assert_array_equal(program_keyed(device(noise), [10.0, 70.0], KEY).g, [11.0, 71.0])
    np.testing.assert_array_equal(noise.std([10.0, 70.0]), [0.0, 0.0])


def test_a_table_is_read_from_a_file(tmp_path):
    path = tmp_path / "errors.csv"
    path.write_text("target_uS,measured_uS\n50,46\n100,98\n50,52\n100,106\n100,101\n50,50\n")
    assert TableNoise.from_file(path) == TABLE
    block = {"g_min": 0, "g_max": 150, "prog_noise": {"kind": "table", "file": str(path)}}
    assert resolve_device(block).prog_noise == TABLE
    over = {"preset": "readc_taox_table", "prog_noise": {"kind": "table", "file": str(path)}}
    assert resolve_device(over).prog_noise == TABLE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty, expected the header target_uS,measured_uS"),
        ("target_uS,measured_uS\n", "has no rows below its header"),
        ("target_uS,measured_uS\n50,51\n", r"at least two rows, found one at 50 uS"),
        ("target_uS,measured_uS\n50,nan\n50,51\n", r"line 2: measured_uS must be a finite number.*'nan'"),
        ("target_uS,measured_uS\n50,inf\n50,51\n", r"line 2: measured_uS must be a finite number"),
        ("target_uS,measured_uS\n50,\n50,51\n", r"line 2: measured_uS must be a finite number.*found ''"),
        ("target_uS,measured_uS\n50,-1\n50,51\n", r"line 2: measured_uS must lie between 0 and 1e\+06, found -1"),
        ("target_uS,measured_uS\n-50,1\n50,51\n", r"line 2: target_uS must lie between 0 and 1e\+06, found -50"),
        ("target_uS,measured_uS\n50,51,7\n", r"line 2: expected 2 values .* found 3"),
        ("target_uS,measured_uS,time_s\n50,51,7\n", r"unknown column 'time_s', allowed: target_uS, measured_uS"),
        ("target_uS;measured_uS\n50;51\n", "expected commas"),
        ("target_uS,measured_S\n50,51e-6\n", r"expected in uS.*found the column measured_S"),
        ("target_uS,measured_uS\n50,50e-6\n50,51e-6\n", "looks like siemens"),
    ],
)
def test_faulty_files_of_errors_are_refused_in_one_sentence(tmp_path, text, message):
    path = tmp_path / "errors.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        resolve_device({"g_min": 0, "g_max": 150, "prog_noise": {"kind": "table", "file": str(path)}})
    assert "\n" not in str(caught.value)
    assert "errors.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"kind": "table", "file": "no.csv"}, "no.csv: no such file"),
        ({"kind": "table", "file": 3}, "'prog_noise.file' must be the name of a file, found 3"),
        ({"kind": "table", "file": "x.csv", "targets": [1]}, "no.csv|x.csv: no such file"),
        ({"kind": "constant", "sigma": 1, "file": "x.csv"}, "unknown key 'prog_noise.file'"),
        ({"kind": "table", "targets": [1, 2], "errors": [[0, 1]]}, "equally many, found 2 and 1"),
        ({"kind": "table", "targets": [2, 1], "errors": [[0, 1], [0, 1]]}, "targets must rise, found 2, 1"),
        ({"kind": "table", "targets": [1, 1], "errors": [[0, 1], [0, 1]]}, "targets must rise"),
        ({"kind": "table", "targets": [1, 2], "errors": [[0, 1], [0, 1, 2]]}, "equally many quantiles, found 2 and 3"),
        ({"kind": "table", "targets": [1], "errors": [[1, 0]]}, "must not fall, found one that does at 1 uS"),
        ({"kind": "table", "targets": [1], "errors": [[0]]}, "prog_noise.errors.0.*at least 2"),
        ({"kind": "table", "targets": [], "errors": []}, "prog_noise.targets.*at least 1"),
        ({"kind": "table", "targets": [1], "errors": [[0, float("nan")]]}, "finite"),
        ({"kind": "table", "targets": [1], "errors": [[0, float("inf")]]}, "finite"),
        ({"kind": "sigma_table", "targets": [1, 2], "sigmas": [1]}, "equally many, found 2 and 1"),
        ({"kind": "sigma_table", "targets": [1], "sigmas": [-1]}, "prog_noise.sigmas.0.*greater than or equal to 0"),
        ({"kind": "polynomial", "coefficients": [], "g_ref": 1}, "coefficients.*at least 1"),
        ({"kind": "polynomial", "coefficients": [1], "g_ref": 0}, "'prog_noise.g_ref'.*greater than 0"),
        ({"kind": "polynomial", "coefficients": [1]}, "the key 'prog_noise.g_ref' is missing"),
        ({"kind": "polynomial", "coefficients": ["1 V"], "g_ref": 1}, "'prog_noise.coefficients.0'.*unit uS"),
    ],
)
def test_wrong_blocks_are_refused_in_one_sentence(block, message):
    with pytest.raises(InputError, match=message) as caught:
        resolve_device({"g_min": 0, "g_max": 150, "prog_noise": block})
    assert "\n" not in str(caught.value)


def test_file_and_lists_together_are_refused(tmp_path):
    path = tmp_path / "errors.csv"
    path.write_text("target_uS,measured_uS\n50,46\n50,52\n")
    block = {"kind": "table", "file": str(path), "targets": [1.0]}
    with pytest.raises(InputError, match=r"'prog_noise.targets' is given beside 'file'"):
        resolve_device({"g_min": 0, "g_max": 150, "prog_noise": block})


def test_the_write_tolerance_of_every_kind():
    target = np.array([50.0, 100.0])

    def window(name):
        return write_tolerance(target, load_preset(name))

    np.testing.assert_allclose(write_tolerance(target, device(TABLE)), [4.0, 6.0])
    sigmas = SigmaTableNoise(targets=(50, 100), sigmas=(1, 2))
    np.testing.assert_allclose(write_tolerance(target, device(sigmas)), [3.0, 6.0])
    np.testing.assert_allclose(window("readc_taox_write_verify"), [5.0, 5.0])
    np.testing.assert_allclose(window("readc_taox"), [5.0, 5.0])
    polynomial = PolynomialNoise(coefficients=(1.0, 1.0), g_ref=100.0)
    np.testing.assert_allclose(write_tolerance(target, device(polynomial)), [4.5, 6.0])


def test_levels_are_rounded_to_before_the_error_is_added():
    cells = program_keyed(device({"kind": "none"}, levels=4), [0.0, 24.9, 25.0, 74.9, 150.0], KEY)
    np.testing.assert_array_equal(cells.g, [0.0, 0.0, 50.0, 50.0, 150.0])
    np.testing.assert_array_equal(cells.target, [0.0, 24.9, 25.0, 74.9, 150.0])
    np.testing.assert_array_equal(cells.aim, cells.g)
    listed = program_keyed(device({"kind": "none"}, levels=(10, 20, 100)), [0.0, 16.0, 61.0, 150.0], KEY)
    np.testing.assert_array_equal(listed.g, [10.0, 20.0, 100.0, 100.0])


def test_many_levels_cost_no_more_than_a_bisection():
    levels = tuple(np.linspace(0.0, 150.0, 65536).tolist())
    target = np.random.default_rng(1).uniform(0.0, 150.0, 200_000)
    cells = program_keyed(device({"kind": "none"}, levels=levels), target, KEY)
    assert np.abs(cells.g - target).max() <= 0.5 * 150.0 / 65535 * (1 + 1e-9)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        (1, "whole number of 2 to 65536"),
        (True, "whole number of 2"),
        ("many", "whole number of 2"),
        ([5], "list of so many"),
        ([5, 5], "levels must rise"),
        ([5, 4], "levels must rise"),
        ([5, 151], r"must lie in the window 0\.\.150 uS, found 5 to 151 uS"),
        ([5, "7 V"], "unit uS"),
        ([5, float("nan")], "finite"),
    ],
)
def test_wrong_levels_are_refused(levels, message):
    with pytest.raises(InputError, match=message) as caught:
        validate(Device, {"g_min": 0, "g_max": 150, "levels": levels}, "device")
    assert "\n" not in str(caught.value)


def test_targets_beyond_a_devices_own_window_saturate_and_are_flagged():
    own = Device(g_min=20.0, g_max=150.0, g_min_std=5.0, g_max_std=10.0)
    target = np.repeat([20.0, 80.0, 150.0], 500)
    cells = program_keyed(own, target, KEY)
    assert cells.saturated is not None
    np.testing.assert_array_equal(cells.saturated, cells.g != target)
    low, middle, high = cells.g.reshape(3, 500)
    assert low.min() == 20.0
    assert 0.4 < (low > 20.0).mean() < 0.6
    np.testing.assert_array_equal(middle, 80.0)
    assert high.max() == 150.0
    assert 0.4 < (high < 150.0).mean() < 0.6


def test_the_own_window_belongs_to_the_device_not_to_the_target():
    own = Device(g_min=20.0, g_max=150.0, g_min_std=5.0, g_max_std=10.0)
    low, high = (program_keyed(own, np.full(300, end), KEY).g for end in (20.0, 150.0))
    stuck = program_keyed(own.model_copy(update={"stuck_off_rate": 0.5, "stuck_on_rate": 0.5}), np.full(300, 80.0), KEY)
    np.testing.assert_array_equal(np.maximum(stuck.g[stuck.stuck_off], 20.0), low[stuck.stuck_off])
    np.testing.assert_array_equal(np.minimum(stuck.g[stuck.stuck_on], 150.0), high[stuck.stuck_on])


def test_a_window_of_crossing_ends_has_no_width_and_nothing_breaks():
    cells = program_keyed(Device(g_min=70.0, g_max=80.0, g_min_std=50.0, g_max_std=50.0), np.full(1000, 75.0), KEY)
    assert np.isfinite(cells.g).all()
    assert cells.g.min() >= 0.0


def test_measured_errors_are_reduced_to_as_many_quantiles_as_the_rarest_target_has():
    errors = {10.0: np.linspace(-1.0, 1.0, 9), 20.0: np.linspace(-2.0, 2.0, 500)}
    assert TableNoise.from_errors(errors).quantiles.shape == (2, 9)
    assert TableNoise.from_errors({20.0: errors[20.0]}).quantiles.shape == (1, 65)
