"""A device's description: what is allowed and what the noise blocks mean."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from memramp.config import validate
from memramp.devices import ConstantNoise, Device, NoNoise, ProgNoise, ProportionalNoise, ReadNoise, UniformNoise
from memramp.errors import InputError


def device(**changes):
    return validate(Device, {"g_min": 0, "g_max": "150 uS", **changes}, "device")


def test_quantities_and_plain_numbers_mean_microsiemens():
    made = device(g_min="0.01 mS", prog_noise={"kind": "constant", "sigma": 2.67})
    assert made.g_min == pytest.approx(10.0)
    assert made.g_max == 150.0
    assert made.prog_noise == ConstantNoise(sigma=2.67)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prog_noise": {"kind": "constant", "sigma": -1}}, r"prog_noise.*sigma.*greater than or equal to 0.*-1"),
        ({"read_noise": {"kind": "proportional", "fraction": -0.1}}, r"read_noise.*fraction.*equal to 0"),
        ({"prog_noise": {"kind": "proportional", "fraction": 5}}, r"fraction.*less than or equal to 1.*5"),
        ({"prog_noise": {"kind": "uniform", "half_width": "-1 uS"}}, r"half_width.*greater than or equal to 0"),
        ({"read_noise": {"kind": "uniform", "half_width": 1}}, r"read_noise.kind.*'uniform', allowed: .*'constant'"),
        ({"prog_noise": {"kind": "gaussian", "sigma": 1}}, r"prog_noise.kind.*'gaussian', allowed: 'none', 'constant'"),
        ({"prog_noise": {"sigma": 1}}, r"prog_noise.*needs the key 'kind'"),
        ({"prog_noise": {"kind": "constant", "sigma": "2 V"}}, r"expected the unit uS"),
        ({"stuck_off_rate": 0.7, "stuck_on_rate": 0.4}, r"together are at most 1, found 0.7 and 0.4"),
        ({"stuck_on_rate": -0.1}, r"stuck_on_rate.*greater than or equal to 0"),
        ({"stuck_off_rate": True}, r"stuck_off_rate.*True"),
        ({"g_min": 150}, r"g_min must lie below g_max, found 150 uS and 150 uS"),
        ({"g_min": -1}, r"g_min.*greater than or equal to 0"),
        ({"g_maks": 3}, r"unknown key 'g_maks' \(did you mean 'g_max'\?\)"),
    ],
)
def test_impossible_devices_are_refused_in_one_sentence(changes, message):
    with pytest.raises(InputError, match=message) as caught:
        device(**changes)
    assert "\n" not in str(caught.value)


def test_rates_that_sum_to_one_are_allowed():
    assert device(stuck_off_rate=0.9, stuck_on_rate=0.1).stuck_on_rate == 0.1


def test_ideal_keeps_the_window_and_nothing_else():
    noisy = device(
        g_min=5,
        prog_noise={"kind": "constant", "sigma": 1},
        read_noise={"kind": "constant", "sigma": 1},
        stuck_off_rate=0.1,
        stuck_on_rate=0.1,
    )
    assert noisy.ideal() == Device(g_min=5.0, g_max=150.0)
    assert noisy.ideal().prog_noise == NoNoise()


def test_a_device_survives_a_round_trip_through_plain_data():
    read_noise = {"kind": "proportional", "fraction": 0.02}
    made = device(prog_noise={"kind": "uniform", "half_width": 5}, read_noise=read_noise)
    assert validate(Device, made.model_dump(), "manifest") == made


@pytest.mark.parametrize(
    ("noise", "expected"),
    [
        (NoNoise(), [0.0, 0.0]),
        (ConstantNoise(sigma=2.0), [2.0, 2.0]),
        (ProportionalNoise(fraction=0.1), [0.0, 10.0]),
        (UniformNoise(half_width=3.0), [np.sqrt(3.0), np.sqrt(3.0)]),
    ],
)
def test_standard_deviation_of_each_kind(noise, expected):
    np.testing.assert_allclose(noise.std([0.0, 100.0]), expected)
    assert noise.draw(np.ones((2, 3)), np.random.default_rng(1)).shape == (2, 3)


@pytest.mark.parametrize("kind", ["constant", "proportional", "uniform"])
def test_a_larger_noise_scales_the_same_draws(kind):
    key = {"constant": "sigma", "proportional": "fraction", "uniform": "half_width"}[kind]
    small, large = (TypeAdapter(ProgNoise).validate_python({"kind": kind, key: size}) for size in (0.25, 0.5))
    g = np.linspace(10.0, 150.0, 7)
    one, two = small.draw(g, np.random.default_rng(4)), large.draw(g, np.random.default_rng(4))
    np.testing.assert_array_equal(2.0 * one, two)
    assert np.abs(one).min() > 0


def test_read_noise_has_no_uniform_kind():
    with pytest.raises(ValueError, match="uniform"):
        TypeAdapter(ReadNoise).validate_python({"kind": "uniform", "half_width": 1})
