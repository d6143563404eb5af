"""Reads of every mapping have the distribution of reads device by device; tolerances follow from the sample size."""

import numpy as np
import pytest

from memramp.config import validate
from memramp.crossbar import CrossbarConfig, Reading, program_array
from memramp.devices import ReadConditions, resolve_device
from memramp.devices.iv import LinearCurve
from memramp.peripherals import InputConfig, code_inputs, coding_of

pytestmark = pytest.mark.statistics

N = 5_000
SIGMAS = 5.0  # two-sided probability of a false alarm 6e-7, of some 500 comparisons
DEVICE = {
    "g_min": 5.0,
    "g_max": 155.0,
    "prog_noise": {"kind": "constant", "sigma": "3 uS"},
    "read_noise": {
        "kind": "sum",
        "of": [
            {"kind": "proportional", "fraction": 0.03},
            {"kind": "thermal"},
            {"kind": "telegraph", "active": 0.3, "amplitude": 0.2, "duty": 0.4},
        ],
    },
}
READING = Reading(ReadConditions(v_read=0.02, t_pulse=1e-9))  # white noise is as large as the others
MAPPINGS = {
    "differential": {},
    "used side": {"noise_on": "used_side"},
    "offset": {"mapping": "offset", "scale": 35.0, "tile": {"cols": 3}},
    "bit sliced": {"mapping": "bit_sliced", "slices": {"bits": 4, "bits_per_device": 2}},
    "wires": {"wires": {"r_row": 20.0, "r_col": 30.0}},
    "charge": {"tile": {"rows": 3, "tall": "charge", "mismatch": 0.2}},
    "digital": {"tile": {"rows": 3, "tall": "digital", "adc": {"bits": 5, "range": 3.0}}},
}
X = np.array([1.0, -0.5, 0.0, 0.25, 0.8, -1.0, 0.1])


@pytest.fixture(params=MAPPINGS, scope="module")
def reads(request):
    """Return reads drawn fast, and device by device, [N, columns]."""
    config = validate(CrossbarConfig, MAPPINGS[request.param], "crossbar")
    w = np.random.default_rng(1).normal(0.0, 0.8, (7, 5))
    array = program_array(w, config, resolve_device(DEVICE), np.random.default_rng(2), reading=READING)
    batch = np.broadcast_to(X, (N, 7))
    return array.multiply(batch, np.uint64(4)).astype(np.float64), array.multiply_per_device(
        batch, np.random.default_rng(3)
    )


def test_means_agree(reads):
    fast, slow = reads
    error = np.sqrt((fast.var(axis=0) + slow.var(axis=0)) / N)
    assert (np.abs(fast.mean(axis=0) - slow.mean(axis=0)) < SIGMAS * error).all()


def test_covariances_of_all_pairs_of_columns_agree(reads):
    products = []
    for drawn in reads:
        centred = drawn - drawn.mean(axis=0)
        products.append(centred[:, :, None] * centred[:, None, :])
    fast, slow = products
    error = np.sqrt((fast.var(axis=0) + slow.var(axis=0)) / N)
    assert (np.abs(fast.mean(axis=0) - slow.mean(axis=0)) < SIGMAS * error).all()


def test_third_moments_agree(reads):
    # Two-state devices are not Gaussian; their skewness must come through.
    thirds = [(drawn - drawn.mean(axis=0)) ** 3 for drawn in reads]
    error = np.sqrt(sum(third.var(axis=0) for third in thirds) / N)
    assert (np.abs(thirds[0].mean(axis=0) - thirds[1].mean(axis=0)) < SIGMAS * error).all()


@pytest.mark.parametrize("coding", ["amplitude", "bit_serial"])
def test_powers_of_other_input_codings_are_those_of_reads_device_by_device(coding):
    w = np.random.default_rng(1).normal(0.0, 0.8, (7, 5))
    noisy = resolve_device({**DEVICE, "read_noise": {"kind": "sum", "of": DEVICE["read_noise"]["of"][:2]}})
    array = program_array(w, CrossbarConfig(), noisy, np.random.default_rng(2), reading=READING)
    config = InputConfig(coding=coding, bits=4)
    inputs = code_inputs(np.broadcast_to(X[:6], (N, 6)), config, coding_of(config, 0.02, LinearCurve()))
    fast = array.multiply(inputs.x, np.uint64(4), powers=inputs.powers).astype(np.float64)
    if coding == "bit_serial":  # each bit is read by itself; the bias row has one read
        numbers = np.rint(np.abs(inputs.x[:, :-1]) * 7).astype(int)
        slow, pulse = np.zeros((N, 5)), np.zeros((N, 7))
        for place in range(3):
            pulse[:, :-1] = np.sign(inputs.x[:, :-1]) * (numbers >> place & 1)
            slow += 2**place / 7 * array.multiply_per_device(pulse, np.random.default_rng(10 + place))
        pulse[:, :-1], pulse[:, -1] = 0.0, 1.0
        slow += array.multiply_per_device(pulse, np.random.default_rng(20))
    else:
        slow = array.multiply_per_device(inputs.x, np.random.default_rng(3), inputs.powers)
    for moment in (lambda drawn: drawn, lambda drawn: (drawn - drawn.mean(axis=0)) ** 2):
        one, two = moment(fast), moment(slow)
        error = np.sqrt((one.var(axis=0) + two.var(axis=0)) / N)
        assert (np.abs(one.mean(axis=0) - two.mean(axis=0)) < SIGMAS * error).all()
