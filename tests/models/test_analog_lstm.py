import numba
import numpy as np
import pytest
from networks import FLUCTUATING, HARDWARE, IDEAL, NOISY, crossbar, random_checkpoint, random_features
from roundings import tolerance_of_roundings

from memramp.config import validate
from memramp.devices import resolve_device
from memramp.errors import InputError
from memramp.models.analog_network import accuracy, confusion, program_network
from memramp.models.float_network import lstm
from memramp.models.hardware import HardwareConfig
from memramp.models.hardware_blocks import HardwareBlocks
from memramp.peripherals import ActivationConfig, design_converter
from memramp.peripherals.circuit import CircuitConfig
from memramp.peripherals.environment import EnvironmentConfig
from memramp.streams import Streams

CHIP = Streams(3).child("chip", 0)

CIRCUITS = {
    "offsets": {"comparator": {"offset_std": "5 mV"}},
    "comparator noise": {"comparator": {"noise": "5 mV"}},
    "reset noise": {"integrator": {"ktc_noise": True}, "t_pulse": "0.1 ns"},
    "counting all clocks": {"counting": "count"},
    "all, counting all clocks": {
        "comparator": {"offset_std": "5 mV", "noise": "5 mV", "hysteresis": "4 mV", "delay": "0.2 ns"},
        "integrator": {"ktc_noise": True, "leak_tau": "1 us", "gain": 1000.0, "c_in": "1 pF", "v_sat": "0.3 V"},
        "jitter": "20 ps",
        "counting": "count",
    },
}


def in_circuit(settings, **others):
    return HardwareConfig(device=NOISY, circuit=validate(CircuitConfig, settings, "circuit"), **others)


def normalised(n=21):
    return random_checkpoint().normalise(random_features(n))


@pytest.mark.parametrize("name", HARDWARE)
def test_compiled_sequence_equals_the_stepwise_reference_bit_for_bit(name):
    layer = program_network(random_checkpoint(), HARDWARE[name], CHIP).layer
    np.testing.assert_array_equal(layer.run(normalised(), record=True), layer.stepwise(normalised()))


@pytest.mark.parametrize("name", HARDWARE)
def test_same_bits_for_any_number_of_threads_and_any_split_of_the_batch(name):
    network = program_network(random_checkpoint(), HARDWARE[name], CHIP)
    features = random_features(37)
    whole = network.logits(features)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        single = network.logits(features)
    finally:
        numba.set_num_threads(before)
    parts = [network.logits(features[:10]), network.logits(features[10:], first_sample=10)]
    np.testing.assert_array_equal(single, whole)
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_many_bits_and_ideal_devices_approach_the_float_network():
    checkpoint = random_checkpoint()
    errors = []
    for bits in (4, 8, 12):
        hardware = HardwareConfig(device=IDEAL, activation=ActivationConfig(bits=bits))
        states = program_network(checkpoint, hardware, CHIP).layer.run(normalised(), record=True)
        errors.append(np.abs(states - lstm(normalised(), checkpoint.lstm)).max())
    assert errors[0] > 8 * errors[1] > 64 * errors[2]
    assert errors[2] < 2e-3


def test_uniform_converter_of_many_bits_approaches_the_float_network_too():
    checkpoint = random_checkpoint()
    activation = ActivationConfig(kind="uniform_adc", bits=12, range=16.0)
    layer = program_network(checkpoint, HardwareConfig(device=IDEAL, activation=activation), CHIP).layer
    expected = lstm(normalised(), checkpoint.lstm)
    tolerance = tolerance_of_roundings(normalised(), checkpoint.lstm, lsb=2 * 16.0 / 2**12)
    np.testing.assert_allclose(layer.run(normalised(), record=True), expected, rtol=0.0, atol=tolerance)
    assert tolerance < 0.01 * np.abs(expected).max()


def test_the_same_chip_twice_is_the_same_and_another_chip_is_another():
    def logits(chip):
        return program_network(random_checkpoint(), HARDWARE["noisy"], Streams(3).child("chip", chip)).logits(
            random_features(9)
        )

    np.testing.assert_array_equal(logits(0), logits(0))
    assert not np.array_equal(logits(0), logits(1))


def test_switching_read_noise_on_does_not_move_the_programming_draws():
    quiet = NOISY.model_copy(update={"read_noise": IDEAL.read_noise})
    arrays = [program_network(random_checkpoint(), HardwareConfig(device=d), CHIP).layer.array for d in (NOISY, quiet)]
    np.testing.assert_array_equal(arrays[0].w_eff, arrays[1].w_eff)


def test_features_and_state_share_one_summing_node_with_the_bias():
    # Splitting the rows over two arrays with a converter each would give another result: codes do not add up.
    layer = program_network(random_checkpoint(), HARDWARE["ideal"], CHIP).layer
    assert layer.array.shape == (6 + 8 + 1, 4 * 8)


