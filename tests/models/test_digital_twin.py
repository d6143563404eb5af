import numpy as np
import pytest
from networks import IDEAL, NOISY, random_checkpoint, random_features

from memramp.config import validate
from memramp.crossbar import save_weight_table, write_weight_readback
from memramp.errors import InputError
from memramp.models.analog_network import program_network
from memramp.models.digital_twin import check_measured, network_ramp_table, network_weight_table
from memramp.models.hardware import HardwareConfig
from memramp.models.hardware_blocks import HardwareBlocks
from memramp.models.measured_network import MeasuredFiles, ReadbackConfig
from memramp.models.noise_sources import only, scaled_hardware, sources_of
from memramp.models.training_config import TrainingConfig
from memramp.peripherals import ActivationConfig, program_ramp, save_table, write_readback
from memramp.streams import Streams

CHIP = Streams(3).child("chip", 0)
QUIET = NOISY.model_copy(update={"read_noise": IDEAL.read_noise})
ACTIVATION = ActivationConfig(bits=4, calibration="none")
HARDWARE = HardwareConfig(device=NOISY, activation=ACTIVATION)


def laboratory(folder, hardware, chip=CHIP):
    """Write tables and what would be measured on a programmed chip; return the block of the configuration."""
    checkpoint = random_checkpoint()
    ramps, weights = network_ramp_table(hardware), network_weight_table(checkpoint, hardware)
    save_table(folder / "ramps.csv", ramps)
    save_weight_table(folder / "weights.safetensors", weights)
    measured = {}
    for name in ramps.ramps:
        ramp = program_ramp(ramps.design(name), hardware.device, chip.generator(name, "program"), "none")
        measured[name] = np.concatenate([ramp.g_steps, ramp.g_bias])
    write_readback(folder / "ramps_measured.csv", measured)
    network = program_network(checkpoint, hardware, chip)
    arrays = {"lstm": network.layer.array} | ({} if network.readout is None else {"dense": network.readout})
    pairs = {name: {"pos": array.g_pos, "neg": array.g_neg} for name, array in arrays.items()}
    write_weight_readback(folder / "weights_measured.csv", pairs)
    return ReadbackConfig(
        ramps=MeasuredFiles(table=folder / "ramps.csv", measured=folder / "ramps_measured.csv"),
        weights=MeasuredFiles(table=folder / "weights.safetensors", measured=folder / "weights_measured.csv"),
    )


def twin(hardware, config):
    return hardware.model_copy(update={"measured": config.load()})


@pytest.mark.parametrize("readout", ["digital", "analog"])
def test_the_network_of_measured_devices_is_the_one_that_was_programmed(tmp_path, readout):
    hardware = HARDWARE.model_copy(update={"readout": readout})
    measured = twin(hardware, laboratory(tmp_path, hardware))
    check_measured(random_checkpoint(), measured, 3)  # read noise differs from chip to chip
    ours, theirs = (program_network(random_checkpoint(), each, CHIP) for each in (measured, hardware))
    assert (ours.layer.array.w_eff == theirs.layer.array.w_eff).all()
    np.testing.assert_allclose(ours.layer.sigmoid.base, theirs.layer.sigmoid.base, atol=1e-6)
    features = random_features(8)
    np.testing.assert_allclose(ours.logits(features), theirs.logits(features), rtol=1e-3, atol=1e-3)


def test_each_part_may_be_measured_alone(tmp_path):
    config = laboratory(tmp_path, HARDWARE)
    other = Streams(99).child("chip", 0)
    whole = program_network(random_checkpoint(), HARDWARE, CHIP).layer
    drawn = program_network(random_checkpoint(), HARDWARE, other).layer
    ramps = twin(HARDWARE, ReadbackConfig(ramps=config.ramps))
    weights = twin(HARDWARE, ReadbackConfig(weights=config.weights))
    with_ramps = program_network(random_checkpoint(), ramps, other).layer
    with_weights = program_network(random_checkpoint(), weights, other).layer
    assert (with_ramps.array.w_eff == drawn.array.w_eff).all()
    np.testing.assert_allclose(with_ramps.sigmoid.base, whole.sigmoid.base, atol=1e-6)
    assert (with_weights.array.w_eff == whole.array.w_eff).all()
    assert (with_weights.tanh.base == drawn.tanh.base).all()


def test_the_ideal_network_has_nothing_measured(tmp_path):
    measured = twin(HARDWARE, laboratory(tmp_path, HARDWARE))
    assert measured.ideal() == HARDWARE.ideal()
    assert "measured" not in measured.model_dump()


