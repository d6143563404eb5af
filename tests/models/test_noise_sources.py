"""Sources of error: which there are, and that taking them away leaves quantisation."""

from pathlib import Path

import numpy as np
import pytest
from networks import HARDWARE, IDEAL, NOISY, crossbar, random_checkpoint, random_features, random_network

from memramp.config import validate
from memramp.crossbar.array_faults import ArrayFaults
from memramp.devices import load_preset, resolve_device
from memramp.errors import InputError
from memramp.models.analog_network import program_network
from memramp.models.gates import GateConfig, StateConfig
from memramp.models.hardware import HardwareConfig
from memramp.models.noise_sources import MAX_FACTOR, only, scaled_hardware, sources_of, without
from memramp.peripherals import ActivationConfig, InputConfig
from memramp.peripherals.circuit import CircuitConfig
from memramp.peripherals.environment import EnvironmentConfig
from memramp.streams import Streams

CHECKPOINT = random_checkpoint()
CIRCUIT = validate(
    CircuitConfig,
    {
        "comparator": {"offset_std": "1 mV", "noise": "0.5 mV"},
        "integrator": {"gain": 300.0, "ktc_noise": True},
        "jitter": "10 ps",
    },
    "circuit",
)
MORE = {
    "circuit": HardwareConfig(device=NOISY, circuit=CIRCUIT),
    "faults": HardwareConfig(device=IDEAL, faults=ArrayFaults(Path("f.csv"), {"lstm": {("pos", 0, 0): (2, 40.0)}})),
    "register, levels, windows": HardwareConfig(
        device=resolve_device({"g_min": 0.0, "g_max": 150.0, "levels": 16, "g_max_std": "60 uS"}),
        ramp_device=IDEAL,
        state=StateConfig(bits=6, range=4.0),
    ),
    "environment": HardwareConfig(
        device=load_preset("pcm_joshi2020"),
        crossbar=crossbar(scale=12.5),
        circuit=CIRCUIT,
        environment=EnvironmentConfig(v_read=0.18, nu=0.02, t_inference=1e5, acts_on="weights"),
    ),
}
ALL = HARDWARE | MORE


def logits(hardware, checkpoint=CHECKPOINT):
    return program_network(checkpoint, hardware, Streams(5)).logits(random_features(6))


def names(hardware, checkpoint=CHECKPOINT):
    return [source.name for source in sources_of(checkpoint, hardware)]


@pytest.mark.parametrize("kind", ALL)
def test_with_all_sources_as_they_are_the_chip_is_the_same(kind):
    hardware = ALL[kind]
    same = scaled_hardware(hardware, sources_of(CHECKPOINT, hardware), {})
    np.testing.assert_array_equal(logits(same), logits(hardware))


@pytest.mark.parametrize("kind", ALL)
def test_without_any_source_only_quantisation_is_left(kind):
    hardware = ALL[kind]
    sources = sources_of(CHECKPOINT, hardware)
    ideal = hardware.ideal()
    if any(source.name == "input_resolution" for source in sources):
        ideal = ideal.model_copy(update={"input": hardware.input.model_copy(update={"bits": None})})
    update = {"state": StateConfig(), "device": ideal.device.model_copy(update={"levels": None})}
    ideal = ideal.model_copy(update=update | {"ramp_device": ideal.devices_of_ramp})
    np.testing.assert_array_equal(logits(scaled_hardware(hardware, sources, only(sources))), logits(ideal))


@pytest.mark.parametrize("kind", ALL)
def test_each_source_changes_what_the_chip_does(kind):
    hardware = ALL[kind]
    sources = sources_of(CHECKPOINT, hardware)
    base = logits(scaled_hardware(hardware, sources, only(sources)))
    for source in sources:
        alone = logits(scaled_hardware(hardware, sources, only(sources, source.name)))
        # A rate of 1 % may leave all devices of two short ramps in order.
        assert not np.array_equal(alone, base) or source.name == "ramp_stuck", source.name


