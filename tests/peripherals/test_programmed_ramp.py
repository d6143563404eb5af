import numpy as np
import pytest

from memramp.devices import ConstantNoise, Device, ProportionalNoise
from memramp.errors import InputError
from memramp.peripherals import design_ramp, nladc, program_ramp

CALIBRATIONS = pytest.mark.parametrize("calibration", ["none", "ideal_bias", "one_point"])


def device(sigma=0.0, read=0.0, off=0.0, on=0.0):
    noise = ConstantNoise(sigma=sigma) if sigma else {"kind": "none"}
    read_noise = ConstantNoise(sigma=read) if read else {"kind": "none"}
    return Device(g_min=0.0, g_max=150.0, prog_noise=noise, read_noise=read_noise, stuck_off_rate=off, stuck_on_rate=on)


def make(chosen, calibration="one_point", seed=1, bits=5, levels="paper", function="sigmoid"):
    design = design_ramp(function, bits, levels, chosen)
    return program_ramp(design, chosen, np.random.default_rng(seed), calibration)


@CALIBRATIONS
@pytest.mark.parametrize("levels", ["paper", "midpoint"])
@pytest.mark.parametrize("bits", [2, 5, 8])
def test_ideal_devices_give_the_ideal_ramp_bit_for_bit(calibration, levels, bits):
    ramp = make(device(), calibration, bits=bits, levels=levels)
    assert (ramp.values == ramp.design.levels.ramp).all()
    assert (ramp.thresholds == ramp.design.thresholds).all()


@CALIBRATIONS
@pytest.mark.parametrize("seed", range(5))
def test_realised_ramp_is_the_charge_of_its_conductances(calibration, seed):
    ramp = make(device(sigma=8.0, off=0.05, on=0.05), calibration, seed)
    charge = np.concatenate([[0.0], np.cumsum(ramp.g_steps)]) - ramp.g_bias.sum()
    np.testing.assert_allclose(ramp.values, charge * ramp.design.v_per_us, atol=1e-11)


@pytest.mark.parametrize("levels", ["paper", "midpoint"])
@pytest.mark.parametrize("seed", range(10))
def test_one_point_calibration_makes_mid_scale_exact_under_noise_and_stuck_devices(levels, seed):
    ramp = make(device(sigma=10.0, off=0.1, on=0.05), "one_point", seed, levels=levels)
    assert not ramp.stuck_bias.all()
    assert ramp.mid_scale_error == 0.0
    half_sum = ramp.g_steps[: ramp.design.levels.mid].sum()
    assert ramp.values[0] == pytest.approx(-half_sum * ramp.design.v_per_us)  # V_0 as in the released code


def test_calibration_leaves_stuck_bias_devices_alone_and_the_others_share_the_load():
    ramp = make(device(sigma=5.0, off=0.3), "one_point", seed=4)
    assert 0 < ramp.stuck_bias.sum() < ramp.stuck_bias.size
    assert (ramp.g_bias[ramp.stuck_bias] == 0.0).all()
    assert np.unique(ramp.g_bias[~ramp.stuck_bias]).size == 1


def test_bias_devices_that_would_have_to_leave_the_window_are_reported():
    ramp = make(device(sigma=5.0, on=0.6), "one_point", seed=2)
    assert ramp.bias_overflow == pytest.approx(ramp.g_bias.max() - 150.0)
    assert ramp.bias_overflow > 0.0
    assert make(device()).bias_overflow == 0.0


def test_a_column_whose_bias_devices_are_all_stuck_keeps_its_error():
    ramp = make(device(off=1.0), "one_point")
    assert ramp.values == pytest.approx(0.0)  # nothing conducts
    dead_bias = make(device(on=1.0), "one_point")
    expected = (16 - 5) * 150.0 * dead_bias.design.v_per_us
    assert dead_bias.mid_scale_error == pytest.approx(expected)


def test_healthy_bias_devices_go_to_zero_when_the_stuck_ones_hold_too_much_already():
    # Most bias devices stuck on, most steps stuck off: the sum up to mid-scale is below what the stuck ones hold.
    chosen = device(off=0.8, on=0.15)
    design = design_ramp("tanh", 5, "paper", chosen)
    ramps = [program_ramp(design, chosen, np.random.default_rng(seed)) for seed in range(200)]
    short = [r for r in ramps if r.stuck_bias.any() and not r.stuck_bias.all() and r.mid_scale_error != 0.0]
    assert short
    for ramp in short:
        assert (ramp.g_bias[~ramp.stuck_bias] == 0.0).all()
        assert ramp.mid_scale_error < 0.0