def test_more_chips_than_one_need_something_that_differs(tmp_path):
    quiet = HARDWARE.model_copy(update={"device": QUIET})
    config = laboratory(tmp_path, quiet)
    check_measured(random_checkpoint(), twin(quiet, config), 1)
    check_measured(random_checkpoint(), twin(quiet, ReadbackConfig(ramps=config.ramps)), 2)
    check_measured(random_checkpoint(), twin(quiet, ReadbackConfig(weights=config.weights)), 2)
    check_measured(random_checkpoint(), quiet, 2)
    with pytest.raises(InputError, match="'chips' is 2, but with measured devices and without noise all are alike"):
        check_measured(random_checkpoint(), twin(quiet, config), 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"activation": ActivationConfig(bits=5)}, "activation.bits of the ramp sigmoid is 4, the configuration has"),
        ({"activation": ActivationConfig(bits=4, levels="paper")}, "activation.levels of the ramp sigmoid is midpoint"),
        ({"activation": ActivationConfig(kind="uniform_adc")}, "measured ramps need 'nladc'"),
        ({"ramp_device": NOISY.model_copy(update={"g_max": 160.0})}, r"0..150 uS, the configuration has .*0..160 uS"),
        ({"crossbar": HARDWARE.crossbar.model_copy(update={"scale": 70.0})}, "crossbar: scale is 70"),
        ({"readout": "analog"}, "the table has no array 'dense', it has: lstm"),
    ],
)
def test_a_configuration_that_does_not_fit_the_tables_is_refused(tmp_path, change, said):
    measured = twin(HARDWARE, laboratory(tmp_path, HARDWARE)).model_copy(update=change)
    with pytest.raises(InputError, match=said):
        check_measured(random_checkpoint(), measured, 1)
    with pytest.raises(InputError, match=said):
        program_network(random_checkpoint(), measured, CHIP)


def test_the_table_of_another_network_is_refused(tmp_path):
    measured = twin(HARDWARE, laboratory(tmp_path, HARDWARE))
    with pytest.raises(InputError, match="the table of the array lstm was made for other weights"):
        program_network(random_checkpoint(seed=5), measured, CHIP)
    with pytest.raises(InputError, match="has 15 rows and 32 columns, the network needs 16 and 36"):
        program_network(random_checkpoint(hidden=9), measured, CHIP)


def test_the_block_of_a_file_leads_to_the_measured_network(tmp_path):
    config = laboratory(tmp_path, HARDWARE)
    readback = config.model_dump(mode="json")
    data = {"device": {"preset": "yang2025_150us"}, "activation": {"bits": 4}, "readback": readback}
    blocks = validate(HardwareBlocks, data, "run.yaml")
    hardware = blocks.hardware("digital", "digital")
    assert hardware.measured.digests.keys() == {"ramps.table", "ramps.measured", "weights.table", "weights.measured"}
    (tmp_path / "weights_measured.csv").unlink()
    with pytest.raises(InputError, match=r"weights_measured.csv: no such file"):
        blocks.hardware("digital", "digital")
    with pytest.raises(InputError, match="give ramps, weights or both, found neither"):
        validate(HardwareBlocks, {"readback": {}}, "run.yaml")
    with pytest.raises(InputError, match="readback is for experiments"):
        validate(TrainingConfig, {"memramp": 1, "name": "t", **data}, "t.yaml")


def test_the_table_of_ideal_devices_holds_the_ramps_that_were_designed_for_the_real_ones():
    activation = ActivationConfig(bits=4, levels="noise_aware", density="normal:0,1.5")
    hardware = HARDWARE.model_copy(update={"activation": activation})
    real, ideal = network_ramp_table(hardware), network_ramp_table(hardware.ideal())
    for name in ("sigmoid", "tanh"):
        assert (ideal.design(name).thresholds == real.design(name).thresholds).all()
        assert (ideal.design(name).column.target == real.design(name).column.target).all()


def test_a_converter_without_ramps_has_no_table():
    with pytest.raises(InputError, match="which has no ramps"):
        network_ramp_table(HARDWARE.model_copy(update={"activation": ActivationConfig(kind="uniform_adc")}))


def test_measured_devices_are_sources_of_error_in_place_of_drawn_ones(tmp_path):
    checkpoint = random_checkpoint()
    measured = twin(HARDWARE, laboratory(tmp_path, HARDWARE))
    sources = sources_of(checkpoint, measured)
    names = [source.name for source in sources]
    assert names == ["measured_weights", "weight_reading", "measured_ramps", "ramp_reading"]

    def layer(*names):
        return program_network(checkpoint, scaled_hardware(measured, sources, only(sources, *names)), CHIP).layer

    whole, ideal = (program_network(checkpoint, each, CHIP).layer for each in (measured, HARDWARE.ideal()))
    assert (layer("measured_weights").array.w_eff == whole.array.w_eff).all()
    assert (layer("measured_ramps").sigmoid.base == whole.sigmoid.base).all()
    assert (layer("measured_ramps").array.w_eff == ideal.array.w_eff).all()
    assert (layer("measured_weights").sigmoid.base == ideal.sigmoid.base).all()
