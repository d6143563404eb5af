import numpy as np
import pytest

from memramp.devices import ConstantNoise, Device
from memramp.errors import InputError
from memramp.peripherals import Calibration, Realisation, design_ramp, inl_dnl, program_columns, program_ramp


def device(sigma=5.0, off=0.0, on=0.0):
    return Device(
        g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=sigma), stuck_off_rate=off, stuck_on_rate=on
    )


def columns(chosen, calibration, n=200, seed=1, **options):
    design = design_ramp(options.pop("name", "sigmoid"), 5, "midpoint", chosen, **options)
    return program_columns(design, chosen, np.random.default_rng(seed), n, calibration)


def worst_inl(made):
    return np.abs(inl_dnl(made.thresholds, made.design)[0]).max(axis=1)


@pytest.mark.parametrize("kind", ["none", "ideal_bias", "one_point", "two_point"])
def test_values_are_the_charge_of_the_devices_that_fire(kind):
    made = columns(device(8.0, 0.03, 0.03), kind, 30, realisation=Realisation(max_devices=2, pulse_widths=[1, 0.5]))
    design, column = made.design, made.design.column
    width = column.width[column.rows("ramp")]
    for ramp in (made[k] for k in range(30)):
        steps = np.add.reduceat(ramp.g_steps * width, column.starts)
        start = np.sum(ramp.g_bias * column.width[column.rows("bias")])
        charge = ramp.gain * np.concatenate([[0.0], np.cumsum(steps)]) - start
        np.testing.assert_allclose(ramp.values, charge * design.v_per_us, atol=1e-11)


def test_two_point_calibration_makes_two_crossings_exact_by_the_width_of_the_pulses():
    made = columns(device(5.0), "two_point")
    lower, upper = 31 // 4, 30 - 31 // 4
    ideal = made.design.thresholds
    np.testing.assert_allclose(made.thresholds[:, lower], ideal[lower], atol=1e-12)
    np.testing.assert_allclose(made.thresholds[:, upper], ideal[upper], atol=1e-12)
    assert np.ptp(made.trimmed.gain) > 0.0
    gain = made.trimmed.gain  # one over a sum of errors: its mean lies above 1 by its variance, to second order
    assert abs(gain.mean() - 1.0) < 4.0 * gain.std() / np.sqrt(gain.size) + 2.0 * gain.var()


def test_each_further_calibration_lowers_the_worst_inl():
    chosen = device(5.0)
    none, one, two, best = (
        worst_inl(columns(chosen, calibration)).mean()
        for calibration in ("none", "one_point", "two_point", Calibration(kind="two_point", copies=4))
    )
    assert none > 1.2 * one > 1.2 * 1.1 * two > 1.1 * 1.2 * 1.1 * best


def test_before_calibration_the_columns_are_as_they_would_stay_without_any():
    chosen = device(5.0, 0.02)
    none, two = columns(chosen, "none"), columns(chosen, "two_point")
    assert (two.uncalibrated == none.thresholds).all()
    assert (none.uncalibrated == none.thresholds).all()


def test_the_best_of_several_copies_costs_their_devices_and_writes():
    one, four = columns(device(), "one_point", 50), columns(device(), Calibration(copies=4), 50)
    assert four.devices == 4 * one.devices == 4 * 35
    assert (one.writes == 35 + 5).all()
    assert (four.writes == 4 * 40).all()


def test_the_best_copy_is_the_most_linear_of_those_within_the_window():
    chosen = device(10.0, off=0.03)
    four = columns(chosen, Calibration(copies=4), 50)
    copies = program_columns(four.design, chosen, np.random.default_rng(1), 200, "one_point")
    worst, fits = worst_inl(copies).reshape(50, 4), (copies.bias_overflow == 0.0).reshape(50, 4)
    passed_over = 0
    for best, inls, within in zip(worst_inl(four), worst, fits, strict=True):
        assert best == (inls[within] if within.any() else inls).min()
        passed_over += within.any() and best > inls.min()
    assert passed_over > 3  # or else the window would not have been tried


def test_spares_take_over_from_stuck_devices():
    chosen = device(2.0, off=0.05)
    plain = columns(chosen, "one_point", realisation=Realisation(spares=6))
    mended = columns(chosen, Calibration(remap=True), realisation=Realisation(spares=6))
    assert np.mean(worst_inl(mended) < 1.0) > np.mean(worst_inl(plain) < 1.0) + 0.3
    untouched = ~plain.stuck_steps
    assert (mended.g_steps[untouched] == plain.g_steps[untouched]).all()
    assert (mended.writes >= plain.writes).all()
    assert (mended.writes - plain.writes).max() <= 6


def test_without_spares_or_faults_remapping_changes_nothing():
    chosen = device(2.0, off=0.05)
    assert (columns(chosen, Calibration(remap=True)).values == columns(chosen, "one_point").values).all()
    healthy = device(2.0)
    spare = Realisation(spares=3)
    mended = columns(healthy, Calibration(remap=True), realisation=spare)
    assert (mended.values == columns(healthy, "one_point", realisation=spare).values).all()


def test_a_trim_within_a_tolerance_leaves_no_more_than_that_and_costs_writes():
    chosen = device(5.0)
    exact = columns(chosen, "one_point")
    trimmed = columns(chosen, Calibration(tolerance=1.0, max_writes=100))
    error = (trimmed.values[:, trimmed.design.anchor] - exact.values[:, exact.design.anchor]) / exact.design.v_per_us
    assert np.abs(error).max() <= 1.0 + 1e-9
    assert np.abs(error).max() > 0.5
    assert (trimmed.writes >= exact.writes).all()
    # A write ends within 1 uS of its target with probability 0.159 at 5 uS: 6.3 writes on average instead of one.
    assert (trimmed.writes - exact.writes).mean() == pytest.approx(5.3, abs=4 * 5.8 / np.sqrt(200))
    once = columns(chosen, Calibration(tolerance=1.0, max_writes=1))
    assert (once.writes == exact.writes).all()
    assert np.abs(once.values[:, once.design.anchor]).max() > trimmed.design.v_per_us


def test_one_column_of_many_is_the_one_that_is_programmed_alone():
    chosen = device(5.0, 0.02, 0.01)
    design = design_ramp("tanh", 4, "paper", chosen)
    alone = program_ramp(design, chosen, np.random.default_rng(3), "two_point")
    first = program_columns(design, chosen, np.random.default_rng(3), 1, "two_point")[0]
    assert (alone.values == first.values).all()
    assert (alone.read_std == first.read_std).all()


def test_a_calibration_may_be_a_name_or_a_mapping_and_is_checked():
    with pytest.raises(InputError, match="unknown calibration 'best', allowed"):
        columns(device(), "best", 1)
    with pytest.raises(ValueError, match="copies"):
        Calibration(copies=0)
