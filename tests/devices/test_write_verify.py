"""The write-verify loop: against its slow reference, and what it must never do."""

from itertools import pairwise

import numpy as np
import pytest

from memramp.devices import (
    AimedPulses,
    Device,
    IdenticalPulses,
    WriteVerify,
    load_preset,
    program_keyed,
    resolve_device,
)
from memramp.devices.kernels import START, normals
from memramp.devices.write_verify_reference import write_one
from memramp.errors import InputError

KEY = np.uint64(77)
TARGET = np.linspace(2.0, 148.0, 150)
IDENTICAL = {
    "set": IdenticalPulses(pulses=40, nonlinearity=1.6, c2c=0.02, c2c_relative=0.1, voltage=0.9, width=1e-4),
    "reset": IdenticalPulses(pulses=30, nonlinearity=-0.5, c2c=0.01, voltage=-1.0, width=2e-4),
}
AIMED = {
    "set": AimedPulses(gain=0.6, c2c_relative=0.3, c2c=0.01, max_step=40.0, voltage=1.2, width=1e-6),
    "reset": AimedPulses(gain=0.8, c2c=0.01, voltage=1.5, width=1e-6),
}
MIXED = {"set": IDENTICAL["set"], "reset": AIMED["reset"]}
VERIFY = {"verify_noise": 0.5, "verify_voltage": 0.2, "verify_time": 1e-6}


def device(pulses=AIMED, **changes):
    noise = WriteVerify(**{"tolerance": 2.0, "max_tries": 60, **pulses, **changes})
    return Device(g_min=0.0, g_max=150.0, prog_noise=noise)


@pytest.mark.parametrize("pulses", [IDENTICAL, AIMED, MIXED], ids=["identical", "aimed", "mixed"])
@pytest.mark.parametrize("loop", [{}, VERIFY, {"max_tries": 3, "start": 60.0, "start_std": 20.0}])
def test_the_kernel_is_the_slow_reference(pulses, loop):
    dev = device(pulses, **loop)
    cells = program_keyed(dev, TARGET, KEY)
    z = np.empty(TARGET.size, np.float32)
    normals(KEY, 0, START, z)
    noise = dev.prog_noise
    start = np.clip((noise.start or 0.0) + noise.start_std * z.astype(float), 0.0, 150.0)
    slow = [write_one(noise, t, s, (0.0, 150.0), KEY, i) for i, (t, s) in enumerate(zip(TARGET, start, strict=True))]
    np.testing.assert_allclose(cells.g, [each.g for each in slow], rtol=1e-12, atol=1e-10)
    np.testing.assert_array_equal(cells.pulses[0], [each.set_pulses for each in slow])
    np.testing.assert_array_equal(cells.pulses[1], [each.reset_pulses for each in slow])
    np.testing.assert_array_equal(cells.failed, [each.failed for each in slow])
    np.testing.assert_allclose(cells.energy, [each.energy for each in slow], rtol=1e-10)


def test_errors_lie_within_the_tolerance_unless_the_device_is_marked():
    cells = program_keyed(device(max_tries=8), np.tile(TARGET, 40), KEY)
    error = np.abs(cells.g - cells.target)
    assert cells.failed.any()
    assert (error[~cells.failed] <= 2.0).all()
    assert (error[cells.failed] > 2.0).all()
    assert (cells.tries[cells.failed] == 8).all()
    assert (cells.tries <= 8).all()


def test_smaller_tolerances_take_more_tries():
    loops = [device(tolerance=tolerance, max_tries=500) for tolerance in (8.0, 4.0, 2.0, 1.0, 0.5)]
    tries = [program_keyed(loop, TARGET, KEY).tries.mean() for loop in loops]
    assert all(later > before for before, later in pairwise(tries))


