"""Inputs by voltage and bit by bit: what they amount to, and what noise is multiplied with."""

import numpy as np
import pytest

from memramp.config import validate
from memramp.devices.iv import LinearCurve, SinhCurve
from memramp.errors import InputError
from memramp.peripherals import InputConfig, code_inputs, coding_of, quantise_inputs

X = np.random.default_rng(1).uniform(-1.3, 1.3, (23, 7)).astype(np.float32)
CURVE = SinhCurve(v_0=0.15, v_ref=0.2)


def coded(x=X, curve=None, **block):
    config = validate(InputConfig, block, "input")
    return code_inputs(x, config, coding_of(config, 0.2, curve or LinearCurve())), quantise_inputs(x, config)


@pytest.mark.parametrize(
    "block", [{}, {"coding": "amplitude"}, {"coding": "bit_serial", "bits": 5}, {"coding": "amplitude", "bits": 4}]
)
def test_linear_devices_see_the_quantised_inputs_and_a_full_pulse_of_the_bias(block):
    found, quantised = coded(**block)
    np.testing.assert_array_equal(found.x, np.concatenate([quantised, np.ones((23, 1), np.float32)], axis=1))
    if found.powers is not None:
        for power in found.powers:
            np.testing.assert_array_equal(power[:, -1], 1.0)


@pytest.mark.parametrize("bits", [None, 3, 8, 16])
def test_the_curve_of_the_devices_acts_on_voltages(bits):
    block = {"coding": "amplitude", "range": 1.2} | ({} if bits is None else {"bits": bits})
    found, quantised = coded(curve=CURVE, **block)
    expected = CURVE.shape(quantised.astype(float) * 0.2) / CURVE.shape(0.2)
    np.testing.assert_allclose(found.x[:, :-1], expected, atol=2e-7 if bits in (3, 8) else 1e-6)
    held, white = found.powers
    np.testing.assert_allclose(held[:, :-1], expected**2, atol=1e-5)
    whole = np.maximum(np.abs(found.x), 1.0)  # a voltage is there for the whole pulse; above one, shot noise grows
    np.testing.assert_array_equal(white, whole)


@pytest.mark.parametrize(("bits", "limit"), [(2, 1.0), (5, 1.0), (9, 0.8)])
def test_bits_of_an_input_are_reads_of_their_own(bits, limit):
    found, quantised = coded(coding="bit_serial", bits=bits, range=limit)
    top = 2 ** (bits - 1) - 1
    for power in found.powers:
        for value, total in zip(quantised.ravel(), power[:, :-1].ravel(), strict=True):
            number = round(abs(float(value)) / limit * top)
            weights = [limit * 2**k / top for k in range(bits) if number >> k & 1]
            assert sum(weights) == pytest.approx(abs(value), abs=1e-6)
            assert total == pytest.approx(sum(weight**2 for weight in weights), rel=1e-5)


def test_a_golden_case_of_bits():
    found, _ = coded(x=np.array([[5.0 / 7.0, -1.0, 0.0]]), coding="bit_serial", bits=4)
    np.testing.assert_allclose(found.powers[0], [[(16 + 1) / 49, (16 + 4 + 1) / 49, 0.0, 1.0]], rtol=1e-6)


def test_bits_are_needed_for_bit_serial_inputs():
    with pytest.raises(InputError, match="'bit_serial' needs the key 'bits'"):
        validate(InputConfig, {"coding": "bit_serial"}, "input")
    with pytest.raises(InputError, match="'pulse_width', 'amplitude' or 'bit_serial'"):
        validate(InputConfig, {"coding": "time"}, "input")
