import numpy as np
import pytest

from memramp.config import validate
from memramp.devices import ConstantNoise, Device
from memramp.errors import InputError
from memramp.peripherals import ActivationConfig, Realisation, build_converter, design_converter

NOISY = Device(g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=5.0), read_noise=ConstantNoise(sigma=3.5))
AWARE = ActivationConfig(bits=4, levels="noise_aware", density="normal:0,1.5")


def test_a_design_is_made_once():
    assert design_converter(AWARE, "tanh", NOISY) is design_converter(AWARE.model_copy(), "tanh", NOISY.model_copy())


def test_levels_can_be_placed_for_other_errors_than_the_devices_have():
    for_itself = design_converter(AWARE, "tanh", NOISY)
    pinned = AWARE.model_copy(update={"levels_sigma": 5.0})
    quiet = Device(g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=5.0))
    expected = design_converter(AWARE, "tanh", quiet).thresholds
    for device in (NOISY, quiet, NOISY.ideal()):
        assert (design_converter(pinned, "tanh", device).thresholds == expected).all()
    assert (for_itself.thresholds != expected).any()


def test_an_ideal_copy_of_a_column_keeps_the_design():
    config = AWARE.model_copy(update={"realisation": Realisation(max_devices=2, pulse_widths=(1.0, 0.5))})
    ideal = build_converter(config, "tanh", NOISY.ideal(), np.random.default_rng(1), NOISY)
    design = design_converter(config, "tanh", NOISY)
    assert (ideal.base == design.thresholds.astype(np.float32)).all()
    assert (ideal.outputs == design.outputs.astype(np.float32)).all()
    assert not ideal.noisy


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"levels": "lloyd_max"}, "levels 'lloyd_max' need the key 'density'"),
        ({"levels": "noise_aware", "density": "normal:0,1", "bits": 9}, "2 to 8, found 9"),
        ({"levels": "lloyd_max", "density": "normal:0,1", "kind": "uniform_adc"}, "found kind 'uniform_adc'"),
        ({"levels": "lloyd_max", "density": "normal:0,1", "output_bits": 5}, "output_bits must be 6 to 16"),
        ({"levels_sigma": "-1 uS"}, "'levels_sigma'"),
        ({"calibration": "three_point"}, "'calibration.kind'.*found 'three_point'"),
        ({"calibration": {"kind": "one_point", "copy": 2}}, "unknown key 'calibration.copy'"),
        ({"realisation": {"max_devices": 99}}, "'realisation.max_devices'"),
    ],
)
def test_bad_blocks_are_refused_in_one_sentence(settings, message):
    with pytest.raises(InputError, match=message):
        validate(ActivationConfig, settings, "activation")