def test_weights_beyond_the_clip_saturate():
    checkpoint = random_checkpoint()
    checkpoint.lstm.weight_x[0, 0] = 50.0
    array = program_network(checkpoint, HARDWARE["ideal"], CHIP).layer.array
    assert array.w_eff[0, 0] == pytest.approx(2.0)


def test_analog_readout_decides_as_the_digital_one_with_ideal_devices():
    checkpoint = random_checkpoint()
    digital = program_network(checkpoint, HardwareConfig(device=IDEAL), CHIP).logits(random_features(50))
    hardware = HardwareConfig(device=IDEAL, readout="analog")
    analog = program_network(checkpoint, hardware, CHIP).logits(random_features(50))
    factor = analog / digital
    np.testing.assert_allclose(factor, np.median(factor), rtol=1e-3)


def test_accuracy_and_confusion_count_the_same():
    logits = np.eye(3)[[0, 1, 2, 2, 1]]
    labels = np.array([0, 1, 2, 0, 2])
    table = confusion(logits, labels)
    assert accuracy(logits, labels) == pytest.approx(60.0)
    assert table.sum() == 5
    assert np.trace(table) == 3
    assert table[0, 2] == 1  # row: true class, column: found class


def test_features_of_another_width_are_refused():
    network = program_network(random_checkpoint(), HARDWARE["ideal"], CHIP)
    with pytest.raises(InputError, match="made for 6 features"):
        network.logits(np.zeros((1, 7, 5), np.float32))


@pytest.mark.parametrize("first", [2**32, -2])
def test_sample_numbers_beyond_32_bits_are_refused_since_noise_would_repeat(first):
    layer = program_network(random_checkpoint(), HARDWARE["noisy"], CHIP).layer
    with pytest.raises(ValueError, match="sample numbers"):
        layer.run(normalised(), first_sample=first)


@pytest.mark.parametrize("tanh_c", ["digital", "nladc"])
@pytest.mark.parametrize("name", CIRCUITS)
def test_compiled_sequence_equals_the_stepwise_reference_in_a_circuit(name, tanh_c):
    layer = program_network(random_checkpoint(hidden=7), in_circuit(CIRCUITS[name], tanh_c=tanh_c), CHIP).layer
    states = layer.run(normalised(), record=True)
    np.testing.assert_array_equal(states, layer.stepwise(normalised()))
    np.testing.assert_array_equal(states[9:, -1], layer.run(normalised()[9:], first_sample=9))
    ideal = program_network(random_checkpoint(hidden=7), in_circuit({}, tanh_c=tanh_c), CHIP).layer
    assert name == "counting all clocks" or (states != ideal.run(normalised(), record=True)).mean() > 0.01


def test_every_gate_and_the_cell_state_have_comparators_of_their_own():
    hardware = in_circuit(CIRCUITS["offsets"], tanh_c="nladc")
    layer = program_network(random_checkpoint(), hardware, CHIP).layer
    assert (layer.sigmoid.offset.size, layer.tanh.offset.size) == (3 * 8, 2 * 8)
    offsets = np.concatenate([layer.sigmoid.offset, layer.tanh.offset])
    assert np.unique(offsets).size == offsets.size
    digital = program_network(random_checkpoint(), in_circuit(CIRCUITS["offsets"]), CHIP).layer
    np.testing.assert_array_equal(digital.tanh.offset, layer.tanh.offset[:8])


def test_a_circuit_does_not_move_the_programming_draws():
    plain, within = (
        program_network(random_checkpoint(), in_circuit(circuit), CHIP).layer for circuit in ({}, CIRCUITS["offsets"])
    )
    np.testing.assert_array_equal(plain.sigmoid.base, within.sigmoid.base)
    np.testing.assert_array_equal(plain.array.w_eff, within.array.w_eff)


def test_the_read_voltage_leaves_the_ramp_converters_network_alone_and_moves_a_fixed_reference():
    low = EnvironmentConfig(v_read=0.15)
    for kind, stays in (("nladc", True), ("uniform_adc", False)):
        activation = ActivationConfig(kind=kind, bits=5)
        nominal, changed = (
            program_network(
                random_checkpoint(),
                HardwareConfig(device=NOISY, activation=activation, tanh_c="nladc", environment=environment),
                CHIP,
            ).logits(random_features(20))
            for environment in (EnvironmentConfig(), low)
        )
        assert np.array_equal(nominal, changed) == stays


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({"circuit": {"integrator": {"leak_tau": "0.1 ns"}}}, "leaves nothing to compare"),
        ({"environment": {"temperature": "400 K", "temperature_coefficient": -0.01}}, "above 0"),
    ],
)
def test_circuits_and_environments_that_leave_nothing_are_refused_before_anything_runs(blocks, message):
    with pytest.raises(InputError, match=message) as caught:
        validate(HardwareBlocks, blocks, "hardware.yaml")
    assert "\n" not in str(caught.value)


