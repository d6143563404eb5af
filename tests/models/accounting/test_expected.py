"""The work that the shape of a network makes."""

from dataclasses import fields

import numpy as np
import pytest
from networks import HARDWARE, IDEAL, NETWORKS, NOISY, crossbar, random_network

from memramp.errors import InputError
from memramp.models.accounting.expected import Expectation, joined, matrix_shapes
from memramp.models.accounting.workload import AverageConfig, DigitalWork, WidthConfig
from memramp.models.analog_network import program_network
from memramp.models.gates import GateConfig, StateConfig
from memramp.models.hardware import HardwareConfig
from memramp.models.read_energy import read_energy
from memramp.models.spec import keyword_spec, stacked_spec
from memramp.peripherals import InputConfig
from memramp.streams import Streams

LANGUAGE_MODEL = stacked_spec("lstm", 128, (2016,), 50, projection=504, symbols=50, read="all")


def expect(network, hardware=None, steps=1.0, sequences=1.0, **average):
    hardware = HardwareConfig(device=IDEAL) if hardware is None else hardware
    return Expectation(hardware, AverageConfig(**average)).workload(network, steps, sequences)


def test_a_keyword_step_has_the_published_operations():
    found = expect(keyword_spec(40, 32, 12), steps=49)
    (matrix,) = found.matrices
    assert (matrix.rows, matrix.outputs, matrix.macs / 49) == (73, 128, 9216)
    assert 2 * matrix.macs / 49 == 18_432
    assert found.operations == 2 * (49 * 9216 + 32 * 12)  # the read-out reads the last step alone
    assert sum(each.conversions for each in found.layers[0].conversions) == 49 * 128


def test_the_language_model_has_the_published_weights():
    found = expect(LANGUAGE_MODEL)
    recurrent = next(layer for layer in found.layers if layer.name == "lstm")
    assert recurrent.matrices[0].macs == 4 * 2016 * (128 + 504)
    assert recurrent.matrices[0].macs + recurrent.digital.macs == 6_112_512
    assert recurrent.digital.memory == 2016 * 504 * 8
    embedding, dense = found.layers[0], found.layers[-1]
    assert (embedding.digital.memory, dense.digital.macs) == (50 * 128 * 8, 504 * 50)


def test_the_reference_device_takes_32_fj():
    # 50 uS at 0.2 V under half a pulse of 32 ns, the reference point of the published array; derived.
    one = expect(keyword_spec(40, 32, 12), pulse=0.5, conductance="50 uS").matrices[0]
    idle = expect(keyword_spec(40, 32, 12), pulse=0.0, conductance="50 uS").matrices[0]  # the bias row alone
    assert (one.energy - idle.energy) / (72 * 256) == pytest.approx(32e-15)
    assert idle.energy / 256 == pytest.approx(2 * 32e-15)
    assert pytest.approx(590e-12, rel=0.01) == 72 * 256 * 32e-15  # as told for the published array
    assert (one.pulse_time - idle.pulse_time) / 72 == pytest.approx(16e-9)


@pytest.mark.parametrize("name", [name for name in HARDWARE if "digital" not in name])
def test_devices_are_those_of_a_programmed_chip(name):
    chip = program_network(random_network("lstm"), HARDWARE[name], Streams(0))
    matrix = expect(NETWORKS["lstm"], HARDWARE[name]).matrices[0]
    assert matrix.devices == sum(plane.size for plane in chip.layer.array.devices.values())
    assert (matrix.arrays, matrix.row_parts) == (chip.layer.array.tiling.arrays, chip.layer.array.tiling.row_parts)


@pytest.mark.parametrize("name", NETWORKS)
def test_matrices_and_conversions_are_those_of_a_programmed_chip(name):
    hardware = HardwareConfig(device=NOISY, projection="analog", tanh_c="nladc")
    chip, network = program_network(random_network(name), hardware, Streams(0)), NETWORKS[name]
    found = {layer.name: layer for layer in expect(network, hardware).layers}
    for layer, direction in network.directions():
        cell, work = chip.cells[direction], found[direction]
        shapes = {part: (rows, outputs) for part, (rows, outputs, _) in matrix_shapes(layer, hardware).items()}
        assert shapes == {part: array.w_eff.shape for part, array in cell.arrays.items()}
        assert {each.name for each in work.conversions} == set(cell.converters)
        for each in work.conversions:
            clocks = cell.converters[each.name].cycles(np.zeros((1, each.columns), np.int64))
            if each.function != "identity":
                assert each.ramp_clocks == clocks[0]
                assert each.function == "relu" or clocks[0] == 2**each.bits  # a relu's ramp has a step more


def test_the_energy_is_that_of_a_chip_whose_devices_are_alike():
    checkpoint = random_network("lstm")
    for name in ("lstm.weight_x", "lstm.weight_h", "lstm.bias"):
        checkpoint.tensors[name][:] = 50.0 / 75.0  # one device of each pair at 50 uS, the other at 0
    chip = program_network(checkpoint, HardwareConfig(device=IDEAL), Streams(0))
    simulated = read_energy(chip, np.full((3, 1, 6), 0.7))  # states are zero in the first step
    mean = expect(NETWORKS["lstm"], steps=1, sequences=3, pulse=0.7 * 6 / 14, conductance=25.0)
    assert mean.matrices[0].energy == pytest.approx(simulated.devices, rel=1e-6)
    assert sum(each.conversions for each in mean.layers[0].conversions) == simulated.conversions
    assert sum(each.column_clocks for each in mean.layers[0].conversions) == simulated.clocks