def test_energy_is_the_sum_over_the_pulses():
    straight = IdenticalPulses(pulses=10, voltage=2.0, width=1e-6)
    dev = device({"set": straight, "reset": straight}, tolerance=7.4)
    cells = program_keyed(dev, [45.0], KEY)  # from 0 by steps of 15 uS
    assert cells.tries[0] == 3
    assert cells.g[0] == pytest.approx(45.0)
    means = np.array([7.5, 22.5, 37.5]) * 1e-6
    assert cells.energy[0] == pytest.approx((2.0**2 * means * 1e-6).sum(), rel=1e-12)
    assert cells.time[0] == pytest.approx(3e-6)


def test_time_counts_pulses_and_verify_reads():
    cells = program_keyed(device(IDENTICAL, **VERIFY), TARGET, KEY)
    sets, resets = cells.pulses
    np.testing.assert_allclose(cells.time, sets * 1e-4 + resets * 2e-4 + (cells.tries + 1) * 1e-6)
    np.testing.assert_array_equal(sets + resets, cells.tries)


def test_identical_pulses_follow_the_published_equations():
    """Chen et al., TCAD 2018, equations (8) and (10), with A = P_max / b."""
    pulses = IdenticalPulses(pulses=40, nonlinearity=1.6)
    first, fall, *_ = pulses.coefficients()
    g, low, high = 10.0, 10.0, 110.0
    a = 40 / 1.6
    amplitude = (high - low) / (1.0 - np.exp(-40 / a))
    for p in range(1, 41):
        g += first * (high - low) - fall * (g - low)
        assert g == pytest.approx(low + amplitude * (1.0 - np.exp(-p / a)), rel=1e-12)
    assert g == pytest.approx(high)


def test_a_device_that_is_there_already_gets_no_pulse():
    cells = program_keyed(device(start=75.0), np.full(10, 76.0), KEY)
    np.testing.assert_array_equal(cells.tries, 0)
    np.testing.assert_array_equal(cells.g, 75.0)
    np.testing.assert_array_equal(cells.energy, 0.0)


def test_identical_pulses_never_leave_the_window():
    wild = IdenticalPulses(pulses=5, c2c=0.5)
    cells = program_keyed(device({"set": wild, "reset": wild}, tolerance=0.01), np.tile(TARGET, 5), KEY)
    assert cells.g.min() >= 0.0
    assert cells.g.max() <= 150.0


def test_aimed_pulses_never_make_a_conductance_negative():
    wild = AimedPulses(gain=1.0, c2c=0.5)
    cells = program_keyed(device({"set": wild, "reset": wild}, tolerance=0.01), np.tile(TARGET, 5), KEY)
    assert cells.g.min() >= 0.0
    assert np.isfinite(cells.g).all()


def test_stuck_devices_are_stuck_whatever_the_loop_does():
    dev = device().model_copy(update={"stuck_off_rate": 0.3, "stuck_on_rate": 0.3})
    cells = program_keyed(dev, TARGET, KEY)
    assert set(cells.g[cells.stuck_off]) == {0.0}
    assert set(cells.g[cells.stuck_on]) == {150.0}


def test_other_kinds_have_no_tries():
    cells = program_keyed(load_preset("readc_taox"), [200.0], KEY)
    assert (cells.tries, cells.pulses, cells.energy, cells.time, cells.failed) == (None,) * 5


@pytest.mark.statistics
def test_the_loop_calibrated_to_readc_takes_the_published_tries():
    """Published: 5.57 tries on average, at most 20, all errors of 448 writes within 5 uS, sigmas 2.42 to 2.98 uS."""
    n = 20_000
    target = np.repeat(np.linspace(100.0, 400.0, 7), n)
    cells = program_keyed(load_preset("readc_taox_write_verify"), target, KEY)
    assert cells.tries.mean() == pytest.approx(5.57, abs=0.05 + 5 * cells.tries.std() / np.sqrt(target.size))
    assert cells.tries.max() == 20
    assert cells.failed.mean() < 1.0 / 448.0
    error = np.where(cells.failed, 0.0, cells.g - target).reshape(7, n)
    assert np.abs(error).max() <= 5.0
    assert ((error.std(axis=1) > 2.42) & (error.std(axis=1) < 2.98)).all()


