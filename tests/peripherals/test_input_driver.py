import numpy as np
import pytest

from memramp.config import validate
from memramp.errors import InputError
from memramp.peripherals import InputConfig, quantise_inputs

X = np.random.default_rng(3).uniform(-1.5, 1.5, (40, 7))


def test_analog_inputs_are_clipped_to_the_longest_pulse_only():
    assert (quantise_inputs(X, InputConfig()) == np.clip(X, -1, 1).astype(np.float32)).all()
    assert quantise_inputs([[5.0, -0.25]], InputConfig(range=2.0)).tolist() == [[2.0, -0.25]]


@pytest.mark.parametrize("bits", [2, 3, 5, 8, 16])
def test_quantised_inputs_take_pulse_widths_that_are_symmetric_about_zero(bits):
    levels = 2 ** (bits - 1) - 1
    found = quantise_inputs(X, InputConfig(bits=bits, range=1.0))
    widths = found.astype(np.float64) * levels
    np.testing.assert_allclose(widths, np.rint(widths), atol=1e-2)
    assert (np.abs(found) <= 1.0).all()
    assert np.abs(found - np.clip(X, -1, 1)).max() <= 0.5 / levels + 1e-6
    assert (quantise_inputs(-X, InputConfig(bits=bits)) == -found).all()


def test_two_bits_are_a_pulse_of_either_sign_or_none():
    assert quantise_inputs([[0.4, 0.6, -0.6, 3.0, 0.0]], InputConfig(bits=2)).tolist() == [[0.0, 1.0, -1.0, 1.0, 0.0]]


def test_quantising_twice_changes_nothing():
    config = InputConfig(bits=5, range=3.0)
    once = quantise_inputs(X, config)
    assert (quantise_inputs(once, config) == once).all()


def test_inputs_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="inputs must be finite"):
        quantise_inputs([[np.nan]], InputConfig())


@pytest.mark.parametrize("settings", [{"bits": 1}, {"bits": 40}, {"bits": True}, {"range": 0}, {"range": -1.0}])
def test_settings_that_no_driver_has_are_refused(settings):
    with pytest.raises(InputError, match=f"'{next(iter(settings))}'"):
        validate(InputConfig, settings, "input")