def test_ideal_hardware_has_an_ideal_circuit_at_the_conditions_of_programming():
    hardware = in_circuit(CIRCUITS["all, counting all clocks"], environment=EnvironmentConfig(v_read=0.15))
    ideal = hardware.ideal()
    assert ideal.environment == EnvironmentConfig()
    layers = [program_network(random_checkpoint(), config, CHIP).layer for config in (ideal, HARDWARE["ideal"])]
    np.testing.assert_array_equal(*(layer.run(normalised()) for layer in layers))


def test_the_ideal_twin_keeps_the_ramps_that_were_designed_for_the_real_devices():
    config = ActivationConfig(bits=4, levels="noise_aware", density="normal:0,1.5")
    real = HardwareConfig(device=NOISY, activation=config)
    assert real.ideal().design_device == real.device
    assert real.ideal().ideal().design_device == real.device
    wanted = design_converter(real.activation, "tanh", real.device)
    converter = program_network(random_checkpoint(), real.ideal(), Streams(1)).layer.tanh
    assert (converter.base == wanted.thresholds.astype(np.float32)).all()


def test_a_matrix_taller_than_an_array_is_refused_joined_in_charge_or_sent_through_digital_sums():
    ideal = program_network(random_checkpoint(), HARDWARE["ideal"], CHIP).layer.run(normalised(), record=True)
    with pytest.raises(InputError, match="15 rows does not fit into arrays of 6 word lines"):
        program_network(random_checkpoint(), HardwareConfig(device=IDEAL, crossbar=crossbar(tile={"rows": 6})), CHIP)
    charge = HardwareConfig(device=IDEAL, crossbar=crossbar(tile={"rows": 6, "tall": "charge"}))
    joined = program_network(random_checkpoint(), charge, CHIP).layer.run(normalised(), record=True)
    np.testing.assert_allclose(joined, ideal, atol=1e-6)
    fine = {"rows": 6, "tall": "digital", "adc": {"bits": 16, "range": 8.0}}
    digital = HardwareConfig(device=IDEAL, crossbar=crossbar(tile=fine))
    states = program_network(random_checkpoint(), digital, CHIP).layer.run(normalised(), record=True)
    weights = random_checkpoint().lstm
    # No ramp, no codes of gates: what is left are three roundings of each sum.
    tolerance = tolerance_of_roundings(normalised(), weights, lsb=8.0 / (2**15 - 1), parts=3)
    np.testing.assert_allclose(states, lstm(normalised(), weights), rtol=0.0, atol=tolerance)


def test_a_cell_state_without_ramp_converters_cannot_go_through_one():
    hardware = HardwareConfig(
        device=IDEAL, crossbar=crossbar(tile={"rows": 6, "tall": "digital"}), tanh_c="nladc"
    )
    with pytest.raises(InputError, match="tanh_c 'nladc' needs a ramp converter"):
        program_network(random_checkpoint(), hardware, CHIP)


def test_joining_in_charge_makes_comparator_noise_weigh_more():
    def errors(tile):
        hardware = in_circuit({"comparator": {"offset_std": "2 mV"}}, crossbar=crossbar(tile=tile))
        return program_network(random_checkpoint(), hardware, CHIP).layer.sigmoid.offset

    np.testing.assert_allclose(errors({"rows": 5, "tall": "charge"}), 3.0 * errors({}), rtol=1e-6)


def test_drift_of_the_devices_acts_on_weights_and_ramps_at_inference_only():
    drifting = resolve_device({"g_min": 0.0, "g_max": 150.0, "drift": {"kind": "power_law", "nu": 0.1, "t_0": "1 s"}})
    fresh, old = (
        program_network(
            random_checkpoint(), HardwareConfig(device=drifting, environment=EnvironmentConfig(t_inference=t)), CHIP
        ).layer
        for t in (0.0, 1e4)
    )
    factor = 1e4**-0.1
    np.testing.assert_allclose(old.array.w_eff, factor * fresh.array.w_eff, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(old.sigmoid.base, factor * fresh.sigmoid.base, rtol=1e-4, atol=1e-5)
    # Both fall alike, so the comparisons stay as they were: the ramp tracks. Thresholds lie 0.1 and more apart and sums
    # are rounded by less than 1e-6, which decides one of 1e5 conversions. There are 4,704: hardly ever in two samples.
    same = np.abs(old.run(normalised()) - fresh.run(normalised())).max(axis=1) < 1e-6
    assert np.count_nonzero(~same) <= 1


def test_telegraph_noise_and_bit_serial_inputs_do_not_go_together():
    with pytest.raises(InputError, match="telegraph read noise"):
        validate(HardwareConfig, {"device": FLUCTUATING, "input": {"coding": "bit_serial", "bits": 4}}, "hardware")