@pytest.mark.statistics
@pytest.mark.parametrize("verify_noise", [0.0, 1.0, 3.0])
def test_the_loop_leaves_the_error_that_std_tells_and_draw_draws_if_its_steps_are_large(verify_noise):
    """What is read last is uniform within the tolerance; the read's own error is the conductance's."""
    n, wide = 20_000, AimedPulses(gain=1.0, c2c=0.2)  # steps of 30 uS, windows of 4 uS
    dev = device({"set": wide, "reset": wide}, max_tries=10_000, verify_noise=verify_noise)
    cells = program_keyed(dev, np.full(n, 75.0), KEY)
    drawn = dev.prog_noise.draw(np.full(n, 75.0), np.random.default_rng(3))
    assert not cells.failed.any()
    expected = float(dev.prog_noise.std(75.0))
    for error in (cells.g - 75.0, drawn):
        assert abs(error.mean()) < 4.5 * expected / np.sqrt(n)
        # No more spread than of normal errors; and the density of states before the last read falls by the part
        # (error / 30 uS)^2 / 2 to the sides, which takes less than 1 % off.
        assert error.std() == pytest.approx(expected, rel=4.5 / np.sqrt(2 * n) + 0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tolerance": 0}, "'prog_noise.tolerance'.*greater than 0"),
        ({"tolerance": float("nan")}, "'prog_noise.tolerance'.*finite"),
        ({"max_tries": 0}, "'prog_noise.max_tries'.*greater than or equal to 1"),
        ({"max_tries": 1.5}, "'prog_noise.max_tries'"),
        ({"max_tries": 100_000}, "'prog_noise.max_tries'.*less than or equal to 10000"),
        ({"set": {"kind": "identical"}}, "'prog_noise.set.pulses' is missing"),
        ({"set": {"kind": "aimed", "gain": 0.0}}, "'prog_noise.set.gain'.*greater than 0"),
        ({"set": {"gain": 1.0}}, "'prog_noise.set' needs the key 'kind'"),
        ({"set": {"kind": "sometimes"}}, "'prog_noise.set.kind' is 'sometimes', allowed: 'identical', 'aimed'"),
        ({"reset": {"kind": "aimed", "gain": 1.0, "voltage": "1 uS"}}, "'prog_noise.reset.voltage'.*unit V"),
        ({"reset": {"kind": "aimed", "gain": 1.0, "pulses": 3}}, "kind 'aimed' takes .*, found 'pulses'"),
        ({"verify_noise": -1}, "'prog_noise.verify_noise'.*equal to 0"),
        ({"tolerence": 1}, r"unknown key 'prog_noise.tolerence' \(did you mean 'tolerance'\?\)"),
    ],
)
def test_wrong_loops_are_refused_in_one_sentence(changes, message):
    pulse = {"kind": "aimed", "gain": 0.5}
    block = {"kind": "write_verify", "tolerance": 5, "max_tries": 20, "set": pulse, "reset": pulse} | changes
    with pytest.raises(InputError, match=message) as caught:
        resolve_device({"g_min": 0, "g_max": 150, "prog_noise": block})
    assert "\n" not in str(caught.value)


def test_a_part_of_the_loop_overrides_the_preset():
    name = "readc_taox_write_verify"
    changed = resolve_device({"preset": name, "prog_noise": {"set": {"gain": 0.7}, "max_tries": 5}})
    base = load_preset(name).prog_noise
    assert changed.prog_noise.set.gain == 0.7
    assert changed.prog_noise.max_tries == 5
    assert changed.prog_noise.set.c2c == base.set.c2c
    assert changed.prog_noise.reset == base.reset
