"""Many chips in one call: the bits of single ones, for any threads, and their errors."""

import numba
import numpy as np
import pytest

from memramp.devices import (
    Device,
    FaultMask,
    chip_keys,
    load_preset,
    preset_names,
    program,
    program_chips,
    program_keyed,
    writing,
)
from memramp.errors import InputError
from memramp.streams import Streams

STREAMS = Streams(5)
KEYS = chip_keys(STREAMS, 5)


def targets(device, shape=(40, 61)):
    return np.random.default_rng(1).uniform(device.g_min, device.g_max, shape)


@pytest.mark.parametrize("name", preset_names())
def test_each_chip_is_the_one_that_is_programmed_alone(name):
    device = load_preset(name).model_copy(update={"stuck_off_rate": 0.05, "stuck_on_rate": 0.02})
    target = targets(device)
    out = np.empty((5, *target.shape), np.float32)
    errors = program_chips(device, target, KEYS, out=out)
    for chip, key in enumerate(KEYS):
        alone = program_keyed(device, target, key)
        np.testing.assert_array_equal(out[chip], alone.g.astype(np.float32))
        error = alone.g - target
        assert errors.mean[chip] == pytest.approx(error.mean(), rel=1e-9, abs=1e-9)
        assert errors.std[chip] == pytest.approx(error.std(), rel=1e-9)
        assert errors.max[chip] == np.abs(error).max()
    assert len(errors) == 5


@pytest.mark.parametrize("changes", [{"g_min_std": 3.0, "g_max_std": 5.0}, {"levels": 16}], ids=["windows", "levels"])
def test_blocks_and_threads_change_no_bit(monkeypatch, changes):
    device = load_preset("yang2025_150us").model_copy(update={"stuck_off_rate": 0.05, **changes})
    target = targets(device)
    threads = numba.get_num_threads()
    found = []
    try:
        for count in (1, threads):
            numba.set_num_threads(count)
            out = np.empty((5, *target.shape), np.float32)
            found.append((out, program_chips(device, target, KEYS, out=out)))
    finally:
        numba.set_num_threads(threads)
    monkeypatch.setattr("memramp.devices.chips.BLOCK", 64)
    out = np.empty((5, *target.shape), np.float32)
    program_chips(device, target, KEYS, out=out)
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][0], out)
    for name in ("mean", "std", "max"):
        np.testing.assert_array_equal(getattr(found[0][1], name), getattr(found[1][1], name))


def test_a_callback_sees_every_chip_once():
    device = load_preset("yang2025_150us")
    target = targets(device)
    seen = {}
    program_chips(device, target, KEYS, callback=lambda chip, g: seen.__setitem__(chip, g.copy()))
    assert sorted(seen) == [0, 1, 2, 3, 4]
    for chip, key in enumerate(KEYS):
        np.testing.assert_array_equal(seen[chip], program_keyed(device, target, key).g)


def test_the_generator_of_program_gives_the_key():
    device = load_preset("yang2025_150us")
    key = np.random.default_rng(3).integers(0, 2**64, dtype=np.uint64)
    np.testing.assert_array_equal(
        program(device, [50.0, 60.0], np.random.default_rng(3)).g, program_keyed(device, [50.0, 60.0], key).g
    )


def test_keys_belong_to_chips_and_names():
    np.testing.assert_array_equal(chip_keys(STREAMS, 3), KEYS[:3])
    assert KEYS[1] == STREAMS.child("chip", 2).key("program")
    assert not np.isin(chip_keys(STREAMS, 5, "other"), KEYS).any()
    assert np.unique(KEYS).size == 5


def test_no_chip_and_no_device():
    device = load_preset("yang2025_150us")
    assert len(program_chips(device, targets(device), [])) == 0
    empty = program_chips(device, np.empty((0, 3)), KEYS)
    np.testing.assert_array_equal(empty.std, np.zeros(5))
    assert program_keyed(device, np.empty((0, 3)), KEYS[0]).g.shape == (0, 3)


def test_measured_faults_and_floor_reach_every_chip():
    device = load_preset("yang2025_150us")
    target = np.zeros((4, 4))
    off, value = np.zeros((4, 4), bool), np.full((4, 4), np.nan)
    off[0, 0], value[1, 1] = True, 33.0
    out = np.empty((5, 4, 4), np.float32)
    program_chips(device, target, KEYS, floor=-np.inf, faults=FaultMask(off, np.zeros_like(off), value), out=out)
    assert (out[:, 0, 0] == 0.0).all()
    assert (out[:, 1, 1] == 33.0).all()
    assert out.min() < 0.0


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.empty((5, 2, 2)), r"out must be float32 \[5, 2, 2\], contiguous, found float64"),
        (np.empty((4, 2, 2), np.float32), r"found float32 \[4, 2, 2\]"),
        (np.empty((5, 2, 4), np.float32)[:, :, ::2], "not contiguous"),
    ],
)
def test_results_that_do_not_fit_are_refused(out, message):
    with pytest.raises(InputError, match=message):
        program_chips(load_preset("yang2025_150us"), np.ones((2, 2)), KEYS, out=out)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0, 151.0])
def test_bad_targets_are_refused(bad):
    with pytest.raises(InputError, match=r"window 0\.\.150 uS"):
        program_chips(load_preset("yang2025_150us"), [bad], KEYS)


def test_more_devices_than_counters_are_refused(monkeypatch):
    monkeypatch.setattr(writing, "MAX_DEVICES", 3)
    with pytest.raises(InputError, match=r"at most .* devices can be written at once, found 4"):
        program_chips(Device(g_min=0.0, g_max=1.0), np.zeros(4), KEYS)
