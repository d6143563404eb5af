import numpy as np
import pytest
from networks import HARDWARE, IDEAL, NOISY, random_features, random_network

from memramp.errors import InputError
from memramp.models.analog_network import program_network
from memramp.models.hardware import HardwareConfig
from memramp.models.read_energy import CONVERSION_5BIT, read_energy
from memramp.streams import Streams


def test_the_energy_is_the_sum_over_devices_and_steps():
    chip = program_network(random_network("lstm"), HardwareConfig(device=NOISY), Streams(0))
    x = np.tanh(random_features(3, 4))
    cell, total = chip.layer, 0.0
    states = cell.run(x, record=True)
    for n in range(3):
        h = np.zeros(8)
        for t in range(4):
            for row, pulse in enumerate([*x[n, t], *h, 1.0]):
                for plane in cell.array.devices.values():
                    for g in plane[row]:
                        total += abs(pulse) * 32e-9 * 0.2**2 * g * 1e-6
            h = states[n, t]
    found = read_energy(chip, x)
    assert found.devices == pytest.approx(total, rel=1e-6)
    assert found.conversions == 3 * 4 * 32
    assert found.converters == pytest.approx(3 * 4 * 32 * CONVERSION_5BIT)
    assert found.per_sequence == pytest.approx((total + found.converters) / 3, rel=1e-6)


def test_a_device_of_50_us_takes_32_fj_in_a_mean_pulse():
    # 0.2 V, 50 uS, 16 ns: the reference point of the paper's array, derived.
    assert pytest.approx(32e-15) == 0.2**2 * 50e-6 * 16e-9
    checkpoint = random_network("lstm")
    for name in ("lstm.weight_x", "lstm.weight_h", "lstm.bias"):
        checkpoint.tensors[name][:] = 50.0 / 75.0
    chip = program_network(checkpoint, HardwareConfig(device=IDEAL), Streams(0))
    x = np.full((1, 1, 6), 0.5)  # one device of each pair is at 50 uS, the other at zero; states are zero at first
    assert read_energy(chip, x).devices == pytest.approx(32 * (6 + 2) * 32e-15, rel=1e-6)  # the bias row: a full pulse


def test_twice_the_sequences_take_twice_the_energy_and_layers_add_up():
    chip = program_network(random_network("bidirectional lstm"), HardwareConfig(device=NOISY), Streams(0))
    x = np.tanh(random_features(4, 5))
    one, two = read_energy(chip, x[:2]), read_energy(chip, np.concatenate([x[:2], x[:2]]))
    assert two.devices == pytest.approx(2 * one.devices, rel=0.02)  # read noise differs between samples
    assert (two.conversions, two.clocks) == (2 * one.conversions, 2 * one.clocks)
    assert one.conversions == 2 * 5 * 4 * 2 * (8 + 5)


@pytest.mark.parametrize(
    ("network", "hardware", "told"),
    [
        ("lstm", HARDWARE["inputs bit by bit"], "pulse_width"),
        ("gru", HardwareConfig(device=IDEAL), "one array a layer, found gates, candidate_x, candidate_h"),
    ],
)
def test_what_is_not_known_is_told(network, hardware, told):
    with pytest.raises(InputError, match=told):
        read_energy(program_network(random_network(network), hardware, Streams(0)), random_features(2))
