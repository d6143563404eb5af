"""Import of NeuroSim's states."""

import numpy as np
import pytest

from memramp.devices import Device, SigmaTableNoise, program_keyed
from memramp.devices.neurosim import load_mem_states
from memramp.errors import InputError

# As a published NeuroSim configuration has it, in siemens.
STATES = "states,mean,std\n0,1.10E-05,1.10E-08\n1,2.30E-05,7.30E-08\n2,3.00E-05,6.20E-08\n3,4.20E-05,1.70E-08\n"


def written(tmp_path, text):
    path = tmp_path / "mem_states.csv"
    path.write_text(text)
    return path


def test_states_become_levels_with_an_error_each(tmp_path):
    device = load_mem_states(written(tmp_path, STATES))
    levels = (11.0, 23.0, 30.0, 42.0)
    noise = SigmaTableNoise(targets=levels, sigmas=(0.011, 0.073, 0.062, 0.017))
    assert device == Device(g_min=11.0, g_max=42.0, levels=levels, prog_noise=noise)
    g = program_keyed(device, np.repeat(levels, 10_000), np.uint64(1)).g.reshape(4, -1)
    np.testing.assert_allclose(g.std(axis=1), noise.sigmas, rtol=4.5 / np.sqrt(2 * 10_000))


@pytest.mark.parametrize(
    ("unit", "factor"), [("S", 1e-6), ("mS", 1e-3), ("uS", 1.0), ("nS", 1e3)], ids=["S", "mS", "uS", "nS"]
)
def test_the_unit_is_that_of_the_file(tmp_path, unit, factor):
    text = f"mean,std\n{11 * factor:.6g},{0.5 * factor:.6g}\n{42 * factor:.6g},{0.25 * factor:.6g}\n"
    device = load_mem_states(written(tmp_path, text), unit)
    assert (device.g_min, device.g_max, device.prog_noise.sigmas) == (11.0, 42.0, (0.5, 0.25))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("states,mean\n0,1e-5\n1,2e-5\n", "line 1: the header lacks std"),
        ("states,mean,std\n0,1e-5,1e-8\n", "expected 2 to 65536 states, one a row, found 1"),
        ("states,mean,std\n0,2e-5,1e-8\n1,1e-5,1e-8\n", "line 3: the means must rise, found 10 uS after 20 uS"),
        ("states,mean,std\n0,1e-5,1e-8\n2,2e-5,1e-8\n", "line 3: expected state 1, found 2"),
        ("states,mean,std\n0,1e-5,-1e-8\n1,2e-5,1e-8\n", "line 2: std must lie between 0 and 1 S, found -1e-8 S"),
        ("states,mean,std\n0,nan,1e-8\n1,2e-5,1e-8\n", "line 2: mean must be a finite number"),
        ("states,mean,std\n0,1e-5,\n1,2e-5,1e-8\n", "line 2: std must be a finite number"),
        ("states,mean,std\n0,1e-15,1e-17\n1,2e-15,1e-17\n", "looks like a capacitance"),
        ("states,mean,std,x\n0,1e-5,1e-8,1\n1,2e-5,1e-8,1\n", "unknown column 'x'"),
        ("states,mean,std\n0,11,0.1\n1,42,0.1\n", "line 2: mean must lie between 0 and 1 S, found 11 S"),
    ],
)
def test_faulty_states_are_refused_in_one_sentence(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as caught:
        load_mem_states(written(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert "mem_states.csv" in str(caught.value)


@pytest.mark.parametrize("unit", ["uS", "nS"])
def test_siemens_under_another_unit_are_refused(tmp_path, unit):
    with pytest.raises(InputError, match=f"mean, read in {unit}, is .* looks like siemens; give the unit S"):
        load_mem_states(written(tmp_path, STATES), unit)


def test_other_units_are_refused(tmp_path):
    with pytest.raises(InputError, match="one of S, mS, uS, nS, found 'F'"):
        load_mem_states(written(tmp_path, STATES), "F")
