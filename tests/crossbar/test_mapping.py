"""Weights to conductances: which device carries what, and what does not fit."""

import numpy as np
import pytest

from memramp.config import validate
from memramp.crossbar import CrossbarConfig, to_conductances
from memramp.devices import Device, load_preset
from memramp.errors import InputError

DEVICE = Device(g_min=0.0, g_max=150.0)


def test_asymmetric_golden_case_rows_are_inputs_and_the_unused_side_rests():
    w = [[1.0, -0.5, 0.0], [-2.0, 0.2, 3.0]]  # 2 rows (inputs), 3 columns (outputs); 3.0 is clipped to 2
    g_pos, g_neg = to_conductances(w, CrossbarConfig(scale=70.0), Device(g_min=10.0, g_max=150.0))
    np.testing.assert_allclose(g_pos, [[80.0, 10.0, 10.0], [10.0, 24.0, 150.0]])
    np.testing.assert_allclose(g_neg, [[10.0, 45.0, 10.0], [150.0, 10.0, 10.0]])


def test_pairs_stand_for_the_clipped_weights_whatever_g_min():
    w = np.random.default_rng(1).normal(0.0, 1.5, (9, 7))
    for g_min in (0.0, 30.0):
        g_pos, g_neg = to_conductances(w, CrossbarConfig(scale=60.0, w_clip=1.5), Device(g_min=g_min, g_max=150.0))
        np.testing.assert_allclose((g_pos - g_neg) / 60.0, np.clip(w, -1.5, 1.5), atol=1e-12)
        np.testing.assert_array_equal(np.minimum(g_pos, g_neg), g_min)
        assert max(g_pos.max(), g_neg.max()) <= 150.0


def test_the_defaults_fill_the_window_of_the_150_us_device_exactly():
    g_pos, _ = to_conductances([[2.0]], CrossbarConfig(), load_preset("yang2025_150us"))
    assert g_pos[0, 0] == 150.0


def test_a_mapping_beyond_the_window_is_refused_and_says_what_fits():
    with pytest.raises(InputError, match=r"0 \+ 75 \* 2 = 150 uS, above the device's g_max of 50 uS.*at most 25 uS"):
        to_conductances([[0.1]], CrossbarConfig(), load_preset("yang2025_50us"))
    to_conductances([[0.1]], CrossbarConfig(scale=25.0), load_preset("yang2025_50us"))


def test_rounding_does_not_refuse_a_mapping_that_just_fits():
    device = Device(g_min=0.1, g_max=0.3)
    assert device.g_max < 0.1 + 0.2  # the sum of the two doubles
    g_pos, _ = to_conductances([[1.0]], CrossbarConfig(scale=0.2, w_clip=1.0), device)
    assert g_pos[0, 0] == device.g_max


@pytest.mark.parametrize(
    ("w", "message"),
    [
        ([1.0, 2.0], r"matrix \[rows, cols\], found the shape \[2\]"),
        (np.zeros((0, 3)), r"found the shape \[0, 3\]"),
        ([[1.0, np.nan]], "finite"),
        ([[np.inf, 1.0]], "finite"),
    ],
)
def test_weights_that_are_no_finite_matrix_are_refused(w, message):
    with pytest.raises(InputError, match=message):
        to_conductances(w, CrossbarConfig(), DEVICE)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"w_clip": 0}, "w_clip.*greater than or equal to"),
        ({"scale": "-75 uS"}, "scale.*greater than or equal to"),
        ({"scale": "75 V"}, "expected the unit uS"),
        ({"noise_on": "both"}, "noise_on.*'pair' or 'used_side'"),
        ({"clip": 2}, "unknown key 'clip'"),
    ],
)
def test_wrong_crossbar_blocks_are_refused(block, message):
    with pytest.raises(InputError, match=message):
        validate(CrossbarConfig, block, "crossbar")
