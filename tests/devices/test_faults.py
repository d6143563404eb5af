"""Stuck devices: drawn rates are rates, measured masks are what was measured, and nothing undoes either."""

import numpy as np
import pytest

from memramp.devices import Device, FaultMask, load_faults, program_keyed
from memramp.errors import InputError

KEY = np.uint64(9)
NOISY = Device(g_min=2.0, g_max=150.0, prog_noise={"kind": "constant", "sigma": 20.0})


def written(tmp_path, text):
    path = tmp_path / "faults.csv"
    path.write_text(text)
    return path


def test_a_mask_is_read_and_written_over_every_error(tmp_path):
    path = written(tmp_path, "# chip 3\nrow,col,state\n0,1,stuck_off\n2,0,stuck_on\n1,1,37.5\n")
    mask = load_faults(path, (3, 2))
    cells = program_keyed(NOISY, np.full((3, 2), 75.0), KEY, faults=mask)
    assert cells.g[0, 1] == 2.0
    assert cells.g[2, 0] == 150.0
    assert cells.g[1, 1] == 37.5
    np.testing.assert_array_equal(cells.stuck, [[False, True], [False, True], [True, False]])
    np.testing.assert_array_equal(cells.stuck_at, mask.stuck_at)
    healthy = ~cells.stuck
    np.testing.assert_array_equal(cells.g[healthy], program_keyed(NOISY, np.full((3, 2), 75.0), KEY).g[healthy])


def test_devices_outside_the_mask_are_stuck_at_the_rates():
    nothing = FaultMask(*np.zeros((2, 400, 500), bool), np.full((400, 500), np.nan))
    device = NOISY.model_copy(update={"stuck_off_rate": 0.1})
    drawn = program_keyed(device, np.full((400, 500), 75.0), KEY)
    masked = program_keyed(device, np.full((400, 500), 75.0), KEY, faults=nothing)
    np.testing.assert_array_equal(drawn.stuck_off, masked.stuck_off)
    on = np.zeros((400, 500), bool)
    on[:, 0] = True
    both = program_keyed(device, np.full((400, 500), 75.0), KEY, faults=FaultMask(np.zeros_like(on), on, nothing.value))
    assert both.stuck_on[:, 0].all()
    assert not both.stuck_off[:, 0].any()  # the mask wins over what was drawn
    np.testing.assert_array_equal(both.stuck_off[:, 1:], drawn.stuck_off[:, 1:])


@pytest.mark.statistics
@pytest.mark.parametrize("rate", [0.001, 0.02, 0.5])
def test_the_stuck_rate_is_not_multiplied_twice(rate):
    n = 1_000_000
    device = Device(g_min=0.0, g_max=150.0, stuck_off_rate=rate)
    stuck = program_keyed(device, np.full(n, 75.0), KEY).stuck_off.sum()
    assert abs(stuck - n * rate) < 4.5 * np.sqrt(n * rate * (1.0 - rate))


def test_rates_of_one_are_all_devices():
    target = np.full(5000, 75.0)
    assert program_keyed(Device(g_min=0.0, g_max=150.0, stuck_off_rate=1.0), target, KEY).stuck_off.all()
    assert program_keyed(Device(g_min=0.0, g_max=150.0, stuck_on_rate=1.0), target, KEY).stuck_on.all()


@pytest.mark.parametrize("floor", [0.0, 100.0])
def test_a_clamp_does_not_undo_stuck_devices(floor):
    device = NOISY.model_copy(update={"stuck_off_rate": 0.5})
    cells = program_keyed(device, np.full(1000, 75.0), KEY, floor=floor)
    assert set(cells.g[cells.stuck_off]) == {2.0}
    assert cells.g[~cells.stuck].min() >= floor


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("row,col,state\n0,1,stuck_off\n0,1,stuck_on\n", "line 3: .* row 0, col 1 stands twice, first in line 2"),
        ("row,col,state\n3,0,stuck_off\n", r"line 2: row 3, col 0 lies outside the array, which has rows 0\.\.2"),
        ("row,col,state\n0,2,stuck_off\n", "outside the array"),
        ("row,col,state\n-1,0,stuck_off\n", "line 2: row must be a whole number from 0 to 999999999, found '-1'"),
        ("row,col,state\n0,0,dead\n", "line 2: state must be stuck_off, stuck_on or a conductance in uS, found 'dead'"),
        ("row,col,state\n0,0,\n", "line 2: state must be stuck_off"),
        ("row,col,state\n0,0,nan\n", "line 2: state must be stuck_off"),
        ("row,col,state\n0,0,-3\n", r"line 2: a conductance must lie between 0 and 1e\+06 uS, found -3"),
        ("row,col\n0,0\n", "line 1: the header lacks state"),
        ("", "is empty"),
        ("row,col,state\n0,0\n", "line 2: expected 3 values"),
    ],
)
def test_faulty_masks_are_refused_in_one_sentence(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as caught:
        load_faults(written(tmp_path, text), (3, 2))
    assert "\n" not in str(caught.value)


def test_an_empty_mask_is_no_fault(tmp_path):
    mask = load_faults(written(tmp_path, "row,col,state\n"), (3, 2))
    assert not (mask.stuck_off | mask.stuck_on | mask.stuck_at).any()


def test_masks_that_contradict_themselves_or_the_array_are_refused():
    off, value = np.zeros((2, 2), bool), np.full((2, 2), np.nan)
    on = off.copy()
    off[0, 0] = on[0, 0] = True
    with pytest.raises(InputError, match="one fault, found one with two"):
        FaultMask(off, on, value)
    with pytest.raises(InputError, match="have one shape"):
        FaultMask(off, np.zeros((2, 3), bool), value)
    with pytest.raises(InputError, match="values of a fault mask"):
        FaultMask(np.zeros((2, 2), bool), np.zeros((2, 2), bool), np.full((2, 2), np.inf))
    good = FaultMask(np.zeros((2, 2), bool), np.zeros((2, 2), bool), value)
    with pytest.raises(InputError, match=r"shape of the targets, found \[2, 2\] and \[2, 3\]"):
        program_keyed(NOISY, np.full((2, 3), 75.0), KEY, faults=good)
