"""Measured faults of an array's devices."""

import numpy as np
import pytest

from memramp.crossbar import CrossbarConfig, load_array_faults, program_array
from memramp.devices import ConstantNoise, Device
from memramp.errors import InputError

HEADER = "array,row,column,device,state\n"
DEVICE = Device(g_min=1.0, g_max=151.0, prog_noise=ConstantNoise(sigma=2.0))
W = np.random.default_rng(1).normal(0.0, 0.7, (4, 3))


@pytest.fixture
def write(tmp_path):
    def put(text):
        path = tmp_path / "faults.csv"
        path.write_text(HEADER + text)
        return load_array_faults(path)

    return put


def test_stuck_devices_hold_what_was_found_and_others_do_not_change(write):
    found = write("lstm,0,1,pos,stuck_on\nlstm,2,2,neg,stuck_off\nlstm,3,0,neg,42.5\ndense,0,0,pos,stuck_on\n")
    masks = found.masks("lstm", W.shape, CrossbarConfig())
    faulty = program_array(W, CrossbarConfig(), DEVICE, np.random.default_rng(2), faults=masks)
    clean = program_array(W, CrossbarConfig(), DEVICE, np.random.default_rng(2))
    assert (faulty.g_pos[0, 1], faulty.g_neg[2, 2], faulty.g_neg[3, 0]) == (151.0, 1.0, 42.5)
    changed = np.zeros((2, *W.shape), bool)
    changed[0, 0, 1] = changed[1, 2, 2] = changed[1, 3, 0] = True
    np.testing.assert_array_equal(np.stack([faulty.g_pos != clean.g_pos, faulty.g_neg != clean.g_neg]), changed)


def test_the_reference_column_has_faults_too(write):
    config = CrossbarConfig(mapping="offset", scale=35.0)
    masks = write("lstm,1,0,ref,stuck_off\n").masks("lstm", W.shape, config)
    assert program_array(W, config, DEVICE, np.random.default_rng(2), faults=masks).devices["ref"][1, 0] == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lstm,4,0,pos,stuck_on\n", r"line 2: .* has rows 0\.\.3 and columns 0\.\.2 of pos, found row 4, column 0"),
        ("lstm,0,3,neg,stuck_on\n", "found row 0, column 3"),
        ("lstm,0,0,cell,stuck_on\n", "line 2: devices of this mapping are pos, neg, found 'cell'"),
    ],
)
def test_devices_that_the_array_does_not_have_are_refused(write, text, message):
    with pytest.raises(InputError, match=message):
        write(text).masks("lstm", W.shape, CrossbarConfig())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lstm,0,0,pos,stuck_on\nlstm,0,0,pos,5\n", "line 3: this device stands in line 2 already"),
        ("lstm,0,0,pos,broken\n", "line 2: state must be stuck_off, stuck_on or a conductance in uS, found 'broken'"),
        ("lstm,0,0,pos,nan\n", "state must be"),
        ("lstm,0,0,pos,-1\n", "must lie between 0 and"),
        ("lstm,a,0,pos,1\n", "row"),
        ("lstm,0,0,pos\n", "line 2"),
    ],
)
def test_files_that_say_nothing_sensible_are_refused(write, text, message):
    with pytest.raises(InputError, match=message):
        write(text)


def test_arrays_that_the_network_does_not_have_are_refused(write):
    with pytest.raises(InputError, match="line 2: the arrays are lstm, found 'gru'"):
        write("gru,0,0,pos,1\n").check_names(["lstm"])


def test_one_error_a_weight_has_no_single_devices_to_be_stuck(write):
    masks = write("lstm,0,1,pos,stuck_on\n").masks("lstm", W.shape, CrossbarConfig())
    with pytest.raises(InputError, match="used_side"):
        program_array(W, CrossbarConfig(noise_on="used_side"), DEVICE, np.random.default_rng(2), faults=masks)