def test_sources_that_are_not_configured_do_not_appear():
    assert names(HardwareConfig(device=IDEAL)) == []
    assert names(HardwareConfig(device=NOISY)) == [
        "weight_programming", "weight_stuck", "weight_reading", "ramp_programming", "ramp_stuck", "ramp_reading"
    ]  # fmt: skip
    assert names(HardwareConfig(device=IDEAL, ramp_device=NOISY.model_copy(update={"stuck_off_rate": 0.0}))) == [
        "ramp_programming", "ramp_reading"
    ]  # fmt: skip
    assert names(HARDWARE["wires"])[3] == "wires"
    assert names(HARDWARE["quantised inputs"])[0] == "input_resolution"
    assert "input_resolution" not in names(HARDWARE["inputs bit by bit"])
    assert "iv_curve" in names(HARDWARE["inputs by voltage"])
    assert "capacitor_mismatch" in names(HARDWARE["joined in charge"])
    assert names(MORE["faults"]) == ["known_faults"]
    assert names(MORE["register, levels, windows"]) == ["state_register", "weight_levels", "weight_windows"]
    assert names(MORE["circuit"])[-3:] == ["comparators", "integrators", "jitter"]
    assert names(MORE["environment"])[-2:] == ["environment", "ageing"]
    assert "ageing" not in names(HardwareConfig(device=load_preset("pcm_joshi2020"), crossbar=crossbar(scale=12.5)))


def test_a_noise_of_size_zero_is_no_source():
    device = resolve_device({"g_min": 0, "g_max": 150, "prog_noise": {"kind": "constant", "sigma": 0}})
    assert names(HardwareConfig(device=device)) == []


def test_ramps_that_convert_nothing_are_no_source():
    assert not [name for name in names(HARDWARE["joined in digital"]) if name.startswith("ramp")]
    uniform = ActivationConfig(kind="uniform_adc", bits=6)
    assert not [name for name in names(HARDWARE["uniform ADC"]) if name.startswith("ramp")]
    one_ramp = HardwareConfig(device=NOISY, activation=uniform, gates={"g": GateConfig(kind="nladc")})
    assert "ramp_programming" in names(one_ramp)


def test_the_register_of_a_cell_state_is_that_of_lstms():
    hardware = HardwareConfig(device=IDEAL, state=StateConfig(range=2.0))
    assert names(hardware, random_network("gru")) == []
    assert names(hardware, random_network("stacked lstm")) == ["state_register"]


def test_ramps_stay_those_that_were_designed_for_the_devices():
    hardware = HardwareConfig(
        device=NOISY, activation=ActivationConfig(levels="noise_aware", density="normal:0,1.5", bits=4)
    )
    sources = sources_of(CHECKPOINT, hardware)
    quiet = scaled_hardware(hardware, sources, only(sources))
    thresholds = [
        program_network(CHECKPOINT, found, Streams(0)).layer.sigmoid.thresholds for found in (quiet, hardware.ideal())
    ]
    np.testing.assert_array_equal(*thresholds)


def test_factors_of_sources():
    hardware = MORE["circuit"]
    sources = {source.name: source for source in sources_of(CHECKPOINT, hardware)}
    assert sources["jitter"].factor(0.25, 2.0) == 0.5
    assert [sources["integrators"].factor(u) for u in (0.0, 0.49, 0.5, 0.99)] == [0.0, 0.0, 1.0, 1.0]
    half = scaled_hardware(hardware, tuple(sources.values()), {"comparators": 0.5, "jitter": 2.0})
    assert half.circuit.comparator.offset_std == pytest.approx(0.5e-3)
    assert half.circuit.comparator.noise == pytest.approx(0.25e-3)
    assert half.circuit.jitter == pytest.approx(20e-12)
    assert half.circuit.integrator == hardware.circuit.integrator
    assert without(tuple(sources.values()), "jitter")["jitter"] == 0.0
    assert sum(without(tuple(sources.values()), "jitter").values()) == len(sources) - 1


def test_wires_and_environment_are_scaled():
    hardware = HARDWARE["wires"]
    found = scaled_hardware(hardware, sources_of(CHECKPOINT, hardware), {"wires": 0.5})
    assert (found.crossbar.wires.r_row, found.crossbar.wires.r_col) == (1.5, 2.5)
    hardware = MORE["environment"]
    found = scaled_hardware(hardware, sources_of(CHECKPOINT, hardware), {"environment": 0.5})
    assert found.environment.v_read == pytest.approx(0.19)
    assert found.environment.nu == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"wires": 1.0}, "no source of error 'wires', it has ramp_programming, ramp_reading"),
        ({"weight_reading": -0.1}, f"lie in 0 .. {MAX_FACTOR:g}, found -0.1"),
        ({"weight_reading": 11.0}, "found 11"),
        ({"weight_stuck": 10.0}, "stuck at a rate of 2, above 1"),
    ],
)
def test_factors_that_make_no_sense_are_refused(factors, message):
    hardware = HardwareConfig(device=NOISY.model_copy(update={"stuck_off_rate": 0.2}), input=InputConfig())
    with pytest.raises(InputError, match=message):
        scaled_hardware(hardware, sources_of(CHECKPOINT, hardware), factors)
