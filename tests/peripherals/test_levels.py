import math

import numpy as np
import pytest

from memramp.errors import InputError
from memramp.peripherals import ideal_levels

BITS = pytest.mark.parametrize("bits", [3, 4, 5, 6, 8])
BOTH = pytest.mark.parametrize("name", ["sigmoid", "tanh"])


@BITS
def test_paper_levels_of_the_sigmoid_are_the_printed_formulas_bit_for_bit(bits):
    count = 2**bits
    levels = ideal_levels("sigmoid", bits, "paper")
    targets = [k / (count + 2) for k in range(1, count + 2)]
    assert levels.outputs.tolist() == [c / (count + 2) for c in range(count)]
    np.testing.assert_array_max_ulp(levels.ramp, np.array([math.log(t / (1 - t)) for t in targets]), 1)
    assert levels.thresholds.tolist() == levels.ramp[: count - 1].tolist()


@BITS
def test_paper_levels_of_tanh_are_the_printed_formulas_bit_for_bit(bits):
    count, half = 2**bits, 2 ** (bits - 1)
    levels = ideal_levels("tanh", bits, "paper")
    targets = [(k - half) / (half + 1) for k in range(count + 1)]
    printed = np.array([2 * c / (count + 2) - 1 for c in range(count)])
    assert levels.outputs.astype(np.float32).tolist() == printed.astype(np.float32).tolist()
    np.testing.assert_array_max_ulp(levels.ramp, np.array([0.5 * math.log((1 + t) / (1 - t)) for t in targets]), 1)


@BITS
def test_midpoint_levels_are_the_borders_and_middles_of_equal_parts(bits):
    count = 2**bits
    sigmoid, tanh = ideal_levels("sigmoid", bits, "midpoint"), ideal_levels("tanh", bits, "midpoint")
    parts = [k / count for k in range(1, count)]
    np.testing.assert_allclose(sigmoid.thresholds, [math.log(p / (1 - p)) for p in parts], atol=1e-14)
    np.testing.assert_allclose(tanh.thresholds, [math.atanh(2 * p - 1) for p in parts], atol=1e-14)
    assert sigmoid.outputs.tolist() == [(c + 0.5) / count for c in range(count)]
    assert tanh.outputs.tolist() == [(2 * c + 1) / count - 1 for c in range(count)]


@BOTH
@pytest.mark.parametrize("kind", ["paper", "midpoint"])
@pytest.mark.parametrize("bits", range(2, 13))
def test_thresholds_and_outputs_rise_and_mid_scale_is_exactly_zero(name, kind, bits):
    levels = ideal_levels(name, bits, kind)
    assert (np.diff(levels.ramp) > 0).all()
    assert levels.ramp[levels.mid] == 0.0
    assert levels.thresholds.size == 2**bits - 1
    assert levels.outputs.size == 2**bits
    np.testing.assert_allclose(np.diff(levels.outputs), levels.lsb, rtol=1e-10)
    np.testing.assert_allclose(np.diff(levels.function(levels.thresholds)), levels.lsb, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "bits", "error"),
    [
        ("sigmoid", 5, -0.016),
        ("sigmoid", 4, -0.034),
        ("sigmoid", 3, -0.075),
        ("tanh", 5, -0.047),
        ("tanh", 4, -0.10),
        ("tanh", 3, -0.21),
    ],
)
def test_floor_quantiser_of_paper_levels_has_the_known_bias_and_midpoint_has_none(name, bits, error):
    v = np.linspace(-9.0, 9.0, 20001)
    weight = np.exp(-0.5 * (v / 1.5) ** 2)  # normal distribution of standard deviation 1.5

    def mean_error(kind):
        levels = ideal_levels(name, bits, kind)
        codes = np.searchsorted(levels.thresholds, v, side="right")
        return np.average(levels.outputs[codes] - levels.function(v), weights=weight)

    digits = len(str(error).split(".")[1])
    assert mean_error("paper") == pytest.approx(error, abs=0.51 * 10.0**-digits)
    assert abs(mean_error("midpoint")) < 1e-3 * abs(error)  # the grid of v has a point on one threshold


@pytest.mark.parametrize(
    ("bits", "sigmoid_top", "tanh_top"), [(5, 31 / 34, 28 / 34), (4, 15 / 18, 12 / 18), (3, 0.7, 0.4)]
)
def test_top_of_paper_levels_is_unreachable_while_the_bottom_is_reached(bits, sigmoid_top, tanh_top):
    sigmoid, tanh = ideal_levels("sigmoid", bits, "paper").outputs, ideal_levels("tanh", bits, "paper").outputs
    assert (sigmoid[0], sigmoid[-1]) == (0.0, pytest.approx(sigmoid_top))
    assert (tanh[0], tanh[-1]) == (-1.0, pytest.approx(tanh_top))


@BOTH
def test_midpoint_levels_are_symmetric(name):
    levels = ideal_levels(name, 5, "midpoint")
    np.testing.assert_allclose(levels.thresholds, -levels.thresholds[::-1], atol=1e-14)
    assert (levels.outputs + levels.outputs[::-1] == sum(levels.function.limits)).all()


@pytest.mark.parametrize("bits", [0, -1, 13, 40, 5.0, True, "5"])
def test_resolution_out_of_range_is_refused(bits):
    with pytest.raises(InputError, match=f"1 to 12, found {bits}"):
        ideal_levels("sigmoid", bits, "paper")


def test_one_bit_exists_for_paper_levels_only():
    assert ideal_levels("tanh", 1, "paper").thresholds.size == 1
    with pytest.raises(InputError, match="2 to 12, found 1"):
        ideal_levels("tanh", 1, "midpoint")


def test_unknown_levels_are_refused():
    with pytest.raises(InputError, match="'lloyd', allowed: paper, midpoint, uniform, lloyd_max, noise_aware"):
        ideal_levels("sigmoid", 5, "lloyd")
