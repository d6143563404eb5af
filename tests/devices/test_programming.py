"""Programming: errors are drawn once, effects are independent, faults win."""

import numpy as np
import pytest

from memramp.devices import ConstantNoise, Device, ProportionalNoise, program
from memramp.errors import InputError

TARGET = np.linspace(0.0, 150.0, 60).reshape(12, 5)


def device(**changes):
    return Device(**{"g_min": 0.0, "g_max": 150.0, **changes})


def test_an_ideal_device_holds_its_target():
    cells = program(device(), TARGET, np.random.default_rng(1))
    np.testing.assert_array_equal(cells.g, TARGET)
    np.testing.assert_array_equal(cells.target, TARGET)
    assert not cells.stuck_off.any()
    assert not cells.stuck_on.any()


def test_the_target_array_is_left_alone():
    target = TARGET.copy()
    cells = program(device(prog_noise=ConstantNoise(sigma=5.0)), target, np.random.default_rng(1))
    np.testing.assert_array_equal(target, TARGET)
    assert not np.shares_memory(cells.target, target)


def test_same_generator_seed_same_devices_but_two_calls_differ():
    noisy = device(prog_noise=ConstantNoise(sigma=2.0), stuck_off_rate=0.2)
    rng = np.random.default_rng(3)
    first, second = program(noisy, TARGET, rng), program(noisy, TARGET, rng)
    again = program(noisy, TARGET, np.random.default_rng(3))
    np.testing.assert_array_equal(first.g, again.g)
    assert (first.g != second.g).any()
    assert (first.stuck_off != second.stuck_off).any()


def test_faults_do_not_shift_the_noise_of_healthy_devices():
    noise = ConstantNoise(sigma=2.0)
    clean = program(device(prog_noise=noise), TARGET, np.random.default_rng(5))
    faulty = program(
        device(prog_noise=noise, stuck_off_rate=0.2, stuck_on_rate=0.2), TARGET, np.random.default_rng(5)
    )
    healthy = ~(faulty.stuck_off | faulty.stuck_on)
    assert 0 < healthy.sum() < healthy.size
    np.testing.assert_array_equal(faulty.g[healthy], clean.g[healthy])


def test_noise_does_not_shift_the_faults():
    rates = {"stuck_off_rate": 0.3, "stuck_on_rate": 0.2}
    quiet = program(device(**rates), TARGET, np.random.default_rng(6))
    noisy = program(device(**rates, prog_noise=ConstantNoise(sigma=9.0)), TARGET, np.random.default_rng(6))
    np.testing.assert_array_equal(quiet.stuck_off, noisy.stuck_off)
    np.testing.assert_array_equal(quiet.stuck_on, noisy.stuck_on)
    assert quiet.stuck_off.any()


def test_one_rate_does_not_move_the_other_fault():
    only_off = program(device(stuck_off_rate=0.3), TARGET, np.random.default_rng(6))
    only_on = program(device(stuck_on_rate=0.3), TARGET, np.random.default_rng(6))
    both = program(device(stuck_off_rate=0.3, stuck_on_rate=0.3), TARGET, np.random.default_rng(6))
    np.testing.assert_array_equal(both.stuck_off, only_off.stuck_off)
    np.testing.assert_array_equal(both.stuck_on, only_on.stuck_on)


def test_stuck_devices_hold_exactly_the_ends_of_the_window():
    cells = program(
        Device(g_min=3.0, g_max=150.0, prog_noise=ConstantNoise(sigma=9.0), stuck_off_rate=0.5, stuck_on_rate=0.5),
        np.full(200, 70.0),
        np.random.default_rng(7),
    )
    assert (cells.stuck_off ^ cells.stuck_on).all()
    assert set(cells.g[cells.stuck_off]) == {3.0}
    assert set(cells.g[cells.stuck_on]) == {150.0}


def test_conductance_is_never_negative_but_may_overshoot_the_window():
    cells = program(device(prog_noise=ConstantNoise(sigma=5.0)), [[0.0] * 100, [150.0] * 100], np.random.default_rng(8))
    assert cells.g.min() == 0.0
    assert (cells.g[0] == 0.0).any()
    assert cells.g[1].max() > 150.0


def test_without_a_floor_errors_stay_unclipped():
    cells = program(device(prog_noise=ConstantNoise(sigma=5.0)), np.zeros(100), np.random.default_rng(8), floor=-np.inf)
    assert cells.g.min() < 0.0


def test_proportional_error_vanishes_at_zero_and_grows_with_the_target():
    cells = program(device(prog_noise=ProportionalNoise(fraction=0.1)), TARGET, np.random.default_rng(9))
    assert cells.g.flat[0] == 0.0
    relative = (cells.g.ravel()[1:] / TARGET.ravel()[1:]) - 1.0
    assert 0.0 < np.abs(relative).max() < 0.6
    doubled = program(device(prog_noise=ProportionalNoise(fraction=0.1)), TARGET / 2.0, np.random.default_rng(9))
    np.testing.assert_allclose(2.0 * doubled.g, cells.g)


@pytest.mark.parametrize("bad", [-0.1, 150.1, np.nan, np.inf])
def test_targets_outside_the_window_are_refused(bad):
    with pytest.raises(InputError, match=r"window 0\.\.150 uS, found"):
        program(device(), [10.0, bad], np.random.default_rng(1))


def test_rounding_at_the_edge_of_the_window_is_forgiven():
    assert program(device(), [150.0 * (1 + 1e-12)], np.random.default_rng(1)).g[0] == 150.0