def test_ramp_devices_are_the_same_for_every_calibration_of_a_chip():
    ramps = [make(device(sigma=5.0, off=0.1), kind) for kind in ("none", "ideal_bias", "one_point")]
    for ramp in ramps[1:]:
        assert (ramp.g_steps == ramps[0].g_steps).all()
    assert (ramps[1].g_bias == ramps[1].design.g_bias).all()
    assert (ramps[0].g_bias != ramps[0].design.g_bias).any()


def test_faults_do_not_move_the_noise_of_the_other_devices():
    clean, faulty = make(device(sigma=5.0), "none"), make(device(sigma=5.0, off=0.2), "none")
    assert faulty.stuck_steps.any()
    assert (clean.g_steps[~faulty.stuck_steps] == faulty.g_steps[~faulty.stuck_steps]).all()
    assert (faulty.g_steps[faulty.stuck_steps] == 0.0).all()


@pytest.mark.parametrize("seed", range(20))
def test_ramp_never_falls_since_no_conductance_is_negative(seed):
    ramp = make(device(sigma=40.0, off=0.1), "none", seed)
    assert (np.diff(ramp.values) >= 0.0).all()
    assert (ramp.thresholds == ramp.values[:31]).all()


def test_read_noise_is_that_of_each_device_and_of_all_bias_devices_together():
    ramp = make(device(read=3.5))
    unit = ramp.design.v_per_us
    assert ramp.read_std[0] == pytest.approx(3.5 * np.sqrt(5) * unit)
    np.testing.assert_allclose(ramp.read_std[1:], 3.5 * unit)
    chosen = Device(g_min=0.0, g_max=150.0, read_noise=ProportionalNoise(fraction=0.02))
    ramp = make(chosen)
    np.testing.assert_allclose(ramp.read_std[1:], 0.02 * ramp.g_steps * unit)
    assert ramp.read_std[0] == pytest.approx(0.02 * np.sqrt(np.sum(ramp.g_bias**2)) * unit)


def test_each_conversion_draws_its_own_ramp_and_draws_it_again_on_request():
    converter = nladc(make(device(read=3.5)))
    first = converter.read_thresholds(9, sample=3, step=2)
    assert (first == converter.read_thresholds(9, sample=3, step=2)).all()
    others = [(8, 3, 2, 0), (9, 4, 2, 0), (9, 3, 1, 0), (9, 3, 2, 1)]
    for key, sample, step, purpose in others:
        assert (first != converter.read_thresholds(key, sample, step, purpose)).any()


@pytest.mark.statistics
def test_read_noise_adds_up_along_the_ramp():
    ramp = make(device(read=0.5))  # small enough that the running maximum never acts
    n = 4000
    drawn = np.stack([nladc(ramp).read_thresholds(5, sample) for sample in range(n)]).astype(np.float64)
    error = drawn - ramp.thresholds
    std = np.sqrt(np.cumsum(ramp.read_std[:31] ** 2))
    assert (np.abs(error.mean(axis=0)) < 4.5 * std / np.sqrt(n)).all()
    np.testing.assert_allclose(error.std(axis=0), std, rtol=4.5 / np.sqrt(2 * n))
    increments = np.diff(error, axis=1)
    correlation = np.corrcoef(increments, rowvar=False)[~np.eye(30, dtype=bool)]
    assert np.abs(correlation).max() < 5.0 / np.sqrt(n)  # of 435 pairs


def test_a_design_for_another_window_is_refused():
    design = design_ramp("sigmoid", 5, "paper", device())
    with pytest.raises(InputError, match=r"designed for devices of 0..150 uS, found devices of 0..50 uS"):
        program_ramp(design, Device(g_min=0.0, g_max=50.0), np.random.default_rng(1))


def test_unknown_calibration_is_refused():
    with pytest.raises(InputError, match="'three_point', allowed: none, ideal_bias, one_point, two_point"):
        make(device(), "three_point")