def numbers(work):
    """Return all counts that grow with the steps."""
    fixed = {"registers", "memory"}
    found = [
        (name, value)
        for layer in work.layers
        for part in (*layer.matrices, *layer.conversions)
        for name, value in vars(part).items()
        if name in ("reads", "pulses", "pulse_time", "energy", "ramp_clocks")
    ]
    for layer in work.layers:
        for each in fields(DigitalWork):
            value = getattr(layer.digital, each.name)
            if each.name not in fixed:
                found += list(value.items()) if isinstance(value, dict) else [(each.name, value)]
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_twice_the_sequences_are_twice_the_work_and_nothing_is_negative(name):
    hardware = HardwareConfig(device=NOISY, state=StateConfig(bits=12, range=4.0))
    one, two = (numbers(expect(NETWORKS[name], hardware, steps=5, sequences=n)) for n in (1, 2))
    assert one
    for (key, value), (other, double) in zip(one, two, strict=True):
        assert key == other
        assert value >= 0
        assert double == pytest.approx(2 * value)


def test_drivers_change_pulses_and_heat():
    network = NETWORKS["lstm"]

    def pulses(**block):
        hardware = HardwareConfig(device=IDEAL, input=InputConfig(**block))
        return expect(network, hardware, pulse=0.5).matrices[0]

    width, volts, serial = pulses(), pulses(coding="amplitude"), pulses(coding="bit_serial", bits=5)
    assert (width.pulses, volts.pulses, serial.pulses) == (15, 15, 14 * 2 + 1)
    assert width.pulse_time == pytest.approx((14 * 0.5 + 1) * 32e-9)
    assert volts.pulse_time == pytest.approx(15 * 32e-9)
    assert volts.energy / width.energy == pytest.approx((14 / 3 + 1) / (14 / 2 + 1))
    full = [expect(network, HardwareConfig(device=IDEAL, input=InputConfig(**block)), pulse=1.0).matrices[0].energy
            for block in ({}, {"coding": "amplitude"})]
    assert full[0] == pytest.approx(full[1])


def test_digital_gates_have_linear_conversions_and_their_functions():
    gates = {gate: GateConfig(kind="digital") for gate in ("i", "f", "g", "o")}
    found = expect(NETWORKS["lstm"], HardwareConfig(device=IDEAL, gates=gates)).layers[0]
    assert {each.function for each in found.conversions} == {"identity"}
    assert dict(found.digital.functions) == {"sigmoid": 3 * 8, "tanh": 2 * 8}


def test_what_is_read_twice_is_moved_twice():
    network = NETWORKS["lstm with a projection"]
    digital, analog = (expect(network, HardwareConfig(device=IDEAL, projection=way)).layers[0].digital.moved
                       for way in ("digital", "analog"))
    assert analog - digital == 5 * 8  # codes of the projection; what it reads is moved either way
    before, after = (expect(NETWORKS[name]).layers[0].digital.moved for name in ("gru with the reset before", "gru"))
    assert before == (6 + 8) * 8 * 2 + 3 * 8 * 5
    assert after == (6 + 8) * 8 + 8 * (2 * 5 + 2 * 8)


def test_parts_of_a_wide_matrix_have_drivers_of_their_own_and_digital_sums_are_refused():
    network = NETWORKS["lstm"]
    whole = expect(network).matrices[0]
    wide = expect(network, HardwareConfig(device=IDEAL, crossbar=crossbar(tile={"cols": 16}))).matrices[0]
    assert wide.arrays == 4
    assert (wide.pulses, wide.energy) == (4 * whole.pulses, whole.energy)
    tall = HardwareConfig(device=IDEAL, crossbar=crossbar(tile={"rows": 6, "tall": "digital"}))
    with pytest.raises(InputError, match="joined in digital"):
        expect(network, tall)


def test_digital_work_of_a_cell():
    hardware = HardwareConfig(device=IDEAL, state=StateConfig(bits=12, range=4.0))
    lstm = Expectation(hardware, widths=WidthConfig(value=6)).workload(keyword_spec(40, 32, 12), 1).layers[0].digital
    assert dict(lstm.multiply) == {12: 32, 6: 64}  # f c; i g and o tanh(c)
    assert dict(lstm.add) == {12: 32}
    assert dict(lstm.functions) == {"tanh": 32}
    assert lstm.registers == lstm.register_writes == 32 * 12 + 32 * 6
    assert lstm.moved == 40 * 6 + 32 * 6 + 4 * 32 * 5
    converted = HardwareConfig(device=IDEAL, tanh_c="nladc", gates={"o": GateConfig(bits=3)})
    found = Expectation(converted).workload(keyword_spec(40, 32, 12), 1).layers[0]
    assert not found.digital.functions
    assert sorted((each.bits, each.columns) for each in found.conversions) == [(3, 32), (5, 64), (5, 64)]


def test_work_of_two_is_the_sum():
    one, other = DigitalWork(multiply={8: 3.0}, macs=2.0), DigitalWork(multiply={8: 1.0, 4: 1.0}, moved=7.0)
    both = joined(one, other)
    assert dict(both.multiply) == {8: 4.0, 4: 1.0}
    assert (both.macs, both.moved) == (2.0, 7.0)
