"""Offset columns, bit slices and scales: what the conductances stand for, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memramp.config import validate
from memramp.crossbar.mapping import CrossbarConfig, SliceConfig, map_weights
from memramp.devices import Device
from memramp.errors import InputError

DEVICE = Device(g_min=10.0, g_max=150.0)
W = np.random.default_rng(1).normal(0.0, 0.8, (11, 6))


def stands_for(mapped):
    total = sum(plane.target * plane.factor for plane in mapped.planes)
    return total if mapped.reference is None else total - mapped.reference * mapped.planes[0].factor


def config(**changes):
    return validate(CrossbarConfig, {"w_clip": 1.5, "scale": 40.0, **changes}, "crossbar")


@pytest.mark.parametrize("mapping", ["differential", "offset"])
@pytest.mark.parametrize("scale_per", ["fixed", "layer", "column"])
def test_conductances_stand_for_the_clipped_weights_and_lie_in_the_window(mapping, scale_per):
    mapped = map_weights(W, config(mapping=mapping, scale_per=scale_per), DEVICE)
    np.testing.assert_allclose(stands_for(mapped), np.clip(W, -1.5, 1.5), atol=1e-12)
    for plane in mapped.planes:
        assert plane.target.min() >= 10.0
        assert plane.target.max() <= 150.0


def test_asymmetric_golden_case_of_an_offset_column():
    mapped = map_weights([[1.0, -0.5, 0.0], [-1.5, 9.0, 0.25]], config(mapping="offset"), DEVICE)
    assert mapped.reference == 80.0
    np.testing.assert_allclose(mapped.planes[0].target, [[120.0, 60.0, 80.0], [20.0, 140.0, 90.0]])


def test_a_layer_scale_fills_the_window_with_the_largest_weight_and_a_column_scale_with_that_of_each_column():
    w = np.array([[1.0, 0.25], [-0.5, -0.125]])
    layer = map_weights(w, config(scale_per="layer"), DEVICE)
    np.testing.assert_allclose(layer.scale, 140.0)
    column = map_weights(w, config(scale_per="column"), DEVICE)
    np.testing.assert_allclose(column.scale, [140.0, 560.0])
    np.testing.assert_allclose(column.planes[0].target, [[150.0, 150.0], [10.0, 10.0]])
    np.testing.assert_allclose(column.planes[1].target, [[10.0, 10.0], [80.0, 80.0]])


def test_a_column_of_zeros_has_a_finite_scale():
    mapped = map_weights([[0.0, 1.0]], config(scale_per="column"), DEVICE)
    assert np.isfinite(mapped.scale).all()
    np.testing.assert_allclose(stands_for(mapped), [[0.0, 1.0]])


@given(
    bits_per_device=st.integers(1, 4),
    count=st.integers(1, 4),
    scale_per=st.sampled_from(["fixed", "layer", "column"]),
    seed=st.integers(0, 99),
)
def test_slices_hold_the_nearest_number_in_digits_of_the_device(bits_per_device, count, scale_per, seed):
    cut = {"bits": bits_per_device * count, "bits_per_device": bits_per_device}
    w = np.random.default_rng(seed).normal(0.0, 0.8, (5, 4))
    mapped = map_weights(w, config(mapping="bit_sliced", slices=cut, scale_per=scale_per), DEVICE)
    assert [plane.name for plane in mapped.planes] == [f"{side}{k}" for k in range(count) for side in ("pos", "neg")]
    clipped = np.clip(w, -1.5, 1.5)
    top = {"fixed": 1.5, "layer": np.abs(clipped).max(), "column": np.abs(clipped).max(axis=0)}[scale_per]
    least = top / (2 ** cut["bits"] - 1)
    assert np.all(np.abs(stands_for(mapped) - clipped) <= 0.5 * least * (1 + 1e-9))
    digits = np.stack([(plane.target - 10.0) / 140.0 * (2**bits_per_device - 1) for plane in mapped.planes])
    np.testing.assert_allclose(digits, np.rint(digits), atol=1e-9)
    np.testing.assert_allclose(stands_for(mapped) / least, np.rint(stands_for(mapped) / least), atol=1e-6)


def test_golden_case_of_slices():
    cut = SliceConfig(bits=4, bits_per_device=2)
    mapped = map_weights([[1.5 * 11 / 15, -1.5]], CrossbarConfig(w_clip=1.5, mapping="bit_sliced", slices=cut), DEVICE)
    unit = 140.0 / 3.0  # 11 = 2 * 4 + 3
    pos0, neg0, pos1, neg1 = (plane.target[0] for plane in mapped.planes)
    np.testing.assert_allclose(pos0, [10.0 + 3 * unit, 10.0])
    np.testing.assert_allclose(pos1, [10.0 + 2 * unit, 10.0])
    np.testing.assert_allclose(neg0, [10.0, 150.0])
    np.testing.assert_allclose(neg1, [10.0, 150.0])
    np.testing.assert_allclose(mapped.planes[2].factor / mapped.planes[0].factor, 4.0)
    np.testing.assert_allclose(mapped.scale, 1.0 / mapped.planes[2].factor)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"mapping": "unipolar"}, "mapping.*'differential', 'offset' or 'bit_sliced'"),
        ({"mapping": "offset", "noise_on": "used_side"}, "noise_on 'used_side' belongs to mapping 'differential'"),
        ({"mapping": "offset", "layout": "separate"}, "layout 'separate' needs several devices"),
        ({"slices": {"bits": 4}}, "slices belong to mapping 'bit_sliced'"),
        ({"mapping": "bit_sliced", "slices": {"bits": 7}}, "multiple of bits_per_device, found 7 and 2"),
        ({"scale_per": "row"}, "scale_per"),
        ({"tile": {"rows": 0}}, "rows"),
        ({"tile": {"tall": "digital", "mismatch": 0.1}}, "mismatch belongs to tall 'charge'"),
        ({"tile": {"adc": {"bits": 6}}}, "adc belongs to tall 'digital'"),
    ],
)
def test_wrong_blocks_are_refused(block, message):
    with pytest.raises(InputError, match=message):
        validate(CrossbarConfig, block, "crossbar")


def test_an_offset_scale_beyond_half_the_window_is_refused_and_says_what_fits():
    with pytest.raises(InputError, match=r"w_clip is 80 \+ 75 \* 2 = 230 uS.*at most 35 uS"):
        map_weights(W, CrossbarConfig(mapping="offset"), DEVICE)
